"""Layers: every way to call them means the same, and mistakes are told."""

import weakref

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.composite import PROJECT
from penne.graph import Parameter
from penne.layers import flat, insizes, lookup

sizes = st.integers(1, 4)
seeds = st.integers(0, 10**6)


def close(x, y):
    """Equal but for rounding."""
    np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


def by_numpy(layer, *inputs):
    """tanh(b + the sum of x W), from dense inputs."""
    terms = [
        x * w.value if w.ndim == 1 else x @ w.value
        for x, w in zip(inputs, layer.weights)
    ]
    return np.tanh(sum(terms) + layer.bias.value)


# --- what a layer computes ------------------------------------------------------------


@given(
    st.lists(st.one_of(sizes, sizes.map(lambda n: -n), st.just("diag")), min_size=1),
    sizes,
    st.sampled_from([(), (3,), (2, 3)]),
    seeds,
)
def test_formula(insize, m, batch, seed):
    """y = f(x_1 W_1 + ... + x_k W_k + b), each x a vector, a symbol or a diagonal's,
    in any mixture, alone or in batches."""
    rng = np.random.default_rng(seed)
    layer = Layer(insize, m, bias=rng.normal(0, 1, m), rng=rng)
    given, dense = [], []
    for n in insize:
        if n == "diag" or n > 0:
            given.append(rng.normal(0, 1, (*batch, m if n == "diag" else n)))
            dense.append(given[-1])
        else:
            given.append(rng.integers(0, -n, batch))
            dense.append(np.eye(-n)[given[-1]])
    y = layer(*given)
    assert y.shape == (*batch, m)
    close(compute_value(y), by_numpy(layer, *dense))
    close(compute_value(layer(tuple(given))), compute_value(y))


@given(st.integers(1, 6), sizes, st.data())
def test_rows(n, m, data):
    """A batch is its rows one by one, for vectors and for symbols."""
    symbols = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=5))
    layer = Layer([-n, m], m, rng=0)
    hs = np.random.default_rng(1).normal(0, 1, (len(symbols), m))
    rows = [compute_value(layer(c, h)) for c, h in zip(symbols, hs)]
    close(compute_value(layer(symbols, hs)), rows)


LOOKUPS = {
    "int": (2, 2),
    "numpy int": (np.int64(2), 2),
    "unsigned": (np.uint8(2), 2),
    "array of no axes": (np.array(2), 2),
    "list": ([2, 0, 2], [2, 0, 2]),
    "list of numpy ints": ([np.int32(2), np.int8(0)], [2, 0]),
    "list of lists": ([[1, 2], [3, 0]], [[1, 2], [3, 0]]),
    "array": (np.array([3, 1], np.int8), [3, 1]),
    "matrix": (np.array([[3], [1]]), [[3], [1]]),
    "constant": (constant([1, 3]), [1, 3]),
    "computed": (constant([1, 2]) + 1, [2, 3]),
    "element": (constant([1, 3])[1], 3),
    "argmax": (argmax(constant([0.0, 5.0, 1.0])), 1),
    "empty list": ([], np.zeros(0, int)),
    "empty array": (np.zeros((0, 2), int), np.zeros((0, 2), int)),
}


@pytest.mark.parametrize(("symbols", "index"), LOOKUPS.values(), ids=LOOKUPS)
def test_lookup_is_one_hot(symbols, index):
    """A symbol, in any form, is its one-hot vector: in values, in the gradients of
    weight and bias, and rows of no symbol have a gradient of exactly 0."""
    layer, twin = Layer(-4, 3, rng=0), Layer(4, 3, rng=0)
    twin.weights[0].value = layer.weights[0].value
    hot = np.eye(4)[index]
    y, z = layer(symbols), twin(hot)
    assert y.shape == (*np.shape(index), 3)
    np.testing.assert_array_equal(compute_value(y), compute_value(z))
    weights = np.random.default_rng(1).normal(0, 1, y.shape)
    found = compute_gradients(asum(y * weights))
    expected = compute_gradients(asum(z * weights))
    for path, p in layer.parameters().items():
        close(found[p], expected[twin.parameters()[path]])
    unused = np.setdiff1d(np.arange(4), index)
    assert (found[layer.weights[0]][unused] == 0).all()


@given(st.lists(st.sampled_from([3, -4, "diag", np.int64(2)])), st.integers(0, 9))
def test_nested_sizes(parts, k):
    """Lists of sizes may be nested; only the order counts, as with arguments."""
    assert insizes([parts[:k], (parts[k:], [])]) == insizes(parts) == parts


