"""Leaves that are drawn at evaluation: masks of dropout and their like.

All random leaves of one evaluation are drawn in the order of their creation, so that
every executor draws the same.  This module imports ``graph`` and ``settings``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .dtypes import WEAK, ArrayType
from .graph import Expression
from .settings import Setting, Switch, generator
from .signature import Shape


class Random(Expression):
    """A leaf whose array is drawn anew at each evaluation: ``draw(rng, shape)``."""

    __slots__ = ("draw", "rng")
    held: Switch["dict[Random, Any] | None"] = Switch("random draws held", None)

    def __init__(self, draw: Callable[..., Any], shape: Shape, dtype: Any, rng: Any):
        super().__init__(None, (), {}, ArrayType(shape, np.dtype(dtype), WEAK))
        self.draw = draw
        self.rng = generator(rng)

    @property
    def value(self) -> np.ndarray[Any, Any]:
        """A new draw, or the draw that ``fixed_masks()`` holds."""
        held = Random.held.value
        if held is not None and self in held:
            return held[self]
        array = np.asarray(self.draw(self.rng, self.shape), dtype=self.dtype)
        if held is not None:
            held[self] = array
        return array

    def _with(self, args: Sequence[Expression]) -> Expression:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Random, (self.draw, self.shape, self.dtype, self.rng)


def fixed_masks() -> Setting[dict[Any, Any] | None]:
    """A ``with`` block in which every random leaf keeps the draw it made first."""
    return Random.held({})
