"""Derivatives of a number along a direction, by differences of its values.

This module imports ``compute``.
"""

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..compute import PLAIN
from ..graph import Expression, Parameter, topological
from ..randomness import Random

Array = np.ndarray[Any, Any]
Direction = Mapping[Parameter, Array]
NARROWER = (1, 8, 64)
TINY = 1e-30  # the width of a complex step, which is not subtracted
AGREE = 1e-3  # how far left and right differences may be apart where it is smooth


class Derivative(NamedTuple):
    """A derivative, what rounding may have added to it, and how it was found."""

    value: float
    noise: float
    how: str


class Directions:
    """The derivatives of ``loss``, its parameters in float64 whatever their dtypes;
    ``dtype`` is the coarsest that it passes through."""

    def __init__(self, loss: Expression, dtype: Any = np.float64):
        self.loss, self.eps = loss, float(np.finfo(dtype).eps)
        self.held: dict[Expression, Any] = {}
        for x in topological([loss]):
            if isinstance(x, Parameter):
                self.held[x] = np.array(x.value, np.float64)
            elif isinstance(x, Random):
                self.held[x] = x.value
        self.order = topological([loss], self.held)
        self.analytic = True
        self.at, self.size = self._start()

    def _start(self) -> tuple[float, float]:
        """The loss, and the largest number on the way to it."""
        values = dict(self.held)
        PLAIN.evaluate([self.loss], values, True, self.order)
        arrays = [np.asarray(v) for v in values.values() if not isinstance(v, list)]
        floats = [a for a in arrays if a.dtype.kind == "f"]
        finite = [np.abs(v[np.isfinite(v)]).max(initial=0) for v in floats]
        return float(values[self.loss]), float(max(finite, default=0.0))

    def derivative(self, direction: Direction) -> Derivative | None:
        """The derivative along a direction, or None where there is none."""
        moved = [self.held[p] for p in direction if p in self.held]
        if not moved:
            return Derivative(0.0, 0.0, CENTRAL)
        scale = max(float(np.max(np.abs(x), initial=1.0)) for x in moved)
        for narrower in NARROWER:
            h = self.eps ** (1 / 3) / narrower * scale
            above, below = (self._value(direction, s) for s in (h, -h))
            right, left = (above - self.at) / h, (self.at - below) / h
            central, noise = (above - below) / (2 * h), 16 * self.eps * self.size / h
            bend = abs(right - left)
            if bend <= AGREE * max(abs(right), abs(left)) + 8 * noise:
                unseen = min(bend, 16 * noise)  # of a bend; it may be that of a kink
                found = Derivative(central, noise + unseen / 2, CENTRAL)
                return self._sharper(direction, found, h, bend, 16 * noise)
        return None

    def _sharper(
        self,
        direction: Direction,
        coarse: Derivative,
        h: float,
        bend: float,
        least: float,
    ) -> Derivative | None:
        """The derivative by a complex step, where that agrees with differences; else
        by half of h, which tells how much of the difference is due to its width.  A
        ``bend``, by which left and right are apart, that does not become less with the
        width is a kink, however small, from ``least`` on, what rounding allows for."""
        fine = self._complex(direction) if self.analytic else np.nan
        if _agree(fine, coarse):
            return Derivative(fine, coarse.noise, "complex step")
        above, below = (self._value(direction, s) for s in (h / 2, -h / 2))
        central = (above - below) / h
        halved_bend = abs(above + below - 2 * self.at) / (h / 2)
        if halved_bend > max(0.75 * bend, least):
            return None
        noise = 2 * coarse.noise + 2 * abs(central - coarse.value)
        halved = Derivative(central, noise, CENTRAL)
        if _agree(fine, halved):
            return Derivative(fine, noise, "complex step")
        self.analytic = False
        return halved

    def _complex(self, direction: Direction) -> float:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a complex number made real is one
                return float(np.imag(self._evaluated(direction, TINY * 1j)) / TINY)
        except Exception:  # what ops do with complex numbers is theirs
            return np.nan

    def _value(self, direction: Direction, width: float) -> float:
        return float(self._evaluated(direction, width))

    def _evaluated(self, direction: Direction, width: complex) -> Any:
        values = dict(self.held)
        for p in direction.keys() & values.keys():
            values[p] = values[p] + direction[p] * width
        PLAIN.evaluate([self.loss], values, False, self.order)
        return values[self.loss]


def _agree(fine: float, coarse: Derivative) -> bool:
    slack = 1e-6 * max(abs(coarse.value), abs(fine)) + coarse.noise
    return abs(fine - coarse.value) <= slack


CENTRAL = "central difference"
