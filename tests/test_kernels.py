"""The kernels of chains of the fast wing, and their text, against NumPy."""

import numpy as np
import pytest
from fixtures import compiled, examples, kernels_apart  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")
from chains import FUNCTIONS, SPECIAL, run

from penne.fast import formulas, kernels
from penne.fast.chains import FEATURE, FULL, ROW, SCALAR, Chain, Input, Step
from penne.fast.kernels import bulk

SHAPES = {FULL: (5, 7), ROW: (5,), FEATURE: (7,), SCALAR: ()}


def _numpy_step(step, args):
    """A step as NumPy and SciPy do it, on arrays of two axes."""
    from scipy.special import logsumexp

    from penne.ops import elementwise

    dtype = np.dtype(step.dtype)
    if step.op in formulas.FLOATING:
        args = [x.astype(dtype) for x in args]
    reductions = dict(asum=np.sum, amax=np.max, amin=np.min, mean=np.mean)
    if step.op in reductions:
        return reductions[step.op](args[0], axis=-1, keepdims=True).astype(dtype)
    special = {
        "logsumexp": lambda x: logsumexp(x, axis=-1, keepdims=True),
        "vecvec": lambda x, y: np.sum(x * y, axis=-1, keepdims=True),
        "add_all": lambda *xs: sum(xs[1:], xs[0]),
        "sigmoid": elementwise.sigmoid.forward,
        "softplus": lambda x: np.logaddexp(x.dtype.type(0), x),
        "rectify": lambda x: np.maximum(x, 0),
        "detach": lambda x: x,
        "astype": lambda x: x,
    }
    function = special.get(step.op) or getattr(np, step.op)
    return np.asarray(function(*args)).astype(dtype)


def _two_axes(x, kind):
    return np.reshape(x, {ROW: (-1, 1), FEATURE: (1, -1), SCALAR: (1, 1)}[kind])


@np.errstate(all="ignore")
def _twin(chain, arrays):
    """What a chain gives, by NumPy."""
    kinds = [x.kind for x in chain.arrays()]
    values = [x if k == FULL else _two_axes(x, k) for x, k in zip(arrays, kinds)]
    for step in chain.steps:
        values.append(_numpy_step(step, [values[k] for k in step.args]))
    return [values[k] for k in chain.outputs]


BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "add_all"]
UNARY = [*FUNCTIONS, "negative", "absolute", "sign", "sqrt", "square", "rectify"]
COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
CHOICES = [*BINARY, *UNARY, *COMPARISONS, *formulas.REDUCTIONS]
CHOICES += ["where", "clip", "logical_and", "logical_or", "logical_not", "astype"]
CHOICES += ["power", "detach"]
ARITY = {"where": 3, "clip": 3, "add_all": 3, "vecvec": 2, "power": 2}
ARITY |= dict.fromkeys([*BINARY[:-1], *COMPARISONS, "logical_and", "logical_or"], 2)


def _together(kinds):
    wide = any(k in (FULL, FEATURE) for k in kinds)
    once = all(k in (FEATURE, SCALAR) for k in kinds)
    return {(1, 0): FULL, (0, 0): ROW, (1, 1): FEATURE, (0, 1): SCALAR}[wide, once]


@st.composite
def chains(draw, dtypes=("float32", "float64", "int64", "bool")):
    """A chain of any ops over values of any classes."""
    kinds = draw(st.lists(st.sampled_from(list(SHAPES)), max_size=4))
    inputs = [Input(FULL, "float64")]
    inputs += [Input(k, draw(st.sampled_from(dtypes))) for k in kinds]
    values, steps = list(inputs), []
    for _ in range(draw(st.integers(1, 9))):
        op = draw(st.sampled_from(CHOICES))
        places = st.integers(0, len(values) - 1)
        args = tuple(draw(places) for _ in range(ARITY.get(op, 1)))
        step = _step(draw, op, args, [values[k] for k in args])
        if step is not None:
            steps.append(step)
            values.append(Input(step.kind, step.dtype))
    outputs = range(len(inputs), len(values))
    few = draw(st.lists(st.sampled_from(outputs), min_size=1)) if outputs else [0]
    return Chain(tuple(inputs), tuple(steps), tuple(few))


