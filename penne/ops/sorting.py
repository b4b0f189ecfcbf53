"""Running sums and products, order, and what stands at a place in it."""

from collections.abc import Callable
from math import floor
from math import prod as size_of
from typing import Any

import numpy as np

from ..counts import whole
from ..dtypes import INDEX
from ..graph import Expression, constant, op
from ..signature import Shape, group
from .arrangement import flip, ravel
from .axes import negative_axes, negative_axis
from .elementwise import astype, detach, equal, where
from .indexing import take_along_axis
from .reduction import sum_dtype
from .shape import concatenate, reshape, sliced, stack, transpose

Array = np.ndarray[Any, Any]

__all__ = [
    "argsort",
    "cumprod",
    "cumsum",
    "median",
    "prod",
    "quantile",
    "sort",
    "top_k",
]


def _along(shape: Shape, axis: int) -> str:
    """The signature of what keeps the shape: ``"(n2,n1)->(n2,n1)"`` for axis -2."""
    core = group(*(f"n{-k}" for k in range(axis, 0)))
    return f"{core}->{core}"


def _one_axis(name: str, shapes: list[Shape], params: dict[str, Any]) -> dict[str, Any]:
    return {"axis": negative_axis(name, params["axis"], len(shapes[0]))}


def flattened(
    name: str, x: Any, axis: Any
) -> tuple[Expression, Callable[[Expression, bool], Expression]]:
    """x with the axes to be reduced as one, the last; and what puts the axes of the
    result right, with ``keepdims`` or without."""
    x = constant(x)
    gone = negative_axes(name, axis, x.ndim)
    kept = [k for k in range(-x.ndim, 0) if k not in gone]
    shape = tuple(x.shape[k] for k in kept)
    full = tuple(1 if k in gone else x.shape[k] for k in range(-x.ndim, 0))
    flat = transpose(x, axes=(*kept, *sorted(gone)))
    flat = reshape(flat, shape=(*shape, size_of(x.shape[k] for k in gone)))
    return flat, lambda y, keepdims: reshape(y, shape=full) if keepdims else y


# --- running --------------------------------------------------------------------------


@op(
    _along,
    gradient=lambda g, y, x, axis: (flip(_cumsum(flip(g, axis), axis=axis), axis),),
    dtype=sum_dtype,
    normalize=_one_axis,
)
def _cumsum(x: Array, *, axis: int) -> Array:
    return np.cumsum(x, axis)


def cumsum(x: Any, axis: int | None = None) -> Expression:
    """The sums of the first 1, 2, ... elements along ``axis``; by default of x laid
    flat.

    >>> from penne import compute_value
    >>> compute_value(cumsum([1.0, 2.0, 3.0]))
    array([1., 3., 6.])
    """
    return _cumsum(ravel(x), axis=-1) if axis is None else _cumsum(x, axis=axis)


def cumprod(x: Any, axis: int | None = None) -> Expression:
    """The products of the first 1, 2, ... elements along ``axis``; by default of x
    laid flat.

    Composed of products of ever longer runs (1, 2, 4, ... elements), so the gradient
    is exact where there are zeros.

    >>> from penne import compute_value
    >>> compute_value(cumprod([1.0, 2.0, 3.0]))
    array([1., 2., 6.])
    """
    x = ravel(x) if axis is None else constant(x)
    axis = negative_axis("cumprod", -1 if axis is None else axis, x.ndim)
    y = _countable(x)
    run = 1
    while run < x.shape[axis]:
        longer = sliced(y, axis, slice(run, None)) * sliced(y, axis, slice(-run))
        y = concatenate([sliced(y, axis, slice(run)), longer], axis=axis)
        run *= 2
    return y


