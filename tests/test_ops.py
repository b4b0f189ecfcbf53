"""Every op and composed function: values, shapes, dtypes, leading axes, errors."""

import numpy as np
import pytest
from fixtures import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import penne
from penne.compute import compute_value
from penne.graph import OPS, constant
from penne.operators import NUMPY
from penne.signature import broadcast_shapes, signature
from penne.testing.each import every_op, every_row
from penne.testing.laws import alike, together
from penne.testing.op_laws import LAWS
from penne.testing.tables import TABLE, public_functions
from penne.testing.tables.rows import fill

seeds = st.integers(0, 2**32 - 1)


def assert_equal(found, expected, dtypes=()):
    """Equal shapes, and numbers equal to the rounding of the coarsest dtype."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    coarse = "float32" in [d.name for d in (found.dtype, expected.dtype, *dtypes)]
    tolerance = 4e-6 if coarse else 1e-13
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_every_op_has_a_row():
    """Nothing that penne offers is missing from the table."""
    assert [f for f in public_functions() if f not in TABLE] == []


EXAMPLES = {"reference": 3, "leading axes": 5, "gradient": 4}  # of the profile's, part
ALIKE = {", ".join(law.name for law in laws): laws for laws in alike(LAWS)}


@every_row
@pytest.mark.parametrize("laws", ALIKE.values(), ids=ALIKE)
def test_law(row, laws):
    """Every law of ops holds for every op and function."""
    part = min(EXAMPLES.get(law.name, 8) for law in laws)
    with np.errstate(all="ignore"):
        found = together(row.name, row, laws, settings().max_examples // part)
    assert [outcome.broken for outcome in found if outcome.broken] == []


DISPATCHED = [
    row
    for row in TABLE.values()
    if isinstance(row.reference, np.ufunc) or hasattr(row.reference, "_implementation")
]


@pytest.mark.parametrize("row", DISPATCHED, ids=lambda row: row.name)
@examples(0.12)
@given(data=st.data(), seed=seeds)
def test_numpys_own(row, data, seed):
    """NumPy's own function, called on expressions, is penne's of the same name."""
    arguments, params = data.draw(row.calls)
    arrays = fill(arguments, np.random.default_rng(seed))
    if not arrays or row.apply is not row.function:
        return
    found = row.reference(*map(constant, arrays), **params)
    assert_equal(compute_value(found), row.reference(*arrays, **params))


# --- arguments and errors -------------------------------------------------------------


@every_op
def test_one_name(row):
    """An op is known by its name, to penne and to NumPy's dispatch, and documented."""
    op = row.function
    assert OPS[op.name] is op
    assert op.forward.__name__.lstrip("_") == op.name
    assert repr(op) == f"<op {op.name}>"
    assert op.name in NUMPY


@pytest.mark.parametrize("name", penne.ops.__all__ + ["softmax", "layer_norm"])
def test_documented(name):
    """Every public op says what it is."""
    assert len(getattr(penne, name).__doc__) > 10


PAIRS = [
    (penne.add, "(),()->()"),
    (penne.where, "(),(),()->()"),
    (OPS["vecvec"], "(n),(n)->()"),
    (OPS["vecmat"], "(n),(n,m)->(m)"),
    (OPS["matvec"], "(m,n),(n)->(m)"),
    (OPS["matmat"], "(m,n),(n,p)->(m,p)"),
    (OPS["crossprod"], "(k,n),(k,m)->(n,m)"),
]


@pytest.mark.parametrize(("op", "text"), PAIRS, ids=lambda v: getattr(v, "name", None))
def test_shape_error(op, text):
    """Shapes that do not fit are a ValueError when the expression is built, with the
    op, its signature and the shapes that it saw."""
    ranks = [max(1, len(core)) for core in signature(text).inputs]
    shapes = [(2 + k,) * rank for k, rank in enumerate(ranks)]
    with pytest.raises(ValueError) as caught:
        op(*map(np.zeros, shapes))
    message = str(caught.value)
    assert message.startswith(f"{op.name}: ")
    assert text in message
    assert " and ".join(map(str, shapes)) in message


