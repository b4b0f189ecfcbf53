"""Rows of the elementwise functions: angles, roots, rounding, activations."""

import numpy as np
import scipy.special
from op_rows import bools_as_floats, elementwise, row

from penne import functions, ops

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
