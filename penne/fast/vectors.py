"""Exponentials and logarithms without branches, as text for kernels.

Each function is straight arithmetic and selects on one float32 or float64 number, so
that a compiler turns a loop over it into vector instructions.  Kernels paste the text
(``source``); ``plain`` gives the same functions on NumPy's scalars and arrays.

Errors, in units of the last place of the result, over the whole range: exp 1.5,
expm1 2.5, tanh 3, sigmoid 3, log 1.5, log1p 2.5, softplus 3.5.  NaN gives NaN, the
infinities their limits.  exp underflows gradually, by way of the subnormal numbers,
and so does softplus; sigmoid falls no further than to that of -87 (float32) or -708.4
(float64), as penne's does.  The sign of zero is kept by tanh only.

This module imports nothing of penne.
"""

import re
from functools import cache
from string import Template
from typing import Any

import numpy as np

# (exp(r) - 1 - r) / r**2 on |r| <= log(2) / 2, by Chebyshev interpolation; the series
# of the logarithm is that of FreeBSD's e_log.c and e_logf.c (Sun Microsystems 1993)
_EXP64 = (
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662399,
    0.008333333333330051,
    0.0013888888917281794,
    0.00019841269863105968,
    2.480152119021773e-05,
    2.7557268378684192e-06,
    2.7620138719733994e-07,
    2.5100424157005067e-08,
)
_EXP32 = (
    0.5,
    0.16666576845993977,
    0.04166655443768594,
    0.008363202971575855,
    0.0013926213466332444,
)
_LOG64 = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_LOG32 = (0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841)


def _horner(x: str, coefficients: tuple[float, ...]) -> str:
    """A polynomial's value, as an expression."""
    terms = [f"$T({c!r})" for c in coefficients]
    return f" + {x} * (".join(terms) + ")" * (len(terms) - 1)


_FORMATS: dict[str, dict[str, Any]] = {
    "float64": dict(
        T="np.float64",
        I="np.int64",
        bits=52,
        bias=1023,
        magic=6755399441055744.0,
        magic_bits=0x4338000000000000,
        ln2_high=0.6931471803691238,
        ln2_low=1.9082149292705877e-10,
        exp_lowest=-746.0,
        exp_highest=710.0,
        tiny=2.2250738585072014e-308,
        sigmoid_end=708.3964185322641,
        lift=18014398509481984.0,
        lifted=54,
        one_bits=0x3FF0000000000000,
        root_bits=0x3FE6A09E00000000,
        fraction=0x000FFFFFFFFFFFFF,
        whole_bits=0x4330000000000000,
        whole=4503599627370496.0,
        sign=-(1 << 63),
        one=20.0,
        expm1_lowest=-50.0,
        exp_series=_EXP64,
        log_series=_LOG64,
    ),
    "float32": dict(
        T="np.float32",
        I="np.int32",
        bits=23,
        bias=127,
        magic=12582912.0,
        magic_bits=0x4B400000,
        ln2_high=0.693115234375,
        ln2_low=3.1946184945309415e-05,
        exp_lowest=-105.0,
        exp_highest=89.0,
        tiny=1.1754943508222875e-38,
        sigmoid_end=87.0,
        lift=33554432.0,
        lifted=25,
        one_bits=0x3F800000,
        root_bits=0x3F3504F3,
        fraction=0x007FFFFF,
        whole_bits=0x4B000000,
        whole=8388608.0,
        sign=-(1 << 31),
        one=10.0,
        expm1_lowest=-20.0,
        exp_series=_EXP32,
        log_series=_LOG32,
    ),
}

_WHERE = '''\
@inlined
def where(condition, a, b):
    """One of two numbers."""
    return a if condition else b
'''