@given(st.data())
def test_shape_error_where_numpy_has_one(data):
    """``x + y`` and ``x @ y`` are built exactly where NumPy can compute them."""
    sides = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple)
    a, b = (np.zeros(data.draw(sides)) for _ in range(2))
    for function in (np.add, np.matmul):
        try:
            expected = function(a, b)
        except ValueError:
            with pytest.raises(ValueError, match="got"):
                function(constant(a), constant(b))
        else:
            assert function(constant(a), constant(b)).shape == expected.shape


def test_broadcast_shapes_is_numpys():
    """Shapes broadcast by NumPy's rule, also with axes of length 0."""
    shapes = [(), (0,), (1,), (2,), (1, 0), (2, 1), (3, 1, 2), (2, 2)]
    for a in shapes:
        for b in shapes:
            try:
                expected = np.broadcast_shapes(a, b)
            except ValueError:
                with pytest.raises(ValueError):
                    broadcast_shapes([a, b])
            else:
                assert broadcast_shapes([a, b]) == expected


ERRORS = [
    (lambda x: penne.reshape(x, (4, 4)), ValueError, "reshape: .*got \\(2, 3\\)"),
    (lambda x: penne.reshape(x, (-1, -1)), ValueError, "reshape: "),
    (lambda x: penne.reshape(x, (-1, 4)), ValueError, "reshape: "),
    (lambda x: penne.transpose(x, (0, 0)), ValueError, "transpose: axis named twice"),
    (lambda x: penne.transpose(x, (0,)), ValueError, "transpose: "),
    (lambda x: penne.transpose(x, (0, 2)), IndexError, "transpose: .*no axis 2"),
    (lambda x: penne.broadcast_to(x, (2, 4)), ValueError, "broadcast"),
    (lambda x: penne.broadcast_to(x, (3,)), ValueError, "broadcast"),
    (lambda x: penne.squeeze(x, 0), ValueError, "squeeze: .*length 1, got \\(2, 3\\)"),
    (lambda x: penne.expand_dims(x, 4), IndexError, "expand_dims: .*no axis 4"),
    (lambda x: penne.concatenate([x, x.T]), ValueError, "concatenate: "),
    (lambda x: penne.concatenate([x, x[0]]), ValueError, "concatenate: .*got"),
    (lambda x: penne.concatenate([x, x], 2), IndexError, "concatenate: .*no axis 2"),
    (lambda x: penne.stack([x, x.T]), ValueError, "stack: "),
    (lambda x: penne.stack([x, x[0]]), ValueError, "stack: .*got"),
    (lambda x: penne.stack([]), TypeError, "stack: takes xs, axis, got 0 arguments$"),
    (lambda x: penne.zeros(b"ab"), TypeError, "zeros: a shape is an int .*got b'ab'"),
    (lambda x: penne.ones("2"), TypeError, "ones: a shape is an int or a tuple of"),
    (lambda x: penne.full(bytearray(2), 1), TypeError, "full: a shape is an int"),
    (
        lambda x: penne.asum(x, axis=2),
        IndexError,
        "asum: .*no axis 2 where there are 2",
    ),
    (lambda x: penne.asum(x, axis=(0, -2)), ValueError, "asum: axis named twice"),
    (lambda x: penne.asum(x, axis=0.5), TypeError, "asum: axis must be an int"),
    (lambda x: penne.asum(x, axis=True), TypeError, "asum: axis must be an int"),
    (lambda x: penne.asum(x, nonsense=1), TypeError, "asum: .*nonsense"),
    (lambda x: penne.mean(x, axis=-3), IndexError, "mean: .*no axis -3"),
    (lambda x: penne.argmax(x, axis=2), IndexError, "argmax: .*no axis 2"),
    (lambda x: penne.amax(x[:0], axis=0), ValueError, "amax: .*got \\(0, 3\\)"),
    (lambda x: penne.amin(x[:, :0]), ValueError, "amin: .*got \\(2, 0\\)"),
    (lambda x: penne.argmax(x[:0]), ValueError, "argmax: "),
    (lambda x: penne.dot(x, np.zeros((2, 3, 4))), ValueError, "dot: .*matmul"),
    (
        lambda x: penne.dot(x, x),
        ValueError,
        "n=2, .*\\(m,n\\),\\(n,p\\)->\\(m,p\\), got",
    ),
    (lambda x: x @ 2, ValueError, "matmul: .*write x \\* y"),
    (lambda x: penne.tanh(x, x), TypeError, "tanh: takes x, got 2 arg"),
    (lambda x: penne.add(x), TypeError, "add: takes a, b, got 1"),
    (lambda x: penne.tanh(), TypeError, "tanh: takes x, got 0"),
    (lambda x: penne.take(x, [2], 0), IndexError, "index 2 .*2"),
    (lambda x: penne.take(x, [0], 2), IndexError, "take: .*no axis 2"),
    (lambda x: penne.take_along_axis(x, [0], 0), ValueError, "take_along_axis: .*got"),
    (lambda x: penne.one_hot(3, 3), IndexError, "one_hot: .*3"),
    (lambda x: penne.one_hot(-1, 3), IndexError, "one_hot: .*-1"),
    (lambda x: penne.one_hot(0.5, 3), TypeError, "one_hot: "),
    (lambda x: x + "text", TypeError, "text|str"),
    (lambda x: x + 1j, TypeError, "complex"),
    (lambda x: x + None, TypeError, "NoneType"),
    (lambda x: penne.constant([x, x]), TypeError, "stack"),
    (lambda x: -penne.less(x, 1), TypeError, "negative.* no bools, .*logical_not"),
    (lambda x: penne.subtract(np.zeros(2, bool), True), TypeError, "subtract.* bools"),
    (lambda x: penne.sign(np.zeros(2, bool)), TypeError, "sign: .*bools"),
    (lambda x: penne.astype(x, dtype=complex), TypeError, "astype: .*complex"),
    (lambda x: penne.astype(x, dtype="nonsense"), TypeError, "nonsense"),
    (lambda x: penne.moveaxis(x, (0, 1), 0), ValueError, "moveaxis: .*number"),
    (lambda x: penne.split(x, 2, axis=1), ValueError, "split: .*got \\(2, 3\\)"),
    (lambda x: penne.pad(x, -1), ValueError, "pad: a width is negative"),
    (lambda x: penne.pad(x, 1, constant_values=(1, 2)), ValueError, "pad: .*one num"),
    (lambda x: penne.diag(x[None]), ValueError, "diag: .*got \\(1, 2, 3\\)"),
    (lambda x: penne.diag(x[0], np.nan), TypeError, "diag: k is an int, got nan"),
    (lambda x: penne.tile(x, (2, -1)), ValueError, "tile: .*at least 0, got"),
    (lambda x: penne.broadcast_to(x, (2.0, 3)), ValueError, "broadcast_to: .*ints"),
    (lambda x: penne.repeat(x, -1), ValueError, "repeat: .*at least 0, got -1"),
    (lambda x: penne.cumsum(x, 2), IndexError, "cumsum: .*no axis 2"),
    (lambda x: penne.top_k(x, 4), ValueError, "top_k: .* 4 of 3, got"),
    (lambda x: penne.quantile(x, 2), ValueError, "quantile: q is of 0 to 1, got 2"),
    (lambda x: penne.median(x[:, :0]), ValueError, "quantile: .*empty axis"),
    (lambda x: penne.segment_sum(x, [0, 2], 2), IndexError, "segment_sum: index 2"),
    (lambda x: penne.segment_sum(x, [0, -1], 2), IndexError, "segment_sum: index -1"),
    (lambda x: penne.segment_sum(x, [0], 2), ValueError, "segment_sum: .*\\(1,\\)"),
    (lambda x: penne.einsum("ij,jk", x), ValueError, "einsum: 2 arguments are named"),
    (lambda x: penne.einsum("i->i", x), ValueError, "einsum: letters and axes differ"),
    (lambda x: penne.einsum("ij->ik", x), ValueError, "einsum: the result has a"),
    (lambda x: penne.einsum("ij->ii", x), ValueError, "einsum: the result has a"),
    (lambda x: penne.einsum("i1->i", x), ValueError, "einsum: what is no letter"),
    (lambda x: penne.einsum("ii->i", x), ValueError, "einsum: i=3, before it i=2"),
    (lambda x: penne.einsum("ij,ij", x, x.T), ValueError, "einsum: i=3, .*got"),
    (lambda x: penne.einsum(x, "ij"), TypeError, "einsum: the first argument"),
    (lambda x: penne.tensordot(x, x, 1), ValueError, "tensordot: axes .*length, got"),
    (lambda x: penne.cross(x, x.T), ValueError, "cross: .*length 3, got"),
    (lambda x: penne.solve(x, x), ValueError, "solve: .*\\(n,n\\),\\(n,m\\)"),
    (lambda x: penne.inverse(x[0]), ValueError, "inverse: takes matrices"),
    (lambda x: penne.cholesky(x), ValueError, "cholesky: .*\\(n,n\\)->"),
    (lambda x: penne.svd(x), ValueError, "svd: .*full_matrices=False.*got"),
    (lambda x: penne.norm(x, 2), ValueError, "norm: ord=2 of a matrix is not there"),
    (lambda x: penne.norm(x[None], 2), ValueError, "norm: ord=2 is of one axis or two"),
    (lambda x: penne.norm(x[0], "fro"), ValueError, "norm: .*no norm of vectors"),
    (lambda x: penne.matrix_transpose(x[0]), ValueError, "matrix_tran.*two axes"),
    (lambda x: penne.conv.windows(x, 4), ValueError, "windows: there is no window"),
    (lambda x: penne.conv.windows(x, 2, 0), ValueError, "windows: .*1 or more"),
    (lambda x: penne.conv.overlap(x, 5), ValueError, "overlap: windows of .*got"),
    (lambda x: penne.conv.convolve(x, x[None]), ValueError, "convolve: kernel of one"),
    (lambda x: penne.conv.convolve(x, x, "some"), ValueError, "convolve: mode is"),
    (lambda x: penne.conv.convolve(x[0], [1.0] * 4, "valid"), ValueError, "no window"),
]


