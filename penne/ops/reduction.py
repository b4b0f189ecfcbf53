"""Reductions over axes: sums, extremes, means.

``axis`` is None (all axes), an int or a tuple, as in NumPy; it is kept counted from
the end, so that leading axes may be added.
"""

from math import prod
from typing import Any

import numpy as np

from ..counts import whole
from ..dtypes import INDEX, floating_dtype
from ..graph import Expression, constant, op
from ..signature import Shape, group
from .axes import negative_axes
from .elementwise import detach, equal, exp, finite_log, sqrt, where
from .shape import expand_dims, reshape

Array = np.ndarray[Any, Any]


def _all_axes(name: str, shapes: list[Shape], params: dict[str, Any]) -> dict[str, Any]:
    return {**params, "axis": negative_axes(name, params["axis"], len(shapes[0]))}


def _filled_axes(name: str, shapes: list[Shape], params: Any) -> dict[str, Any]:
    params = _all_axes(name, shapes, params)
    if not all(shapes[0][k] for k in params["axis"]):
        raise ValueError(f"{name}: there is none along an empty axis, got {shapes[0]}")
    return params


def _one_axis(name: str, shapes: list[Shape], params: dict[str, Any]) -> dict[str, Any]:
    whole(name, "axis", params["axis"])
    params = _filled_axes(name, shapes, params)
    return {**params, "axis": params["axis"][0]}


def reduced(shape: Shape, axis: Any, keepdims: bool = False) -> str:
    """The signature of a reduction: ``"(n2,n1)->(n1)"`` for axis -2."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    core = range(min(axes, default=0), 0)
    names = {k: f"n{-k}" for k in core}
    kept = [names[k] if k not in axes else 1 for k in core if k not in axes or keepdims]
    return f"{group(*names.values())}->{group(*kept)}"


def _expanded(x: Expression, axis: Any, keepdims: bool) -> Expression:
    """A reduction's result with the axes it lost, of length 1."""
    return x if keepdims or axis == () else expand_dims(x, axis)


def sum_dtype(dtypes: list[Any], params: Any) -> Any:
    """The dtype rule of sums and products: small integers make larger ones."""
    return np.add.reduce(np.empty(0, dtypes[0])).dtype


@op(
    reduced,
    gradient=lambda g, y, x, axis, keepdims: (_expanded(g, axis, keepdims),),
    dtype=sum_dtype,
    normalize=_all_axes,
)
def asum(x: Array, *, axis: Any = None, keepdims: bool = False) -> Array:
    """The sum along ``axis`` (NumPy's ``sum``)."""
    return np.add.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload,no-any-return]  # as np.sum


def _extreme_gradient(
    g: Expression, y: Expression, x: Expression, axis: Any, keepdims: bool
) -> tuple[Expression]:
    tied = detach(equal(x, _expanded(y, axis, keepdims)))
    share = g / asum(tied, axis=axis, keepdims=keepdims)
    return (where(tied, _expanded(share, axis, keepdims), 0.0),)


@op(reduced, gradient=_extreme_gradient, normalize=_filled_axes)
def amax(x: Array, *, axis: Any = None, keepdims: bool = False) -> Array:
    """The largest along ``axis``; those that tie share the gradient equally."""
    return np.max(x, axis=axis, keepdims=keepdims)


@op(reduced, gradient=_extreme_gradient, normalize=_filled_axes)
def amin(x: Array, *, axis: Any = None, keepdims: bool = False) -> Array:
    """The smallest along ``axis``; those that tie share the gradient equally."""
    return np.min(x, axis=axis, keepdims=keepdims)


