"""Expressions as Python objects: operators, NumPy's functions, refusals, copies."""

import copy
import gc
import operator
import pickle
import weakref
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from slopes import random_graph

import penne
from penne import Expression, caches, compute_value, constant, parameter, stack
from penne.compute import compute_values
from penne.graph import topological

seeds = st.integers(0, 2**32 - 1)
OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.matmul,
]
A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 0.5], [1.0, 3.0]])


def same(x, expected):
    """An expression, and one of that value."""
    assert isinstance(x, Expression)
    np.testing.assert_allclose(compute_value(x), expected, rtol=1e-14)


# --- operators ------------------------------------------------------------------------


@pytest.mark.parametrize("function", OPERATORS, ids=lambda f: f.__name__)
def test_operators(function):
    """An expression on either side or on both, beside arrays, NumPy's scalars, Python
    numbers and lists, gives an expression of NumPy's value."""
    x = constant(A)
    others = [B, B[0], B.astype("float32")]
    if function is not operator.matmul:
        others += [np.float64(2), np.float32(2), np.int64(2), 2, 2.5, np.array(3)]
    for other in others:
        same(function(x, other), function(A, other))
        same(function(other, x), function(other, A))
        same(function(x, constant(other)), function(A, other))
    same(function(x, B.tolist()), function(A, B))
    same(function(B.tolist(), x), function(B, A))


def test_in_place_operators_rebind():
    """``x += 1`` makes a new expression and leaves the old one."""
    x = y = constant(A)
    x += 1
    x *= 2
    same(x, (A + 1) * 2)
    same(y, A)


def test_in_place_of_an_array():
    """``array += expression`` cannot be: it would need the value now."""
    array = A.copy()
    with pytest.raises(TypeError):
        array += constant(B)
    assert (array == A).all()


def test_unary():
    """Minus and abs()."""
    same(-constant(A - 2), 2 - A)
    same(abs(constant(A - 2)), abs(A - 2))
    same(constant(A).T, A.T)


NUMPY = [
    (np.tanh, (A,)),
    (np.exp, (A,)),
    (np.log, (A,)),
    (np.sqrt, (A,)),
    (np.negative, (A,)),
    (np.abs, (A,)),
    (np.maximum, (A, B)),
    (np.minimum, (A, B)),
    (np.greater, (A, B)),
    (np.less_equal, (A, B)),
    (np.equal, (A, A)),
    (np.logical_and, (A, B)),
    (np.logical_not, (A,)),
    (np.sign, (A,)),
    (np.add, (A, B)),
    (np.divide, (A, B)),
    (np.matmul, (A, B)),
    (np.sum, (A,)),
    (np.sum, (A, 0)),
    (np.mean, (A,)),
    (np.var, (A,)),
    (np.max, (A,)),
    (np.amax, (A,)),
    (np.min, (A, 1)),
    (np.argmax, (A,)),
    (np.dot, (A, B)),
    (np.vecdot, (A, B)),
    (np.outer, (A[0], B[0])),
    (np.where, (A > 2, A, B)),
    (np.clip, (A, 1.5, 3.5)),
    (np.transpose, (A,)),
    (np.reshape, (A, (4,))),
    (np.squeeze, (A[:1],)),
    (np.expand_dims, (A, 0)),
    (np.broadcast_to, (A, (3, 2, 2))),
    (np.take, (A, [0, 1])),
    (np.take_along_axis, (A, np.array([[0], [1]]), 1)),
]


@pytest.mark.parametrize(
    ("function", "args"), NUMPY, ids=lambda v: getattr(v, "__name__", "")
)
def test_numpys_functions(function, args):
    """A function of NumPy's, called on an expression, is penne's."""
    same(function(constant(args[0]), *args[1:]), function(*args))
    if len(args) > 1 and isinstance(args[1], np.ndarray) and args[1].dtype == float:
        same(function(args[0], constant(args[1]), *args[2:]), function(*args))


