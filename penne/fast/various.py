"""Constants of many values, each a row of a column.

They are leaves of their own, such as symbols that were given one by one; rows of
arrays that a loop reads; or slots of nodes whose value is known.  This module imports
``composite``, ``graph`` and ``unrolling``.
"""

from collections.abc import Sequence
from operator import methodcaller
from typing import Any

import numpy as np

from ..composite import Slots
from ..graph import Expression
from .unrolling import WHOLE, part_of, place_in

_item = methodcaller("item")


class Various:
    """The rows ``xs``; ``leaves``: those whose values are needed for them."""

    def __init__(self, xs: Sequence[Expression]):
        self.type = xs[0].type
        found = list(map(place_in, xs))
        self.parts = [part for _, part in found]
        self.apart = max(self.parts) != WHOLE
        self.taken: Any = None
        self.leaves: Sequence[Expression] = [of for of, _ in found]
        arrays = {of for of, part in found if part != WHOLE and of.type.shape}
        if arrays:
            self._take(arrays)

    def _take(self, arrays: set[Expression]) -> None:
        """Have each array once, and know which row of all of them is which."""
        of = self.leaves
        self.leaves = list(dict.fromkeys(of))
        self.whole = [x in arrays for x in self.leaves]
        lengths = [
            x.shape[0] if whole else 1 for x, whole in zip(self.leaves, self.whole)
        ]
        first = dict(zip(self.leaves, np.cumsum([0, *lengths]).tolist()))
        self.taken = np.array([first[x] for x in of]) + np.maximum(self.parts, 0)

    def value(self, values: Sequence[Any]) -> Any:
        """The rows, of the values of ``leaves``: an array, but of nodes a list."""
        if self.taken is not None:
            parts = [v if whole else v[None] for v, whole in zip(values, self.whole)]
            return np.concatenate(parts)[self.taken]
        values = list(map(part_of, values, self.parts)) if self.apart else values
        if isinstance(self.type, Slots):
            return values
        if not self.type.shape:
            return np.fromiter(map(_item, values), self.type.dtype, len(values))
        return np.array(values)
