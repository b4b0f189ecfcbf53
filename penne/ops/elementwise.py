"""Elementwise ops: arithmetic, exponentials, comparisons, choices.

Each is one definition: NumPy's forward, and the gradient as one expression for each
argument.  Names and meanings are NumPy's; see its documentation for the functions.
"""

from typing import Any

import numpy as np

from ..dtypes import floating_dtype
from ..graph import Expression, constant, op

Array = np.ndarray[Any, Any]


def bool_dtype(dtypes: list[Any], params: Any) -> Any:
    """The dtype rule of comparisons."""
    return np.dtype(bool)


def signed_dtype(dtypes: list[Any], params: Any) -> Any:
    """The dtype rule of what NumPy does not do with bools."""
    dtype = np.result_type(*dtypes)
    if dtype.kind == "b":
        raise TypeError(
            "negative, subtract, sign: take no bools, write logical_not(x), "
            "not_equal(x, y) or astype(x, dtype=float)"
        )
    return dtype


def power_dtype(dtypes: list[Any], params: Any) -> Any:
    """The dtype rule of powers: those of bools are integers."""
    return np.power(*(np.ones((), d) for d in dtypes)).dtype


def chosen_dtype(dtypes: list[Any], params: Any) -> Any:
    """The dtype rule of ``where``: the condition does not count."""
    return np.result_type(*dtypes[1:])


# --- arithmetic -----------------------------------------------------------------------


@op("(),()->()", gradient=lambda g, y, a, b: (g, g))
def add(a: Array, b: Array) -> Array:
    """Sum, elementwise."""
    return np.add(a, b)


@op(
    lambda *shapes: ",".join(["()"] * len(shapes)) + "->()",
    gradient=lambda g, y, *xs: [g] * len(xs),
)
def add_all(*xs: Array) -> Array:
    """The sum of several arrays, elementwise."""
    if len(xs) == 1:
        return xs[0]
    total = np.add(xs[0], xs[1])
    for x in xs[2:]:
        fits = np.ndim(total) and np.shape(x) == total.shape and x.dtype == total.dtype
        total = np.add(total, x, out=total if fits else None)
    return total


@op("(),()->()", gradient=lambda g, y, a, b: (g, -g), dtype=signed_dtype)
def subtract(a: Array, b: Array) -> Array:
    """Difference, elementwise."""
    return np.subtract(a, b)


@op("(),()->()", gradient=lambda g, y, a, b: (g * b, g * a))
def multiply(a: Array, b: Array) -> Array:
    """Product, elementwise."""
    return np.multiply(a, b)


@op("(),()->()", gradient=lambda g, y, a, b: (g / b, -g * y / b), dtype=floating_dtype)
def divide(a: Array, b: Array) -> Array:
    """Quotient, elementwise."""
    return np.divide(a, b)


@op("()->()", gradient=lambda g, y, x: (-g,), dtype=signed_dtype)
def negative(x: Array) -> Array:
    """The negative, elementwise."""
    return np.negative(x)


def _power_gradient(
    g: Expression, y: Expression, x: Expression, p: Expression
) -> tuple[Expression, Expression]:
    slope = p * x ** where(equal(p, 0), 1, p - 1)
    return g * slope, where(equal(y, 0), 0.0, g * y * log(where(greater(x, 0), x, 1)))


@op("(),()->()", gradient=_power_gradient, dtype=power_dtype)
def power(x: Array, p: Array) -> Array:
    """``x ** p``, elementwise; the gradient of ``p`` is that of ``x > 0``."""
    return np.power(x, p)


@op("()->()", gradient=lambda g, y, x: (g * detach(sign(x)),))
def absolute(x: Array) -> Array:
    """Absolute value, elementwise; its gradient at 0 is 0."""
    return np.absolute(x)


@op("()->()", dtype=signed_dtype)
def sign(x: Array) -> Array:
    """-1, 0 or 1, elementwise; constant to gradients."""
    return np.sign(x)


# --- exponentials ---------------------------------------------------------------------


@op("()->()", gradient=lambda g, y, x: (g * y,), dtype=floating_dtype)
def exp(x: Array) -> Array:
    """e to the power x, elementwise."""
    return np.exp(x)


@op("()->()", gradient=lambda g, y, x: (g / x,), dtype=floating_dtype)
def log(x: Array) -> Array:
    """Natural logarithm, elementwise."""
    return np.log(x)


@op("()->()", gradient=lambda g, y, x: (g / (1 + x),), dtype=floating_dtype)
def log1p(x: Array) -> Array:
    """log(1 + x), elementwise, exact near 0."""
    return np.log1p(x)


@op("()->()", gradient=lambda g, y, x: (g + g * y,), dtype=floating_dtype)
def expm1(x: Array) -> Array:
    """exp(x) - 1, elementwise, exact near 0."""
    return np.expm1(x)


@op("()->()", gradient=lambda g, y, x: (0.5 * g / y,), dtype=floating_dtype)
def sqrt(x: Array) -> Array:
    """Square root, elementwise."""
    return np.sqrt(x)


@op("()->()", gradient=lambda g, y, x: (g - g * y * y,), dtype=floating_dtype)
def tanh(x: Array) -> Array:
    """Hyperbolic tangent, elementwise."""
    return np.tanh(x)


def sigmoid_end(dtype: np.dtype[Any]) -> Any:
    """The number below which sigmoid falls no further, as it would underflow."""
    return dtype.type(-87.0 if dtype == np.float32 else np.log(np.finfo(dtype).tiny))


