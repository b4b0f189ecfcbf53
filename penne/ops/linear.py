"""Products: vectors, matrices and stacks of them.

Four primitives, named by their arguments (``vecvec vecmat matvec matmat``), and two
that their gradients need (``outer``, ``crossprod``).  ``dot``, ``matmul`` and
``vecdot`` pick among them by rank.
"""

from collections.abc import Sequence
from math import prod
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..graph import Expression, constant, op
from .elementwise import multiply
from .reduction import asum
from .shape import concatenate, expand_dims, matrix_transpose, reshape, stack

Array = np.ndarray[Any, Any]


def _total(terms: Sequence[Expression]) -> Expression | None:
    """One ``crossprod`` for the sum of outer and cross products of vectors, rows."""
    if terms[0].ndim > 2:
        return None
    left, right = zip(*(t.args for t in terms))
    return crossprod(_joined(left), _joined(right))


def _joined(parts: tuple[Expression, ...]) -> Expression:
    """Vectors stacked, or rows put together; once for all weights that need them."""
    found = _together.get(parts)
    if found is None:
        join = stack if parts[0].ndim == 1 else concatenate
        found = _together[parts] = join(parts)
    return found


_together: WeakValueDictionary[tuple[Expression, ...], Expression]
_together = WeakValueDictionary()


@op(
    "(n),(n)->()",
    gradient=lambda g, y, a, b: (expand_dims(g, -1) * b, expand_dims(g, -1) * a),
)
def vecvec(a: Array, b: Array) -> Array:
    """sum_n a_n b_n."""
    return a @ b if a.ndim == b.ndim == 1 else np.einsum("...n,...n->...", a, b)


@op("(n),(n,m)->(m)", gradient=lambda g, y, x, W: (matvec(W, g), outer(x, g)))
def vecmat(x: Array, W: Array) -> Array:
    """y_m = sum_n x_n W_nm."""
    return x @ W if W.ndim == 2 else (x[..., None, :] @ W)[..., 0, :]


@op("(m,n),(n)->(m)", gradient=lambda g, y, W, x: (outer(g, x), vecmat(g, W)))
def matvec(W: Array, x: Array) -> Array:
    """y_m = sum_n W_mn x_n."""
    return x @ W.T if W.ndim == 2 else (W @ x[..., None])[..., 0]


@op(
    "(m,n),(n,p)->(m,p)",
    gradient=lambda g, y, A, B: (matmat(g, matrix_transpose(B)), crossprod(A, g)),
)
def matmat(A: Array, B: Array) -> Array:
    """Y_mp = sum_n A_mn B_np."""
    return A @ B


@op(
    "(n),(m)->(n,m)",
    gradient=lambda g, y, a, b: (matvec(g, b), vecmat(a, g)),
    total=_total,
)
def outer(a: Array, b: Array) -> Array:
    """Y_nm = a_n b_m."""
    return a[..., :, None] * b[..., None, :]


@op(
    "(k,n),(k,m)->(n,m)",
    gradient=lambda g, y, A, B: (matmat(B, matrix_transpose(g)), matmat(A, g)),
    total=_total,
)
def crossprod(A: Array, B: Array) -> Array:
    """Y_nm = sum_k A_kn B_km: the sum of the outer products of rows."""
    return np.swapaxes(A, -1, -2) @ B


PRODUCTS = {(1, 1): vecvec, (1, 2): vecmat, (2, 1): matvec, (2, 2): matmat}


def dot(x: Any, y: Any) -> Expression:
    """NumPy's ``dot``: sums over the last axis of x and the second last of y.

    By rank: (n),(n)->() · (n),(n,m)->(m) · (m,n),(n)->(m) · (m,n),(n,p)->(m,p); a
    number multiplies; x of more axes goes row by row.  Raises ValueError where y
    has more than two axes: write matmul(x, y).

    >>> from penne import compute_value
    >>> compute_value(dot([1.0, 2.0], [[1.0, 0.0], [3.0, 1.0]]))
    array([7., 2.])
    """
    x, y = constant(x), constant(y)
    product = PRODUCTS.get((len(x.type.shape), len(y.type.shape)))
    if product is not None:
        return product(x, y)
    if not x.ndim or not y.ndim:
        return multiply(x, y)
    if y.ndim > 2:
        seen = f"got {x.shape} and {y.shape}"
        raise ValueError(f"dot: y has more than 2 axes, {seen}; write matmul(x, y)")
    if y.ndim == 1:
        return matvec(x, y)
    rows = matmat(reshape(x, (prod(x.shape[:-1]), x.shape[-1])), y)
    return reshape(rows, (*x.shape[:-1], y.shape[-1]))


def matmul(x: Any, y: Any) -> Expression:
    """NumPy's ``matmul`` (``x @ y``): matrices in the last two axes, the rest
    broadcasts; a vector is a row on the left, a column on the right."""
    x, y = constant(x), constant(y)
    if not x.ndim or not y.ndim:
        seen = f"got {x.shape} and {y.shape}"
        raise ValueError(f"matmul: takes no numbers, {seen}; write x * y")
    if x.ndim == 1:
        return vecvec(x, y) if y.ndim == 1 else vecmat(x, y)
    return matvec(x, y) if y.ndim == 1 else matmat(x, y)


def vecdot(x: Any, y: Any, axis: int = -1, keepdims: bool = False) -> Expression:
    """NumPy's ``vecdot``: the sum of x * y along an axis, in batches too.

    >>> from penne import compute_value
    >>> compute_value(vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0]))
    array([21., 43.])
    """
    if axis == -1 and not keepdims:
        return vecvec(x, y)
    return asum(multiply(x, y), axis=axis, keepdims=keepdims)
