"""Indexing: ``x[...]``, lookups, and their inverses.

Slices and new axes are static (``slice_axes``, inverse ``unslice_axes``); integers
and integer arrays are inputs (``gather``, inverse ``scatter_add``), so that a
different symbol is not a different op.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..dtypes import INDEX, first_dtype
from ..graph import Constant, Expression, constant, literal, op
from ..rows import sum_rows
from ..settings import Cache, current_dtype
from ..signature import Shape, broadcast_shapes, group
from .axes import negative_axis
from .elementwise import astype, equal, where
from .shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    reshape,
    stack,
    transpose,
)

Array = np.ndarray[Any, Any]
Step = tuple[int, int | None, int]


# --- slices ---------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _slices(steps: tuple[Step, ...]) -> tuple[Any, ...]:
    return (..., *(slice(*step) for step in steps))


def _sliced_shape(shape: Shape, steps: tuple[Step, ...]) -> Shape:
    core = shape[len(shape) - len(steps) :]
    return tuple(len(range(*slice(*s).indices(n))) for s, n in zip(steps, core))


def _slice_signature(old: Shape, steps: tuple[Step, ...]) -> str:
    core = old[len(old) - len(steps) :]
    return f"{group(*core)}->{group(*_sliced_shape(old, steps))}"


def _unslice_signature(old: Shape, steps: tuple[Step, ...], shape: Shape) -> str:
    return f"{group(*_sliced_shape(shape, steps))}->{group(*shape)}"


@op(
    _slice_signature,
    gradient=lambda g, y, x, steps: (
        unslice_axes(g, steps=steps, shape=x.shape[x.ndim - len(steps) :]),
    ),
)
def slice_axes(x: Array, *, steps: tuple[Step, ...]) -> Array:
    """The last axes of x sliced by ``steps``, a (start, stop, step) for each."""
    return x[_slices(steps)]


@op(
    _unslice_signature,
    gradient=lambda g, y, x, steps, shape: (slice_axes(g, steps=steps),),
)
def unslice_axes(x: Array, *, steps: tuple[Step, ...], shape: Shape) -> Array:
    """Zeros of ``shape`` with x put where ``slice_axes`` would find it."""
    whole = np.zeros(x.shape[: x.ndim - len(steps)] + shape, x.dtype)
    whole[_slices(steps)] = x
    return whole


# --- integers -------------------------------------------------------------------------


def _gather_signature(*shapes: Shape, rank: int, after: int) -> str:
    count = len(shapes) - 1
    found = [f"i{k}" for k in range(rank)]
    rest = [f"n{k}" for k in range(after)]
    whole = group(*(f"d{k}" for k in range(count)), *rest)
    return f"{','.join([whole] + [group(*found)] * count)}->{group(*found, *rest)}"


def _scatter_signature(*shapes: Shape, rank: int, shape: Shape) -> str:
    count = len(shapes) - 1
    found = [f"i{k}" for k in range(rank)]
    rows = group(*found, *shape[count:])
    return f"{','.join([rows] + [group(*found)] * count)}->{group(*shape)}"


def _grids(loop: Shape, rank: int) -> tuple[Array, ...]:
    """Index arrays that walk the leading axes ``loop`` beside ``rank`` core axes."""
    axes = [np.arange(n) for n in loop]
    return tuple(a.reshape(a.shape + (1,) * rank) for a in np.ix_(*axes))


@op(
    _gather_signature,
    gradient=lambda g, y, x, *indices, rank, after: (
        scatter_add(
            g, *indices, rank=rank, shape=x.shape[x.ndim - len(indices) - after :]
        ),
        *[None] * len(indices),
    ),
    dtype=first_dtype,
    meet=slice(0, 0),
)
def gather(x: Array, *indices: Array, rank: int, after: int) -> Array:
    """``x[i, j, ...]``: integer arrays of ``rank`` axes index the axes of x that
    have ``after`` axes behind them."""
    leading = x.ndim - len(indices) - after
    if not leading:
        return x[indices]
    if all(np.ndim(i) == rank for i in indices):
        whole: list[Any] = [slice(None)] * after
        return x[(..., *indices, *whole)]
    loops = [np.shape(i)[: np.ndim(i) - rank] for i in indices]
    loop = np.broadcast_shapes(x.shape[:leading], *loops)
    x = np.broadcast_to(x, loop + x.shape[leading:])
    return x[(*_grids(loop, rank), *indices)]


def _total_scatter(terms: Sequence[Expression]) -> Expression | None:
    """One scatter of all rows; the terms write to one shape."""
    shape = terms[0].params["shape"]
    alike = len({(len(t.args), t.params["shape"]) for t in terms}) == 1
    if terms[0].ndim > len(shape) or not alike:
        return None
    rows, *indices = zip(*(t.args for t in terms))
    if all(i.ndim == 0 for i in indices[0]):
        return scatter_add(stack(rows), *map(stack, indices), rank=1, shape=shape)
    after = shape[len(indices) :]
    counts = [prod(i.shape) for i in indices[0]]
    flat = concatenate([reshape(r, shape=(n, *after)) for r, n in zip(rows, counts)])
    places = [concatenate([reshape(i, shape=(-1,)) for i in part]) for part in indices]
    return scatter_add(flat, *places, rank=1, shape=shape)


@op(
    _scatter_signature,
    gradient=lambda g, y, rows, *indices, rank, shape: (
        gather(g, *indices, rank=rank, after=len(shape) - len(indices)),
        *[None] * len(indices),
    ),
    dtype=first_dtype,
    meet=slice(0, 0),
    total=_total_scatter,
)
def scatter_add(rows: Array, *indices: Array, rank: int, shape: Shape) -> Array:
    """Zeros of ``shape`` to which each row is added at its index; the inverse of
    ``gather`` and its gradient."""
    after = len(shape) - len(indices)
    loop = np.broadcast_shapes(
        rows.shape[: rows.ndim - rank - after],
        *(np.shape(i)[: np.ndim(i) - rank] for i in indices),
    )
    whole = np.zeros(loop + shape, rows.dtype)
    cores = {np.shape(i)[np.ndim(i) - rank :] for i in indices}
    if all(prod(core) == 1 for core in cores):  # nothing comes twice
        whole[(*_grids(loop, rank), *indices)] = rows
    elif not loop and rank == 1 and len(indices) == 1:
        places, sums = sum_rows(indices[0], rows, shape[0])
        whole[places] = sums
    else:
        np.add.at(whole, (*_grids(loop, rank), *indices), rows)
    return whole


def is_lookup(g: Expression) -> bool:
    """Whether a gradient is that of lookups in one array: rows and their indices."""
    rows_alone = g.op is scatter_add and len(g.args) == 2
    return rows_alone and g.ndim == len(g.params["shape"])


def _overwrite_gradient(
    g: Expression, y: Expression, x: Expression, v: Expression, i: Expression
) -> tuple[Expression, Expression, None]:
    count = constant(np.arange(v.shape[-1]))
    writer = overwrite(constant(np.zeros(x.shape[-1], int)), count, i)
    last = equal(gather(writer, i, rank=1, after=0), count)
    kept = overwrite(g, constant(np.zeros(v.shape[-1], g.dtype)), i)
    return kept, where(last, gather(g, i, rank=1, after=0), 0.0), None


@op(
    "(n),(k),(k)->(n)",
    gradient=_overwrite_gradient,
    dtype=lambda dtypes, params: np.result_type(*dtypes[:2]),
    meet=slice(0, 2),
)
def overwrite(x: Array, v: Array, i: Array) -> Array:
    """A copy of x in which v_k stands at i_k; of two at one place, the later."""
    loop = np.broadcast_shapes(x.shape[:-1], v.shape[:-1], np.shape(i)[:-1])
    y = np.array(np.broadcast_to(x, loop + x.shape[-1:]), np.result_type(x, v))
    y[(*_grids(loop, 1), i)] = v
    return y


# --- what the user writes -------------------------------------------------------------

_rows = Cache("rows of types", 1 << 10)
_indices = Cache("indices", 1 << 12)


def is_int(x: Any) -> bool:
    """Whether x is an int, of Python or of NumPy."""
    return type(x) is int or (isinstance(x, np.integer) and x.dtype.kind in "iu")


def index_of(k: int) -> Expression:
    """k as a leaf: an index, or a symbol."""
    found: Expression | None = _indices.get(k)
    if found is None:
        found = _indices[k] = literal(k, INDEX)
    return found


def row(x: Expression, k: int) -> Expression:
    """x[k], of the first axis; k is in range."""
    index, found = index_of(k), _rows.get(x.type)
    if found is None:
        y = gather(x, index, rank=0, after=x.ndim - 1)
        found = _rows[x.type] = y.params, y.type
    return Expression(gather, (x, index), *found)


def getitem(x: Any, index: Any) -> Expression:
    """``x[index]`` as NumPy has it: ints, slices, ``...``, ``newaxis``, integer
    arrays and boolean masks.

    Raises IndexError for too many indices or one out of range, TypeError for a
    mask that is an expression (its count is not known: evaluate it first).
    """
    x = constant(x)
    if is_int(index) and x.type.shape:
        _check_range("getitem", index, x.type.shape[0])
        return row(x, index)
    items = _expanded_index(index if isinstance(index, tuple) else (index,), x.shape)
    steps: list[Step] = []
    arrays: dict[int, Expression] = {}
    kept: list[int | None] = []
    for item in items:
        axis = len(steps)
        kept.append(None if item is None else axis)
        if isinstance(item, slice):
            steps.append(_canonical(item, x.shape[axis]))
        elif item is not None:
            steps.append((0, x.shape[axis], 1))
            arrays[axis] = checked_array("getitem", item, x.shape[axis])
    if any(step != (0, n, 1) for step, n in zip(steps, x.shape)):
        x = slice_axes(x, steps=tuple(steps))
    return _gathered(x, arrays, kept)


def _expanded_index(items: tuple[Any, ...], shape: Shape) -> list[Any]:
    """One item for each axis of ``shape``, and None for each new one."""
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
    rest = [slice(None)] * (len(shape) - used)
    for place, wanted in masks:
        before = sum(item is not None and item is not ... for item in full[:place])
        _check_mask(wanted, shape, before + len(rest) * (place > at))
    return full[:at] + rest + full[at + 1 :]


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
    return array if array is not None and array.dtype.kind == "b" else None


def _canonical(item: slice, size: int) -> Step:
    start, stop, step = item.indices(size)
    if not len(range(start, stop, step)):
        return 0, 0, 1
    return start, (None if stop < 0 else stop), step


def checked_array(
    name: str, item: Any, size: int, least: int | None = None
) -> Expression:
    """An int or integer array, from ``least`` (by default -size) to below ``size``
    where its values are known."""
    least = -size if least is None else least
    empty = isinstance(item, list) and not item
    index = constant(np.empty(0, np.intp) if empty else item)
    if index.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: an index is an int, a slice, '...', newaxis or an array of "
            f"ints or bools, got {index.dtype}"
        )
    if isinstance(index, Constant) and index.size:
        _check_range(name, int(index.value.min()), size, least)
        _check_range(name, int(index.value.max()), size, least)
    note_limits(index, least, size)
    return index


def note_limits(index: Expression, low: int, high: int) -> bool:
    """Where ``index`` stands for a constant to come, have it checked when it comes."""
    limits = getattr(index, "limits", None)
    if limits is not None:
        limits.append((low, high))
    return limits is not None


def check_within(what: str, numbers: Array, low: int, high: int) -> None:
    """Raise IndexError where one of ``numbers``, each a ``what``, is outside."""
    if not numbers.ndim and low <= numbers.item() < high:
        return  # as most often, and sooner
    outside = (numbers < low) | (numbers >= high)
    if outside.any():
        wrong = np.asarray(numbers)[outside].flat[0]
        raise IndexError(f"{what} {wrong} is outside [{low}, {high})")


def _check_range(name: str, index: int, size: int, least: int | None = None) -> None:
    if not (-size if least is None else least) <= index < size:
        raise IndexError(f"{name}: index {index} is out of range, the axis has {size}")


def _gathered(x: Expression, arrays: dict[int, Expression], kept: list[Any]) -> Any:
    """x indexed by ``arrays`` at their axes, then new axes put in."""
    if not arrays:
        return expand_dims(x, _new_axes(kept)) if None in kept else x
    indices = _alike(list(arrays.values()))
    axes, order, after = list(arrays), kept, x.ndim - 1 - max(arrays)
    found = kept.index(axes[0])
    if kept[found : found + len(axes)] != axes:  # apart: NumPy puts them in front
        rest = [k for k in range(x.ndim) if k not in arrays]
        x = transpose(x, axes=(*axes, *rest))
        order, after = [*axes, *(k for k in kept if k not in arrays)], len(rest)
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
    would make of an array.  ``index`` as for ``x[index]``.

    >>> from penne import compute_value
    >>> compute_value(setitem([1.0, 2.0, 3.0], slice(1, None), 0.0))
    array([1., 0., 0.])
    """
    x = constant(x)
    places = getitem(constant(np.arange(x.size).reshape(x.shape)), index)
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
    index = checked_array("one_hot", index, size, least=0)
    hot = equal(expand_dims(index, -1), constant(np.arange(size)))
    return astype(hot, dtype=current_dtype())