def _step(draw, op, args, values):
    """A step if its dtypes are some that NumPy would give and chains support."""
    kind = _together([v.kind for v in values])
    if op in formulas.REDUCTIONS:
        if kind not in (FULL, FEATURE):
            return None
        kind = ROW if kind == FULL else SCALAR
    dtypes = [v.dtype for v in values]
    common = np.result_type(*(dtypes[1:] if op == "where" else dtypes)).name
    if op in COMPARISONS or op.startswith("logical"):
        common = "bool"
    elif op == "astype":
        common = draw(st.sampled_from(["float32", "float64"]))
    elif op in formulas.FLOATING and not common.startswith("float"):
        common = "float64"
    elif op in ("asum", "vecvec") and common == "bool":
        return None
    if not formulas.supports(op, dtypes, common):
        return None
    return Step(op, args, kind, common)


def _array(rng, kind, dtype):
    x = rng.normal(size=SHAPES[kind]) * 3
    special = rng.random(x.shape) < 0.1
    if dtype.startswith("float"):
        x = np.where(special, rng.choice(SPECIAL[:7], x.shape), x)
    if dtype == "bool":
        return np.asarray(x > 0)
    return np.asarray(x).astype(dtype)


def _assert_close(chain, got, expected):
    for k, y, e in zip(chain.outputs, got, expected):
        kind = chain.value(k).kind
        y = y if kind == FULL else _two_axes(y, kind)
        assert y.dtype == e.dtype
        if y.dtype.kind in "bi":
            np.testing.assert_array_equal(y, e)
        else:
            near = 1e-4 if "float32" in str(chain) else 1e-10
            np.testing.assert_allclose(y, e, rtol=near, atol=near)


def _nudged(x):
    """Numbers that differ by what float32 rounds away."""
    if x.dtype.kind != "f":
        return x
    signs = np.sign(np.cos(np.arange(x.size))).reshape(x.shape)
    return (x * (1 + 1e-7 * signs)).astype(x.dtype)


def _stable(chain, arrays):
    """Whether no rounding, by which the twins may differ, is made much of."""
    try:
        for a, b in zip(_twin(chain, arrays), _twin(chain, list(map(_nudged, arrays)))):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    except AssertionError:
        return False
    return True


def _check(chain, seed, function=None, pad=0):
    rng = np.random.default_rng(seed)
    arrays = [_array(rng, *x) for x in chain.inputs]
    if _stable(chain, arrays):
        got = run(chain, arrays, 0, 5, function, pad)
        _assert_close(chain, got, _twin(chain, arrays))


@examples(0.12)
@given(chains(), st.integers(0, 9), st.integers(0, 2))
def test_chain_is_numpy(chain, seed, pad):
    """A compiled chain gives what NumPy gives, wherever its columns stand."""
    _check(chain, seed, None, pad)


@examples(3.2)
@given(chains(), st.integers(0, 9))
def test_text_of_a_chain_is_numpy(chain, seed):
    """A chain's text, run by Python, gives what NumPy gives."""
    _check(chain, seed, _interpreted(kernels.bulk_text(chain)))


def _interpreted(text):
    scope = {"np": np}
    scope.update(dict.fromkeys(["njit", "inlined", "reordered"], lambda f: f))
    scope["widened"] = lambda: None
    exec(text, scope)
    return np.errstate(all="ignore")(scope["kernel"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.5, -0.5, 2.0, 3.0])
def test_powers_are_numpys(p, dtype):
    """A power of infinities and zeros of both signs is NumPy's, which takes the root
    where one exponent of 0.5 is for all."""
    x = np.array([[-np.inf, -4, -0.0, 0.0, 4, np.inf, np.nan]], dtype)
    for kind, exponent in ((SCALAR, np.array(p)), (FULL, np.full(x.shape, p))):
        inputs = Input(FULL, dtype), Input(kind, dtype)
        chain = Chain(inputs, (Step("power", (0, 1), FULL, dtype),), (2,))
        exponent = exponent.astype(dtype)
        with np.errstate(all="ignore"):
            expected = np.power(x, exponent)
        (got,) = run(chain, [x, exponent], 0, 1)
        np.testing.assert_allclose(got, expected, rtol=1e-6)
        zero = expected == 0
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))


