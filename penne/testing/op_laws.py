"""The laws of ops and of functions composed of them.

This module imports ``composite``, ``compute``, ``graph``, ``ops``, ``signature``,
``batched``, ``gradients``, ``laws``, ``strategies``, ``tables`` and ``tables.rows``.
"""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from ..composite import PROJECT, Slots
from ..compute import compute_gradients, compute_value, compute_values
from ..graph import Expression, Op, Parameter, constant
from ..ops import asum, stack
from ..signature import signature
from .batched import batching
from .gradients import FLOAT32, check_gradient, floating
from .laws import Broken, Law, Report, close, examine, same, shown
from .strategies import arguments
from .tables import TABLE, Row
from .tables.rows import LAYOUTS, fill, laid_out

Array = np.ndarray[Any, Any]
seeds = st.integers(0, 2**32 - 1)
three_seeds = st.lists(seeds, min_size=1, max_size=3)
places = st.sets(st.integers(0, 3))


class Call(NamedTuple):
    """Arrays and params that an op is called with."""

    arrays: list[Array]
    params: dict[str, Any]


class Calls(NamedTuple):
    """Several runs with arrays of the same shapes, and the places of those arrays that
    all runs share."""

    runs: list[list[Array]]
    params: dict[str, Any]
    shared: set[int]


# --- inputs ---------------------------------------------------------------------------


@st.composite
def any_calls(draw: Any, row: Row) -> Call:
    """Calls with any of the dtypes taken, zeros and ties among the numbers."""
    arguments, params = draw(row.calls)
    rng = np.random.default_rng(draw(seeds))
    return Call(fill(arguments, rng, row.dtypes(rng, len(arguments))), params)


@st.composite
def smooth_calls(draw: Any, row: Row) -> Call:
    """Calls with float64 numbers apart from kinks and ties."""
    arguments, params = draw(row.calls)
    assume(any(prod(a.shape) for a in arguments if not a.static))
    return Call(fill(arguments, np.random.default_rng(draw(seeds)), apart=True), params)


def edge_calls(row: Row) -> st.SearchStrategy[Call]:
    """Calls in which an array is empty or has one element."""
    few = row.calls.filter(lambda call: any(prod(a.shape) < 2 for a in call[0]))
    return _filled(few)


@st.composite
def _filled(draw: Any, calls: st.SearchStrategy[Any]) -> Call:
    arguments, params = draw(calls)
    return Call(fill(arguments, np.random.default_rng(draw(seeds))), params)


@st.composite
def several_calls(draw: Any, row: Row) -> Calls:
    """One to three runs of one call."""
    arguments, params = draw(row.calls)
    runs = [fill(arguments, np.random.default_rng(seed)) for seed in draw(three_seeds)]
    return Calls(runs, params, draw(places))


# --- laws -----------------------------------------------------------------------------


def _reference(row: Row, case: Call) -> None:
    x = row.apply(*case.arrays, **case.params)
    expected = np.asarray(row.reference(*case.arrays, **case.params))
    dtypes = [a.dtype for a in case.arrays]
    coarse = np.float32 if np.float32 in [*dtypes, x.dtype, expected.dtype] else None
    close(compute_value(x), expected, "its value and the reference's", coarse)
    known = row is TABLE.get(row.function) and not any(d.kind == "b" for d in dtypes)
    if known and x.dtype != expected.dtype:
        raise Broken(f"its dtype is {x.dtype}, the reference's {expected.dtype}")


def _declared(row: Row, case: Call) -> None:
    values = compute_values(row.apply(*case.arrays, **case.params))
    single = {y: v for y, v in values.items() if not isinstance(y.type, Slots)}
    for y, value in single.items():
        found, declared = (np.shape(value), np.asarray(value).dtype), (y.shape, y.dtype)
        if found != declared:
            op = y.op.name if y.op else "leaf"
            raise Broken(
                f"{op} gives {found[1]} of shape {found[0]}, "
                f"declared {declared[1]} of shape {declared[0]}"
            )