def test_nested_arguments():
    """Tuples of arguments are opened, at any depth; lists are minibatches."""
    assert flat((1, (2, (3, ())), [4])) == [1, 2, 3, [4]]


def test_bias():
    """``bias``: none, a number, or an array of the size of the output."""
    x = np.ones(2)
    bare = Layer(2, 3, None, bias=None, rng=0)
    assert bare.bias is None
    xW = compute_value(bare(x))
    for bias in (0.0, 2, -0.5, [1.0, 2.0, 3.0], np.arange(3)):
        layer = Layer(2, 3, None, bias=bias, rng=0)
        close(compute_value(layer(x)), xW + bias)
        layer.bias.value += 1
    with pytest.raises(ValueError):
        Layer(2, 3, bias=[1.0, 2.0])


@pytest.mark.parametrize(
    "f", [None, tanh, sigmoid, rectify, hardtanh, softmax, logsoftmax, lambda z: z * z]
)
def test_function(f):
    """f is any function of an expression; None is the identity."""
    x = np.array([3.0, -2.0])
    layer = Layer(2, 3, f, rng=0)
    z = x @ layer.weights[0].value
    expected = z if f is None else compute_value(f(constant(z)))
    close(compute_value(layer(x)), expected)


def test_model():
    """``model`` gets the parameters, weights first, and no other list does."""
    model, other = [], []
    one = Layer([2, -3], 4, model=model)
    two = Layer(2, 4, bias=None, model=model)
    Layer(1, 1, model=other)
    assert model == [*one.weights, one.bias, *two.weights]
    assert len(other) == 2


def test_input_of_expressions():
    """An input may be computed, and gradients reach through it."""
    x = parameter([1.0, 2.0])
    layer = Layer([2, "diag"], 2, rng=0)
    loss = asum(layer(x * 2, tanh(x)))
    found, expected = compute_gradients(loss), check_gradients(loss)
    assert len(found) == 4
    for p in found:
        np.testing.assert_allclose(found[p], expected[p], atol=1e-8)


def test_sharing():
    """A layer used twice is one layer: its gradient is the sum over its uses."""
    layer, x = Layer(2, 2, rng=0), np.array([1.0, 2.0])
    once = compute_gradients(asum(layer(x)))
    twice = compute_gradients(asum(layer(x)) + asum(layer(x)))
    for p in layer.parameters().values():
        close(twice[p], 2 * once[p])


def test_float32():
    """By default parameters are float32, and so is what is computed from them, also
    from inputs of float64 or of ints."""
    with default_dtype("float32"):
        layer = Layer([2, -3, "diag"], 4, bias=np.arange(4.0))
    assert {p.dtype.name for p in layer.parameters().values()} == {"float32"}
    assert layer([1, 2], 0, np.ones(4)).dtype == np.float32


# --- mistakes -------------------------------------------------------------------------

SIZES = [
    (0, ValueError, "insize 0 takes nothing"),
    (True, TypeError, "insize is an int"),
    (2.0, TypeError, "insize is an int"),
    (None, TypeError, "insize is an int"),
    ("diagonal", ValueError, 'a size or "diag"'),
    ([2, 0], ValueError, "insize 0 takes nothing"),
    ([2, [3, True]], TypeError, "insize is an int"),
    ([], ValueError, "at least one argument"),
]


@pytest.mark.parametrize(("insize", "error", "text"), SIZES)
def test_wrong_insize(insize, error, text):
    """What is no size is an error that says what is."""
    with pytest.raises(error, match=f"^Layer: .*{text}"):
        Layer(insize, 3)


@pytest.mark.parametrize(
    ("outsize", "error"),
    [(0, ValueError), (-3, ValueError), (True, TypeError), (2.0, TypeError)],
)
def test_wrong_outsize(outsize, error):
    """An outsize is a positive int."""
    with pytest.raises(error, match=r"^Layer: outsize is"):
        Layer(3, outsize)
    with pytest.raises(error, match=r"^LayerNorm: size is"):
        LayerNorm(outsize)


def test_wrong_function():
    """An f that cannot be called is an error when the layer is made."""
    with pytest.raises(TypeError, match="f is a function or None"):
        Layer(3, 2, "tanh")


@pytest.mark.parametrize("f", [sqrt, log, arcsin, arccosh, lambda x: 1 / x])
def test_first_weights_are_numbers(f):
    """First weights are finite, whichever function comes after them."""
    with np.errstate(all="raise"):
        layer = Layer(3, 2, f, rng=0)
    assert np.isfinite(layer.weights[0].value).all()


