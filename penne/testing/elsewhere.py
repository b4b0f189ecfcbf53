"""What the outputs of a graph are where the parameters have other values.

This module imports ``compute`` and ``graph``.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..compute import compute_values
from ..graph import Expression, Parameter

Array = np.ndarray[Any, Any]
PLACES = 0, 1, 1e-3  # near here; and near 0, where what is saturated here is not


def largest(x: Array) -> float:
    """The largest of all finite numbers by size; 0 where there is none."""
    return float(np.abs(x[np.isfinite(x)]).max(initial=0.0))


def largest_varying(
    outputs: Sequence[Expression], parameters: Sequence[Parameter]
) -> float:
    """The largest number of the outputs by size, but for those that are the same
    wherever the parameters are moved to."""
    here = _numbers(outputs, {})
    changed = np.zeros(here.shape, bool)
    for _, there in _elsewhere(outputs, parameters):
        changed |= there != here
    return largest(here[changed])


def steepest(outputs: Sequence[Expression], p: Parameter, at: int) -> float:
    """How far a number of the outputs moves at most for how far one of p does, between
    here and elsewhere."""
    here, found, x = _numbers(outputs, {}), 0.0, float(p.value.flat[at])
    for values, there in _elsewhere(outputs, [p], at):
        moved = abs(float(values[p].flat[at]) - x)
        found = max(found, largest(there - here) / moved)
    return found


def _elsewhere(
    outputs: Sequence[Expression],
    moved: Iterable[Parameter],
    at: int | slice = slice(None),
) -> Iterator[tuple[dict[Expression, Array], Array]]:
    """Other values of some parameters, of all their numbers or that ``at`` a place, and
    the numbers of the outputs there, where there are any."""
    rng = np.random.default_rng(0)
    for place in PLACES:
        values: dict[Expression, Array] = {p: np.array(p.value) for p in moved}
        for x in values.values():
            x.reshape(-1)[at] = _moved(x, place, rng).reshape(-1)[at]
        numbers = None
        with suppress(Exception), np.errstate(all="ignore"):  # what ops do is theirs
            numbers = _numbers(outputs, values)
        if numbers is not None:
            yield values, numbers


def _moved(x: Array, place: float, rng: np.random.Generator) -> Array:
    """Numbers near x; or, for a ``place``, as near 0 as that, of the same signs."""
    change, sizes = rng.uniform(0.1, 1, x.shape), np.maximum(1, np.abs(x))
    towards = place * np.where(x == 0, 1, x / sizes) * change
    return np.asarray(towards if place else x + 1e-3 * sizes * change)


def _numbers(outputs: Sequence[Expression], values: dict[Expression, Array]) -> Array:
    found = compute_values(outputs, dict(values))
    return np.concatenate([np.ravel(found[y]) for y in outputs])
