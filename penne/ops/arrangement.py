"""Axes and elements moved, repeated, left out: composed of reshape, transpose, slices
and lookups.  Names and meanings are NumPy's."""

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ..counts import is_int, whole
from ..graph import Expression, constant
from ..signature import Shape
from .axes import negative_axes, negative_axis
from .elementwise import where
from .indexing import take
from .selection import unslice_axes
from .shape import broadcast_to, concatenate, reshape, sliced, transpose

__all__ = [
    "flip",
    "moveaxis",
    "pad",
    "ravel",
    "repeat",
    "roll",
    "split",
    "swapaxes",
    "tile",
]

REPEATING = ("edge", "wrap", "reflect", "symmetric")  # modes of ``pad``


@lru_cache(maxsize=1024)
def counted(start: int, stop: int) -> Expression:
    """The constant start, start + 1, ... below stop; equal ones are shared."""
    array = np.arange(start, stop)
    array.flags.writeable = False
    return constant(array)


# --- axes -----------------------------------------------------------------------------


def ravel(x: Any) -> Expression:
    """x laid flat, the last axis running fastest.

    >>> ravel([[1.0, 2.0], [3.0, 4.0]]).shape
    (4,)
    """
    return reshape(x, shape=(-1,)) if constant(x).size else reshape(x, shape=(0,))


def moveaxis(x: Any, source: Any, destination: Any) -> Expression:
    """x with the axes ``source`` (an int or several) at ``destination``.

    >>> moveaxis([[[1.0, 2.0]]], -1, 0).shape
    (2, 1, 1)
    """
    x = constant(x)
    old = negative_axes("moveaxis", source, x.ndim)
    new = negative_axes("moveaxis", destination, x.ndim)
    if len(old) != len(new):
        seen = f"got {source} and {destination}"
        raise ValueError(f"moveaxis: source and destination differ in number, {seen}")
    placed = dict(zip(new, old))
    rest = (k for k in range(-x.ndim, 0) if k not in old)
    order = tuple(placed[k] if k in placed else next(rest) for k in range(-x.ndim, 0))
    return transpose(x, axes=order)


def swapaxes(x: Any, axis1: int, axis2: int) -> Expression:
    """x with two axes exchanged.

    >>> swapaxes([[[1.0, 2.0]]], 0, 2).shape
    (2, 1, 1)
    """
    x = constant(x)
    i, j = (negative_axis("swapaxes", k, x.ndim) for k in (axis1, axis2))
    order = list(range(-x.ndim, 0))
    order[i], order[j] = j, i
    return transpose(x, axes=tuple(order))


# --- parts ----------------------------------------------------------------------------


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Expression]:
    """x cut along an axis into a list: a number of equal parts, or parts that end
    before each index of a list.

    Raises ValueError where equal parts do not come out even.

    >>> [part.shape for part in split([1.0, 2.0, 3.0], [1])]
    [(1,), (2,)]
    """
    x = constant(x)
    axis = negative_axis("split", axis, x.ndim)
    n = x.shape[axis]
    ends = indices_or_sections
    if not np.ndim(ends):
        ends = whole("split", "a number of parts", ends)
        if ends < 1 or n % ends:
            raise ValueError(f"split: {ends} parts are not equal, got {x.shape}")
        ends = range(n // ends, n, n // ends) if n else [0] * (ends - 1)
    ends = [0, *(whole("split", "an index", end) for end in ends), n]
    return [sliced(x, axis, slice(a, b)) for a, b in pairwise(ends)]


def flip(x: Any, axis: Any = None) -> Expression:
    """x backwards along ``axis``: all axes, one or several.

    >>> from penne import compute_value
    >>> compute_value(flip([1.0, 2.0, 3.0]))
    array([3., 2., 1.])
    """
    x = constant(x)
    for k in negative_axes("flip", axis, x.ndim):
        x = sliced(x, k, slice(None, None, -1))
    return x


def roll(x: Any, shift: Any, axis: Any = None) -> Expression:
    """x moved on by ``shift`` places along ``axis``; what falls off comes in in front.
    By default of x laid flat; ``shift`` and ``axis`` may be several, and broadcast.

    Raises ValueError where they do not; TypeError for a shift that is no int.

    >>> from penne import compute_value
    >>> compute_value(roll([1.0, 2.0, 3.0], 1))
    array([3., 1., 2.])
    """
    x = constant(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), shape=x.shape)
    for by, k in _shifts(shift, axis):
        k = negative_axis("roll", k, x.ndim)
        at = -by % x.shape[k] if x.shape[k] else 0
        if at:
            parts = [sliced(x, k, slice(at, None)), sliced(x, k, slice(at))]
            x = concatenate(parts, axis=k)
    return x


