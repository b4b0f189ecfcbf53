"""More of NumPy's functions of numbers, for ``np.name(x)`` on expressions: composed of
ops, and without a name of penne's own.

``NAMES`` maps NumPy's names to them.  Names and meanings are NumPy's; see its
documentation.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from math import factorial, pi
from typing import Any

import numpy as np

from ..counts import whole
from ..graph import Expression, constant
from .arrangement import pad, ravel, swapaxes
from .axes import negative_axis
from .contraction import inner
from .diagonals import diagonal, trace
from .elementwise import (
    absolute,
    clip,
    equal,
    floated,
    greater,
    less,
    logical_not,
    maximum,
    minimum,
    multiply,
    not_equal,
    power,
    where,
)
from .linalg import inverse, norm
from .linear import matmul
from .reduction import amax, amin, argmin, asum, mean
from .rounding import rounded, trunc
from .shape import broadcast_to, reshape, sliced
from .sorting import argsort, cumprod, cumsum, flattened, quantile, sort
from .transcendental import sin

__all__ = ["NAMES"]


# --- elementwise ----------------------------------------------------------------------


def same(x: Any) -> Expression:
    """x itself: of real numbers the real part and the conjugate."""
    return constant(x)


def degrees(x: Any) -> Expression:
    """180 / pi * x."""
    return multiply(x, 180 / pi)


def radians(x: Any) -> Expression:
    """pi / 180 * x."""
    return multiply(x, pi / 180)


def float_power(x: Any, p: Any) -> Expression:
    """x ** p, of integers too a floating one."""
    return power(floated(x), p)


SERIES = [(-1) ** k / factorial(2 * k + 1) for k in range(9)]  # sin(x) / x by x**2


def sinc(x: Any) -> Expression:
    """sin(pi x) / (pi x), and 1 at 0; near it by the series, of which all derivatives
    are exact."""
    x = multiply(x, pi)
    near = less(absolute(x), 0.5)
    small = where(near, x, 0.0)
    series = reduce(lambda y, c: y * (small * small) + c, reversed(SERIES))
    safe = where(near, 1.0, x)
    return where(near, series, sin(safe) / safe)


def fabs(x: Any) -> Expression:
    """Absolute value, of integers too a floating one."""
    return absolute(floated(x))


def clipped(
    x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Expression:
    """``clip`` by NumPy's names for the bounds, None for no bound."""
    x = constant(x)
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if not x.floating:
        y = x if low is None else maximum(x, low)
        return y if high is None else minimum(y, high)
    return clip(x, -np.inf if low is None else low, np.inf if high is None else high)


def fmax(a: Any, b: Any) -> Expression:
    """The larger; of a number and NaN the number."""
    return maximum(where(isnan(a), b, a), where(isnan(b), a, b))


def fmin(a: Any, b: Any) -> Expression:
    """The smaller; of a number and NaN the number."""
    return minimum(where(isnan(a), b, a), where(isnan(b), a, b))


def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Expression:
    """x with numbers for NaN and the infinities."""
    x = constant(x)
    if not x.floating:
        return x
    most = float(np.finfo(x.dtype).max)
    y = where(isneginf(x), -most if neginf is None else neginf, x)
    y = where(isposinf(x), most if posinf is None else posinf, y)
    return where(isnan(x), nan, y)


def isnan(x: Any) -> Expression:
    """Whether x is NaN; constant to gradients."""
    x = constant(x)
    return not_equal(x, x)


def isinf(x: Any) -> Expression:
    """Whether x is infinite; constant to gradients."""
    return equal(absolute(x), np.inf)


def isposinf(x: Any) -> Expression:
    """Whether x is infinity; constant to gradients."""
    return equal(x, np.inf)


def isneginf(x: Any) -> Expression:
    """Whether x is minus infinity; constant to gradients."""
    return equal(x, -np.inf)


def isfinite(x: Any) -> Expression:
    """Whether x is neither infinite nor NaN; constant to gradients."""
    return less(absolute(x), np.inf)


def logical_xor(a: Any, b: Any) -> Expression:
    """Whether one of two holds; constant to gradients."""
    return not_equal(logical_not(a), logical_not(b))


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """The choice of the first condition that holds."""
    if len(condlist) != len(choicelist):
        seen = f"got {len(condlist)} and {len(choicelist)}"
        raise ValueError(f"select: conditions and choices differ in number, {seen}")
    pairs = list(zip(condlist, choicelist))
    return reduce(lambda y, pair: where(*pair, y), reversed(pairs), default)


# --- along axes -----------------------------------------------------------------------


