"""What tables of ops are written in: arguments, rows, strategies that make calls.

``TABLE`` maps every op of the registry and every public function composed of ops to
a ``Row``; ``row`` enters one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import functions, ops

# --- arguments ------------------------------------------------------------------------


@dataclass(frozen=True)
class Argument:
    """An array to be made: its shape, and the set that its elements come from."""

    shape: tuple[int, ...]
    domain: str = "real"
    size: int = 0

    @property
    def static(self) -> bool:
        """Whether it is no array of numbers to calculate with: indices, conditions."""
        return self.domain in ("index", "count", "bool")


def fill(arguments, rng, dtypes=None, apart=False):
    """Arrays for ``arguments``; ``apart`` keeps all numbers from ties and kinks."""
    dtypes = dtypes or [np.dtype("float64")] * len(arguments)
    scattered = _scattered(sum(prod(a.shape) for a in arguments) * apart, rng)
    arrays = []
    for argument, dtype in zip(arguments, dtypes):
        n = prod(argument.shape)
        numbers, scattered = scattered[:n], scattered[n:]
        if not apart:
            numbers = _lumpy(n, dtype, rng)
        array = _static(argument, n, rng)
        if array is None:
            array = into(argument.domain, numbers).astype(dtype)
        arrays.append(array.reshape(argument.shape))
    return arrays


def _scattered(n, rng):
    """Numbers of magnitude 0.2 to 2, no two of them nearer than 1/n in magnitude."""
    places = rng.permutation(n) + rng.uniform(0.2, 0.8, n)
    return (0.2 + 1.8 * places / max(n, 1)) * rng.choice([-1, 1], n)


def _lumpy(n, dtype, rng):
    """Small whole and half numbers with zeros and ties among them."""
    if dtype.kind == "f":
        return rng.integers(-6, 7, n) / 2
    return rng.integers(
        0 if dtype.kind in "bu" else -3, 2 if dtype.kind == "b" else 4, n
    )


def _static(argument, n, rng):
    if argument.domain in ("index", "count"):
        assume(argument.size or not n)
        least = -argument.size * (argument.domain == "index")
        return rng.integers(least, argument.size, n) if n else np.empty(0, int)
    return rng.integers(0, 2, n).astype(bool) if argument.domain == "bool" else None


def into(domain, x):
    """Numbers moved into a domain; whole ones stay whole."""
    match domain:
        case "real":
            return x
        case "positive":
            return np.where(x == 0, 1, np.abs(x))
        case "negative":
            return -np.where(x == 0, 1, np.abs(x))
        case "nonzero":
            return np.where(x == 0, 1, x)
        case "unit":
            return (np.abs(x) + 0.1) / 4
        case "over 1":
            return np.abs(x) + np.where(x == 0, 2, 1)
        case "over -1":
            return np.where(x < 0, x / 4, x)
    raise ValueError(domain)


LAYOUTS = ("as made", "column order", "every second", "backwards", "read-only")


def laid_out(array, layout):
    """The same numbers in memory as ``layout`` says."""
    if layout == "column order":
        array = np.asarray(array, order="F")
    if layout == "every second" and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        array = wide[..., ::2]
    if layout == "backwards" and array.ndim:
        array = array[::-1].copy()[::-1]
    if layout == "read-only":
        array.flags.writeable = False
    return array


# --- rows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """How one op or function is called and what it equals.

    ``calls`` makes (arguments, params); ``apply(*arrays, **params)`` builds the
    expression; ``reference``, called alike, gives NumPy's or SciPy's array;
    ``kinds`` are the kinds of dtype taken; ``smooth`` says that it has a gradient.
    """

    function: Callable[..., Any]
    calls: st.SearchStrategy[Any]
    reference: Callable[..., Any]
    apply: Callable[..., Any]
    kinds: str
    smooth: bool

    @property
    def name(self) -> str:
        """The name that pytest shows."""
        name = self.function.__name__
        homes = [module for module in (ops, functions) if name in module.__all__]
        public = any(getattr(home, name) is self.function for home in homes)
        return name if public else f"{name}-internal"

    def dtypes(self, rng, count):
        """``count`` dtypes of any of the kinds."""
        kind = {"f": ["float32", "float64"], "i": ["int32", "int64"], "b": ["bool"]}
        known = [d for k in self.kinds for d in kind[k]]
        return [np.dtype(rng.choice(known)) for _ in range(count)]


TABLE: dict[Any, Row] = {}


def row(function, calls, reference, *, apply=None, kinds="fib", smooth=True):
    """Enter a row into the table."""
    TABLE[function] = Row(
        function, calls, reference, apply or function, kinds, smooth=smooth
    )


def bools_as_floats(function):
    """``function`` with bools as float64: alone, NumPy's exp makes them float16."""

    def called(x, **params):
        wide = x.dtype.kind == "b" and function is not np.absolute
        return function(x.astype("float64") if wide else x, **params)

    return called