@pytest.mark.parametrize(("build", "kind", "message"), ERRORS)
def test_errors_when_built(build, kind, message):
    """A mistake is an error at the line that makes it, and says what was seen."""
    with pytest.raises(kind, match=message):
        build(constant(np.zeros((2, 3))))


# --- the edges of the numbers ---------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("x", [-1e4, -800.0, -100.0, 0.0, 100.0, 800.0, 1e4])
def test_far_from_zero(x, dtype):
    """Saturating functions neither overflow nor warn, and keep what precision there
    is; their gradients are finite."""
    p = penne.parameter(np.array([x, 0.0], dtype))
    expected = {
        penne.sigmoid: 1 / (1 + np.exp(-min(max(x, -87.0), 700.0))),
        penne.softplus: max(x, 0.0) + np.log1p(np.exp(-abs(x))),
        penne.tanh: np.tanh(x),
        penne.logsumexp: np.logaddexp(x, 0.0),
        penne.softmax: 1 / (1 + np.exp(-max(x, -700.0))),
        penne.logsoftmax: -np.logaddexp(0.0, -x),
    }
    for function, value in expected.items():
        y = function(p)
        y = y[0] if y.ndim else y
        np.testing.assert_allclose(compute_value(y), value, rtol=1e-6, atol=1e-37)
        assert np.isfinite(penne.compute_gradients(y)[p]).all()


