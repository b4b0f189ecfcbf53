"""Elementwise functions of a calculator: angles, hyperbolic functions, roots.

Each is one definition, as in ``elementwise``; what is exact when composed of others
is composed.  ``__all__`` says what penne gives away.
"""

from importlib import import_module
from math import log as natural_log
from math import pi
from typing import Any

import numpy as np

from ..dtypes import floating_dtype
from ..graph import Expression, Op, constant, op
from .elementwise import (
    detach,
    divide,
    equal,
    exp,
    finite_log,
    floated,
    log1p,
    multiply,
    sqrt,
    where,
)

Array = np.ndarray[Any, Any]

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "hypot",
    "log2",
    "log10",
    "logaddexp",
    "reciprocal",
    "sin",
    "sinh",
    "square",
    "tan",
]


# --- angles ---------------------------------------------------------------------------


@op("()->()", gradient=lambda g, y, x: (g * cos(x),), dtype=floating_dtype)
def sin(x: Array) -> Array:
    """Sine, elementwise."""
    return np.sin(x)


@op("()->()", gradient=lambda g, y, x: (-g * sin(x),), dtype=floating_dtype)
def cos(x: Array) -> Array:
    """Cosine, elementwise."""
    return np.cos(x)


def tan(x: Any) -> Expression:
    """Tangent, elementwise: sin(x) / cos(x).

    >>> from penne import compute_value
    >>> compute_value(tan(0.0))
    np.float64(0.0)
    """
    return sin(x) / cos(x)


@op("()->()", gradient=lambda g, y, x: (g / sqrt(1 - x * x),), dtype=floating_dtype)
def arcsin(x: Array) -> Array:
    """The angle in [-pi/2, pi/2] whose sine is x, elementwise."""
    return np.arcsin(x)


@op("()->()", gradient=lambda g, y, x: (-g / sqrt(1 - x * x),), dtype=floating_dtype)
def arccos(x: Array) -> Array:
    """The angle in [0, pi] whose cosine is x, elementwise."""
    return np.arccos(x)


def _arctan2_gradient(
    g: Expression, y: Expression, a: Expression, b: Expression
) -> tuple[Expression, Expression]:
    share = g / (a * a + b * b)
    return share * b, -share * a


@op("(),()->()", gradient=_arctan2_gradient, dtype=floating_dtype)
def arctan2(a: Array, b: Array) -> Array:
    """The angle of the point (b, a) in (-pi, pi], elementwise: arctan(a / b)."""
    return np.arctan2(a, b)


def arctan(x: Any) -> Expression:
    """The angle in (-pi/2, pi/2) whose tangent is x, elementwise.

    >>> from penne import compute_value
    >>> compute_value(4 * arctan(1.0)).round(4)
    np.float64(3.1416)
    """
    return arctan2(x, 1.0)


# --- hyperbolic functions -------------------------------------------------------------


@op("()->()", gradient=lambda g, y, x: (g * cosh(x),), dtype=floating_dtype)
def sinh(x: Array) -> Array:
    """Hyperbolic sine, elementwise."""
    return np.sinh(x)


@op("()->()", gradient=lambda g, y, x: (g * sinh(x),), dtype=floating_dtype)
def cosh(x: Array) -> Array:
    """Hyperbolic cosine, elementwise."""
    return np.cosh(x)


@op("()->()", gradient=lambda g, y, x: (g / sqrt(x * x - 1),), dtype=floating_dtype)
def arccosh(x: Array) -> Array:
    """The number of at least 0 whose hyperbolic cosine is x, elementwise."""
    return np.arccosh(x)


@op("()->()", gradient=lambda g, y, x: (g / sqrt(x * x + 1),), dtype=floating_dtype)
def arcsinh(x: Array) -> Array:
    """The number whose hyperbolic sine is x, elementwise."""
    return np.arcsinh(x)


def arctanh(x: Any) -> Expression:
    """The number whose hyperbolic tangent is x, elementwise:
    (log(1 + x) - log(1 - x)) / 2.

    >>> from penne import compute_value
    >>> compute_value(arctanh(0.5)).round(4)
    np.float64(0.5493)
    """
    x = floated(x)
    return 0.5 * (log1p(x) - log1p(multiply(x, -1)))