def listed(function):
    """``function`` of a list of arrays, as one of many positional arrays."""
    return lambda *xs, **params: function(list(xs), **params)


# --- strategies -----------------------------------------------------------------------


@cache
def shapes(least=0, most=3, side=0):
    """Shapes of ``least`` to ``most`` axes, each of ``side`` to 3."""
    return hnp.array_shapes(min_dims=least, max_dims=most, min_side=side, max_side=3)


def elementwise(*domains):
    """Calls with arguments of broadcasting shapes."""
    found = hnp.mutually_broadcastable_shapes(
        num_shapes=len(domains), max_dims=3, min_side=0, max_side=3
    )
    return found.map(lambda s: ([*map(Argument, s.input_shapes, domains)], {}))


def core(signature, *domains, loop=2):
    """Calls with the core axes of ``signature`` behind ``loop`` broadcasting axes."""
    found = hnp.mutually_broadcastable_shapes(
        signature=signature, max_dims=loop, min_side=0, max_side=3
    )
    domains = domains or ("real",) * signature.split("->")[0].count("(")
    return found.map(lambda s: ([*map(Argument, s.input_shapes, domains)], {}))


@st.composite
def reductions(draw, domain="real", empty=True, several=True, keepdims=True):
    """Calls with an ``axis`` of every form and ``keepdims``."""
    shape = draw(shapes(side=0 if empty else 1))
    axis = draw(axes(len(shape), several))
    params = {"axis": axis}
    if keepdims:
        params["keepdims"] = draw(st.booleans())
    return [Argument(shape, domain)], params


@cache
def axes(ndim, several=True):
    """None, an int or (where ``several``) a tuple of axes of an array."""
    forms = [st.none()]
    if ndim:
        forms.append(st.integers(-ndim, ndim - 1))
    if several:
        forms.append(hnp.valid_tuple_axes(ndim))
    return st.one_of(forms)


@st.composite
def along_one_axis(draw, least=1, default=-1):
    """Calls of what works along one axis, not empty."""
    shape = draw(shapes(least, side=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return [Argument(shape)], draw(st.sampled_from([{}, {"axis": axis}]))


def over_leading(function, *ranks):
    """``function`` of arrays of ``ranks`` axes, looped over the axes before them."""

    def looped(*arrays, **params):
        splits = [a.ndim - r for a, r in zip(arrays, ranks)]
        loop = np.broadcast_shapes(*(a.shape[:k] for a, k in zip(arrays, splits)))
        wide = [np.broadcast_to(a, loop + a.shape[k:]) for a, k in zip(arrays, splits)]
        if 0 in loop:
            blank = function(
                *(np.zeros(a.shape[k:], a.dtype) for a, k in zip(arrays, splits)),
                **params,
            )
            return np.zeros(loop + blank.shape, blank.dtype)
        found = [function(*(a[at] for a in wide), **params) for at in np.ndindex(loop)]
        return np.reshape(np.array(found), loop + np.shape(found[0]))

    return looped
