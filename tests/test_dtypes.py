"""Weak constants: one float64 constant does not turn a float32 network into float64."""

import numpy as np
import pytest
from fixtures import examples
from hypothesis import given
from hypothesis import strategies as st

import penne
from penne import compute_value, constant, gradient, parameter
from penne.compute import compute_values
from penne.graph import Parameter, topological
from penne.testing.each import every_smooth_row
from penne.testing.tables.rows import fill

seeds = st.integers(0, 2**32 - 1)
BINARY = [
    penne.add,
    penne.subtract,
    penne.multiply,
    penne.divide,
    penne.power,
    penne.maximum,
    penne.minimum,
    penne.matmul,
    penne.distance2,
]


def made_of(x, parameters):
    """Every node of the graph of x that is made of one of ``parameters``, by way of
    floating nodes."""
    found = set(parameters)
    for node in topological([x]):
        if node.floating and not found.isdisjoint(node.args):
            found.add(node)
    return found


def assert_float32(x, parameters):
    """All floating nodes made of parameters are float32, declared and computed."""
    values = compute_values(x)
    for node in made_of(x, parameters) & values.keys():
        assert node.dtype == "float32", node
        assert np.asarray(values[node]).dtype == "float32", node


@every_smooth_row
@examples(1 / 6)
@given(data=st.data(), seed=seeds)
def test_strong_float32_wins(row, data, seed):
    """With any one argument a float32 parameter and the others float64 constants, all
    that is made of the parameter is float32, and so is its gradient, through and
    through."""
    arguments, params = data.draw(row.calls)
    arrays = fill(arguments, np.random.default_rng(seed))
    numbers = [k for k, a in enumerate(arguments) if not a.static]
    chosen = data.draw(st.sampled_from(numbers))
    arrays[chosen] = parameter(arrays[chosen].astype("float32"))
    if row.function is penne.astype:
        params = {"dtype": "float32"}
    y = row.apply(*arrays, **params)
    assert_float32(y, [arrays[chosen]])
    g = gradient(penne.asum(y), arrays[chosen])
    assert g.dtype == "float32"
    assert_float32(g, [arrays[chosen]])


FOREIGN = [
    np.zeros(2),
    np.ones((2, 2)),
    np.arange(1, 3),
    np.float64(2),
    np.int64(2),
    np.array([True, False]),
    constant(np.ones(2)),
    penne.exp(np.zeros(2)),
    1,
    0.5,
    True,
]


@pytest.mark.parametrize("other", FOREIGN, ids=repr)
@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_beside_a_parameter(function, other):
    """float64 and int arrays, NumPy scalars and Python numbers on either side of a
    float32 parameter leave it float32, and its gradient."""
    if function is penne.matmul and constant(other).ndim == 0:
        other = np.ones((2, 2))
    for flip in (False, True):
        p = parameter(np.array([1.5, 2.5], "float32"))
        positive = other if function is not penne.divide else penne.add(other, 1)
        y = function(positive, p) if flip else function(p, positive)
        assert y.dtype == "float32"
        assert_float32(y, [p])
        g = gradient(penne.asum(y), p)
        assert_float32(g, [p])
        assert (g.shape, compute_value(g).dtype) == ((2,), "float32")


def test_constants_alone():
    """Constants keep their own dtype, and meet as NumPy's arrays do."""
    dtypes = ["bool", "int32", "int64", "float32", "float64"]
    for a in dtypes:
        for b in dtypes:
            x, y = np.ones(2, a), np.ones(2, b)
            assert (constant(x) + constant(y)).dtype == (x + y).dtype
            assert (constant(x) * 2).dtype == (x * 2).dtype
            assert (constant(x) * 2.5).dtype == (x * 2.5).dtype
    assert compute_value(penne.exp(np.zeros(2))).dtype == "float64"
    assert penne.exp(np.zeros(2, "float32")).dtype == "float32"
    assert constant([1.0, 2.0]).dtype == "float64"
    assert penne.asum(np.zeros(2, "int32")).dtype == "int64"


def test_strength_propagates():
    """A float64 constant expression, however deep, is weak; what is made of a
    parameter, however deep, is strong."""
    p = parameter(np.array(1.0, "float32"))
    deep = constant(np.ones(2))
    for _ in range(5):
        deep, p_deep = penne.tanh(deep * 2.0) + 1, penne.tanh(p)
    assert deep.dtype == "float64"
    assert (p_deep + deep).dtype == "float32"
    wide = parameter(np.array(1.0))
    assert (wide + p).dtype == "float64"
    assert (penne.detach(p) + deep).dtype == "float32"


