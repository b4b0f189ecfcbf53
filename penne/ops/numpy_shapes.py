"""More of NumPy's functions of shapes, for ``np.name(x)`` on expressions: composed of
ops, and without a name of penne's own.

``NAMES`` maps NumPy's names to them.  Names and meanings are NumPy's; see its
documentation.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..counts import positive, whole
from ..graph import Constant, Expression, constant
from .arrangement import flip, moveaxis, ravel, split, swapaxes
from .axes import negative_axis
from .elementwise import multiply
from .shape import concatenate, expand_dims, reshape

__all__ = ["NAMES"]


def zeros_like(x: Any, dtype: Any = None) -> Expression:
    """Zeros of the shape of x; constant to gradients."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Expression:
    """Ones of the shape of x; constant to gradients."""
    return full_like(x, 1, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Expression:
    """A number in the shape of x; constant to gradients."""
    x = constant(x)
    return Constant(np.full(x.shape, fill_value, x.dtype if dtype is None else dtype))


def atleast_1d(x: Any) -> Expression:
    """x with one axis at least."""
    x = constant(x)
    return x if x.ndim else reshape(x, shape=(1,))


def atleast_2d(x: Any) -> Expression:
    """x with two axes at least; the first are new."""
    x = constant(x)
    return x if x.ndim > 1 else reshape(x, shape=(1, x.size))


def atleast_3d(x: Any) -> Expression:
    """x with three axes at least; the last is new."""
    x = constant(x)
    if x.ndim > 2:
        return x
    return reshape(x, shape=(*x.shape, 1) if x.ndim == 2 else (1, x.size, 1))


def vstack(xs: Sequence[Any]) -> Expression:
    """Rows one below the other."""
    return concatenate([atleast_2d(x) for x in xs], axis=0)


def hstack(xs: Sequence[Any]) -> Expression:
    """Columns, or vectors, one after the other."""
    parts = [atleast_1d(x) for x in xs]
    return concatenate(parts, axis=0 if parts[0].ndim == 1 else 1)


def dstack(xs: Sequence[Any]) -> Expression:
    """Arrays joined along their third axis."""
    return concatenate([atleast_3d(x) for x in xs], axis=2)


def column_stack(xs: Sequence[Any]) -> Expression:
    """Vectors as columns side by side, matrices too."""
    parts = [constant(x) for x in xs]
    tall = [x if x.ndim > 1 else reshape(x, shape=(x.size, 1)) for x in parts]
    return concatenate(tall, axis=1)


def append(x: Any, values: Any, axis: int | None = None) -> Expression:
    """``values`` behind x, along an axis or both laid flat."""
    if axis is None:
        return concatenate([ravel(x), ravel(values)], axis=0)
    return concatenate([constant(x), constant(values)], axis=axis)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Expression]:
    """``split`` into parts as equal as may be, the longer ones first."""
    x, ends = constant(x), indices_or_sections
    if not np.ndim(ends):
        ends = positive("array_split", "a number of parts", ends)
        n = x.shape[negative_axis("array_split", axis, x.ndim)]
        each, more = divmod(n, ends)
        ends = [k * each + min(k, more) for k in range(1, ends)]
    return split(x, ends, axis)


def vsplit(x: Any, indices_or_sections: Any) -> list[Expression]:
    """``split`` along the first axis."""
    return split(x, indices_or_sections, 0)


def hsplit(x: Any, indices_or_sections: Any) -> list[Expression]:
    """``split`` along the second axis, or the only one."""
    return split(x, indices_or_sections, min(constant(x).ndim, 2) - 1)


def dsplit(x: Any, indices_or_sections: Any) -> list[Expression]:
    """``split`` along the third axis."""
    return split(x, indices_or_sections, 2)


def unstack(x: Any, axis: int = 0) -> tuple[Expression, ...]:
    """The parts of x along an axis, without it."""
    return tuple(moveaxis(x, axis, 0))


def flipud(x: Any) -> Expression:
    """x backwards along the first axis."""
    return flip(x, 0)


def fliplr(x: Any) -> Expression:
    """x backwards along the second axis."""
    return flip(x, 1)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Expression:
    """x turned by k right angles, from the first of two axes to the second."""
    for _ in range(whole("rot90", "k", k) % 4):
        x = flip(swapaxes(x, *axes), axes[0])
    return constant(x)


def rollaxis(x: Any, axis: int, start: int = 0) -> Expression:
    """x with an axis moved before another."""
    x = constant(x)
    axis, start = (k + x.ndim if k < 0 else k for k in (axis, start))
    return moveaxis(x, axis, start - 1 if axis < start else start)


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0
) -> Expression:
    """``num`` numbers from start to stop, at equal distances."""
    ends = [x if type(x) in (int, float) else constant(x) for x in (start, stop)]
    dtype = np.result_type(*(getattr(x, "dtype", x) for x in ends), 0.0)
    part = np.linspace(0.0, 1.0, num, endpoint).astype(dtype)
    first, last = (expand_dims(multiply(x, dtype.type(1)), -1) for x in ends)
    y = first * (1 - part) + last * part
    return moveaxis(y, -1, axis)


NAMES: dict[str, Callable[..., Any]] = {
    **{n: f for n, f in globals().items() if getattr(f, "__module__", "") == __name__},
    "imag": zeros_like,
    "row_stack": vstack,
}
