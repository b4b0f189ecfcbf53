"""Calls of NumPy's functions, call by call: what NumPy makes of arrays penne makes of
constants, and what NumPy refuses penne refuses; or it says that it does not take it."""

import numpy as np
import pytest

import penne
from penne import Expression, compute_value, constant

M = np.arange(1.0, 7.0).reshape(2, 3)
V = np.array([3.0, -1.0, 2.0])
CUBE = np.arange(8.0).reshape(2, 2, 2)


def value(x):
    """The array of an expression, of several those joined; an array as it is."""
    if isinstance(x, (list, tuple)):
        return np.concatenate([np.ravel(value(part)) for part in x])
    return np.asarray(compute_value(x) if isinstance(x, Expression) else x)


SAME = [
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


REFUSED = [
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
    (lambda x: np.roll(x, 1.5), V, "roll: shift is an int"),
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
