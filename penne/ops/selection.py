"""Slices and lookups, their inverses, and what may be an index.

Slices and new axes are static (``slice_axes``, inverse ``unslice_axes``); integers
and integer arrays are inputs (``gather``, inverse ``scatter_add``), so that a
different symbol is not a different op.  ``indexing`` has what the user writes.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..counts import is_int, whole
from ..dtypes import INDEX, first_dtype
from ..graph import Constant, Expression, constant, literal, op
from ..rows import sum_rows
from ..settings import Cache
from ..signature import Shape, group
from .elementwise import equal, where
from .shape import (
    concatenate,
    reshape,
    stack,
)

Array = np.ndarray[Any, Any]
Step = tuple[int, int | None, int]
FEW = 64  # up to so many numbers Python's min and max are faster than NumPy's


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
    y[(*_grids(loop, 1), np.ascontiguousarray(i))] = v  # NumPy goes as i lies in memory
    return y


# --- what may be an index -------------------------------------------------------------

_rows = Cache("rows of types", 1 << 10)
_indices = Cache("indices", 1 << 12)


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


def checked_array(
    name: str, item: Any, size: int, least: int | None = None
) -> Expression:
    """An int or integer array, from ``least`` (by default -size) to below ``size``
    where its values are known."""
    least = -size if least is None else least
    if is_int(item):
        check_range(name, item, size, least)
        return index_of(item)
    if isinstance(item, list):
        item = np.asarray(item)
        item = item if item.size else item.astype(INDEX)
    index = constant(item)
    if index.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: an index is an int, a slice, '...', newaxis or an array of "
            f"ints or bools, got {index.dtype}"
        )
    if isinstance(index, Constant) and index.size:
        for k in _extremes(index.value):
            check_range(name, k, size, least)
    note_limits(index, least, size)
    return index


def computed_array(name: str, item: Any, size: int) -> Expression:
    """As ``checked_array`` from 0 on; what is computed is checked when it is."""
    index = checked_array(name, item, size, least=0)
    return index if is_int(item) else _within(index, name=name, size=size)


@op("()->()", gradient=lambda g, y, index, name, size: (None,))
def _within(index: Array, *, name: str, size: int) -> Array:
    """The index, or IndexError where one is outside [0, size)."""
    index = np.asarray(index)
    if index.size:
        for k in _extremes(index):
            check_range(name, k, size, 0)
    return index


def _extremes(numbers: Array) -> tuple[int, int]:
    """The least and the largest."""
    if numbers.size > FEW:
        return int(numbers.min()), int(numbers.max())
    few = numbers.ravel().tolist()
    return min(few), max(few)


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


def check_range(name: str, index: int, size: int, least: int | None = None) -> None:
    """Raise IndexError where there is no such place on an axis."""
    if not (-size if least is None else least) <= index < size:
        raise IndexError(f"{name}: index {index} is out of range, the axis has {size}")


def segment_sum(x: Any, segments: Any, count: int) -> Expression:
    """y_s = the sum of all x_i with segments_i = s, for s below ``count``: (n, ...) and
    (n) to (count, ...).  Raises IndexError for a segment outside [0, count).

    >>> from penne import compute_value
    >>> compute_value(segment_sum([1.0, 2.0, 3.0], [0, 1, 0], 2))
    array([4., 2.])
    """
    x = constant(x)
    count = whole("segment_sum", "count", count)
    at = computed_array("segment_sum", segments, count)
    if at.shape != x.shape[: at.ndim]:
        seen = f"got {x.shape} and {at.shape}"
        raise ValueError(f"segment_sum: segments are not for the first axes, {seen}")
    return scatter_add(x, at, rank=at.ndim, shape=(count, *x.shape[at.ndim :]))
