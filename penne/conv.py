"""Convolution and pooling, in one dimension or two, over the last axes.

Two primitives: ``windows`` lays every window of an array out, ``overlap`` adds windows
up where they came from; each is the gradient of the other.  All else is composed.  Axes
before the last one or two are leading: a batch.  This module imports ``counts``,
``graph``, ``operators``, ``ops``, ``ops.contraction`` and ``signature``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .counts import whole
from .graph import Expression, constant, op
from .operators import NUMPY
from .ops import amax, flip, mean, pad, reshape
from .ops.contraction import einsum
from .signature import Shape, group

Array = np.ndarray[Any, Any]
Sizes = tuple[int, ...]

__all__ = ["convolve", "max_pool", "mean_pool", "overlap", "pool", "windows"]


# --- windows --------------------------------------------------------------------------


def _counts(shape: Shape, sizes: Sizes, steps: Sizes) -> Sizes:
    core = shape[len(shape) - len(sizes) :]
    return tuple(max(0, (n - k) // s + 1) for n, k, s in zip(core, sizes, steps))


def _windows_signature(shape: Shape, sizes: Sizes, steps: Sizes) -> str:
    core = shape[len(shape) - len(sizes) :]
    return f"{group(*core)}->{group(*_counts(shape, sizes, steps), *sizes)}"


@op(
    _windows_signature,
    gradient=lambda g, y, x, sizes, steps: (
        _overlap(g, steps=steps, shape=x.shape[x.ndim - len(sizes) :]),
    ),
)
def _windows(x: Array, *, sizes: Sizes, steps: Sizes) -> Array:
    axes = tuple(range(-len(sizes), 0))
    found = np.lib.stride_tricks.sliding_window_view(x, sizes, axis=axes)
    strides = tuple(slice(None, None, s) for s in steps)
    at: tuple[Any, ...] = (..., *strides, *[slice(None)] * len(sizes))
    return found[at]


@op(
    lambda old, steps, shape: f"{group(*old[-2 * len(shape) :])}->{group(*shape)}",
    gradient=lambda g, y, x, steps, shape: (
        _windows(g, sizes=x.shape[-len(shape) :], steps=steps),
    ),
)
def _overlap(x: Array, *, steps: Sizes, shape: Shape) -> Array:
    d = len(shape)
    counts, sizes = x.shape[-2 * d : -d], x.shape[-d:]
    whole = np.zeros(x.shape[: -2 * d] + shape, x.dtype)
    for at in np.ndindex(sizes):
        slices = (slice(k, k + n * s, s) for k, n, s in zip(at, counts, steps))
        places: tuple[Any, ...] = (..., *slices)
        whole[places] += x[(..., *at)]
    return whole


def windows(x: Any, size: Any, step: Any = 1) -> Expression:
    """Every window of ``size`` (an int, or a pair for two dimensions), one each
    ``step``: (n) to (m,k), (n1,n2) to (m1,m2,k1,k2), with m = (n - k) // step + 1.

    A convolution of channels, as networks have it, is one ``einsum``: of x (...,c,n)
    and W (d,c,k) ``einsum("...cmk,dck->...dm", windows(x, k), W)``.

    Raises ValueError where no window fits, or a size or step is less than 1.

    >>> from penne import compute_value
    >>> compute_value(windows([1.0, 2.0, 3.0, 4.0], 2))
    array([[1., 2.],
           [2., 3.],
           [3., 4.]])
    """
    x = constant(x)
    sizes = _sizes(size)
    steps = _steps(step, len(sizes))
    seen = f"sizes {sizes}, steps {steps}, got {x.shape}"
    if len(steps) != len(sizes) or min(sizes + steps) < 1:
        raise ValueError(f"windows: sizes and steps are of 1 or more and alike, {seen}")
    if x.ndim < len(sizes) or any(
        n < k for n, k in zip(x.shape[x.ndim - len(sizes) :], sizes)
    ):
        raise ValueError(f"windows: there is no window, {seen}")
    return _windows(x, sizes=sizes, steps=steps)


def _sizes(size: Any) -> Sizes:
    given = size if isinstance(size, Sequence) else (size,)
    return tuple(whole("conv", "a size or step", n) for n in given)


def _steps(step: Any, count: int) -> Sizes:
    return _sizes(step) if isinstance(step, Sequence) else _sizes(step) * count


def overlap(x: Any, shape: Any, step: Any = 1) -> Expression:
    """Windows added up at their places in an array of ``shape``, the inverse walk of
    ``windows``: (m,k) to (n), (m1,m2,k1,k2) to (n1,n2).

    >>> from penne import compute_value
    >>> compute_value(overlap([[1.0, 2.0], [10.0, 20.0]], 3))
    array([ 1., 12., 20.])
    """
    x = constant(x)
    shape = _sizes(shape)
    steps = _steps(step, len(shape))
    counts = _counts(shape, x.shape[x.ndim - len(shape) :], steps)
    if x.shape[-2 * len(shape) : x.ndim - len(shape)] != counts or 0 in counts:
        raise ValueError(f"overlap: windows of {shape} are {counts}, got {x.shape}")
    return _overlap(x, steps=steps, shape=shape)


# --- convolution ----------------------------------------------------------------------

_DIMENSIONS = {1: ("ab", "b->...a"), 2: ("abcd", "cd->...ab")}


def convolve(x: Any, kernel: Any, mode: str = "full") -> Expression:
    """y_i = sum_j x_(i-j) kernel_j, over the last axis of x for a kernel of one axis,
    over the last two for one of two; other axes of x are a batch.

    ``mode``: "full" (every i with a term), "valid" (every i with all terms), "same"
    (as many as x has, the middle of "full").  As NumPy's ``convolve`` and SciPy's
    ``convolve2d``, but never with x and kernel exchanged: where the kernel is longer
    "valid" is a ValueError, and "same" has the length of x.

    >>> from penne import compute_value
    >>> compute_value(convolve([1.0, 2.0, 3.0], [1.0, 10.0]))
    array([ 1., 12., 23., 30.])
    >>> compute_value(convolve([1.0, 2.0, 3.0], [1.0, 10.0], "valid"))
    array([12., 23.])
    """
    x, kernel = constant(x), constant(kernel)
    d = kernel.ndim
    if d not in _DIMENSIONS or x.ndim < d or not kernel.size:
        seen = f"got {x.shape} and {kernel.shape}"
        raise ValueError(f"convolve: kernel of one axis or two, not empty, {seen}")
    rims = [_rim(k, mode) for k in kernel.shape]
    x = pad(x, [(0, 0)] * (x.ndim - d) + rims)
    letters, rest = _DIMENSIONS[d]
    parts = windows(x, kernel.shape)
    return einsum(f"...{letters},{rest}", parts, flip(kernel))


def _rim(size: int, mode: str) -> tuple[int, int]:
    """How many zeros stand before and after x, for a kernel of ``size``."""
    match mode:
        case "full":
            return size - 1, size - 1
        case "same":
            return size // 2, (size - 1) // 2
        case "valid":
            return 0, 0
    raise ValueError(f"convolve: mode is 'full', 'same' or 'valid', got {mode!r}")


def _numpy_convolve(a: Any, v: Any, mode: str = "full") -> Expression:
    """NumPy's, which slides the shorter along the longer."""
    a, v = constant(a), constant(v)
    return convolve(v, a, mode) if v.size > a.size else convolve(a, v, mode)