def _countable(x: Expression) -> Expression:
    """x in the dtype of its sums and products: small integers in larger ones."""
    return astype(x, dtype=sum_dtype([x.dtype], {}))


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """The product along ``axis``; of none it is 1.

    Composed of products of halves, so the gradient is exact where there are zeros.

    >>> from penne import compute_value
    >>> compute_value(prod([2.0, 3.0, 4.0]))
    np.float64(24.0)
    """
    y, finish = flattened("prod", x, axis)
    y = _countable(y)
    if not y.shape[-1]:
        return finish(constant(np.ones(y.shape[:-1], y.dtype)), keepdims)
    while y.shape[-1] > 1:
        half = y.shape[-1] // 2
        rest = [y[..., 2 * half :]] if y.shape[-1] % 2 else []
        y = y[..., :half] * y[..., half : 2 * half]
        y = concatenate([y, *rest], axis=-1) if rest else y
    return finish(y[..., 0], keepdims)


# --- order ----------------------------------------------------------------------------


@op(_along, dtype=lambda dtypes, params: INDEX, normalize=_one_axis)
def _argsort(x: Array, *, axis: int) -> Array:
    return np.argsort(x, axis, kind="stable")


def argsort(x: Any, axis: int | None = -1) -> Expression:
    """Where the smallest stands, the second smallest, ... along ``axis`` (None is of x
    laid flat); those that tie in their order.  Constant to gradients.

    >>> from penne import compute_value
    >>> compute_value(argsort([3.0, 1.0, 2.0]))
    array([1, 2, 0])
    """
    return _argsort(ravel(x), axis=-1) if axis is None else _argsort(x, axis=axis)


def sort(x: Any, axis: int | None = -1) -> Expression:
    """x from small to large along ``axis`` (None is of x laid flat); the gradient goes
    back to where each came from.

    >>> from penne import compute_value
    >>> compute_value(sort([3.0, 1.0, 2.0]))
    array([1., 2., 3.])
    """
    if axis is None:
        return sort(ravel(x))
    return take_along_axis(x, detach(argsort(x, axis)), axis)


def top_k(x: Any, k: int, axis: int = -1) -> tuple[Expression, Expression]:
    """The ``k`` largest along ``axis``, largest first, and where they stand; of two
    that tie the first comes first.

    >>> from penne import compute_values
    >>> largest, places = top_k([3.0, 1.0, 2.0], 2)
    >>> values = compute_values([largest, places])
    >>> values[largest], values[places]
    (array([3., 2.]), array([0, 2]))
    """
    x = constant(x)
    axis = negative_axis("top_k", axis, x.ndim)
    n = x.shape[axis]
    if not 0 <= whole("top_k", "k", k) <= n:
        raise ValueError(f"top_k: there are no {k} of {n}, got {x.shape}")
    places = n - 1 - argsort(flip(x, axis), axis)
    places = sliced(places, axis, slice(n - k, None))
    places = flip(places, axis)
    return take_along_axis(x, detach(places), axis), places


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """The middle element along ``axis``, or the mean of the middle two.

    >>> from penne import compute_value
    >>> float(compute_value(median([5.0, 1.0, 2.0, 3.0])))
    2.5
    """
    return quantile(x, 0.5, axis, keepdims)


def quantile(x: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """What a part ``q`` of the elements along ``axis`` lies below, between two of them
    in proportion; ``q``, of 0 to 1, may be a list: the results are stacked.

    >>> from penne import compute_value
    >>> float(compute_value(quantile([0.0, 1.0, 2.0], 0.25)))
    0.5
    """
    if np.ndim(q):
        if not np.size(q):
            raise ValueError("quantile: takes at least one part q, got none")
        return stack([quantile(x, part, axis, keepdims) for part in q])
    if not 0 <= q <= 1:
        raise ValueError(f"quantile: q is of 0 to 1, got {q}")
    y, finish = flattened("quantile", x, axis)
    if not y.shape[-1]:
        raise ValueError(f"quantile: there is none along an empty axis, got {y.shape}")
    y = sort(y)
    place = float(q) * (y.shape[-1] - 1)
    low = floor(place)
    found = y[..., low]
    if place > low:
        found = found + (y[..., low + 1] - found) * (place - low)
    last = y[..., -1]  # NaN is sorted to the end
    return finish(where(equal(last, last), found * 1.0, last), keepdims)