@pytest.mark.parametrize("correct", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("x", [-800.0, -30.0, 0.0, 30.0, 800.0])
def test_crossentropy_of_logits(x, correct):
    """binary_crossentropy_with_logits is exact for any logit: its value is
    log(1 + exp(-|x|)) + max(x, 0) - correct x, its gradient sigmoid(x) - correct."""
    p = penne.parameter(np.array(x))
    loss = penne.binary_crossentropy_with_logits(p, correct)
    expected = np.log1p(np.exp(-abs(x))) + max(x, 0) - correct * x
    np.testing.assert_allclose(compute_value(loss), expected, rtol=1e-14)
    slope = 0.5 * (1 + np.tanh(x / 2)) - correct
    found = penne.compute_gradients(loss)[p]
    np.testing.assert_allclose(found, slope, rtol=1e-12, atol=2e-16)


@pytest.mark.parametrize("correct", [1, [0, 1], np.ones((2, 4))])
def test_crossentropy_takes_distributions(correct):
    """Symbols in place of distributions over them are an error that says what to
    write."""
    with pytest.raises(ValueError, match=r"crossentropy: .*\(2, 3\) .*one_hot\(k, n\)"):
        penne.crossentropy(np.zeros((2, 3)), correct)
    k = np.array([0, 2])
    logp = penne.logsoftmax(np.arange(6.0).reshape(2, 3))
    found = penne.crossentropy(logp, penne.one_hot(k, 3))
    same = compute_value(found) == compute_value(-logp[np.arange(2), k])
    assert same.all()


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_crossentropy_of_certainty(p):
    """Being certain and right costs nothing, and has a finite gradient."""
    x = penne.parameter(np.array([p, 0.5]))
    loss = penne.asum(penne.binary_crossentropy(x, [p, 0.5]))
    assert compute_value(loss) == pytest.approx(np.log(2))
    assert np.isfinite(penne.compute_gradients(loss)[x]).all()


def test_masked_scores():
    """Scores of minus infinity get probability 0; where all are, the sum is 0."""
    x = np.array([[-np.inf, 0.0, 0.0], [-np.inf] * 3])
    assert compute_value(penne.softmax(x[0])).tolist() == [0.0, 0.5, 0.5]
    assert compute_value(penne.logsumexp(x, axis=-1))[1] == -np.inf
    assert compute_value(penne.logsumexp(np.zeros((2, 0)), axis=1)).tolist() == (
        [-np.inf] * 2
    )


@given(seed=seeds)
def test_broadcast_value_is_not_aliased_by_results(seed):
    """Writing into a computed value does not change a parameter's."""
    array = np.random.default_rng(seed).normal(size=(2, 3))
    p = penne.parameter(array)
    values = [p + 0.0, p.T, p[0], penne.astype(p, dtype=p.dtype), penne.detach(p)]
    for x in values:
        value = np.array(compute_value(x))
        value += 1
    assert (p.value == array).all()


# --- what was wrong in 2015 -----------------------------------------------------------


def test_2015_names():
    """``where`` and ``mean`` are there; reductions take an int as axis."""
    x = np.arange(6.0).reshape(2, 3)
    for name in ("asum", "amax", "amin", "mean", "var", "logsumexp"):
        assert compute_value(getattr(penne, name)(x, axis=1)).shape == (2,)
    assert compute_value(penne.mean(x)) == 2.5
    assert compute_value(penne.where(True, 1.0, 2.0)) == 1


def test_2015_numbers():
    """Numbers on the left of every operator: ``1 - x`` and kin."""
    x = constant(np.array(4.0))
    found = [1 + x, 1 - x, 3 * x, 2 / x, 2**x]
    assert [float(compute_value(y)) for y in found] == [5, -3, 12, 0.5, 16]
