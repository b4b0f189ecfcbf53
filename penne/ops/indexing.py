"""Indexing as the user writes it: ``x[...]`` and its kin.

This module imports ``counts``, ``dtypes``, ``graph``, ``settings``, ``signature``,
``axes``, ``elementwise``, ``selection`` and ``shape``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..counts import is_int, whole
from ..dtypes import ArrayType
from ..graph import Constant, Expression, Op, constant
from ..settings import Cache, current_dtype
from ..signature import Shape, broadcast_shapes
from .axes import negative_axis
from .elementwise import astype, equal
from .selection import (
    Step,
    check_range,
    checked_array,
    computed_array,
    gather,
    overwrite,
    row,
    slice_axes,
)
from .shape import broadcast_to, expand_dims, reshape, transpose

Array = np.ndarray[Any, Any]


_ways = Cache("ways to index", 1 << 12)
_BOUNDS = {int, type(None)}


class Way(NamedTuple):
    """How arrays of one type are indexed in one form: the ops, each of what the one
    before gave, with params, type, and whether it takes the places; ``sizes``: of the
    axes whose places are named."""

    ops: list[tuple[Op, Any, ArrayType, bool]]
    sizes: list[int]

    def taken(self, x: Expression, places: Sequence[Any]) -> Expression:
        """x at these places."""
        found = [checked_array("getitem", k, n) for k, n in zip(places, self.sizes)]
        for op, params, type, takes in self.ops:
            x = Expression(op, (x, *found) if takes else (x,), params, type)
        return x


def getitem(x: Any, index: Any) -> Expression:
    """``x[index]`` as NumPy has it: ints, slices, ``...``, ``newaxis``, integer
    arrays and boolean masks.

    Raises IndexError for too many indices or one out of range, TypeError for a
    mask that is an expression (its count is not known: evaluate it first).
    """
    x = constant(x)
    if is_int(index) and x.type.shape:
        check_range("getitem", index, x.type.shape[0])
        return row(x, index)
    items = index if isinstance(index, tuple) else (index,)
    form, places = _form(items)
    if form is None:
        return _indexed(x, items)
    way: Way | None = _ways.get((x.type, form))
    if way is not None:
        return way.taken(x, places)
    y = _indexed(x, items)
    _ways[x.type, form] = _way(x, y, items)
    return y


def _form(items: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    """What indices have in common that name other places, and the places that this one
    names: ints, or arrays of one shape; None for a form that is not remembered."""
    form, places, shape = list[Any](), list[Any](), None
    for item in items:
        if item is None or item is ...:
            form.append(item)
        elif type(item) is slice:
            start, stop, step = bounds = item.start, item.stop, item.step
            if not {type(start), type(stop), type(step)} <= _BOUNDS:
                return None, places
            form.append(bounds)
        elif is_int(item):
            if shape:
                return None, places
            form.append(int)
            places.append(item)
        elif isinstance(item, (list, np.ndarray)):
            item = np.asarray(item)
            if item.dtype.kind not in "iu" or (places and item.shape != shape):
                return None, places
            shape = item.shape
            form.append((shape, item.dtype))
            places.append(item)
        else:
            return None, places
    return tuple(form), places


def _way(x: Expression, y: Expression, items: tuple[Any, ...]) -> Way:
    """How y was made of x."""
    ops, full = [], _expanded_index(items, x.shape)
    axes = zip((i for i in full if i is not None and i is not ...), x.shape)
    sizes = [n for item, n in axes if not isinstance(item, slice)]
    while y is not x:
        assert y.op is not None
        ops.append((y.op, y.params, y.type, len(y.args) > 1))
        y = y.args[0]
    return Way(ops[::-1], sizes)


def _indexed(x: Expression, index: tuple[Any, ...]) -> Expression:
    items = _expanded_index(index, x.shape)
    steps: list[Step] = []
    arrays: dict[int, Expression] = {}
    kept: list[Any] = []
    for item in items:
        axis = len(steps)
        kept.append(item if item is None or item is ... else axis)
        if isinstance(item, slice):
            steps.append(_canonical(item, x.shape[axis]))
        elif kept[-1] == axis:
            steps.append((0, x.shape[axis], 1))
            arrays[axis] = checked_array("getitem", item, x.shape[axis])
    if any(step != (0, n, 1) for step, n in zip(steps, x.shape)):
        x = slice_axes(x, steps=tuple(steps))
    return _gathered(x, arrays, kept)


def _expanded_index(items: tuple[Any, ...], shape: Shape) -> list[Any]:
    """One item for each axis of ``shape``, None for each new one, and ``...`` where
    that stands for no axis."""
    full: list[Any] = []
    masks: list[tuple[int, Shape]] = []
    for item in items:
        mask = _as_mask(item)
        if mask is not None:
            masks.append((len(full), mask.shape))
        full.extend([item] if mask is None else mask.nonzero())
    used = sum(item is not None and item is not ... for item in full)
    dots = [k for k, item in enumerate(full) if item is ...]
    if used > len(shape) or len(dots) > 1:
        wrong = "too many indices" if used > len(shape) else "more than one '...'"
        raise IndexError(f"getitem: {wrong} for shape {shape}, got {items}")
    at = dots[0] if dots else len(full)
    rest: list[Any] = [slice(None)] * (len(shape) - used)
    for place, wanted in masks:
        before = sum(item is not None and item is not ... for item in full[:place])
        _check_mask(wanted, shape, before + len(rest) * (place > at))
    return full[:at] + (rest or [...] * len(dots)) + full[at + 1 :]


def _check_mask(wanted: Shape, shape: Shape, axis: int) -> None:
    if shape[axis : axis + len(wanted)] != wanted:
        raise IndexError(f"getitem: mask of shape {wanted} does not fit {shape}")


def _as_mask(item: Any) -> Array | None:
    if isinstance(item, Expression):
        if item.dtype.kind != "b":
            return None
        if not isinstance(item, Constant):
            raise TypeError(
                "getitem: a mask that is an expression has no count yet, "
                "write x[compute_value(mask)] or where(mask, x, 0)"
            )
        item = item.value
    array = np.asarray(item) if isinstance(item, (list, np.ndarray)) else None
    is_mask = array is not None and array.ndim and array.dtype.kind == "b"
    return array if is_mask else None


def _canonical(item: slice, size: int) -> Step:
    start, stop, step = item.indices(size)
    if not len(range(start, stop, step)):
        return 0, 0, 1
    return start, (None if stop < 0 else stop), step


def _gathered(x: Expression, arrays: dict[int, Expression], kept: list[Any]) -> Any:
    """x indexed by ``arrays`` at their axes, then new axes put in."""
    axes, order = list(arrays), [k for k in kept if k is not ...]
    if not arrays:
        return expand_dims(x, _new_axes(order)) if None in order else x
    indices = _alike(list(arrays.values()))
    after, found = x.ndim - 1 - max(arrays), kept.index(axes[0])
    if kept[found : found + len(axes)] != axes:  # apart: NumPy puts them in front
        rest = [k for k in range(x.ndim) if k not in arrays]
        x = transpose(x, axes=(*axes, *rest))
        order, after = [*axes, *(k for k in order if k not in arrays)], len(rest)
    y = gather(x, *indices, rank=indices[0].ndim, after=after)
    result: list[int | None] = []
    for k in order:
        result.extend(
            [k] if k not in arrays else [0] * (indices[0].ndim * (k == axes[0]))
        )
    return expand_dims(y, _new_axes(result)) if None in result else y


def _alike(indices: list[Expression]) -> list[Expression]:
    """Index arrays broadcast to one shape."""
    shapes = [i.shape for i in indices]
    if len(set(shapes)) == 1:
        return indices
    try:
        shape = broadcast_shapes(shapes)
    except ValueError:
        seen = " and ".join(map(str, shapes))
        wrong = f"getitem: index arrays do not broadcast, got {seen}"
        raise IndexError(wrong) from None
    return [broadcast_to(i, shape) for i in indices]


def _new_axes(kept: list[Any]) -> tuple[int, ...]:
    return tuple(k for k, item in enumerate(kept) if item is None)


def setitem(x: Any, index: Any, value: Any) -> Expression:
    """A copy of x in which ``value`` stands at ``x[index]``: what ``x[index] = value``
    would make of an array, but for the dtype, in which both meet.  ``index`` is as for
    ``x[index]``, to which ``value`` broadcasts; first axes of length 1 may be more.

    >>> from penne import compute_value
    >>> compute_value(setitem([1.0, 2.0, 3.0], slice(1, None), 0.0))
    array([1., 0., 0.])
    """
    x = constant(x)
    places = getitem(constant(np.arange(x.size).reshape(x.shape)), index)
    value = constant(value)
    more = value.ndim - places.ndim
    if more > 0 and set(value.shape[:more]) == {1}:
        value = reshape(value, value.shape[more:])
    value = reshape(broadcast_to(value, places.shape), (-1,))
    flat = overwrite(reshape(x, (-1,)), value, reshape(places, (-1,)))
    return reshape(flat, x.shape)


def take(x: Any, indices: Any, axis: int | None = None) -> Expression:
    """NumPy's ``take``: ``x[indices]`` along ``axis``, by default of x laid flat.

    >>> from penne import compute_value
    >>> compute_value(take([1.0, 2.0, 3.0], [2, 0]))
    array([3., 1.])
    """
    x = constant(x)
    if axis is None:
        return take(reshape(x, (-1,)), indices, 0)
    axis = negative_axis("take", axis, x.ndim)
    indices = checked_array("take", indices, x.shape[axis])
    return gather(x, indices, rank=indices.ndim, after=-1 - axis)


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Expression:
    """NumPy's ``take_along_axis``: for each line along ``axis`` its own indices.

    >>> from penne import compute_value
    >>> compute_value(take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], 1))
    array([[2.],
           [3.]])
    """
    x = constant(x)
    axis = negative_axis("take_along_axis", axis, x.ndim)
    indices = checked_array("take_along_axis", indices, x.shape[axis])
    if indices.ndim != x.ndim:
        seen = f"got {x.shape} and {indices.shape}"
        raise ValueError(f"take_along_axis: arguments differ in their axes, {seen}")
    if axis == -1:
        return gather(x, indices, rank=1, after=0)
    order = [k for k in range(x.ndim) if k != x.ndim + axis] + [x.ndim + axis]
    back = tuple(order.index(k) for k in range(x.ndim))
    y = gather(
        transpose(x, axes=order), transpose(indices, axes=order), rank=1, after=0
    )
    return transpose(y, axes=back)


def one_hot(index: Any, size: int) -> Expression:
    """Vectors of length ``size``, 1 at ``index`` and else 0; a list gives a matrix.

    Raises IndexError for an index outside [0, size).

    >>> from penne import compute_value
    >>> compute_value(one_hot([2, 0], 3))
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    index = computed_array("one_hot", index, whole("one_hot", "size", size))
    hot = equal(expand_dims(index, -1), constant(np.arange(size)))
    return astype(hot, dtype=current_dtype())