def _shifts(shift: Any, axis: Any) -> list[tuple[Any, Any]]:
    """How far to roll, and along which axis, for each of several."""
    try:
        pairs = list(np.broadcast(shift, axis))
    except ValueError:
        seen = f"got {shift} and {axis}"
        raise ValueError(f"roll: shift and axis differ in number, {seen}") from None
    if not all(is_int(by) for by, _ in pairs):
        raise TypeError(f"roll: shift is an int, got {shift!r}")
    return pairs


# --- more of the same -----------------------------------------------------------------


def pad(
    x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0
) -> Expression:
    """x with ``pad_width`` more elements before and after: an int, (before, after), or
    a pair for each axis.

    ``mode``: "constant" puts ``constant_values`` there, a number; "edge", "wrap",
    "reflect", "symmetric" repeat elements of x, as NumPy's ``pad`` does.  Raises
    ValueError for another.

    >>> from penne import compute_value
    >>> compute_value(pad([1.0, 2.0], (1, 2)))
    array([0., 1., 2., 0., 0.])
    """
    x = constant(x)
    widths = _widths(pad_width, x.ndim)
    if mode == "constant":
        return _padded(x, widths, constant_values)
    if mode not in REPEATING:
        known = ", ".join(("constant", *REPEATING))
        raise ValueError(f"pad: mode is one of {known}, got {mode!r}")
    for k, (n, pair) in enumerate(zip(x.shape, widths)):
        if any(pair):
            places = np.pad(np.arange(n), pair, mode)  # type: ignore[call-overload]  # a mode is a text
            x = take(x, places, k)
    return x


def _widths(width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    pairs = np.broadcast_to(np.asarray(width, object), (ndim, 2))
    whole_pairs = [[whole("pad", "a width", n) for n in pair] for pair in pairs]
    if any(n < 0 for pair in whole_pairs for n in pair):
        raise ValueError(f"pad: a width is negative, got {width}")
    return tuple((a, b) for a, b in whole_pairs)


def _padded(x: Expression, widths: tuple[tuple[int, int], ...], value: Any) -> Any:
    shape = tuple(a + n + b for n, (a, b) in zip(x.shape, widths))
    places = [(a, a + n, 1) if n else (0, 0, 1) for n, (a, _) in zip(x.shape, widths)]
    y = unslice_axes(x, steps=tuple(places), shape=shape)
    if not x.ndim or (isinstance(value, (int, float)) and value == 0):
        return y
    if np.ndim(value):
        raise ValueError(f"pad: constant_values is one number, got {value}")
    rim = np.pad(np.zeros(x.shape, bool), widths, constant_values=True)
    return where(rim, value, y)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Expression:
    """Each element ``repeats`` times (an int, or one for each) along ``axis``; by
    default of x laid flat.

    >>> from penne import compute_value
    >>> compute_value(repeat([1.0, 2.0], 2))
    array([1., 1., 2., 2.])
    """
    x = constant(x)
    if axis is None:
        return repeat(ravel(x), repeats, 0)
    axis = negative_axis("repeat", axis, x.ndim)
    if is_int(repeats):
        if repeats < 0:
            raise ValueError(f"repeat: repeats is at least 0, got {repeats}")
        k = x.ndim + axis
        before, n, after = x.shape[:k], x.shape[k], x.shape[k + 1 :]
        tall = broadcast_to(
            reshape(x, shape=(*before, n, 1, *after)), (*before, n, repeats, *after)
        )
        return reshape(tall, shape=(*before, n * repeats, *after))
    return take(x, np.repeat(np.arange(x.shape[axis]), repeats), axis)


def tile(x: Any, reps: Any) -> Expression:
    """x repeated as a whole, ``reps`` times along each axis.

    >>> from penne import compute_value
    >>> compute_value(tile([1.0, 2.0], 2))
    array([1., 2., 1., 2.])
    """
    x = constant(x)
    times = reps if np.ndim(reps) else (reps,)
    times = tuple(whole("tile", "a number of times", n) for n in times)
    if any(n < 0 for n in times):
        raise ValueError(f"tile: reps are at least 0, got {reps}")
    ndim = max(len(times), x.ndim)
    times = (1,) * (ndim - len(times)) + times
    shape = (1,) * (ndim - x.ndim) + x.shape
    thin = reshape(x, shape=_paired((1,) * ndim, shape))
    wide = broadcast_to(thin, _paired(times, shape))
    return reshape(wide, shape=tuple(t * n for t, n in zip(times, shape)))


def _paired(a: Shape, b: Shape) -> Shape:
    return tuple(n for pair in zip(a, b) for n in pair)
