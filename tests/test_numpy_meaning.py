"""Calls of NumPy's functions, call by call: what NumPy makes of arrays penne makes of
constants, and what NumPy refuses penne refuses; or it says that it does not take it."""

import numpy as np
import pytest

import penne
from penne import Expression, compute_value, constant

M = np.arange(1.0, 7.0).reshape(2, 3)
V = np.array([3.0, -1.0, 2.0])
SQUARE = np.array([[2.0, 1.0], [1.0, 3.0]])
CUBE = np.arange(8.0).reshape(2, 2, 2)


def value(x):
    """The array of an expression; an array as it is."""
    return np.asarray(compute_value(x) if isinstance(x, Expression) else x)


F = np.float32
ODD = np.array([np.nan, np.inf, -np.inf, 1.0])
BOOLS = np.array([True, False, True])

SAME = [
    (lambda x: np.nan_to_num(x, nan=np.inf), ODD),
    (lambda x: np.nan_to_num(x, posinf=-np.inf), ODD),
    (lambda x: np.nan_to_num(x, neginf=np.nan), ODD),
    (np.nan_to_num, ODD.astype(F)),
    (lambda x: np.floor(np.log10(x)), 10.0 ** np.arange(16)),
    (lambda x: np.floor(np.log2(x)), 2.0 ** np.arange(40)),
    (np.exp2, np.arange(-100, 100, dtype=F)),
    (np.sinc, np.array([0.0, 1e-9, 0.1, 0.159, 0.16, -0.5, 1.0, 1e100])),
    (np.sinc, np.array([0.0, 1e-3, 0.1, 2.5], F)),
    (lambda x: np.remainder(x, [True, True, True]), BOOLS),
    (lambda x: np.floor_divide(x, [True, True, True]), BOOLS),
    (np.linalg.inv, np.eye(2, dtype=F)),
    (np.linalg.inv, np.eye(2, dtype=int)),
    (lambda x: np.linalg.matrix_power(x, -1), np.eye(2, dtype=F)),
    (lambda x: np.logaddexp2(x, 2.0), np.ones(2, F)),
    (lambda x: np.linspace(x, 10, 3), np.ones(2, F)),
    (lambda x: np.linspace(10.0, x, 3, True, axis=-1), np.ones(2, F)),
    (lambda x: np.linspace(x, 10, 3), np.arange(2)),
    (np.fabs, np.array([-1, 2])),
    (np.tril, np.tri(3, dtype=bool)),
    (np.triu, np.tri(3, dtype=bool)),
    (np.triu, np.ones((2, 2), np.int8)),
    (np.tril, V),
    (lambda x: np.triu(x, 1), V),
    (lambda x: np.tile(x, np.int64(2)), V),
    (lambda x: np.split(x, np.int64(3))[1], V),
    (lambda x: np.array_split(x, np.int64(2))[0], V),
    (lambda x: np.repeat(x, np.int64(2)), V),
    (lambda x: np.tensordot(x, x.T, np.int64(1)), M),
    (lambda x: np.broadcast_to(x, np.int64(3)), np.array(1.0)),
    (lambda x: np.reshape(x, np.int64(-1)), M),
    (np.cumulative_sum, V),
    (lambda x: np.sum(x, 1, dtype=None, out=None), M),
    (lambda x: np.vstack([x, x], dtype=None, casting="same_kind"), V),
    (lambda x: np.concatenate([x, x], axis=0, dtype=None), V),
    (np.stack, V),
    (lambda x: np.stack(x, 1), M),
    (np.concatenate, M),
    (lambda x: np.concatenate(x, axis=-1), CUBE),
    (np.size, M),
    (lambda x: np.size(x, 0), M),
    (lambda x: np.size(x, axis=-1), M),
    (lambda x: np.pad(x, np.array([1, 2])), V),
    (lambda x: np.split(x, np.array([1, 2]))[2], V),
    (lambda x: np.array_split(x, (1, 2))[2], V),
    (lambda x: np.partition(x, -3), V),
    (lambda x: np.partition(x, [0, 5], None), np.ones((2, 3))),
    (np.round, np.array([2**53 + 1])),
    (lambda x: x[[[]]], V),
    (lambda x: x[:, [[], []]], M),
    (lambda x: np.linalg.eigh(x).eigenvalues, SQUARE),
    (lambda x: np.abs(np.linalg.eigh(x).eigenvectors), SQUARE),
    (lambda x: np.linalg.slogdet(x).sign, SQUARE),
    (lambda x: np.linalg.slogdet(x).logabsdet, SQUARE),
    (lambda x: np.linalg.svd(x).S, SQUARE),
    (lambda x: np.abs(np.linalg.svd(x).U), SQUARE),
    (lambda x: np.abs(np.linalg.svd(x).Vh), SQUARE),
    (np.argmin, np.array([0, 1, 2], np.uint8)),
    (np.argmin, np.array([0, np.iinfo(int).min])),
    (np.argmin, np.array([True, False])),
    (lambda x: np.argmin(x, 0), M),
    (lambda x: np.roll(x, (1, 1)), V),
    (lambda x: np.roll(x, (1, 1), 1), M),
    (lambda x: np.roll(x, 1, (0, 1)), M),
    (lambda x: np.roll(x, (1, 2), (0, 1)), M),
    (lambda x: np.roll(x, np.array([1, 2]), (1, 1)), M),
    (lambda x: np.linalg.vector_norm(x, axis=(0, 1)), CUBE),
    (lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=1, keepdims=True), CUBE),
    (lambda x: np.linalg.vector_norm(x, axis=-1, ord=np.inf), M),
    (lambda x: np.prod(x, 0, None, None, True), M),
    (lambda x: np.median(x, 0, None, False, True), M),
    (lambda x: np.std(x, 1, None, None, 1), M),
    (lambda x: np.clip(x, 2, None), M),
    (lambda x: np.clip(x, None, 3.5), M),
    (lambda x: np.clip(x, 2, 4), M),
    (lambda x: np.clip(x, min=2), M.astype(int)),
    (lambda x: np.clip(x, a_min=2, a_max=V), M),
    (lambda x: np.clip(x, 5, 2), M.astype(int)),
    (lambda x: np.clip(x, None, None), M),
    (lambda x: np.tensordot(x, x, 2), M),
    (lambda x: np.tensordot(x, x, 0), V),
    (lambda x: np.tensordot(x, x, ([0, 1], [1, 0])), CUBE),
]