# --- powers, roots, logarithms --------------------------------------------------------


def square(x: Any) -> Expression:
    """x * x, elementwise.

    >>> from penne import compute_value
    >>> compute_value(square([1.0, -3.0]))
    array([1., 9.])
    """
    x = constant(x)
    return multiply(x, x)


def reciprocal(x: Any) -> Expression:
    """1 / x, elementwise; of integers too.

    >>> from penne import compute_value
    >>> compute_value(reciprocal([1.0, 4.0]))
    array([1.  , 0.25])
    """
    return divide(1, x)


@op("()->()", gradient=lambda g, y, x: (g / (3 * y * y),), dtype=floating_dtype)
def cbrt(x: Array) -> Array:
    """Cube root, elementwise."""
    return np.cbrt(x)


def _hypot_gradient(
    g: Expression, y: Expression, a: Expression, b: Expression
) -> tuple[Expression, Expression]:
    share = where(detach(equal(y, 0)), 0.0, g / where(equal(y, 0), 1.0, y))
    return share * a, share * b


@op("(),()->()", gradient=_hypot_gradient, dtype=floating_dtype)
def hypot(a: Array, b: Array) -> Array:
    """sqrt(a**2 + b**2) without overflow, elementwise; its gradient at 0, 0 is 0."""
    return np.hypot(a, b)


@op("()->()", gradient=lambda g, y, x: (g * y * natural_log(2),), dtype=floating_dtype)
def exp2(x: Array) -> Array:
    """2 to the power x, elementwise."""
    return np.exp2(x)


@op("()->()", gradient=lambda g, y, x: (g / (x * natural_log(2)),), dtype=float)
def log2(x: Array) -> Array:
    """Logarithm to base 2, elementwise."""
    return np.log2(x)


@op("()->()", gradient=lambda g, y, x: (g / (x * natural_log(10)),), dtype=float)
def log10(x: Array) -> Array:
    """Logarithm to base 10, elementwise."""
    return np.log10(x)


def _logaddexp_gradient(
    exp: Op, g: Expression, y: Expression, a: Expression, b: Expression
) -> tuple[Expression, Expression]:
    y = finite_log(y)
    return g * exp(a - y), g * exp(b - y)


@op(
    "(),()->()",
    gradient=lambda *given: _logaddexp_gradient(exp, *given),
    dtype=floating_dtype,
)
def logaddexp(a: Array, b: Array) -> Array:
    """log(exp(a) + exp(b)) without overflow, elementwise."""
    return np.logaddexp(a, b)


@op(
    "(),()->()",
    gradient=lambda *given: _logaddexp_gradient(exp2, *given),
    dtype=floating_dtype,
)
def logaddexp2(a: Array, b: Array) -> Array:
    """log2(2**a + 2**b) without overflow, elementwise."""
    return np.logaddexp2(a, b)


@op(
    "()->()",
    gradient=lambda g, y, x: (2 / pi**0.5 * g * exp(-x * x),),
    dtype=floating_dtype,
)
def erf(x: Array) -> Array:
    """2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x (SciPy's)."""
    return _of_scipy("erf", x)


@op("()->()", gradient=lambda g, y, x: (pi**0.5 / 2 * g * exp(y * y),), dtype=float)
def erfinv(x: Array) -> Array:
    """The number whose ``erf`` is x, elementwise (SciPy's)."""
    return _of_scipy("erfinv", x)


@op("()->()", gradient=lambda g, y, x: (-2 / pi**0.5 * g * exp(-x * x),), dtype=float)
def erfc(x: Array) -> Array:
    """1 - ``erf``(x), elementwise, exact where that is near 0 (SciPy's)."""
    return _of_scipy("erfc", x)


def _of_scipy(name: str, x: Array) -> Array:
    """SciPy's function, which makes float16 wider, in the dtype of x."""
    y: Array = getattr(import_module("scipy.special"), name)(x)
    return y.astype(x.dtype, copy=False)