OPTIONS = [
    (dict(gain=0), ValueError, "gain is above 0, got 0"),
    (dict(gain=-1.0), ValueError, "gain is above 0, got -1"),
    (dict(gain=np.nan), ValueError, "gain is above 0, got nan"),
    (dict(bias=False), TypeError, "the number it starts at, None for no bias, got F"),
    (dict(bias=True), TypeError, "the number it starts at, None for no bias, got T"),
    (dict(init="glorot"), TypeError, "init is a rule, .*glorot.*, got 'glorot'"),
    (dict(init=None), TypeError, "init is a rule, .*got None"),
    (dict(model=2), TypeError, "model is a list that gets .*, got int; write Stack"),
    (dict(model=Module()), TypeError, "model is a list that gets .*, got Module"),
]


@pytest.mark.parametrize(("options", "error", "text"), OPTIONS)
def test_wrong_options(options, error, text):
    """An option that is none is an error that says what to write."""
    with pytest.raises(error, match=f"^Layer: .*{text}"):
        Layer(3, 2, **options)


CALLS = [
    (3, (), TypeError, "takes 1 arguments .* got 0"),
    ([3, 2], (np.ones(3),), TypeError, "takes 2 arguments .* got 1"),
    ([3, 2], ((np.ones(3), np.ones(2), 1),), TypeError, "takes 2 arguments .* got 3"),
    (3, (np.ones(2),), ValueError, r"vectors of 3 .* got \(2,\)"),
    (3, (np.ones((3, 2)),), ValueError, r"vectors of 3 .* got \(3, 2\)"),
    (3, (1,), ValueError, r"vectors of 3 .* got \(\)"),
    ("diag", (np.ones(3),), ValueError, r"vectors of 2 .*'diag', got \(3,\)"),
    (-3, (3,), IndexError, r"symbol 3 is outside \[0, 3\)"),
    (-3, (-1,), IndexError, r"symbol -1 is outside \[0, 3\)"),
    (-3, (np.array(3),), IndexError, r"symbol 3 is outside \[0, 3\)"),
    (-3, ([0, 5],), IndexError, r"symbol 5 is outside \[0, 3\)"),
    (-3, (np.array([[0], [-7]]),), IndexError, r"symbol -7 is outside \[0, 3\)"),
    (-3, (constant([1, -1]),), IndexError, r"symbol -1 is outside \[0, 3\)"),
    (-3, (1.0,), TypeError, "takes ints, got float"),
    (-3, ([1.0],), TypeError, "takes ints, got list of float64"),
    (-3, (True,), TypeError, "takes ints, got bool"),
    (-3, ("a",), TypeError, "takes ints, got str"),
    (-3, (None,), TypeError, "takes ints, got NoneType"),
    (-3, (constant([1.0]),), TypeError, "takes ints, got numbers of float64"),
    (-3, (np.zeros((0, 2)),), TypeError, "takes ints, got numbers of float64"),
]


@pytest.mark.parametrize(("insize", "args", "error", "text"), CALLS)
def test_wrong_call(insize, args, error, text):
    """A wrong count, size, kind or symbol is an error at the call that says so."""
    layer = Layer(insize, 2)
    with pytest.raises(error, match=text):
        layer(*args)


def test_lookup_of_any_matrix():
    """``lookup`` works on what is computed as well, rows of an embedding made."""
    W = parameter(np.arange(6.0).reshape(3, 2))
    close(compute_value(lookup(W * 2, [2, 0])), [[8, 10], [0, 2]])


# --- normalisation --------------------------------------------------------------------


@given(st.integers(1, 5), st.sampled_from([(), (3,), (2, 3)]), seeds)
def test_layer_norm(n, batch, seed):
    """Along the last axis: mean and variance taken out, gain and bias put in."""
    rng = np.random.default_rng(seed)
    layer, x = LayerNorm(n, eps=0.1), rng.normal(2, 3, (*batch, n))
    gain = layer.gain.value = rng.normal(0, 1, n)
    bias = layer.bias.value = rng.normal(0, 1, n)
    away = x - x.mean(-1, keepdims=True)
    spread = np.sqrt(x.var(-1, keepdims=True) + 0.1)
    close(compute_value(layer(x)), gain * away / spread + bias)


