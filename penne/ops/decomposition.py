"""Eigenvalues, singular values, the pseudo-inverse: of matrices in the last two axes.

An op has one result, so the factors of a matrix stand in one array; the functions take
them apart.  Factors that belong to equal values have no derivative: none is given.
"""

from typing import Any, NamedTuple

import numpy as np

from ..dtypes import floating_dtype
from ..graph import Expression, constant, op
from ..signature import Shape
from .elementwise import equal, where
from .linear import matmat
from .shape import expand_dims, matrix_transpose

Array = np.ndarray[Any, Any]

__all__ = ["eigh", "eigvalsh", "pinv", "svd", "svdvals"]


def _inverted(x: Expression) -> Expression:
    """1 / x, and 0 at 0."""
    zero = equal(x, 0)
    return where(zero, 0.0, 1 / where(zero, 1.0, x))


def _gaps(w: Expression) -> Expression:
    """F_ij = 1 / (w_j - w_i), and 0 where they are equal."""
    return _inverted(expand_dims(w, -2) - expand_dims(w, -1))


def _on_diagonal(w: Expression) -> Expression:
    return expand_dims(w, -2) * np.eye(w.shape[-1])


# --- symmetric matrices ---------------------------------------------------------------


def _eigh_gradient(g: Expression, y: Expression, A: Expression) -> tuple[Expression]:
    """V (diag(g_w) + F * (V^T g_V)) V^T, made symmetric: Giles 2008, *An extended
    collection of matrix derivative results*, section 3.1."""
    w, V = y[..., 0], y[..., 1:]
    turned = _gaps(w) * matmat(matrix_transpose(V), g[..., 1:])
    inner = _on_diagonal(g[..., 0]) + turned
    whole = matmat(matmat(V, inner), matrix_transpose(V))
    return (0.5 * (whole + matrix_transpose(whole)),)


@op("(n,n)->(n,n+1)", gradient=_eigh_gradient, dtype=floating_dtype)
def _eigh(A: Array) -> Array:
    """Eigenvalues as the first column, eigenvectors as the others."""
    w, V = np.linalg.eigh(A)
    return np.concatenate([w[..., None], V], axis=-1)


class Eigen(NamedTuple):
    """What ``eigh`` gives, by NumPy's names."""

    eigenvalues: Expression
    eigenvectors: Expression


def eigh(A: Any) -> Eigen:
    """The eigenvalues of a symmetric matrix, ascending, and its eigenvectors, columns:
    (n,n) to (n) and (n,n).  What is above the diagonal is not looked at.

    >>> from penne import compute_value
    >>> compute_value(eigh([[0.0, 2.0], [2.0, 0.0]])[0]).round(4)
    array([-2.,  2.])
    """
    y = _eigh(A)
    return Eigen(y[..., 0], y[..., 1:])


def eigvalsh(A: Any) -> Expression:
    """The eigenvalues of a symmetric matrix, ascending."""
    return eigh(A).eigenvalues


# --- any matrices ---------------------------------------------------------------------


def _svd_signature(shape: Shape) -> str:
    m, n = shape[-2:] if len(shape) > 1 else ("m", "n")
    return f"({m},{n})->({m}+1+{n},{min(shape[-2:])})"


def _svd_gradient(g: Expression, y: Expression, A: Expression) -> tuple[Expression]:
    """Townsend 2016, *Differentiating the singular value decomposition*, part 3."""
    m, n = A.shape[-2:]
    (U, s, V), (gU, gs, gV) = _factors(y, m), _factors(g, m)
    F = _gaps(s * s)
    left = matmat(matrix_transpose(U), gU)
    right = matmat(matrix_transpose(V), gV)
    inner = F * (left - matrix_transpose(left)) * expand_dims(s, -2)
    inner = inner + F * (right - matrix_transpose(right)) * expand_dims(s, -1)
    whole = matmat(U, matmat(_on_diagonal(gs) + inner, matrix_transpose(V)))
    each = expand_dims(_inverted(s), -2)
    if m > n:
        rest = gU - matmat(U, left)
        whole = whole + matmat(rest * each, matrix_transpose(V))
    if m < n:
        rest = gV - matmat(V, right)
        whole = whole + matmat(U * each, matrix_transpose(rest))
    return (whole,)


def _factors(y: Expression, m: int) -> tuple[Expression, Expression, Expression]:
    return y[..., :m, :], y[..., m, :], y[..., m + 1 :, :]


@op(_svd_signature, gradient=_svd_gradient, dtype=floating_dtype)
def _svd(A: Array) -> Array:
    """U, then a row of singular values, then V."""
    U, s, Vh = np.linalg.svd(A, full_matrices=False)
    return np.concatenate([U, s[..., None, :], np.swapaxes(Vh, -1, -2)], axis=-2)


class Factors(NamedTuple):
    """What ``svd`` gives, by NumPy's names."""

    U: Expression
    S: Expression
    Vh: Expression


def svd(A: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """U, the singular values s, descending, and V^T with A = U diag(s) V^T.

    Raises ValueError for the full matrices of one that is not square: write
    ``full_matrices=False``.

    >>> from penne import compute_value
    >>> compute_value(svd([[0.0, 2.0], [3.0, 0.0]])[1]).round(4)
    array([3., 2.])
    """
    A = constant(A)
    if A.ndim < 2 or (compute_uv and full_matrices and A.shape[-1] != A.shape[-2]):
        wanted = "takes square matrices, or full_matrices=False"
        raise ValueError(f"svd: {wanted}, (m,n), got {A.shape}")
    U, s, V = _factors(_svd(A), A.shape[-2])
    return Factors(U, s, matrix_transpose(V)) if compute_uv else s


def svdvals(A: Any) -> Expression:
    """The singular values, descending."""
    found: Expression = svd(A, compute_uv=False)
    return found


def _pinv_gradient(g: Expression, P: Expression, A: Expression) -> tuple[Expression]:
    """Golub and Pereyra 1973, equation 4.12, transposed."""
    m, n = A.shape[-2:]
    Pt, gt = matrix_transpose(P), matrix_transpose(g)
    left = np.eye(m) - matmat(A, P)
    right = np.eye(n) - matmat(P, A)
    whole = -matmat(matmat(Pt, g), Pt)
    whole = whole + matmat(left, matmat(gt, matmat(P, Pt)))
    return (whole + matmat(matmat(matmat(Pt, P), gt), right),)


@op("(m,n)->(n,m)", gradient=_pinv_gradient, dtype=floating_dtype)
def pinv(A: Array) -> Array:
    """The pseudo-inverse; the gradient is that of matrices of the same rank."""
    return np.linalg.pinv(A)