def test_numpys_functions_of_lists_and_keywords():
    """Joins of a list that holds an expression, and keywords, are penne's too."""
    x = constant(A)
    same(np.concatenate([x, B]), np.concatenate([A, B]))
    same(np.concatenate([B, x], axis=1), np.concatenate([B, A], axis=1))
    same(np.stack([B, x]), np.stack([B, A]))
    same(np.sum(x, axis=1, keepdims=True), np.sum(A, axis=1, keepdims=True))
    same(np.mean(x, axis=-1), np.mean(A, axis=-1))


def test_what_numpy_cannot():
    """A function of NumPy's that penne has not, or a form of it, is a TypeError that
    names it."""
    x = constant(A)
    for call, name in [
        (lambda: np.spacing(x), "spacing"),
        (lambda: np.linalg.qr(x), "linalg.qr"),
        (lambda: np.unique(x), "unique"),
        (lambda: np.add.reduce(x), "add"),
        (lambda: np.add(x, 1, out=np.zeros((2, 2))), "add"),
        (lambda: np.interp(x, [0, 1], [0, 1]), "interp"),
    ]:
        with pytest.raises(TypeError, match=f"numpy.{name}"):
            call()


# --- refusals -------------------------------------------------------------------------


def assign(x):
    """Assignment to a part."""
    x[0] = 1.0


REFUSED = [
    (bool, r"where\(condition, x, y\)"),
    (lambda x: x and 1, r"where\(condition, x, y\)"),
    (lambda x: x < 1, r"less\(x, y\)"),
    (lambda x: x <= x, r"less_equal\(x, y\)"),
    (lambda x: x > A, r"greater\(x, y\)"),
    (lambda x: x >= A, r"greater_equal\(x, y\)"),
    (lambda x: x == 1, r"equal\(x, y\)"),
    (lambda x: x == 1.5, r"equal\(x, y\)"),
    (lambda x: x == A, r"equal\(x, y\)"),
    (lambda x: x != 1, r"equal\(x, y\)"),
    (lambda x: x == np.float64(1), r"equal\(x, y\)"),
    (assign, r"setitem\(x, i, v\)"),
    (np.asarray, r"compute_value\(x\)"),
    (np.array, r"compute_value\(x\)"),
    (float, r"compute_value\(x\)"),
    (int, r"compute_value\(x\)"),
    (lambda x: range(3)[x], r"compute_value\(x\)"),
    (lambda x: f"{x:.3f}", r"compute_value\(x\)"),
    (lambda x: ~x, r"logical_not\(x\)"),
    (lambda x: x & True, r"logical_and\(x, y\)"),
    (lambda x: x | x, r"logical_or\(x, y\)"),
    (lambda x: 1 ^ x, r"logical_xor\(x, y\)"),
    (lambda x: (A > 0) & x, r"bitwise_and: .*; write logical_and\(x, y\)"),
]


@pytest.mark.parametrize(("use", "instead"), REFUSED)
def test_refused(use, instead):
    """What needs a value now is a TypeError that says what to write instead."""
    for x in (constant(A), parameter(A) * 1):
        with pytest.raises(TypeError, match=instead):
            use(x)


METHODS = {
    "sum": r"np\.sum\(x, ",
    "reshape": r"np\.reshape\(x, ",
    "softmax": r" softmax\(x, ",
    "item": r"compute_value\(x\)",
    "value": r"compute_value\(x\)",
    "backward": r"compute_gradients\(x\)",
    "sun": "'sun'$",
}


@pytest.mark.parametrize(("name", "instead"), METHODS.items())
def test_no_methods(name, instead):
    """A method of arrays is an AttributeError that says which function to write; what
    asks whether it is there is told no."""
    x = parameter(A) * 1
    with pytest.raises(AttributeError, match=instead):
        getattr(x, name)
    assert not hasattr(x, name)
    assert getattr(x, name, 3) == 3