_TEXT = '''\
@inlined
def split_$t(x):
    """n and p with exp(x) = 2**n (1 + p)."""
    shifted = x * $T(1.4426950408889634) + $T($magic)
    n = shifted - $T($magic)
    r = (x - n * $T($ln2_high)) - n * $T($ln2_low)
    p = r + r * r * ($exp_series)
    return $I($T(shifted).view($I) - $I($magic_bits)), p


@inlined
def scale_$t(n):
    """2**n, of normal numbers."""
    return $I((n + $I($bias)) << $I($bits)).view($T)


@inlined
def exp_$t(x):
    """e to the power x."""
    x = where(x > $T($exp_highest), $T($exp_highest), x)
    x = where(x < $T($exp_lowest), $T($exp_lowest), x)
    n, p = split_$t(x)
    half = $I(n >> $I(1))
    return ($T(1) + p) * scale_$t(half) * scale_$t($I(n - half))


@inlined
def expm1_$t(x):
    """exp(x) - 1, exact near 0."""
    t = where(x > $T($exp_highest), $T($exp_highest), x)
    t = where(t < $T($expm1_lowest), $T($expm1_lowest), t)
    n, p = split_$t(t)
    half = $I(n >> $I(1))
    a, b = scale_$t(half), scale_$t($I(n - half))
    small = $T(a * b - $T(1)) + p * a * b
    return where(t > $T(44), ($T(1) + p) * a * b, small)


@inlined
def tanh_$t(x):
    """Hyperbolic tangent."""
    t = where(x < $T(0), -x, x)
    t = where(t > $T($one), $T($one), t)
    n, p = split_$t($T(-2) * t)
    s = scale_$t(n)
    e = (s - $T(1)) + s * p
    y = $T(-e / ($T(2) + e))
    sign = $T(x).view($I) & $I($sign)
    return $I((y.view($I) & $I(~$sign)) | sign).view($T)


@inlined
def sigmoid_$t(x):
    """1 / (1 + exp(-x))."""
    t = where(x < $T(-$sigmoid_end), $T(-$sigmoid_end), x)
    t = where(t > $T($sigmoid_end), $T($sigmoid_end), t)
    n, p = split_$t(-t)
    s = scale_$t(n)
    return $T(1) / ($T(1) + (s + s * p))


@inlined
def log_$t(x):
    """Natural logarithm."""
    small = x < $T($tiny)
    i = $T(where(small, x * $T($lift), x)).view($I)
    i = $I(i + $I($one_bits - $root_bits))
    whole = $I((i >> $I($bits)) | $I($whole_bits)).view($T)
    k = whole - where(small, $T($whole + $bias + $lifted), $T($whole + $bias))
    f = $I((i & $I($fraction)) + $I($root_bits)).view($T) - $T(1)
    s = f / ($T(2) + f)
    z = s * s
    r = z * ($log_series)
    h = $T(0.5) * f * f
    y = k * $T($ln2_high) - ((h - (s * (h + r) + k * $T($ln2_low))) - f)
    y = where(x == $T(np.inf), x, y)
    return where(x > $T(0), y, where(x == $T(0), $T(-np.inf), $T(np.nan)))


@inlined
def log1p_$t(x):
    """log(1 + x), exact near 0."""
    u = $T(1) + x
    lost = where(u < $T(2), x - (u - $T(1)), $T(1) - (u - x))
    y = log_$t(u)
    inside = (u > $T(0)) & (u < $T(np.inf))
    return where(inside, y + lost / u, y)


@inlined
def softplus_$t(x):
    """log(1 + exp(x))."""
    falling = exp_$t(where(x > $T(0), -x, x))
    return where(x > $T(0), x, $T(0)) + log1p_$t(falling)
'''


def _formatted(dtype: str) -> str:
    values = dict(_FORMATS[dtype], t=dtype)
    values["exp_series"] = _horner("r", values["exp_series"])
    values["log_series"] = _horner("z", values["log_series"])
    return Template(Template(_TEXT).substitute(values, T="$T")).substitute(values)


@cache
def _functions() -> dict[str, str]:
    """The text of each function, by its name; those needed come first."""
    texts = [_WHERE, *_formatted("float32").split("\n\n\n")]
    texts += _formatted("float64").split("\n\n\n")
    return {text.split("def ")[1].split("(")[0]: text.strip() for text in texts}


def source(names: set[str]) -> str:
    """The text of some functions, such as ``exp_float32``, and of all they call.

    ``inlined``, a decorator, and ``np`` must be defined where it is pasted.
    """
    texts, needed = [], set(names)
    for name, text in reversed(_functions().items()):
        if name in needed:
            needed.update(re.findall(r"\w+", text))
            texts.append(text)
    return "\n\n\n".join(reversed(texts))


@cache
def plain(name: str) -> Any:
    """One function, such as ``exp_float32``, on NumPy's scalars and arrays."""
    scope: dict[str, Any] = {"np": np, "inlined": lambda f: f}
    exec(source({name}), scope)
    scope["where"] = np.where
    return scope[name]
