"""Matrices in the last two axes: equations, factors, determinants, norms.

NumPy's LAPACK does the work, for a stack of matrices too.  A matrix that is singular,
or not positive definite, is a LinAlgError of NumPy's when a value is asked for.
"""

from typing import Any, NamedTuple

import numpy as np

from ..dtypes import floating_dtype
from ..graph import Expression, constant, op
from .axes import negative_axes
from .diagonals import tril
from .elementwise import absolute, astype, detach, exp, floated, not_equal, power
from .linear import matmat
from .reduction import amax, amin, asum, root
from .shape import expand_dims, matrix_transpose

Array = np.ndarray[Any, Any]

__all__ = [
    "cholesky",
    "det",
    "inverse",
    "logdet",
    "matrix_transpose",
    "norm",
    "slogdet",
    "solve",
]


# --- equations ------------------------------------------------------------------------


def _solve_gradient(
    g: Expression, y: Expression, A: Expression, B: Expression
) -> tuple[Expression, Expression]:
    back = _solve(matrix_transpose(A), g)
    return -matmat(back, matrix_transpose(y)), back


@op("(n,n),(n,m)->(n,m)", gradient=_solve_gradient, dtype=floating_dtype)
def _solve(A: Array, B: Array) -> Array:
    return np.linalg.solve(A, B)


def solve(A: Any, b: Any) -> Expression:
    """X with A X = b: (n,n) and (n) or (n,m); of stacks b has the axes of the result,
    as NumPy has it.

    >>> from penne import compute_value
    >>> compute_value(solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]))
    array([1. , 0.5])
    """
    b = constant(b)
    if b.ndim == 1:
        return _solve(A, expand_dims(b, -1))[..., 0]
    return _solve(A, b)


def inverse(A: Any) -> Expression:
    """The inverse of A, (n,n): the solution of A X = 1.  To multiply by it write
    ``solve``, which is quicker and closer.

    >>> from penne import compute_value
    >>> compute_value(inverse([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    A = constant(A)
    if A.ndim < 2:
        raise ValueError(f"inverse: takes matrices, (n,n)->(n,n), got {A.shape}")
    return _solve(A, np.eye(A.shape[-1], dtype=A.dtype if A.floating else float))


# --- factors and determinants ---------------------------------------------------------


def _cholesky_gradient(g: Expression, L: Expression, A: Expression) -> list[Expression]:
    """L^-T phi(L^T g) L^-1, made symmetric; phi halves the diagonal and leaves out what
    is above it: Murray 2016, *Differentiation of the Cholesky decomposition*."""
    n = A.shape[-1]
    inner = tril(matmat(matrix_transpose(L), tril(g))) * (1 - 0.5 * np.eye(n))
    left = _solve(matrix_transpose(L), inner)
    whole = matrix_transpose(_solve(matrix_transpose(L), matrix_transpose(left)))
    return [0.5 * (whole + matrix_transpose(whole))]


@op("(n,n)->(n,n)", gradient=_cholesky_gradient, dtype=floating_dtype)
def cholesky(A: Array) -> Array:
    """The lower triangular L with A = L L^T, of a symmetric positive definite A; what
    is above the diagonal of A is not looked at, the gradient is symmetric."""
    return np.linalg.cholesky(A)


def _logdet_gradient(g: Expression, y: Expression, A: Expression) -> tuple[Expression]:
    return (expand_dims(g, (-2, -1)) * matrix_transpose(inverse(A)),)


@op("(n,n)->()", gradient=_logdet_gradient, dtype=floating_dtype)
def logdet(A: Array) -> Array:
    """log(|det(A)|), also where the determinant itself would overflow."""
    return np.linalg.slogdet(A)[1]


@op("(n,n)->()", dtype=floating_dtype)
def _det_sign(A: Array) -> Array:
    return np.linalg.slogdet(A)[0]


class SignAndLog(NamedTuple):
    """What ``slogdet`` gives, by NumPy's names."""

    sign: Expression
    logabsdet: Expression


def slogdet(A: Any) -> SignAndLog:
    """The sign of det(A), constant to gradients, and ``logdet``."""
    return SignAndLog(detach(_det_sign(A)), logdet(A))


def det(A: Any) -> Expression:
    """The determinant.  A singular matrix has one, but no gradient: a LinAlgError.

    >>> from penne import compute_value
    >>> compute_value(det([[0.0, 2.0], [1.0, 0.0]])).round(4)
    np.float64(-2.0)
    """
    sign, size = slogdet(A)
    return sign * exp(size)


# --- norms ----------------------------------------------------------------------------


def norm(
    x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False
) -> Expression:
    """NumPy's ``linalg.norm``: of all elements the root of the sum of squares; along
    one axis the vector norm ``ord`` (a number, inf, -inf), along two the matrix norm
    ("fro", 1, -1, inf, -inf).  Where a norm of squares is 0 its gradient is 0.

    Raises ValueError for a norm by singular values (2, -2, "nuc").

    >>> from penne import compute_value
    >>> float(compute_value(norm([3.0, 4.0])))
    5.0
    """
    x = floated(x)
    axes = negative_axes("norm", axis, x.ndim)
    if ord is None:
        return root(asum(x * x, axis=axes, keepdims=keepdims))
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm: ord={ord} is of one axis or two, got {x.shape}")


def _vector_norm(x: Expression, ord: Any, axes: Any, keepdims: bool) -> Expression:
    if ord == 2:
        return root(asum(x * x, axis=axes, keepdims=keepdims))
    if ord == 0:
        counted = astype(not_equal(x, 0), dtype=x.dtype)
        return asum(counted, axis=axes, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is no norm of vectors, got {x.shape}")
    size = absolute(x)
    if abs(ord) == np.inf:
        return (amax if ord > 0 else amin)(size, axis=axes, keepdims=keepdims)
    if ord == 1:
        return asum(size, axis=axes, keepdims=keepdims)
    return root(asum(power(size, ord), axis=axes, keepdims=keepdims), 1 / ord)


def _matrix_norm(x: Expression, ord: Any, axes: Any, keepdims: bool) -> Expression:
    if ord in ("fro", "f"):
        return root(asum(x * x, axis=axes, keepdims=keepdims))
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError(f"norm: ord={ord!r} of a matrix is not there, got {x.shape}")
    first, second = axes if abs(ord) == 1 else axes[::-1]
    sums = asum(absolute(x), axis=first, keepdims=True)
    y = (amax if ord > 0 else amin)(sums, axis=second, keepdims=True)
    return y if keepdims else asum(y, axis=axes)
