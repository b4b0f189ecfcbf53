"""Diagonals and triangles of matrices: composed of lookups and masks.  Names and
meanings are NumPy's."""

from functools import lru_cache
from typing import Any

import numpy as np

from ..counts import is_int, whole
from ..graph import Expression, constant
from .arrangement import counted, moveaxis
from .elementwise import where
from .reduction import asum
from .selection import gather, scatter_add

__all__ = ["diag", "diagonal", "trace", "tril", "triu"]


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expression:
    """The elements x_ij with j - i = offset, i along ``axis1``, j along ``axis2``; as
    the last axis.

    >>> from penne import compute_value
    >>> compute_value(diagonal([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    """
    offset = whole("diagonal", "offset", offset)
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = x.shape[-2:]
    first = max(0, -offset)
    count = max(0, min(rows - first, columns - max(0, offset)))
    i = counted(first, first + count)
    j = counted(first + offset, first + offset + count)
    return gather(x, i, j, rank=1, after=0)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expression:
    """The sum of the ``diagonal``.

    >>> from penne import compute_value
    >>> compute_value(trace([[1.0, 2.0], [3.0, 4.0]]))
    np.float64(5.0)
    """
    return asum(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x: Any, k: int = 0) -> Expression:
    """Of a vector the matrix with it on its ``k``-th diagonal, of a matrix that
    diagonal.

    >>> from penne import compute_value
    >>> compute_value(diag([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """
    x = constant(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"diag: takes a vector or a matrix, got {x.shape}")
    if not is_int(k):
        raise TypeError(f"diag: k is an int, got {k!r}")
    if x.ndim == 2:
        return diagonal(x, k)
    n = x.shape[0] + abs(k)
    i, j = max(0, -k), max(0, k)
    places = counted(i, i + x.shape[0]), counted(j, j + x.shape[0])
    return scatter_add(x, *places, rank=1, shape=(n, n))


@lru_cache(maxsize=256)
def _triangle(rows: int, columns: int, k: int) -> Expression:
    """True on the ``k``-th diagonal and below."""
    return constant(np.tri(rows, columns, k, dtype=bool))


def tril(x: Any, k: int = 0) -> Expression:
    """The last two axes with 0 above the ``k``-th diagonal; of a vector, repeated in
    rows, as NumPy has it.

    >>> from penne import compute_value
    >>> compute_value(tril([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 0.],
           [3., 4.]])
    """
    x = constant(x)
    return where(_triangle(*_matrix("tril", x), k), x, _zero(x))


def triu(x: Any, k: int = 0) -> Expression:
    """The last two axes with 0 below the ``k``-th diagonal; of a vector, repeated in
    rows, as NumPy has it.

    >>> from penne import compute_value
    >>> compute_value(triu([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [0., 4.]])
    """
    x = constant(x)
    return where(_triangle(*_matrix("triu", x), k - 1), _zero(x), x)


def _matrix(name: str, x: Expression) -> tuple[int, int]:
    """The last two lengths; of a vector, which is repeated in rows, twice its own."""
    if not x.ndim:
        raise ValueError(f"{name}: takes a vector or matrices, got {x.shape}")
    return x.shape[-2:] if x.ndim > 1 else 2 * x.shape  # type: ignore[return-value]  # two


def _zero(x: Expression) -> int:
    """0 that leaves the dtype of x as it is."""
    return False if x.dtype.kind == "b" else 0