def test_what_a_method_names():
    """What is to be written instead of a method is there, and takes expressions."""
    names = [n for n in dir(np.ndarray) if n in penne.operators.NUMPY]
    assert len(names) > 20
    for name in names:
        if not hasattr(constant(A), name):
            assert callable(getattr(np, name, getattr(penne, name, None))), name


def test_printed_in_a_text():
    """Without a format an expression is printed as by repr."""
    x = constant(A)
    assert f"{x}" == f"{x!s}" == repr(x)


def test_arrays_ask_numpy():
    """With an array on the left NumPy is asked, and gives the expression that its
    function would: ``array < x`` is ``less(array, x)``."""
    x = constant(B)
    same(operator.lt(A, x), A < B)
    same(operator.eq(A, x), A == B)
    same(operator.eq(np.float64(1), x), B == 1)


def test_identity():
    """== between expressions is identity, so that lists, sets and dicts of them work;
    anything else but a number or an array is just not equal."""
    x, y = constant(A), constant(A)
    assert x == x
    assert x != y
    assert len({x, y, x}) == 2
    assert [y, x].index(x) == 1
    assert x in [y, x]
    assert x != "x"
    assert x != None  # noqa: E711  # the operator is what is tested
    same(penne.equal(x, y), A == A)


def test_constants_are_arrays_of_real_numbers():
    """What is no array of real numbers is no constant, nor a list of expressions."""
    for wrong in ("text", None, 1j, {}, [1, "a"], object()):
        with pytest.raises(TypeError, match=f"constant: {type(wrong).__name__} is no"):
            constant(wrong)
        with pytest.raises(TypeError, match=f"parameter: {type(wrong).__name__} is no"):
            parameter(wrong)
    with pytest.raises(TypeError, match="stack"):
        constant([constant(1.0), 2.0])
    assert constant(constant(A)).shape == (2, 2)


def test_repr_says_what_it_is():
    """The printed form: the last ops, shape and dtype."""
    x = parameter(A)
    assert repr(penne.tanh(x @ x)) == (
        "<tanh(matmat(parameter, parameter)): (2, 2) float64>"
    )


def test_shape_and_kin():
    """shape, ndim, size and dtype are known before anything is computed."""
    x = constant(np.zeros((2, 3), "float32")) + 1
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, np.float32)
    assert constant(1).size == 1
    assert constant(np.zeros((2, 0))).size == 0


# --- values ---------------------------------------------------------------------------


def test_constants_change():
    """A constant may be changed between evaluations, in place or by assigning; its
    shape may not."""
    array = np.zeros(2)
    x = constant(array)
    y = x + 1
    array[0] = 5
    assert compute_value(y).tolist() == [6, 1]
    x.value = [1, 2]
    assert compute_value(y).tolist() == [2, 3]
    with pytest.raises(ValueError, match=r"constant: shape \(2,\) is fixed"):
        x.value = 1.0


def test_values_are_extended():
    """compute_values gives back the mapping it got, and believes what stands in it."""
    x = constant(2.0)
    y = x * 3
    values = compute_values(y)
    assert values[y] == 6
    values[y] = np.float64(10)
    z = y + 1
    assert compute_values(z, values) is values
    assert values[z] == 11
    assert set(compute_values([x, z])) >= {x, y, z}
    assert compute_values([]) == {}


def test_literals_are_not_writable():
    """Equal numbers share a leaf, which therefore refuses to change; -0 is not 0."""
    x = constant(np.float64(1))
    two = (x * 2).args[1]
    assert (x * 2).args[1] is two
    with pytest.raises(ValueError, match="read-only"):
        two.value[...] = 3
    same(x * 2, 2.0)
    with np.errstate(divide="ignore"):
        assert compute_value(x / -0.0) == -np.inf
        assert compute_value(x / 0.0) == np.inf
    assert np.isnan(compute_value(x * float("nan")))


# --- copies ---------------------------------------------------------------------------


