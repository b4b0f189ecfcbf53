"""Leaves that are drawn at evaluation: masks of dropout and their like.

All random leaves of one evaluation are drawn in the order of their creation, so that
every executor draws the same.  This module imports ``dtypes``, ``graph``, ``settings``
and ``signature``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .dtypes import WEAK, ArrayType
from .graph import Expression
from .settings import Setting, Switch, generator
from .signature import Shape

_training: Switch[bool] = Switch("training", True)
_held: Switch[dict[Expression, Any] | None] = Switch("random draws held", None)


def training(on: bool = True) -> Setting[bool]:
    """Switch every dropout on (as at first) or off, for evaluations from now on.

    For the process, or as a ``with`` block for the block alone.
    """
    return _training(bool(on))


def fixed_masks() -> Setting[dict[Expression, Any] | None]:
    """A ``with`` block in which every random leaf keeps the draw it made first."""
    return _held({})


class Random(Expression):
    """A leaf whose array is drawn anew at each evaluation: ``draw(rng, shape)``.

    While ``training(False)`` holds, every element is ``rest`` instead.
    """

    __slots__ = ("draw", "rest", "rng")

    def __init__(
        self,
        draw: Callable[..., Any],
        rest: float,
        shape: Shape,
        dtype: Any,
        rng: np.random.Generator | int | None = None,
    ):
        super().__init__(None, (), {}, ArrayType(shape, np.dtype(dtype), WEAK))
        self.draw = draw
        self.rest = rest
        self.rng = generator(rng)

    @property
    def value(self) -> np.ndarray[Any, Any]:
        """A new draw, or the draw that ``fixed_masks()`` holds."""
        if not _training.value:
            return np.full(self.shape, self.rest, self.dtype)
        held = _held.value
        if held is not None and self in held:
            return np.asarray(held[self])
        array = np.asarray(self.draw(self.rng, self.shape), dtype=self.dtype)
        if held is not None:
            held[self] = array
        return array

    def _with(self, args: Sequence[Expression]) -> Expression:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Random, (self.draw, self.rest, self.shape, self.dtype, self.rng)


class Mask:
    """Draws 1/(1-p) with probability 1-p, else 0."""

    def __init__(self, p: float):
        self.p = p

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Any:
        """An array of draws."""
        return (rng.random(shape) >= self.p) / (1 - self.p)


class Coins:
    """Draws 1 with probability p, else 0."""

    def __init__(self, p: float):
        self.p = p

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Any:
        """An array of draws."""
        return rng.random(shape) < self.p