def test_sums_of_sums_stay_small():
    """A value that is used twice is written once, however deep the steps."""
    inputs = Input(FULL, "float64"), Input(ROW, "float64")
    steps = [Step("add", (0, 0), FULL, "float64")]
    steps += [Step("add", (k, k), FULL, "float64") for k in range(2, 60)]
    steps += [Step("asum", (60,), ROW, "float64")]
    steps += [Step("subtract", (60, 61), FULL, "float64")]
    text = kernels.bulk_text(Chain(inputs, tuple(steps), (62,)))
    assert len(text.splitlines()) < 150


def _softmax():
    """Log-probabilities, their exponentials, and the entropy of each row."""
    steps = (
        Step("add", (0, 1), FULL, "float32"),
        Step("logsumexp", (2,), ROW, "float32"),
        Step("subtract", (2, 3), FULL, "float32"),
        Step("exp", (4,), FULL, "float32"),
        Step("vecvec", (4, 5), ROW, "float32"),
        Step("amin", (5,), ROW, "float32"),
    )
    inputs = Input(FULL, "float32"), Input(FEATURE, "float32")
    return Chain(inputs, steps, (4, 5, 6, 7))


def test_only_some_rows_are_computed():
    """Rows before the first and after the last stay as they were."""
    rng = np.random.default_rng(0)
    chain = _softmax()
    arrays = [_array(rng, *x) for x in chain.inputs]
    expected = _twin(chain, arrays)
    for y, e in zip(run(chain, arrays, 2, 4), expected):
        e = e.reshape(len(e), -1)[2:4]
        np.testing.assert_allclose(y.reshape(len(y), -1)[2:4], e, rtol=1e-5)
        assert not y[:2].any()


def test_row_without_hope():
    """logsumexp of nothing but -inf is -inf; NaN in a row is NaN in its extremes."""
    ops = ("logsumexp", "amax", "amin")
    steps = tuple(Step(op, (0,), ROW, "float64") for op in ops)
    chain = Chain((Input(FULL, "float64"),), steps, (1, 2, 3))
    x = np.array([[-np.inf, -np.inf], [np.nan, 1.0], [1.0, -np.nan], [np.inf, 2.0]])
    got = np.array(run(chain, [x], 0, 4))
    expected = [
        [-np.inf, np.nan, np.nan, np.inf],
        [-np.inf, np.nan, np.nan, np.inf],
        [-np.inf, np.nan, np.nan, 2.0],
    ]
    np.testing.assert_array_equal(got, expected)


def test_read_only_inputs_are_no_new_kernel():
    """One kernel takes inputs that may be written and inputs that may not."""
    chain = _softmax()
    arrays = [np.ones(SHAPES[x.kind], x.dtype) for x in chain.inputs]
    first = run(chain, arrays, 0, 5)
    made = kernels._kernels.made
    frozen = bulk(chain)
    x = arrays[0].copy()
    x.flags.writeable = False
    outputs = [np.zeros_like(y) for y in first]
    frozen(0, 5, 7, np.zeros(4, np.int64), x, arrays[1], *outputs)
    np.testing.assert_array_equal(outputs[0], first[0])
    assert kernels._kernels.made == made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_over_inputs(dtype):
    """An output may take the place of an input, one that was read or one that was not,
    in the columns asked for alone."""
    wide, number = Input(FULL, dtype), Input(SCALAR, dtype)
    steps = Step("multiply", (0, 3), FULL, dtype), Step("add", (1, 4), FULL, dtype)
    chain = Chain((wide, wide, wide, number), steps, (5, 4), (1, 2))
    x, y, z = np.random.default_rng(0).normal(size=(3, 4, 70)).astype(dtype)
    sums, products = y.copy(), z.copy()
    at = np.array([5, 5, 5], np.int64)
    bulk(chain)(1, 3, 60, at, x, sums, products, np.array(2, dtype))
    y[1:3, 5:65] += x[1:3, 5:65] * 2
    z[1:3, 5:65] = x[1:3, 5:65] * 2
    np.testing.assert_allclose(sums, y, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(products, z)


@compiled
def test_other_types_are_refused():
    """An array of another dtype raises TypeError; nothing is compiled for it."""
    arrays = [np.ones(SHAPES[x.kind], "float64") for x in _softmax().inputs]
    with pytest.raises(TypeError):
        run(_softmax(), arrays, 0, 5)