@given(seed=seeds, steps=st.integers(1, 6))
def test_pickle_and_deepcopy(seed, steps):
    """A pickled or deep-copied graph has the same values, shapes, dtypes and gradients,
    its own leaves, and as many nodes: sharing is kept."""
    x = penne.asum(random_graph(np.random.default_rng(seed), steps))
    leaves = [p for p in topological([x]) if isinstance(p, penne.Parameter)]
    for made in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        old, new = topological([x]), topological([made])
        assert Counter((a.op, a.type) for a in old) == (
            Counter((a.op, a.type) for a in new)
        )
        assert compute_value(made) == compute_value(x)
        found = penne.compute_gradients(made)
        expected = penne.compute_gradients(x)
        for a, b in zip(expected.values(), found.values(), strict=True):
            assert (a == b).all()
        assert found.keys().isdisjoint(leaves)
        for p in found:
            p.value = p.value + 1
    assert compute_value(x) == compute_value(copy.copy(x))


def test_copies_of_several_share():
    """Expressions copied or pickled together keep the parts that they share."""
    p = parameter(A)
    both = p * 2, p + 1
    for copied in (copy.deepcopy(both), pickle.loads(pickle.dumps(both))):
        assert copied[0].args[0] is copied[1].args[0]
        assert copied[0].args[0] is not p
    assert copy.copy(p * 2) is not None


def test_copied_literals_are_numbers():
    """In a copy too, a Python number adopts the dtype of what it meets."""
    x = constant(np.float32(1)) * 2.5
    for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert made.args[1].type is x.args[1].type
        assert (made.args[1] + constant(np.float32(1))).dtype == "float32"


@given(hnp.arrays("float64", hnp.array_shapes(max_dims=2, max_side=3)))
def test_leaves_are_pickled_with_their_arrays(array):
    """A constant or a parameter comes back as what it was, with an array of its own."""
    for leaf in (constant(array), parameter(array)):
        made = pickle.loads(pickle.dumps(leaf))
        assert type(made) is type(leaf)
        np.testing.assert_array_equal(made.value, array)
        assert not np.shares_memory(made.value, leaf.value)


def test_freed():
    """A graph that is let go is freed at once, without the garbage collector."""
    x = parameter(A)
    y = penne.tanh(x @ x)
    gone = weakref.ref(y)
    gc.disable()
    try:
        z = penne.asum(y)
        compute_value(z)
        del y, z
        assert gone() is None
    finally:
        gc.enable()


def test_star_import_shadows_nothing():
    """``from penne import *`` gives every name of the docs, and no Python built-in."""
    import builtins

    given = {}
    exec("from penne import *", given)
    public = {name for name in given if not name.startswith("__")}
    assert not public & set(dir(builtins))
    wanted = "constant parameter gradient compute_value compute_values where mean asum"
    wanted += " softmax layer_norm newaxis zeros ones full take setitem relu detach"
    assert set(wanted.split()) <= public


def test_long_calls_are_remembered_shortly():
    """What is remembered of a call with many arguments does not grow with them."""
    xs = [parameter(np.ones(2)) for _ in range(500)]
    y = stack([constant(np.ones(2)), *xs])
    assert compute_value(y).shape == (501, 2)
    assert all(len(key) < 100 for key in caches()["calls to wrap or cast"])


def test_equal_params_are_not_the_same():
    """A wrong param that equals a right one is wrong after it as well."""
    x = parameter(np.ones((2, 3)))
    penne.asum(x, axis=1)
    for wrong in (True, 1.0):
        with pytest.raises(TypeError, match="axis must be an int"):
            penne.asum(x, axis=wrong)


def test_equal_params_are_one_object():
    """Whatever the arguments are: nodes that differ in nothing else run together."""
    strong = [parameter(np.ones(2, "float32")) + k for k in range(2)]
    weak = [constant(np.ones(2, "float32")), strong[0]]
    joins = [penne.concatenate(parts) for parts in (strong, weak, strong * 2)]
    assert joins[0].params is joins[1].params is joins[2].params