@pytest.mark.parametrize("function", [penne.amax, penne.mean, penne.rectify])
def test_gradient_of_float32_is_float32(function):
    """Nothing in the gradient of a float32 loss is float64, not even before it meets
    a parameter."""
    p = parameter(np.array([1.0, 2.0], "float32"))
    g = gradient(penne.asum(function(p)), p)
    assert {x.dtype.name for x in topological([g]) if x.floating} == {"float32"}


def test_integers_are_not_strong():
    """What is made of a parameter but is no longer floating does not decide dtypes."""
    p = parameter(np.array([1.0, 2.0], "float32"))
    assert (penne.argmax(p) * np.float64(2)).dtype == "float64"
    assert (penne.greater(p, 0) * np.ones(2)).dtype == "float64"
    assert penne.where(penne.greater(p, 0), np.ones(2), 0.0).dtype == "float64"
    assert constant(np.ones(3))[penne.argmax(p)].dtype == "float64"


def test_python_numbers_adopt():
    """Numbers written in Python adopt the dtype of what they meet; floats make
    integers floating."""
    assert (constant(np.ones(2, "float32")) + 0.1).dtype == "float32"
    assert (constant(np.ones(2, "int8")) + 1).dtype == "int8"
    assert (constant(np.ones(2, "int64")) + 0.5).dtype == "float64"
    assert penne.where(True, 1, 2).dtype == "int64"
    assert penne.where(True, 1.0, 2).dtype == "float64"
    assert penne.maximum(0, constant(np.float32(1))).dtype == "float32"
    with pytest.raises(OverflowError):
        constant(np.ones(2, "int8")) + 1000


def test_parameters():
    """A parameter copies; a floating array keeps its dtype, the rest gets the
    default; assigning keeps both shape and dtype."""
    array = np.array([0.1, 1.0])
    p = parameter(array)
    assert p.dtype == "float64"
    assert p.value is not array
    for leaf in (p, constant(array)):
        twin = parameter(leaf)
        assert twin.dtype == array.dtype
        assert (twin.value == array).all()
        assert not np.shares_memory(twin.value, leaf.value)
    assert parameter([1.0, 2.0]).dtype == parameter(constant([1, 2])).dtype == "float32"
    assert parameter(np.arange(2)).dtype == "float32"
    assert parameter(3).dtype == "float32"
    with penne.default_dtype("float64"):
        assert parameter([1.0]).dtype == "float64"
    assert isinstance(p, Parameter)
    owned = p.value
    p.value = np.array([3, 4], "float32")
    assert owned is p.value
    assert (p.dtype, p.value.dtype, p.value.tolist()) == ("float64", "float64", [3, 4])
    with pytest.raises(ValueError, match=r"parameter: shape \(2,\) is fixed.*\(3,\)"):
        p.value = np.zeros(3)


def test_default_dtype_is_restored():
    """A ``with`` block of default_dtype ends with the block, also after an error."""
    with pytest.raises(KeyError), penne.default_dtype("float64"):
        raise KeyError
    assert parameter(1).dtype == "float32"
    with pytest.raises(TypeError, match="default_dtype: int64"):
        penne.default_dtype(int)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_keep_their_dtype(dtype):
    """Losses with float64 targets beside parameters of a dtype have that dtype."""
    p = parameter(np.array([0.25, 0.5], dtype))
    correct = np.array([0.0, 1.0])
    losses = [
        penne.crossentropy(penne.logsoftmax(p), correct),
        penne.crossentropy(penne.logsoftmax(p), penne.one_hot(1, 2)),
        penne.asum(penne.binary_crossentropy(p, correct)),
        penne.asum(penne.binary_crossentropy_with_logits(p, correct)),
        penne.distance2(p, correct),
        penne.asum(penne.layer_norm(p, np.ones(2), np.zeros(2))),
        -penne.logsoftmax(p)[np.int64(1)],
    ]
    for loss in losses:
        assert loss.dtype == compute_value(loss).dtype == dtype
        assert penne.compute_gradients(loss)[p].dtype == dtype