def _numpy_correlate(a: Any, v: Any, mode: str = "valid") -> Expression:
    """NumPy's: y_k = sum_n a_(n + k) v_n."""
    a, v = constant(a), constant(v)
    if v.size > a.size:
        return flip(_numpy_correlate(v, a, mode))
    return convolve(a, flip(v), mode)


NUMPY["convolve"] = _numpy_convolve
NUMPY["correlate"] = _numpy_correlate


# --- pooling --------------------------------------------------------------------------


def pool(
    f: Callable[..., Expression], x: Any, size: Any, step: Any = None
) -> Expression:
    """``f(window, axis=-1)`` of every window of ``size`` (an int, or a pair for two
    dimensions) laid flat, one each ``step``, by default side by side; what is left at
    the end and fills no window is left out.

    >>> from penne import asum, compute_value
    >>> compute_value(pool(asum, [1.0, 2.0, 3.0, 4.0, 5.0], 2))
    array([3., 7.])
    """
    sizes = _sizes(size)
    parts = windows(x, sizes, sizes if step is None else step)
    d = len(sizes)
    flat = reshape(parts, shape=(*parts.shape[: parts.ndim - d], int(np.prod(sizes))))
    return f(flat, axis=-1)


def max_pool(x: Any, size: Any, step: Any = None) -> Expression:
    """The largest of each window; those that tie share the gradient.

    >>> from penne import compute_value
    >>> compute_value(max_pool([[1.0, 2.0], [3.0, 4.0]], (2, 1)))
    array([[3., 4.]])
    """
    return pool(amax, x, size, step)


def mean_pool(x: Any, size: Any, step: Any = None) -> Expression:
    """The mean of each window.

    >>> from penne import compute_value
    >>> compute_value(mean_pool([1.0, 2.0, 3.0, 4.0], 2))
    array([1.5, 3.5])
    """
    return pool(mean, x, size, step)
