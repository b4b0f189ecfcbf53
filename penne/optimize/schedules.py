"""Learning rates as functions of the number of steps taken before: 0 at the first.

Any function from an int to a float is a schedule.  Those here can be pickled,
multiplied by each other and by numbers, and put one after the other::

    rate = schedules.WarmUp(1000) * schedules.Cosine(0.001, 50_000)
    rate = schedules.Constant(0.1).then(schedules.Exponential(0.1, 0.5, 1000), 5000)
    trainer = Adam(learning_rate=rate)

This module imports nothing of penne.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "Linear",
    "OneCycle",
    "Schedule",
    "WarmUp",
]


class Schedule:
    """What the schedules here share.

    >>> half = 0.5 * Constant(0.1).then(Linear(0.1, 10), after=5)
    >>> half(0), half(4), half(10), half(99)
    (0.05, 0.05, 0.025, 0.0)
    """

    def __call__(self, step: int) -> float:
        """The rate of the step that ``step`` others came before."""
        raise NotImplementedError

    def __mul__(self, other: "Callable[[int], float] | float") -> "Schedule":
        return Product(self, other if callable(other) else Constant(other))

    __rmul__ = __mul__

    def then(self, following: Callable[[int], float], after: int) -> "Schedule":
        """This schedule for the first ``after`` steps, then ``following`` from its
        own step 0 on."""
        return Then(self, following, _count("then", "after", after))


def _count(name: str, what: str, steps: float) -> int:
    if steps < 1 or steps != int(steps):
        raise ValueError(f"{name}: {what} is a whole number above 0, got {steps}")
    return int(steps)


@dataclass(frozen=True)
class Product(Schedule):
    """first(step) * second(step)."""

    first: Callable[[int], float]
    second: Callable[[int], float]

    def __call__(self, step: int) -> float:
        """The product."""
        return self.first(step) * self.second(step)


@dataclass(frozen=True)
class Then(Schedule):
    """first(step) for step < after, then second(step - after)."""

    first: Callable[[int], float]
    second: Callable[[int], float]
    after: int

    def __call__(self, step: int) -> float:
        """The rate of the one whose turn it is."""
        if step < self.after:
            return self.first(step)
        return self.second(step - self.after)


@dataclass(frozen=True)
class Constant(Schedule):
    """rate."""

    rate: float

    def __call__(self, step: int) -> float:
        """The rate."""
        return self.rate


@dataclass(frozen=True)
class Exponential(Schedule):
    """rate * factor**(step / every).

    >>> [Exponential(0.5, 0.25, every=2)(step) for step in range(3)]
    [0.5, 0.25, 0.125]
    """

    rate: float
    factor: float
    every: float = 1

    def __call__(self, step: int) -> float:
        """The rate at ``step``."""
        return self.rate * self.factor ** (step / self.every)


@dataclass(frozen=True)
class Linear(Schedule):
    """From rate to end in ``steps`` steps, in a straight line; then end.

    >>> [Linear(1.0, 4)(step) for step in (0, 1, 4, 5)]
    [1.0, 0.75, 0.0, 0.0]
    """

    rate: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        _count(type(self).__name__, "steps", self.steps)

    def __call__(self, step: int) -> float:
        """The rate at ``step``."""
        part = min(1.0, step / self.steps)
        return (1 - part) * self.rate + part * self.end


@dataclass(frozen=True)
class Cosine(Linear):
    """end + (rate - end) * (1 + cos(pi * step / steps)) / 2; after ``steps`` end.

    Loshchilov and Hutter 2017, *SGDR*, equation 5, one period.

    >>> [round(Cosine(1.0, 4)(step), 4) for step in (0, 1, 2, 4, 5)]
    [1.0, 0.8536, 0.5, 0.0, 0.0]
    """

    def __call__(self, step: int) -> float:
        """The rate at ``step``."""
        return _wave(self.rate, self.end, step / self.steps)


def _wave(start: float, end: float, part: float) -> float:
    """From start at part 0 to end at part 1 and after, along half a cosine."""
    part = (1 - cos(pi * min(1.0, part))) / 2
    return (1 - part) * start + part * end


@dataclass(frozen=True)
class WarmUp(Schedule):
    """(step + 1) / steps, at most 1: a factor for another schedule or a rate.

    Goyal et al. 2017, *Accurate, large minibatch SGD*, section 2.2.

    >>> rate = 0.5 * WarmUp(4)
    >>> [rate(step) for step in (0, 1, 3, 4)]
    [0.125, 0.25, 0.5, 0.5]
    """

    steps: int

    def __post_init__(self) -> None:
        _count("WarmUp", "steps", self.steps)

    def __call__(self, step: int) -> float:
        """The factor at ``step``."""
        return min(1.0, (step + 1) / self.steps)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """From rate * start up to rate in the part ``rise`` of ``steps``, then down to
    rate * end, both along a cosine; after ``steps`` it stays there.

    Smith and Topin 2018, *Super-convergence*; the cosines and the defaults are those
    of PyTorch's OneCycleLR.

    >>> rate = OneCycle(1.0, 10, rise=0.5, start=0.5, end=0.0)
    >>> [round(rate(step), 4) for step in (0, 5, 10, 11)]
    [0.5, 1.0, 0.0, 0.0]
    """

    rate: float
    steps: int
    rise: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 250_000

    def __post_init__(self) -> None:
        _count("OneCycle", "steps", self.steps)
        if not 0 < self.rise < 1:
            raise ValueError(f"OneCycle: rise is between 0 and 1, got {self.rise}")

    def __call__(self, step: int) -> float:
        """The rate at ``step``."""
        top = self.rise * self.steps
        if step < top:
            return _wave(self.rate * self.start, self.rate, step / top)
        return _wave(self.rate, self.rate * self.end, (step - top) / (self.steps - top))