@pytest.mark.parametrize(("f", "x"), SAME)
def test_same(f, x):
    """A call on a constant has the value, shape and dtype that it has on the array."""
    wanted, y = np.asarray(f(x)), f(constant(x))
    found = value(y)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    assert not isinstance(y, Expression) or y.dtype == wanted.dtype


def test_row_stack():
    """NumPy's older name for ``vstack``, where it has it."""
    with pytest.deprecated_call():
        y = np.row_stack([constant(V), constant(V)])
    np.testing.assert_array_equal(value(y), [V, V])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("ddof", [2, 3, 4])
@pytest.mark.parametrize("function", [np.var, np.std])
@pytest.mark.parametrize("x", [M, V, np.ones((2, 1))])
def test_no_degrees_of_freedom(function, x, ddof):
    """A sum of squares is divided by nothing less than 0."""
    found = value(function(constant(x), axis=-1, ddof=ddof))
    np.testing.assert_allclose(found, function(x, axis=-1, ddof=ddof))


def test_arctanh_of_small_ints():
    """An unsigned integer has a negative too."""
    x = np.array([0, 0], np.uint8)
    np.testing.assert_array_equal(value(np.arctanh(constant(x))), [0, 0])


REFUSED = [
    (
        lambda x: np.select(
            [x > 1] if type(x) is np.ndarray else [penne.greater(x, 1)], [x, x]
        ),
        V,
        "select: conditions and choices differ in number",
    ),
    (lambda x: np.diff(x, -1), V, "diff: n is at least 0, got -1"),
    (lambda x: np.reshape(x, (-1, -1)), V, "3 elements do not fill shape"),
    (np.cumulative_sum, M, "cumulative_sum: axis is needed"),
    (np.cumulative_prod, M, "cumulative_prod: axis is needed"),
    (
        lambda x: np.reshape(x, (3.0, 2.0)),
        M,
        "reshape: a length must be an int, got 3.0",
    ),
    (lambda x: np.tile(x, 1.5), V, "tile: a number of times must be an int"),
    (lambda x: np.trace(x, 0.5), M, "diagonal: offset must be an int, got 0.5"),
    (lambda x: np.diagonal(x, 1.0), M, "diagonal: offset must be an int, got 1.0"),
    (lambda x: np.pad(x, 1.5), V, "pad: a width must be an int, got 1.5"),
    (lambda x: np.pad(x, (1, 0.5)), V, "pad: a width must be an int, got 0.5"),
    (lambda x: np.pad(x, True), V, "pad: a width must be an int, got True"),
    (lambda x: np.pad(x, "a"), V, "pad: a width must be an int, got 'a'"),
    (lambda x: np.split(x, [1.5]), V, "split: an index must be an int, got 1.5"),
    (lambda x: np.split(x, "a"), V, "split: a number of parts must be an int"),
    (lambda x: np.vsplit(x, [1.0]), M, "split: an index must be an int, got 1.0"),
    (lambda x: np.array_split(x, [0.5]), V, "split: an index must be an int"),
    (lambda x: np.array_split(x, 0), V, "array_split: a number of parts is at least 1"),
    (lambda x: np.partition(x, 1.5), V, "partition: kth must be an int, got 1.5"),
    (lambda x: np.partition(x, 3), V, "partition: kth is of -3 to 2, got 3"),
    (lambda x: np.argpartition(x, [0, 0.5]), V, "partition: kth must be an int"),
    (lambda x: np.diff(x, 1.5), V, "diff: n must be an int, got 1.5"),
    (lambda x: np.linalg.matrix_power(x, 1.5), SQUARE, "matrix_power: n must be an"),
    (np.tril, np.array(1.0), "tril: takes a vector or matrices"),
    (lambda x: np.argmax(x, (0, 1)), M, "argmax: axis must be an int, got"),
    (lambda x: np.roll(x, (1, 1), (0, 1, 1)), M, "differ in number"),
    (lambda x: np.tensordot(x, M, 2), V[:2], "tensordot: not both have 2 axes"),
    (lambda x: np.tensordot(x, x, ([0, 0], [0, 1])), M[:, :2], "named twice"),
    (lambda x: np.tensordot(x, x, ([0], [0, 1])), M, "differ in length"),
]


