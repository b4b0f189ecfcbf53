"""The ops that kernels know, as formulas of Python.

A formula has ``{0}``, ``{1}``, ... for the arguments, ``{t}`` for the name of the dtype
and ``{T}`` for its NumPy type.  This module imports nothing of penne.
"""

from collections.abc import Iterable

ARITHMETIC = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "square": "{0} * {0}",
    "absolute": "abs({0})",
    "sign": "where({0} > {T}(0), {T}(1), where({0} < {T}(0), {T}(-1), {0}))",
    "sqrt": "np.sqrt({0})",
    "power": "power({0}, {1})",
    "power_of_one": "power_of_one({0}, {1})",
    "rectify": "where({0} <= {T}(0), {T}(0), {0})",
    "maximum": "larger({0}, {1})",
    "minimum": "smaller({0}, {1})",
    "clip": "smaller(larger({0}, {1}), {2})",
    "where": "where({0}, {1}, {2})",
    "detach": "{0}",
    "astype": "{0}",
    "invert": "~{0}",
    "finite": "where(abs({0}) < {T}(np.inf), {0}, {T}(0))",
    "width": "{T}(width)",
}
VECTOR = ("exp", "expm1", "tanh", "sigmoid", "log", "log1p", "softplus")
ARITHMETIC.update({name: f"{name}_{{t}}({{0}})" for name in VECTOR})
OF_BOOLS = {
    "add": "{0} | {1}",
    "multiply": "{0} & {1}",
    "maximum": "{0} | {1}",
    "minimum": "{0} & {1}",
    "clip": "({0} | {1}) & {2}",
    **dict.fromkeys(("absolute", "rectify", "detach", "astype"), "{0}"),
    "where": "where({0}, {1}, {2})",
}
COMPARISONS = {
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
}
LOGIC = {
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_not": "not {0}",
}
ONE_PASS = {"asum", "amax"}
COMPOUND = {"amin", "mean", "logsumexp", "vecvec", "add_all"}
FLOATING = {*VECTOR, "divide", "sqrt", "power", "mean", "logsumexp"}
COSTLY = {*VECTOR, "divide", "sqrt", "power", "power_of_one"}
TYPES = {"float32": "np.float32", "float64": "np.float64", "int64": "np.int64"}
TYPES["bool"] = "np.bool_"
_INTERNAL = {"invert", "finite", "width", "power_of_one"}
OPS = frozenset({*ARITHMETIC, *COMPARISONS, *LOGIC, *ONE_PASS, *COMPOUND} - _INTERNAL)
REDUCTIONS = frozenset({"asum", "amax", "amin", "mean", "logsumexp", "vecvec"})


def supports(op: str, dtypes: Iterable[str], dtype: str) -> bool:
    """Whether a chain can have a step of this op from args of ``dtypes`` to ``dtype``.

    The dtypes are bool, int64, float32 and float64.  Powers, exponentials, quotients
    and the like are floating, extremes along an axis are of numbers.
    """
    if op not in OPS or not {*dtypes, dtype} <= set(TYPES):
        return False
    if op in COMPARISONS or op in LOGIC:
        return dtype == "bool"
    if op in FLOATING:
        return dtype.startswith("float")
    if dtype == "bool":
        return op in OF_BOOLS or op == "add_all"
    return True