@op("()->()", gradient=lambda g, y, x: (g * (y - y * y),), dtype=floating_dtype)
def sigmoid(x: Array) -> Array:
    """The logistic function 1 / (1 + exp(-x)), elementwise (SciPy's ``expit``)."""
    y = np.negative(np.maximum(x, sigmoid_end(x.dtype)))
    return np.reciprocal(np.exp(y) + y.dtype.type(1))


@op("()->()", gradient=lambda g, y, x: (g * sigmoid(x),), dtype=floating_dtype)
def softplus(x: Array) -> Array:
    """log(1 + exp(x)), elementwise."""
    return np.logaddexp(x.dtype.type(0), x)


# --- choices --------------------------------------------------------------------------


def _gated(g: Expression, passes: Expression) -> Expression:
    """``g`` where it passes, else 0; that the gate itself has no gradient is meant."""
    return where(detach(passes), g, 0.0)


@op("()->()", gradient=lambda g, y, x: (_gated(g, greater(y, 0)),))
def rectify(x: Array) -> Array:
    """The positive part max(x, 0), elementwise; its gradient at 0 is 0."""
    return np.maximum(x, x.dtype.type(0))


def _won(g: Expression, tie: Expression, won: Expression) -> Expression:
    """``g`` where won, half of it in a tie, else 0."""
    return where(detach(tie), 0.5 * g, _gated(g, won))


@op(
    "(),()->()",
    gradient=lambda g, y, a, b: (
        _won(g, equal(a, b), greater(a, b)),
        _won(g, equal(a, b), less(a, b)),
    ),
)
def maximum(a: Array, b: Array) -> Array:
    """The larger, elementwise; in a tie each gets half of the gradient."""
    return np.maximum(a, b)


@op(
    "(),()->()",
    gradient=lambda g, y, a, b: (
        _won(g, equal(a, b), less(a, b)),
        _won(g, equal(a, b), greater(a, b)),
    ),
)
def minimum(a: Array, b: Array) -> Array:
    """The smaller, elementwise; in a tie each gets half of the gradient."""
    return np.minimum(a, b)


@op(
    "(),(),()->()",
    gradient=lambda g, y, x, low, high: (
        _gated(g, logical_and(greater_equal(x, low), less_equal(x, high))),
        _gated(g, logical_and(less(x, low), less_equal(low, high))),
        _gated(g, greater(maximum(x, low), high)),
    ),
)
def clip(x: Array, low: Array, high: Array) -> Array:
    """x kept within low and high, elementwise; on a bound the gradient is x's.  Where
    low is above high it is high, as in NumPy."""
    return np.clip(x, low, high)


@op(
    "(),(),()->()",
    gradient=lambda g, y, c, a, b: (None, _gated(g, c), where(detach(c), 0.0, g)),
    dtype=chosen_dtype,
    meet=slice(1, None),
)
def where(condition: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, else b, elementwise."""
    return np.where(condition, a, b)


# --- comparisons: constant to gradients -----------------------------------------------


@op("(),()->()", dtype=bool_dtype)
def equal(a: Array, b: Array) -> Array:
    """a == b, elementwise."""
    return np.equal(a, b)


@op("(),()->()", dtype=bool_dtype)
def not_equal(a: Array, b: Array) -> Array:
    """a != b, elementwise."""
    return np.not_equal(a, b)


@op("(),()->()", dtype=bool_dtype)
def less(a: Array, b: Array) -> Array:
    """a < b, elementwise."""
    return np.less(a, b)


@op("(),()->()", dtype=bool_dtype)
def less_equal(a: Array, b: Array) -> Array:
    """a <= b, elementwise."""
    return np.less_equal(a, b)


@op("(),()->()", dtype=bool_dtype)
def greater(a: Array, b: Array) -> Array:
    """a > b, elementwise."""
    return np.greater(a, b)


@op("(),()->()", dtype=bool_dtype)
def greater_equal(a: Array, b: Array) -> Array:
    """a >= b, elementwise."""
    return np.greater_equal(a, b)


@op("(),()->()", dtype=bool_dtype)
def logical_and(a: Array, b: Array) -> Array:
    """a and b, elementwise; anything but 0 is true."""
    return np.logical_and(a, b)


@op("(),()->()", dtype=bool_dtype)
def logical_or(a: Array, b: Array) -> Array:
    """a or b, elementwise; anything but 0 is true."""
    return np.logical_or(a, b)


@op("()->()", dtype=bool_dtype)
def logical_not(x: Array) -> Array:
    """not x, elementwise; anything but 0 is true."""
    return np.logical_not(x)


# --- kinds ----------------------------------------------------------------------------


def _real_dtype(name: str, shapes: Any, params: dict[str, Any]) -> dict[str, Any]:
    dtype = np.dtype(params["dtype"])
    if dtype.kind not in "biuf":
        raise TypeError(f"{name}: {dtype} is no dtype of real numbers")
    return {"dtype": dtype}


@op(
    "()->()",
    gradient=lambda g, y, x, dtype: (g,),
    dtype=lambda dtypes, params: params["dtype"],
    normalize=_real_dtype,
)
def astype(x: Array, *, dtype: Any) -> Array:
    """x with another dtype; a cast to integers is constant to gradients."""
    return np.asarray(x).astype(dtype, copy=False)


@op("()->()", gradient=lambda g, y, x: (None,))
def detach(x: Array) -> Array:
    """x, as a constant to gradients: nothing behind it is reached."""
    return x


def floated(x: Any) -> Expression:
    """x, of integers in float64."""
    x = constant(x)
    return x if x.floating else astype(x, dtype=float)


def finite_log(y: Expression) -> Expression:
    """y, the logarithm of a sum, and for that of nothing the lowest number: exp(x - y)
    is then 0 for each of its terms x, and so is the gradient of the sum."""
    return maximum(y, float(np.finfo(y.dtype).min))
