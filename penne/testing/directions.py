"""Derivatives of a number along a direction, by differences of its values.

This module imports ``compute``, ``graph`` and ``randomness``.
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
SEEN = 1e-6  # the part of a derivative below which rounding says nothing against it


class Derivative(NamedTuple):
    """A derivative, what may be wrong with it, and how it was found; ``rounding``: what
    may be wrong even with one that is no difference."""

    value: float
    noise: float
    how: str
    rounding: float = 0.0


class Directions:
    """The derivatives of ``loss``, its parameters in float64 whatever their dtypes;
    ``dtype`` is the coarsest that it passes through, ``within`` the size of what may
    cancel in it: so much of that as rounding is, is unknown of the loss."""

    def __init__(self, loss: Expression, dtype: Any = np.float64, within: float = 0.0):
        self.loss, self.within, self.eps = loss, within, float(np.finfo(dtype).eps)
        self.held: dict[Expression, Any] = {}
        for x in topological([loss]):
            if isinstance(x, Parameter):
                self.held[x] = np.array(x.value, np.float64)
            elif isinstance(x, Random):
                self.held[x] = x.value
        self.order = topological([loss], self.held)
        self.analytic = True
        self.at = self._value({}, 0.0)
        self.rounding = self._rounding()

    def _rounding(self) -> float:
        """How much of a value is rounding: by third differences of values so near that
        nothing else is left of them, on one side, where no kink is (Moré and Wild 2011,
        "Estimating computational noise")."""
        rng = np.random.default_rng(0)
        along = {
            p: np.maximum(1, np.abs(x)) * rng.uniform(-1, 1, np.shape(x))
            for p, x in self.held.items()
            if isinstance(p, Parameter)
        }
        h = self.eps ** (1 / 3) / 100
        values = np.array([self._value(along, k * h) for k in range(1, 8)])
        thirds = np.diff(values, n=3) if np.isfinite(values).all() else np.zeros(1)
        known = self.eps * max(abs(self.at), self.within)
        return max(known, float(np.abs(thirds).max()) / np.sqrt(20))

    def derivative(self, direction: Direction) -> Derivative | None:
        """The derivative along a direction, or None where there is none."""
        scale = self._scale(direction)
        if not scale:
            return Derivative(0.0, 0.0, CENTRAL)
        bends = [np.inf]
        for narrower in NARROWER:
            h = self.eps ** (1 / 3) / narrower * scale
            above, below = (self._value(direction, s) for s in (h, -h))
            right, left = (above - self.at) / h, (self.at - below) / h
            central, noise = (above - below) / (2 * h), 16 * self.rounding / h
            bend = abs(right - left)
            straight = bend <= AGREE * max(abs(right), abs(left)) + 8 * noise
            if (straight and bend <= min(bends) / 2) or bend <= bends[-1] / 4 < np.inf:
                unseen = min(bend, 16 * noise)  # of a bend; it may be that of a kink
                least = 16 * self.rounding / scale
                found = Derivative(central, noise + unseen / 2, CENTRAL, least)
                return self._sharper(direction, found, h, bend, 16 * noise)
            if np.isfinite(bend):
                bends.append(bend)  # that of a kink is as large at any width
        return None

    def _scale(self, direction: Direction) -> float:
        """What a width is a part of: the least of the numbers moved, each at least 1,
        by how far each is moved; 0 where none is."""
        least = np.inf
        for p in direction.keys() & self.held.keys():
            moved = direction[p] != 0
            sizes = np.maximum(1, np.abs(self.held[p][moved]))
            each = sizes / np.abs(direction[p][moved])
            least = min(least, float(each.min(initial=np.inf)))
        return least if np.isfinite(least) else 0.0

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
            seen = coarse.noise <= SEEN * abs(fine)
            noise = 0.0 if seen else coarse.noise
            return coarse._replace(value=fine, noise=noise, how=COMPLEX)
        above, below = (self._value(direction, s) for s in (h / 2, -h / 2))
        central = (above - below) / h
        halved_bend = abs(above + below - 2 * self.at) / (h / 2)
        if halved_bend > max(0.75 * bend, least):
            return None
        noise = 2 * coarse.noise + 2 * abs(central - coarse.value)
        halved = coarse._replace(value=central, noise=noise)
        if _agree(fine, halved):
            return halved._replace(value=fine, how=COMPLEX)
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
        PLAIN.carry_out(self.order, [self.loss], values, False)
        return values[self.loss]


def _agree(fine: float, coarse: Derivative) -> bool:
    slack = SEEN * max(abs(coarse.value), abs(fine)) + coarse.noise
    return abs(fine - coarse.value) <= slack


COMPLEX, CENTRAL = "complex step", "central difference"
