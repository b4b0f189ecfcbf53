"""Ops that only move elements: reshape, transpose, join.

Shapes and axes given by the user are of the whole argument; they are kept as core
axes, so the same op serves a batch of such arguments.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..counts import is_count, is_int, whole
from ..dtypes import INDEX
from ..graph import OPS, Expression, constant, literal, op
from ..signature import Shape, group
from .axes import negative_axes, negative_axis

Array = np.ndarray[Any, Any]
Params = dict[str, Any]


# --- one argument ---------------------------------------------------------------------


def _reshape_params(name: str, shapes: list[Shape], params: Params) -> Params:
    (old,), new = shapes, params["shape"]
    new = new if isinstance(new, tuple) else (new,)
    new = tuple(whole(name, "a length", n) for n in new)
    size = int(np.prod(old))
    known = int(np.prod([n for n in new if n != -1]))
    if new.count(-1) == 1 and known and not size % known:
        new = tuple(size // known if n == -1 else n for n in new)
    if min(new, default=0) < 0 or int(np.prod(new)) != size:
        wanted = f"{size} elements do not fill shape {params['shape']}"
        raise ValueError(f"{name}: {wanted}, {group(*old)}->{group(*new)}, got {old}")
    return {"shape": new, "ndim": len(old)}


@op(
    lambda old, shape, ndim: f"{group(*old)}->{group(*shape)}",
    gradient=lambda g, y, x, shape, ndim: (reshape(g, shape=x.shape),),
    normalize=_reshape_params,
)
def reshape(x: Array, *, shape: Any, ndim: int | None = None) -> Array:
    """x with its elements, in order, in another ``shape``; one length may be -1."""
    return x.reshape(x.shape[: x.ndim - ndim] + shape)  # type: ignore[operator]


def expand_dims(x: Any, axis: Any) -> Expression:
    """x with axes of length 1 put in so that they stand at ``axis`` of the result.

    >>> expand_dims([1.0, 2.0], 0).shape
    (1, 2)
    """
    x = constant(x)
    axis = tuple(axis) if isinstance(axis, Sequence) else axis
    return reshape(x, shape=_expanded_shape(x.shape, axis))


@lru_cache(maxsize=4096)
def _expanded_shape(shape: Shape, axis: Any) -> Shape:
    ndim = len(shape) + (len(axis) if isinstance(axis, tuple) else 1)
    new = negative_axes("expand_dims", axis, ndim)
    old = iter(shape)
    return tuple(1 if k in new else next(old) for k in range(-ndim, 0))


def squeeze(x: Any, axis: Any = None) -> Expression:
    """x without axes of length 1: those at ``axis``, by default all."""
    x = constant(x)
    ones = [k for k, n in enumerate(x.shape) if n == 1]
    gone = negative_axes("squeeze", ones if axis is None else axis, x.ndim)
    if any(x.shape[k] != 1 for k in gone):
        raise ValueError(f"squeeze: axis {axis} is not of length 1, got {x.shape}")
    kept = tuple(x.shape[k] for k in range(-x.ndim, 0) if k not in gone)
    return reshape(x, shape=kept)


def _broadcast_params(name: str, shapes: list[Shape], params: Params) -> Params:
    return {"shape": tuple(map(int, params["shape"]))}


def _broadcast_signature(old: Shape, shape: Shape) -> str:
    fits = all(n in (1, m) for n, m in zip(old, shape))
    return f"{group(*old) if fits else group(*shape)}->{group(*shape)}"


@op(
    _broadcast_signature,
    gradient=lambda g, y, x, shape: (g,),
    normalize=_broadcast_params,
)
def _broadcast(x: Array, *, shape: Shape) -> Array:
    return np.broadcast_to(x, x.shape[: x.ndim - len(shape)] + shape)


def broadcast_to(x: Any, shape: Any) -> Expression:
    """x repeated along axes of length 1 and new first axes, to fill ``shape``.

    >>> from penne import compute_value
    >>> compute_value(broadcast_to([1.0, 2.0], (2, 2)))
    array([[1., 2.],
           [1., 2.]])
    """
    x = constant(x)
    shape = (shape,) if is_int(shape) else tuple(shape)
    if not all(is_count(n, 0) for n in shape):
        raise ValueError(f"broadcast_to: lengths are ints of at least 0, got {shape}")
    if len(shape) < x.ndim:
        raise ValueError(f"broadcast_to: {shape} has fewer axes, got {x.shape}")
    if shape == x.shape:
        return x
    if len(shape) > x.ndim:
        x = reshape(x, shape=(1,) * (len(shape) - x.ndim) + x.shape)
    return _broadcast(x, shape=shape)


def _transpose_params(name: str, shapes: list[Shape], params: Params) -> Params:
    ndim = len(shapes[0])
    axes = params["axes"]
    axes = negative_axes(name, range(ndim)[::-1] if axes is None else axes, ndim)
    if len(axes) != ndim:
        raise ValueError(f"{name}: axes {params['axes']} do not name all of {ndim}")
    return {"axes": axes}


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axes.index(k) for k in range(-len(axes), 0))


@op(
    lambda old, axes: f"{group(*old)}->{group(*[old[k] for k in axes])}",
    gradient=lambda g, y, x, axes: (transpose(g, axes=_inverse(axes)),),
    normalize=_transpose_params,
)
def transpose(x: Array, *, axes: Any = None) -> Array:
    """x with its axes in the order ``axes``, by default reversed."""
    leading = range(x.ndim - len(axes))
    return np.transpose(x, (*leading, *(x.ndim + k for k in axes)))


# --- several arguments ----------------------------------------------------------------


def _aligned(arrays: Sequence[Array], ndim: int) -> Sequence[Array]:
    """``arrays`` with equal leading axes; the last ``ndim`` are left as they are."""
    first = arrays[0].shape
    if all(a.ndim == len(first) for a in arrays):
        if len(first) == ndim:
            return arrays
    split = [a.ndim - ndim for a in arrays]
    loop = np.broadcast_shapes(*(a.shape[:k] for a, k in zip(arrays, split)))
    return [np.broadcast_to(a, loop + a.shape[k:]) for a, k in zip(arrays, split)]


def _same_ndim(name: str, shapes: list[Shape]) -> int:
    ndim = len(shapes[0])
    if any(len(s) != ndim for s in shapes):
        seen = " and ".join(map(str, shapes))
        raise ValueError(
            f"{name}: arguments differ in their number of axes, got {seen}"
        )
    return ndim


def _concatenate_params(name: str, shapes: list[Shape], params: Params) -> Params:
    ndim = _same_ndim(name, shapes)
    return {"axis": negative_axis(name, params["axis"], ndim), "ndim": ndim}


def _concatenate_signature(*shapes: Shape, axis: int, ndim: int) -> str:
    parts = [f"a{k}" for k in range(len(shapes))]

    def dimensions(part: str) -> str:
        return group(*(part if k == axis else f"n{-k}" for k in range(-ndim, 0)))

    return f"{','.join(map(dimensions, parts))}->{dimensions('+'.join(parts))}"


def _concatenate_gradient(
    g: Expression, y: Expression, *xs: Expression, axis: int, ndim: int
) -> list[Expression]:
    result, start = [], 0
    for x in xs:
        stop = start + x.shape[axis]
        result.append(sliced(g, axis, slice(start, stop)))
        start = stop
    return result


@op(
    _concatenate_signature,
    gradient=_concatenate_gradient,
    normalize=_concatenate_params,
)
def concatenate(*xs: Array, axis: int = 0, ndim: int | None = None) -> Array:
    """Arrays joined along an axis that they have; called with a list of them."""
    return np.concatenate(_aligned(xs, ndim or 1), axis=axis)


def _stack_params(name: str, shapes: list[Shape], params: Params) -> Params:
    ndim = _same_ndim(name, shapes)
    return {"axis": negative_axis(name, params["axis"], ndim + 1), "ndim": ndim}


def _stack_signature(*shapes: Shape, axis: int, ndim: int) -> str:
    names = [f"n{ndim - k}" for k in range(ndim)]
    result = list(names)
    result.insert(axis + ndim + 1, str(len(shapes)))
    return f"{','.join([group(*names)] * len(shapes))}->{group(*result)}"


@op(
    _stack_signature,
    gradient=lambda g, y, *xs, axis, ndim: [
        OPS["gather"](g, literal(k, INDEX), rank=0, after=-1 - axis)
        for k in range(len(xs))
    ],
    normalize=_stack_params,
)
def stack(*xs: Array, axis: int = 0, ndim: int | None = None) -> Array:
    """Arrays of one shape joined along a new axis; called with a list of them."""
    return np.stack(_aligned(xs, ndim or 0), axis=axis)


def matrix_transpose(x: Any) -> Expression:
    """x with its last two axes exchanged.

    >>> matrix_transpose([[1.0, 2.0]]).shape
    (2, 1)
    """
    x = constant(x)
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: there are no two axes, got {x.shape}")
    return transpose(x, axes=(*range(x.ndim - 2), -1, -2))


def sliced(x: Expression, axis: int, item: slice) -> Expression:
    """x with one axis, counted from the end, sliced."""
    return x[(..., item) + (slice(None),) * (-1 - axis)]