@pytest.mark.parametrize(("f", "x", "message"), REFUSED)
def test_refused(f, x, message):
    """What is an error on the array is one on the constant, which says what is
    wrong."""
    with pytest.raises((ValueError, TypeError, IndexError)):
        f(x)
    with pytest.raises((ValueError, TypeError), match=message):
        f(constant(x))


NOT_TAKEN = [
    (
        lambda x: penne.segment_sum(x, [0, 1, 0], 2.0),
        V,
        "segment_sum: count must be an int",
    ),
    (lambda x: penne.one_hot([0, 1], 2.0), V, "one_hot: size must be an int"),
    (lambda x: penne.conv.windows(x, 1.7), V, "conv: a size or step must be an int"),
    (lambda x: penne.conv.windows(x, 1, 1.5), V, "conv: a size or step must be an int"),
    (lambda x: np.roll(x, 1.5), V, "roll: shift is an int"),
    (lambda x: np.rot90(x, 1.5), M, "rot90: k must be an int"),
    (lambda x: np.split(x, 1.5), V, "split: a number of parts must be an int"),
    (lambda x: np.array_split(x, 1.5), V, "array_split: a number of parts is an int"),
    (lambda x: np.quantile(x, []), V, "quantile: takes at least one part q"),
    (lambda x: penne.top_k(x, 1.5), V, "top_k: k must be an int"),
    (lambda x: penne.tensordot(x, x, 1.5), M, "tensordot: axes is an int or two"),
    (lambda x: np.pad(x, 1, "mean"), V, "mode is one of constant, edge, wrap"),
    (lambda x: np.pad(x, 1, "empty"), V, "mode is one of constant, edge, wrap"),
    (lambda x: np.reshape(x, (3, 2), "F"), M, "order"),
    (lambda x: penne.reshape(x, (3, 2), "F"), M, "takes x, shape, got 3 arg"),
    (lambda x: penne.stack([x, x], 0, None), M, "takes xs, axis, got 4 arg"),
    (lambda x: np.concatenate((x, x), 0, np.zeros(1)), M, "out"),
    (lambda x: np.cross(x, x, 0), M.T, "axisa"),
    (lambda x: np.prod(x, 0, float), M, "dtype"),
    (lambda x: np.sum(x, 0, float), M, "dtype"),
]


@pytest.mark.parametrize(("f", "x", "message"), NOT_TAKEN)
def test_not_taken(f, x, message):
    """What penne does not take it refuses, by name, and does not take for another."""
    with pytest.raises((ValueError, TypeError), match=message):
        f(constant(x))
