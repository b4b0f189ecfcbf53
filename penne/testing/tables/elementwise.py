"""Rows of constants and of the elementwise functions."""

from functools import reduce

import numpy as np
import scipy.special
from hypothesis import strategies as st

from ... import functions, ops
from ...graph import OPS
from .rows import Argument, bools_as_floats, elementwise, row, shapes

# --- constants ------------------------------------------------------------------------

for function, reference in [
    (functions.zeros, np.zeros),
    (functions.ones, np.ones),
    (functions.full, np.full),
]:
    given = {} if function is not functions.full else {"value": 2.5}
    row(
        function,
        shapes().map(lambda s, given=given: ([], {"shape": s, **given})),
        lambda shape, value=None, f=reference: f(shape, *[value] * (value is not None)),
        smooth=False,
    )


# --- elementwise ----------------------------------------------------------------------

for function, reference, domain, kinds in [
    (ops.negative, np.negative, "real", "fi"),
    (ops.absolute, np.absolute, "real", "fib"),
    (ops.exp, np.exp, "real", "fib"),
    (ops.log, np.log, "positive", "fib"),
    (ops.log1p, np.log1p, "over -1", "fb"),
    (ops.expm1, np.expm1, "real", "fib"),
    (ops.sqrt, np.sqrt, "positive", "fib"),
    (ops.tanh, np.tanh, "real", "fib"),
    (ops.sigmoid, scipy.special.expit, "real", "fib"),
    (ops.softplus, lambda x: scipy.special.log1p(np.exp(x)), "real", "fib"),
    (ops.rectify, lambda x: x * (x > 0), "real", "fib"),
    (functions.hardtanh, lambda x: np.clip(x, -1.0, 1.0), "real", "fi"),
]:
    row(function, elementwise(domain), bools_as_floats(reference), kinds=kinds)

row(
    OPS["add_all"],
    st.integers(1, 4).flatmap(lambda n: elementwise(*["real"] * n)),
    lambda *xs: reduce(np.add, xs),
    kinds="fib",
)
for function, reference, domains, kinds in [
    (ops.add, np.add, ("real", "real"), "fib"),
    (ops.subtract, np.subtract, ("real", "real"), "fi"),
    (ops.multiply, np.multiply, ("real", "real"), "fib"),
    (ops.divide, np.divide, ("real", "nonzero"), "fib"),
    (ops.power, np.power, ("positive", "real"), "f"),
    (ops.maximum, np.maximum, ("real", "real"), "fib"),
    (ops.minimum, np.minimum, ("real", "real"), "fib"),
    (ops.clip, np.clip, ("real", "negative", "positive"), "fi"),
    (ops.where, np.where, ("bool", "real", "real"), "fib"),
]:
    row(function, elementwise(*domains), reference, kinds=kinds)

for function, reference in [
    (ops.equal, np.equal),
    (ops.not_equal, np.not_equal),
    (ops.less, np.less),
    (ops.less_equal, np.less_equal),
    (ops.greater, np.greater),
    (ops.greater_equal, np.greater_equal),
    (ops.logical_and, np.logical_and),
    (ops.logical_or, np.logical_or),
]:
    row(function, elementwise("real", "real"), reference, smooth=False)

row(ops.logical_not, elementwise("real"), np.logical_not, smooth=False)
row(ops.sign, elementwise("real"), np.sign, kinds="fi", smooth=False)
row(ops.detach, elementwise("real"), np.array, smooth=False)
row(
    ops.astype,
    st.tuples(
        shapes().map(lambda s: [Argument(s)]),
        st.sampled_from(["float64", np.float64]).map(lambda d: {"dtype": d}),
    ),
    lambda x, dtype: x.astype(dtype),
)


# --- angles, roots, rounding ----------------------------------------------------------

for function, reference, domain, kinds in [
    (ops.sin, np.sin, "real", "fib"),
    (ops.cos, np.cos, "real", "fib"),
    (ops.tan, np.tan, "unit", "f"),
    (ops.arcsin, np.arcsin, "unit", "f"),
    (ops.arccos, np.arccos, "unit", "f"),
    (ops.arctan, np.arctan, "real", "fib"),
    (ops.sinh, np.sinh, "real", "fib"),
    (ops.cosh, np.cosh, "real", "fib"),
    (ops.arcsinh, np.arcsinh, "real", "fib"),
    (ops.arccosh, np.arccosh, "over 1", "fi"),
    (ops.arctanh, np.arctanh, "unit", "f"),
    (ops.square, np.square, "real", "fib"),
    (ops.reciprocal, np.reciprocal, "nonzero", "f"),
    (ops.cbrt, np.cbrt, "nonzero", "fib"),
    (ops.erf, scipy.special.erf, "real", "fib"),
    (ops.erfc, scipy.special.erfc, "real", "fib"),
    (ops.erfinv, scipy.special.erfinv, "unit", "f"),
    (ops.exp2, np.exp2, "real", "fib"),
    (ops.log2, np.log2, "positive", "fib"),
    (ops.log10, np.log10, "positive", "fib"),
]:
    row(function, elementwise(domain), bools_as_floats(reference), kinds=kinds)

for function, reference, domains in [
    (ops.arctan2, np.arctan2, ("real", "nonzero")),
    (ops.logaddexp, np.logaddexp, ("real", "real")),
    (ops.hypot, np.hypot, ("nonzero", "real")),
]:
    row(function, elementwise(*domains), reference, kinds="fi")

for function, reference in [
    (ops.floor, np.floor),
    (ops.ceil, np.ceil),
    (ops.trunc, np.trunc),
    (ops.rint, np.rint),
]:
    row(function, elementwise("real"), reference, kinds="fi", smooth=False)

for function, reference in [
    (ops.floor_divide, np.floor_divide),
    (ops.remainder, np.remainder),
]:
    calls = elementwise("real", "nonzero")
    row(function, calls, reference, kinds="fi", smooth=reference is np.remainder)


# --- activations ----------------------------------------------------------------------

for function, reference in [
    (functions.silu, lambda x: x * scipy.special.expit(x)),
    (functions.gelu, lambda x: x * scipy.special.ndtr(x)),
    (functions.elu, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
]:
    row(function, elementwise("real"), reference, kinds="f")