def _memory(row: Row, case: Call) -> None:
    arrays = [a.copy() for a in case.arrays]
    plain = np.array(compute_value(row.apply(*arrays, **case.params)))
    for layout in LAYOUTS:
        arrays = [laid_out(a.copy(), layout) for a in case.arrays]
        before = [a.copy() for a in arrays]
        found = compute_value(row.apply(*arrays, **case.params))
        close(found, plain, f"arguments {layout}", np.float32)
        for k, (a, b) in enumerate(zip(arrays, before), 1):
            same(a, b, f"argument {k} after the evaluation")


def _edges(row: Row, case: Call) -> None:
    _declared(row, case)
    if _known(row):
        _reference(row, case)
    if row.smooth and not all(a.size for a in case.arrays):
        slopes(row, case.arrays, case.params)


def leading_axes(row: Row, case: Calls) -> None:
    """Stacking then calling equals calling then stacking, for the op built last,
    whichever of its arguments are stacked and whichever are shared."""
    x = row.apply(*map(constant, case.runs[0]), **case.params)
    if x.op in (None, PROJECT) or not x.op.batch or x.args == ():
        return  # what a composite op is made of obeys it, each by itself
    values = [
        compute_values(row.apply(*map(constant, r), **case.params)) for r in case.runs
    ]
    built = [max(run, key=lambda y: y.serial) for run in values]
    runs = [[np.asarray(run[a]) for a in y.args] for run, y in zip(values, built)]
    shared = [k in case.shared for k in range(len(x.args))]
    runs = [[r if s else a for r, s, a in zip(runs[0], shared, run)] for run in runs]
    found, each = _stacked(x, runs, shared)
    if found.dtype != x.dtype:
        raise Broken(f"stacked, {x.op.name} gives {found.dtype}, declared {x.dtype}")
    close(found, each, f"{x.op.name} of what is stacked, and stacked after it")


def _stacked(x: Expression, runs: list[list[Array]], shared: list[bool]) -> Any:
    """One call of ``x.op`` on stacked arguments, and its calls for each run stacked."""
    op, cores = x.op, core_axes(x)
    assert op is not None
    ndim = max(a.ndim - core for a, core in zip(x.args, cores))
    stacked = [
        column[0] if one else np.stack([_padded(a, ndim, core) for a in column])
        for column, core, one in zip(zip(*runs), cores, shared)
    ]
    each = [np.asarray(op.forward(*run, **x.params)) for run in runs]
    found = np.asarray(op.forward(*stacked, **x.params))
    return found, each[0] if all(shared) else np.stack(each)


def _padded(array: Array, ndim: int, core: int) -> Array:
    """``array`` with axes of length 1 before it, so that ``ndim`` lead its core."""
    split = array.ndim - core
    return array.reshape((1,) * (ndim - split) + array.shape)


def core_axes(x: Expression) -> list[int]:
    """How many axes of each argument the signature of ``x.op`` names."""
    assert x.op is not None
    known = signature(x.op.signature, [a.shape for a in x.args], **x.params)
    return list(map(len, known.inputs))


def _gradient(row: Row, case: Call) -> None:
    check_gradient(row.apply, *case.arrays, projections=2, **case.params)
    if "f" in row.kinds:
        _single(row, case)


def _single(row: Row, case: Call) -> None:
    """With float32 arguments gradients are those of the same numbers in float64, but
    for rounding, of which the arguments' own shows how much it does."""
    floats = [a.dtype.kind == "f" for a in case.arrays]
    near = [a.astype(np.float32) if f else a for a, f in zip(case.arrays, floats)]
    exact = [a.astype(np.float64) if f else a for a, f in zip(near, floats)]
    moved = [np.nextafter(a, 2 * a) if f else a for a, f in zip(near, floats)]
    wide = [a.astype(np.float64) if f else a for a, f in zip(moved, floats)]
    every = (slopes(row, arrays, case.params) for arrays in (near, exact, wide))
    for k, (g, right, other) in enumerate(zip(*every), 1):
        scale = np.abs(right).max(initial=1)
        slack = FLOAT32 * scale + 16 * np.abs(other - right).max(initial=0)
        if not np.allclose(g, right, rtol=0, atol=slack, equal_nan=True):
            raise Broken(
                f"the gradient for float32 argument {k}: {shown(g)} and not "
                f"{shown(right)}, which it is for the same numbers in float64"
            )