@op(
    reduced,
    gradient=lambda g, y, x, axis, keepdims: (
        _expanded(g, axis, keepdims)
        * exp(x - _expanded(finite_log(y), axis, keepdims)),
    ),
    dtype=floating_dtype,
    normalize=_all_axes,
)
def logsumexp(x: Array, *, axis: Any = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) along ``axis``, without overflow (SciPy's); of nothing but -inf,
    as of what is forbidden, it is -inf and its gradient 0."""
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    finite = np.isfinite(top)
    if finite.all():
        total = np.log(np.add.reduce(np.exp(x - top), axis=axis, keepdims=True)) + top
    else:  # of nothing but -inf the sum is 0, its logarithm -inf
        top = np.where(finite, top, top.dtype.type(0))
        total = np.add.reduce(np.exp(x - top), axis=axis, keepdims=True)
        with np.errstate(divide="ignore"):
            total = np.log(total) + top
    return total if keepdims or axis == () else total.squeeze(axis)


@op(
    lambda shape, axis: reduced(shape, axis),
    dtype=lambda dtypes, params: INDEX,
    normalize=_one_axis,
)
def _argmax(x: Array, *, axis: int) -> Array:
    return np.argmax(x, axis=axis)


@op(
    lambda shape, axis: reduced(shape, axis),
    dtype=lambda dtypes, params: INDEX,
    normalize=_one_axis,
)
def _argmin(x: Array, *, axis: int) -> Array:
    return np.argmin(x, axis=axis)


def argmax(x: Any, axis: int | None = None) -> Expression:
    """Where the largest stands along ``axis``, the first in a tie; by default in
    the array laid flat.  Constant to gradients.

    >>> from penne import compute_value
    >>> compute_value(argmax([[1.0, 5.0], [7.0, 2.0]], axis=-1))
    array([1, 0])
    """
    if axis is None:
        return _argmax(reshape(x, (-1,)), axis=-1)
    return _argmax(x, axis=axis)


def argmin(x: Any, axis: int | None = None) -> Expression:
    """Where the smallest stands along ``axis``, the first in a tie; by default in
    the array laid flat.  Constant to gradients.

    >>> from penne import compute_value
    >>> compute_value(argmin([[1.0, 5.0], [7.0, 2.0]], axis=-1))
    array([0, 1])
    """
    if axis is None:
        return _argmin(reshape(x, (-1,)), axis=-1)
    return _argmin(x, axis=axis)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """The mean along ``axis``.

    >>> from penne import compute_value
    >>> compute_value(mean([[1.0, 5.0], [7.0, 3.0]], axis=0))
    array([4., 4.])
    """
    x = constant(x)
    count = size_along("mean", x, axis)
    return asum(x, axis=axis, keepdims=keepdims) / count


def size_along(name: str, x: Expression, axis: Any) -> int:
    """How many elements there are along ``axis``."""
    return prod(x.shape[k] for k in negative_axes(name, axis, x.ndim))


def var(
    x: Any, axis: Any = None, keepdims: bool = False, *, ddof: float = 0
) -> Expression:
    """The variance along ``axis``: the mean squared distance from the mean; ``ddof`` is
    taken off the number that the sum is divided by, down to 0.

    >>> from penne import compute_value
    >>> compute_value(var([1.0, 5.0]))
    np.float64(4.0)
    """
    x = constant(x)
    away = x - mean(x, axis, keepdims=True)
    count = max(size_along("var", x, axis) - ddof, 0)
    return asum(away * away, axis=axis, keepdims=keepdims) / count


def std(
    x: Any, axis: Any = None, keepdims: bool = False, *, ddof: float = 0
) -> Expression:
    """The standard deviation along ``axis``: the root of ``var``; its gradient where
    there is no deviation is 0.

    >>> from penne import compute_value
    >>> float(compute_value(std([1.0, 5.0])))
    2.0
    """
    return root(var(x, axis, keepdims, ddof=ddof))


def root(x: Expression, exponent: float = 0.5) -> Expression:
    """A root, with gradient 0 at 0: of what has no smaller value."""
    zero = equal(x, 0)
    inside = where(zero, 1.0, x)
    return where(zero, 0.0, sqrt(inside) if exponent == 0.5 else inside**exponent)