def all_true(x: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """Whether all hold along an axis; constant to gradients."""
    return equal(asum(logical_not(x), axis=axis, keepdims=keepdims), 0)


def any_true(x: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """Whether one holds along an axis; constant to gradients."""
    return greater(count_nonzero(x, axis, keepdims), 0)


def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """How many are not 0 along an axis; constant to gradients."""
    return asum(not_equal(x, 0), axis=axis, keepdims=keepdims)


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """The largest less the smallest."""
    return amax(x, axis=axis, keepdims=keepdims) - amin(x, axis=axis, keepdims=keepdims)


def average(x: Any, axis: Any = None, weights: Any = None) -> Expression:
    """The mean, or that by ``weights`` of the shape of x or of its one axis."""
    x = constant(x)
    if weights is None:
        return mean(x, axis)
    w = constant(weights)
    if w.shape != x.shape:
        w = swapaxes(broadcast_to(w, swapaxes(x, axis, -1).shape), axis, -1)
    return asum(x * w, axis=axis) / asum(w, axis=axis)


def percentile(x: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Expression:
    """``quantile`` of hundredths."""
    q = [part / 100 for part in q] if np.ndim(q) else q / 100
    return quantile(x, q, axis, keepdims)


def diff(x: Any, n: int = 1, axis: int = -1) -> Expression:
    """Each element less the one before it along an axis, n times."""
    x = constant(x)
    axis = negative_axis("diff", axis, x.ndim)
    if whole("diff", "n", n) < 0:
        raise ValueError(f"diff: n is at least 0, got {n}")
    for _ in range(n):
        x = sliced(x, axis, slice(1, None)) - sliced(x, axis, slice(None, -1))
    return x


def partition(x: Any, kth: Any, axis: int | None = -1) -> Expression:
    """x sorted, which is partitioned at any place."""
    return _with_places("partition", sort(x, axis), kth, axis)


def argpartition(x: Any, kth: Any, axis: int | None = -1) -> Expression:
    """``argsort``; constant to gradients."""
    return _with_places("argpartition", argsort(x, axis), kth, axis)


def _with_places(name: str, y: Expression, kth: Any, axis: int | None) -> Expression:
    """y, or TypeError, ValueError where there is no place ``kth`` along ``axis``."""
    n = y.shape[-1 if axis is None else axis]
    for k in np.ravel(np.asarray(kth, object)):
        if n and not -n <= whole(name, "kth", k) < n:
            raise ValueError(f"{name}: kth is of {-n} to {n - 1}, got {k}")
    return y


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Expression:
    """The integral by the trapezoidal rule along an axis."""
    y = constant(y)
    axis = negative_axis("trapezoid", axis, y.ndim)
    step = dx if x is None else diff(x, axis=max(axis, -constant(x).ndim))
    if x is not None and constant(x).ndim == 1:
        step = reshape(step, shape=(-1,) + (1,) * (-1 - axis))
    pairs = sliced(y, axis, slice(1, None)) + sliced(y, axis, slice(None, -1))
    return asum(pairs * step, axis=axis) / 2


def cumulative_sum(
    x: Any, axis: int | None = None, include_initial: bool = False
) -> Expression:
    """``cumsum``, from 0 on if asked for."""
    y = cumsum(x, _only_axis("cumulative_sum", x, axis))
    widths = [(0, 0)] * y.ndim
    widths[axis or 0] = (int(include_initial), 0)
    return pad(y, widths)


def cumulative_prod(x: Any, axis: int | None = None) -> Expression:
    """``cumprod``."""
    return cumprod(x, _only_axis("cumulative_prod", x, axis))


def _only_axis(name: str, x: Any, axis: int | None) -> int:
    """The axis; that of a vector need not be given."""
    if axis is None and constant(x).ndim != 1:
        seen = f"got {constant(x).shape}"
        raise ValueError(f"{name}: axis is needed where there is not one, {seen}")
    return axis or 0


# --- matrices -------------------------------------------------------------------------


def vdot(x: Any, y: Any) -> Expression:
    """The sum of products of all elements."""
    return inner(ravel(x), ravel(y))


def matrix_power(A: Any, n: int) -> Expression:
    """A @ A @ ..., n times; of the inverse where n is negative."""
    A = inverse(A) if whole("matrix_power", "n", n) < 0 else constant(A)
    if n == 0:
        return broadcast_to(np.eye(A.shape[-1], dtype=A.dtype), A.shape)
    return reduce(matmul, [A] * abs(n))


def multi_dot(arrays: Sequence[Any]) -> Expression:
    """The product of several matrices, from left to right."""
    return reduce(matmul, arrays)


def linalg_trace(x: Any, offset: int = 0) -> Expression:
    """The trace over the last two axes."""
    return trace(x, offset, -2, -1)


def linalg_diagonal(x: Any, offset: int = 0) -> Expression:
    """The diagonal of the last two axes."""
    return diagonal(x, offset, -2, -1)


def vector_norm(
    x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Expression:
    """The norm of all elements as a vector, or of those along one axis or several."""
    y, finish = flattened("vector_norm", x, axis)
    return finish(norm(y, ord, -1), keepdims)


def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Expression:
    """The norm of the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


NAMES: dict[str, Callable[..., Any]] = {
    **{
        n: f
        for n, f in globals().items()
        if getattr(f, "__module__", "") == __name__ and n[0] != "_"
    },
    "all": all_true,
    "any": any_true,
    "argmin": argmin,
    "clip": clipped,
    "around": rounded,
    "conjugate": same,
    "copy": same,
    "deg2rad": radians,
    "fix": trunc,
    "linalg.diagonal": linalg_diagonal,
    "linalg.matrix_norm": matrix_norm,
    "linalg.trace": linalg_trace,
    "linalg.vector_norm": vector_norm,
    "positive": same,
    "rad2deg": degrees,
    "real": same,
    "real_if_close": same,
    "round": rounded,
}
