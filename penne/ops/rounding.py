"""Rounding and remainders, elementwise; what is rounded is constant to gradients."""

from typing import Any

import numpy as np

from ..dtypes import floating_dtype
from ..graph import Expression, constant, op
from .elementwise import astype, detach

Array = np.ndarray[Any, Any]

__all__ = ["ceil", "floor", "floor_divide", "remainder", "rint", "trunc"]


@op("()->()")
def floor(x: Array) -> Array:
    """The largest whole number up to x, elementwise; constant to gradients."""
    return np.floor(x).astype(x.dtype, copy=False)


@op("()->()")
def ceil(x: Array) -> Array:
    """The smallest whole number from x on, elementwise; constant to gradients."""
    return np.ceil(x).astype(x.dtype, copy=False)


@op("()->()")
def trunc(x: Array) -> Array:
    """The whole number next to x towards 0, elementwise; constant to gradients."""
    return np.trunc(x).astype(x.dtype, copy=False)


@op("()->()", dtype=floating_dtype)
def rint(x: Array) -> Array:
    """The nearest whole number, of two the even one, elementwise; constant to
    gradients."""
    return np.rint(x)


def rounded(x: Any, decimals: int = 0) -> Expression:
    """NumPy's ``round``: to ``decimals`` places, elementwise; constant to gradients.

    >>> from penne import compute_value
    >>> compute_value(rounded([1.26, 2.5], 1))
    array([1.3, 2.5])
    """
    x = constant(x)
    if decimals >= 0 and not x.floating:
        return x
    scale = 10.0**decimals
    y = rint(x) if decimals == 0 else rint(x * scale) / scale
    return y if x.floating else astype(y, dtype=x.dtype)


def _remainder_dtype(dtypes: list[Any], params: Any) -> Any:
    """The dtype rule of remainders: those of bools are integers."""
    return np.remainder(*(np.ones((), d) for d in dtypes)).dtype


@op("(),()->()", dtype=_remainder_dtype)
def floor_divide(a: Array, b: Array) -> Array:
    """floor(a / b), elementwise (``a // b``); constant to gradients."""
    return np.floor_divide(a, b)


@op(
    "(),()->()",
    gradient=lambda g, y, a, b: (g, -g * detach(floor_divide(a, b))),
    dtype=_remainder_dtype,
)
def remainder(a: Array, b: Array) -> Array:
    """a - b * floor(a / b), elementwise (``a % b``); b's sign."""
    return np.remainder(a, b)
