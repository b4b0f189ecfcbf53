"""Is a graph the same function wherever it is built?

Differences move the numbers of one graph; what was computed of values while it was
built, by NumPy or ``compute_value``, stays, and nothing of it shows in them.  So the
graph is built again where numbers have moved, and both are compared there.

This module imports ``compute``, ``differentiate``, ``doorway`` and ``graph``.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..compute import compute_values
from ..differentiate import backpropagate
from ..doorway import plain
from ..graph import Constant, Expression, Parameter

Array = np.ndarray[Any, Any]
MOVED = 0.01  # the part of a number that it is moved by
POINTS = 6  # of which none may agree: a graph that depends on a choice does at some


Losses = list[tuple[Expression, dict[Expression, Expression]]]


class Apart(NamedTuple):
    """Where two graphs are: the order, 0 for values, whose gradient, both numbers."""

    order: int
    parameter: Parameter | None
    at: int
    found: float
    expected: float


def rebuilt(
    first: Sequence[Expression],
    build: Callable[[], Sequence[Expression]],
    parameters: Sequence[Parameter],
    part: float,
) -> Apart | None:
    """What the ``first`` numbers, one for each order, and those built where parameters
    have moved disagree in by more than a ``part``; None where they agree somewhere
    near, cannot be built, or are others each time.  Parameters are put back."""
    rng, seen = np.random.default_rng(0), None
    before = [p.value for p in parameters]  # the arrays that constants may share

    def again() -> Apart | None:
        return _apart(old, _with_gradients(build(), parameters), parameters, part)

    try:
        with plain(), np.errstate(all="ignore"):
            old = _with_gradients(first, parameters)
            for _ in range(POINTS):
                _put(parameters, [_moved(x, rng) for x in before])
                found = again()
                if not found:
                    return None
                seen = seen or found
            _put(parameters, before)
            return None if again() else seen
    except Exception:  # what f does elsewhere is its own
        return None
    finally:
        _put(parameters, before)


def _moved(x: Array, rng: np.random.Generator) -> Array:
    """Numbers near x, in an array of their own."""
    change = rng.uniform(0.5, 1, x.shape) * rng.choice([-1, 1], x.shape)
    return np.asarray(x + MOVED * change * np.where(x == 0, 1, x), x.dtype)


def _put(parameters: Sequence[Parameter], values: Sequence[Array]) -> None:
    """Let parameters have these arrays, not copies of them."""
    for p, x in zip(parameters, values):
        p._value = x


def _with_gradients(
    losses: Sequence[Expression], parameters: Sequence[Parameter]
) -> Losses:
    """Numbers, and the graphs of their gradients as they are built now."""
    ones = [Constant(np.ones((), x.dtype), x.type.strength) for x in losses]
    return [(x, backpropagate({x: g}, parameters)) for x, g in zip(losses, ones)]


def _apart(
    one: Losses, two: Losses, parameters: Sequence[Parameter], part: float
) -> Apart | None:
    """Where the values and gradients of the same numbers of two graphs differ."""
    for order, pair in enumerate(zip(one, two), 1):
        (a, f), (b, g) = (_numbers(x, found, parameters) for x, found in pair)
        if order == 1 and abs(a - b) > part * max(abs(a), abs(b)):
            return Apart(0, None, 0, a, b)
        away = np.abs(f - g)
        at = int(np.argmax(away)) if away.size else 0
        if away.size and away[at] > part * max(np.abs(f).max(), np.abs(g).max()):
            ends = np.cumsum([p.size for p in parameters])
            k = int(np.searchsorted(ends, at, side="right"))
            place = at - int(ends[k]) + parameters[k].size
            return Apart(order, parameters[k], place, float(f[at]), float(g[at]))
    return None


def _numbers(
    x: Expression, found: dict[Expression, Expression], parameters: Sequence[Parameter]
) -> tuple[float, Array]:
    """A number and its gradient, that for all parameters in a row."""
    values = compute_values([x, *found.values()])
    each = [values[found[p]] if p in found else np.zeros(p.shape) for p in parameters]
    flat = [np.ravel(g).astype(np.float64) for g in each]
    return float(values[x]), np.concatenate(flat)