def test_layer_norm_gradient():
    """Its gradient is the derivative."""
    x, layer = parameter([1.0, 2.0, 4.0]), LayerNorm(3)
    loss = asum(layer(x) ** 3)
    found, expected = compute_gradients(loss), check_gradients(loss)
    for p in found:
        np.testing.assert_allclose(found[p], expected[p], rtol=1e-6, atol=1e-6)


def test_layer_norm_in_a_layer():
    """It serves as f."""
    layer = Layer(3, 4, f=LayerNorm(4), rng=0)
    assert compute_value(layer(np.ones(3))).mean() == pytest.approx(0, abs=1e-9)
    assert "f.gain" in layer.parameters()


# --- as one node ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("insize", "args"),
    [
        ([-5, 3], (2, np.ones(3))),
        ([-5, 3, "diag"], (np.array([4, 0]), np.ones((2, 3)), np.ones((2, 2)))),
        (3, (np.ones(3),)),
        (-5, (np.array([1, 1, 4]),)),
    ],
)
def test_a_call_is_one_node(insize, args):
    """Of vectors and of symbols: what is computed is what the ops compute."""
    layer = Layer(insize, 2, f=sigmoid, rng=0)
    y = layer(*args)
    assert y.op is PROJECT
    assert y.args[0].op.name == "Layer"
    expected = layer.composed([constant(a) for a in args])
    assert np.array_equal(compute_value(y), compute_value(expected))
    for p, g in compute_gradients(asum(y)).items():
        assert np.allclose(g, compute_gradients(asum(expected))[p], 1e-6)


def test_what_is_exchanged_is_seen():
    """Another function or weight is that of the next call."""
    layer, x = Layer([2, 2], 2, f=tanh, rng=0), np.ones(2)
    before = compute_value(layer(x, x))
    layer.f = sigmoid
    after = compute_value(layer(x, x))
    assert np.allclose(after, 1 / (1 + np.exp(-np.arctanh(before))), 1e-5)
    layer.bias = parameter(np.full(2, 100.0))
    assert np.allclose(compute_value(layer(x, x)), 1)


def test_an_array_is_one_leaf_and_not_kept():
    """Layers in a row share the leaf of one array; changes in place are seen, and
    nothing keeps the array alive."""
    one, two = Layer([3, 3], 2, rng=0), Layer([3, 3], 2, rng=1)
    x = np.ones(3)
    ys = one(x, x), two(x, x)
    leaves = {a for y in ys for a in y.args[0].args if not isinstance(a, Parameter)}
    assert len(leaves) == 1
    x[:] = 0
    assert np.allclose(compute_value(one(x, x)), np.tanh(one.bias.value))
    seen = weakref.ref(x)
    del x, ys, leaves
    assert seen() is None


def test_symbols_are_checked_each_time():
    """A symbol out of range is an error, however often the layer was called."""
    layer = Layer([-3, 2], 2, rng=0)
    for symbol in (0, 2):
        layer(symbol, np.ones(2))
    for wrong in (3, -1):
        with pytest.raises(IndexError, match="outside"):
            layer(wrong, np.ones(2))


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8])
def test_ints_of_numpy_are_ints(kind):
    """What an array of symbols holds makes the graph that Python's ints make."""
    layer, x = Layer([-3, 2], 2, rng=0), constant(np.ones(2))
    made = [layer(k, x)[k - 1] for k in (2, kind(2))]
    first, second = ([y.op, y.params, y.args[1], y.args[0].args[0].args] for y in made)
    assert first == second
    net = Simple(-3, 2, rng=0)
    loops = [net.transduce([k, k, k])[-1].args for k in (1, kind(1))]
    assert [node.op for (node,) in loops] == [loops[0][0].op] * 2


def test_times_are_no_symbols():
    """Though NumPy has them among its ints."""
    with pytest.raises(TypeError, match="timedelta"):
        Layer(-3, 2, rng=0)(np.timedelta64(1))


@pytest.mark.parametrize("kind", [lambda: Layer(2, 2, rng=0), lambda: LayerNorm(2)])
def test_derived_layers(kind):
    """A layer of a class derived from one runs op by op, so is always what it says."""
    plain = kind()

    class Cooled(type(plain)):
        by = 1.0

        def composed(self, inputs):
            return super().composed(inputs) * self.by

    plain.__class__, x = Cooled, np.array([1.0, 3.0])
    y = compute_value(plain(x))
    Cooled.by = 2.0
    np.testing.assert_array_equal(compute_value(plain(x)), 2 * y)
