"""How one instruction computes whole batches with NumPy.

Ops obey the law of leading axes, so their forward serves as it is; some have a better
way for a batch, or can write to an array that is there.  This module imports ``graph``,
``ops.elementwise``, ``rows``, ``signature``, ``buffers``, ``instructions`` and
``products``.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..graph import OPS
from ..ops.elementwise import sigmoid_end
from ..rows import Grouping
from ..signature import signature
from .buffers import empty
from .instructions import Instruction
from .products import product

Array = np.ndarray[Any, Any]
Batch = Callable[..., Any]  # (*arrays, out=None) -> array

_SAME = [np.add, np.subtract, np.multiply, np.divide, np.negative, np.exp, np.log]
_SAME += [np.log1p, np.expm1, np.sqrt, np.tanh, np.absolute, np.maximum, np.minimum]
JOIN, SLICE = OPS["concatenate"], OPS["slice_axes"]
UFUNCS = {OPS[f.__name__]: f for f in _SAME}


def batch_of(x: Instruction) -> Batch:
    """The function of arrays that computes an applied op for all rows at once."""
    op, params = x.op, x.params
    pads = _pads(x)
    if not op.batch and x.space is not None:
        return _one_by_one(x)
    if op in UFUNCS and not any(pads):
        return UFUNCS[op]  # type: ignore[no-any-return]
    if op is JOIN and _is_plain_join(x):
        return _join(x)
    if op is SLICE and not any(pads):
        return _slice(x)
    special = _SPECIAL.get(op)
    if special is not None and x.space is not None:
        made = special(x)
        if made is not None:
            return made  # type: ignore[no-any-return]
    forward, padded = op.forward, any(pads)

    def batch(*arrays: Any, out: Any = None) -> Any:
        if padded:
            arrays = tuple(_padded(a, pad) for a, pad in zip(arrays, pads))
        y = forward(*arrays, **params)
        if out is None:
            return y
        out[...] = y
        return out

    return batch


def _pads(x: Instruction) -> list[int]:
    """How many axes of length 1 each argument needs behind the axis of rows, so that
    leading axes of different number still broadcast as they did without it."""
    if x.space is None:
        return [0] * len(x.inputs)
    shapes = [y.type.shape for y in x.inputs]
    core = signature(x.op.signature, shapes, **x.params).inputs
    leading = [len(s) - len(c) for s, c in zip(shapes, core)]
    most = max(leading)
    return [0 if y.space is None else most - n for y, n in zip(x.inputs, leading)]


def _padded(array: Any, pad: int) -> Any:
    if not pad:
        return array
    return array.reshape(array.shape[:1] + (1,) * pad + array.shape[1:])


def _one_by_one(x: Instruction) -> Batch:
    """An op that does not obey the law: row by row."""
    apart = [y.space is None for y in x.inputs]

    def batch(*arrays: Any, out: Any = None) -> Any:
        n = next(len(a) for a, alone in zip(arrays, apart) if not alone)
        rows = [
            x.op.forward(
                *(a if alone else a[r] for a, alone in zip(arrays, apart)), **x.params
            )
            for r in range(n)
        ]
        y = np.array(rows, x.type.dtype).reshape(n, *x.type.shape)
        if out is None:
            return y
        out[...] = y
        return out

    return batch


def _sigmoid(x: Instruction) -> Batch:
    dtype = x.type.dtype
    one = dtype.type(1)
    lowest = sigmoid_end(dtype)

    def batch(a: Array, out: Any = None) -> Any:
        y = np.maximum(a, lowest, out=out)
        np.negative(y, out=y)
        np.exp(y, out=y)
        y += one
        return np.reciprocal(y, out=y)

    return batch


def _is_plain_join(x: Instruction) -> bool:
    """Whether a join broadcasts and casts nothing."""
    axis = x.params["axis"]
    kinds = {(y.space, y.type.dtype, _others(y, axis)) for y in (x, *x.inputs)}
    return len(kinds) == 1


def _others(x: Instruction, axis: int) -> tuple[int, ...]:
    shape = x.type.shape
    return (*shape[:axis], -1, *shape[len(shape) + axis + 1 :])


def _join(x: Instruction) -> Batch:
    """Side by side, in memory that has been used before."""
    axis, dtype = x.params["axis"], x.type.dtype

    def batch(*arrays: Any, out: Any = None) -> Any:
        if out is None:
            shape = list(arrays[0].shape)
            shape[axis] = sum(a.shape[axis] for a in arrays)
            out = empty(shape, dtype)
        return np.concatenate(arrays, axis, out=out)

    return batch


def _slice(x: Instruction) -> Batch:
    """Some columns, or what else is sliced off the last axes."""
    index: Any = ..., *(slice(*step) for step in x.params["steps"])

    def batch(a: Array, out: Any = None) -> Any:
        y = a[index]
        if out is None:
            return y
        out[...] = y
        return out

    return batch


def _vecmat(x: Instruction) -> Batch | None:
    left, right = x.inputs
    if len(right.type.shape) != 2 or len(left.type.shape) != 1:
        return None
    if right.space is None:
        return product
    alone = left.type.shape == (1,) and left.space is not None
    return _vecmat_single if alone else None


def _vecmat_single(a: Array, b: Array, out: Any = None) -> Any:
    """Products with matrices of one row."""
    return np.multiply(a, b[:, 0], out=_room(a, b[:, 0]) if out is None else out)


def _outer(x: Instruction) -> Batch | None:
    if all(y.space is not None and len(y.type.shape) == 1 for y in x.inputs):
        return _outer_rows
    return None


def _outer_rows(a: Array, b: Array, out: Any = None) -> Any:
    a, b = a[:, :, None], b[:, None, :]
    return np.multiply(a, b, out=_room(a, b) if out is None else out)


def _room(a: Array, b: Array) -> Array:
    """Memory for what two arrays broadcast to."""
    return empty(np.broadcast_shapes(a.shape, b.shape), np.result_type(a, b))


def _matvec(x: Instruction) -> Batch | None:
    left, right = x.inputs
    if len(left.type.shape) != 2 or len(right.type.shape) != 1:
        return None
    if left.space is None:
        return _matvec_flat
    alone = left.type.shape[0] == 1 and right.space is not None
    return _matvec_single if alone else None


def _matvec_single(a: Array, b: Array, out: Any = None) -> Any:
    """Products of matrices of one row."""
    y = np.einsum("rn,rn->r", a[:, 0], b)[:, None]
    if out is None:
        return y
    out[...] = y
    return out


def _matvec_flat(a: Array, b: Array, out: Any = None) -> Any:
    return product(b, a.T, out=out)


def _matmat(x: Instruction) -> Batch | None:
    """The rows of all matrices at once, where they meet the same one."""
    right = x.inputs[1]
    if right.space is not None or len(right.type.shape) != 2:
        return None

    return _matmat_flat


def _matmat_flat(a: Array, b: Array, out: Any = None) -> Any:
    if out is not None and out.flags.c_contiguous:
        product(_flat(a), b, out=_flat(out))
        return out
    y = product(_flat(a), b).reshape(*a.shape[:-1], b.shape[-1])
    if out is None:
        return y
    out[...] = y
    return out


def _gather(x: Instruction) -> Batch | None:
    """One number of each row, or rows of one table."""
    source, *indices = x.inputs
    if len(indices) != 1 or indices[0].space is None:
        return None
    if source.space is None:
        alike = x.params["after"] == 1 and len(source.type.shape) == 2
        return _gather_rows if alike else None
    alike = len(source.type.shape) == 1 and not indices[0].type.shape
    return _gather_numbers if alike else None


def _gather_rows(a: Array, k: Array, out: Any = None) -> Any:
    if out is None:
        return np.take(a, k, axis=0)
    low, high = map(k.item, (k.argmin(), k.argmax())) if k.size else (0, 0)
    if low < -len(a) or high >= len(a):
        raise IndexError(f"index {low if low < 0 else high} is out of {len(a)} rows")
    return np.take(a, k, axis=0, out=out, mode="wrap")


def _gather_numbers(a: Array, k: Array, out: Any = None) -> Any:
    y = a[np.arange(len(k)), k]
    if out is None:
        return y
    out[...] = y
    return out


def _scatter_add(x: Instruction) -> Batch | None:
    """One number of each row, the rest 0."""
    shapes = [len(y.type.shape) for y in (*x.inputs, x)]
    if shapes != [0, 0, 1] or any(y.space is None for y in x.inputs):
        return None
    width, dtype = x.type.shape[0], x.type.dtype

    def batch(a: Array, k: Array, out: Any = None) -> Any:
        y = empty((len(k), width), dtype) if out is None else out
        y[...] = 0
        y[np.arange(len(k)), k] = a
        return y

    return batch


DIRECT = {
    *_SAME,
    product,
    _matmat_flat,
    _matvec_flat,
    _gather_rows,
}  # have no need of an array of their own
_SPECIAL = {
    OPS["sigmoid"]: _sigmoid,
    OPS["vecmat"]: _vecmat,
    OPS["outer"]: _outer,
    OPS["matmat"]: _matmat,
    OPS["matvec"]: _matvec,
    OPS["gather"]: _gather,
    OPS["scatter_add"]: _scatter_add,
}


def cross(x: Instruction) -> Batch:
    """The sum over rows of outer products, or of products of rows."""
    return lambda a, b: product(_flat(a).T, _flat(b))


def _flat(array: Array) -> Array:
    """All rows of an array as those of one matrix."""
    return array.reshape(prod(array.shape[:-1]), array.shape[-1])


def taken(source: Array, rows: Any) -> Array:
    """Some rows of an array, in memory that has been used before if they lie apart."""
    if isinstance(rows, slice):
        return source[rows]
    out = empty((*rows.shape, *source.shape[1:]), source.dtype)
    return np.take(source, rows, axis=0, out=out, mode="clip")


def added(target: Array, rows: Any, values: Array, equal: Grouping | None) -> None:
    """Add values to rows of an array; where one comes twice, both."""
    if equal is None:
        target[rows] += values
    else:
        target[equal.distinct] += equal.sums(values)


def logsummed(target: Array, rows: Any, values: Array, equal: Grouping | None) -> None:
    """As ``added`` to what is nothing, where values are logarithms."""
    if equal is None:
        target[rows] = values
    else:
        target[equal.distinct] = equal.logsums(values)
