"""Rows of a matrix that a gradient touches: what a lookup's gradient is made of.

This module imports nothing of penne.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
MANY = 1 << 15  # from so many numbers on a sparse product is the faster sum
MOST_COPIED = 1 << 18  # numbers that are copied to lie side by side


def compact(array: Array, empty: Callable[..., Any] = np.empty) -> Array:
    """A gradient that is columns of another, if it is not large, in memory of its own,
    as ``empty`` gives: to go over columns, as trainers do, takes two or three times as
    long."""
    if array.flags.c_contiguous or array.size > MOST_COPIED:
        return array
    made: Array = empty(array.shape, array.dtype)
    made[...] = array
    return made


class Rows(NamedTuple):
    """A gradient that is zero but for the rows ``indices``, which are distinct."""

    indices: Array
    values: Array
    shape: tuple[int, ...]

    @classmethod
    def summed(cls, parts: Sequence[Array], shape: tuple[int, ...]) -> "Rows":
        """What lookups in one array of ``shape`` add up to; ``parts`` has the rows and
        the indices of each."""
        flat = [np.reshape(i, -1) for i in parts[1::2]]
        rows = [r.reshape(len(i), *shape[1:]) for r, i in zip(parts[::2], flat)]
        return cls(*sum_rows(_joined(flat), _joined(rows), shape[0]), shape)

    def dense(self) -> Array:
        """The whole array."""
        whole = np.zeros(self.shape, self.values.dtype)
        whole[self.indices] = self.values
        return whole


def _joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Grouping(NamedTuple):
    """Which of some indices are equal: in ``order`` equal ones are side by side, each
    of the ``distinct`` ones from its place in ``first`` on."""

    order: Array
    first: Array
    distinct: Array

    @classmethod
    def of(cls, indices: Array, length: int) -> "Grouping":
        """The grouping of indices in -length..length-1."""
        indices = np.where(indices < 0, indices + length, indices)
        order = indices.argsort(kind="stable")
        ordered = indices[order]
        changes = np.ones(len(ordered), bool)
        np.not_equal(ordered[1:], ordered[:-1], out=changes[1:])
        first = changes.nonzero()[0]
        return cls(order, first, ordered[first])

    def sums(self, rows: Array) -> Array:
        """For each distinct index, the sum of its rows."""
        if len(self.first) == 0:
            return rows
        if rows.size < MANY or rows.dtype.char not in "fd":
            return np.add.reduceat(rows[self.order], self.first, axis=0)
        from scipy.sparse import csr_array  # at first use: it takes a while to import

        ones, ends = np.ones(len(rows), rows.dtype), np.append(self.first, len(rows))
        shape = len(self.first), len(rows)
        chosen = csr_array((ones, self.order, ends), shape=shape)
        flat = rows.reshape(len(rows), -1)
        return (chosen @ flat).reshape(len(self.first), *rows.shape[1:])

    def logsums(self, rows: Array) -> Array:
        """For each distinct index, log(sum(exp(its rows))), without overflow."""
        rows = rows[self.order]
        lengths = np.diff(self.first, append=len(rows))
        top = np.maximum.reduceat(rows, self.first, axis=0)
        top = np.where(np.isfinite(top), top, top.dtype.type(0))
        parts = np.exp(rows - np.repeat(top, lengths, axis=0))
        with np.errstate(divide="ignore"):  # of nothing but -inf
            return np.log(np.add.reduceat(parts, self.first, axis=0)) + top


def sum_rows(indices: Array, rows: Array, length: int) -> tuple[Array, Array]:
    """The distinct ``indices`` (in 0..length-1), and the sum of the rows of each.

    >>> sum_rows(np.array([2, 0, 2]), np.array([[1.], [2.], [4.]]), 3)[1].ravel()
    array([2., 5.])
    """
    grouping = Grouping.of(indices, length)
    return grouping.distinct, grouping.sums(rows)