def slopes(row: Row, arrays: list[Array], params: dict[str, Any]) -> list[Array]:
    """The gradients of a weighted sum for each floating argument."""
    given = [Parameter(a) if a.dtype.kind == "f" else a for a in arrays]
    ys = floating(row.apply(*given, **params))
    weights = [np.random.default_rng(0).uniform(0.5, 1.5, y.shape) for y in ys]
    parts = [asum(y * constant(w)) for y, w in zip(ys, weights)]
    found = compute_gradients(sum(parts[1:], parts[0])) if parts else {}
    parameters = [p for p in given if isinstance(p, Parameter)]
    return [np.asarray(found.get(p, np.zeros(p.shape))) for p in parameters]


def _executors(row: Row, case: Calls) -> None:
    xs = [row.apply(*map(constant, run), **case.params) for run in case.runs * 2]
    if any(x.shape != xs[0].shape for x in xs):
        return  # its shape depends on values
    both = stack([x * 1.0 for x in xs])
    expected = [np.asarray(compute_value(x)) * 1.0 for x in xs]
    with batching():
        found = compute_value(both)
    close(found, np.stack(expected), "batched and one by one")


def _known(row: Row) -> Any:
    return row.reference


def _smooth(row: Row) -> Any:
    return row.smooth


LAWS = [
    Law("reference", "it equals its reference", any_calls, _reference, _known),
    Law("declared", "shapes and dtypes are those declared", any_calls, _declared),
    Law("leading axes", "leading axes are batches", several_calls, leading_axes),
    Law(
        "memory", "how its arguments lie in memory does not matter", any_calls, _memory
    ),
    Law("edges", "arrays may be empty or of one element", edge_calls, _edges),
    Law("gradient", "its gradients are derivatives", smooth_calls, _gradient, _smooth),
    Law("executors", "both executors give the same numbers", several_calls, _executors),
]


def check_op(
    op: Callable[..., Any],
    *,
    reference: Callable[..., Any] | None = None,
    domains: str | Sequence[str] = "real",
    calls: st.SearchStrategy[Any] | None = None,
    kinds: str = "f",
    without: Iterable[str] = (),
    examples: int = 25,
) -> Report:
    """Try the laws of ops on ``op``, one of penne's or of one's own:

    ``reference``: it equals a function of arrays, of whatever dtype that gives, where
    there is one · ``declared``:
    shapes and dtypes are those that its signature and dtype rule say · ``leading
    axes``: stacking then calling equals calling then stacking · ``memory``: arguments
    in any order or read-only give the same, and none is changed · ``edges``: arrays may
    be empty or of one element, for its gradient too · ``gradient``: first and second
    derivatives, where it has a rule, and that for float32 it is the same ·
    ``executors``: batched and one by one give the same.

    Arguments of the shapes of its signature are made, with numbers from ``domains``,
    one for all or one for each: "real", "positive", "negative", "nonzero", "unit" (0 to
    1), "over 1", "over -1", "bool".  ``calls``: a strategy of (arguments, params), as
    ``penne.testing.tables`` has them, where the signature does not say all.  ``kinds``:
    the dtypes it takes, of "f", "i", "b".  ``without``: names of laws not to try.

    Returns a Report; raises AssertionError where laws are broken, for each a sentence
    with the smallest input found that breaks it.

    >>> from penne import tanh
    >>> check_op(tanh, examples=3).broken
    []
    """
    row, name = TABLE.get(op), getattr(op, "__name__", "")
    if row is None or reference or calls or domains != "real":
        row = _own(op, reference, domains, calls, kinds)
    return op_report(name, row, examples, without).checked()


def op_report(
    name: str, row: Row, examples: int = 25, without: Iterable[str] = ()
) -> Report:
    """The same as a report alone."""
    with np.errstate(all="ignore"):
        return examine(name, row, LAWS, examples, without)


def _own(op: Any, reference: Any, domains: Any, calls: Any, kinds: str) -> Row:
    if calls is None:
        if not isinstance(op, Op):
            kind = type(op).__name__
            raise TypeError(f"check_op: takes an op, or calls=, got {kind}")
        calls = arguments(op, domains)
    smooth = not isinstance(op, Op) or op.gradient is not None
    return Row(op, calls, reference, op, kinds, smooth)
