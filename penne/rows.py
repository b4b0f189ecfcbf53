"""Rows of a matrix that a gradient touches: what a lookup's gradient is made of.

This module imports nothing of penne.
"""

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Rows(NamedTuple):
    """A gradient that is zero but for the rows ``indices``, which are distinct."""

    indices: Array
    values: Array
    shape: tuple[int, ...]

    def dense(self) -> Array:
        """The whole array."""
        whole = np.zeros(self.shape, self.values.dtype)
        whole[self.indices] = self.values
        return whole


def sum_rows(indices: Array, rows: Array, length: int) -> tuple[Array, Array]:
    """The distinct ``indices`` (in 0..length-1), and the sum of the rows of each.

    >>> sum_rows(np.array([2, 0, 2]), np.array([[1.], [2.], [4.]]), 3)[1].ravel()
    array([2., 5.])
    """
    indices = np.where(indices < 0, indices + length, indices)
    order = np.argsort(indices, kind="stable")
    ordered = indices[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    if len(first) == 0:
        return ordered, rows
    return ordered[first], np.add.reduceat(rows[order], first, axis=0)
