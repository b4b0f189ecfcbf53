"""A recursion as one kernel: its items and arrays as ``chains`` describes them.

This module imports ``threads``, ``chains``, ``fusing`` and ``instructions``.
"""

from math import prod
from typing import Any

import numpy as np

from . import threads
from .chains import (
    FULL,
    PACKED,
    ROW,
    SCALAR,
    Apply,
    Chain,
    Dot,
    Gather,
    Input,
    Item,
    Loop,
    Scatter,
    Step,
)
from .fusing import JOIN, PRODUCTS, Group, Place, is_joined, named
from .instructions import Instruction


class Impossible(Exception):
    """A recursion with something that no kernel can do."""


class Kernel:
    """The description of a recursion.

    ``arrays``: the instructions whose arrays the kernel takes, with their classes;
    ``links``: the indices that it takes; ``at``, ``widths``: columns and widths;
    ``space``: that of all its rows; ``block``: how many rows of arrays a row of it is;
    ``work``: about how many multiplications there are for a row of arrays; ``dtype``:
    that of products, "" where there are none.
    """

    def __init__(self, recursion: Any, places: dict[Instruction, Place]):
        self.places, self.recursion = places, recursion
        self.numbers: dict[Instruction, int] = {}
        self.arrays: list[tuple[Instruction, int]] = []
        self.links: list[Any] = []
        self.columns: list[int] = []
        self.sizes: list[int] = []
        self.work, self.dtype = 0, ""
        self.space, self.rows = self._domain()
        items = [made for item in recursion.items for made in self._item(item)]
        inputs = [Input(kind, named(x.type.dtype)) for x, kind in self.arrays]
        self.loop = Loop(tuple(inputs), len(self.links), tuple(items))
        self.block = prod(self.rows)
        self.at = np.array(self.columns or [0], np.int64)
        self.widths = np.array(self.sizes or [0], np.int64)

    def parts(self, rows: int) -> int:
        """How many threads are worth while for so many rows of the space."""
        return threads.worth(rows * self.block * self.work)

    def _domain(self) -> tuple[int, tuple[int, ...]]:
        """The space, and the rows that a row of it is: everywhere the same."""
        domains = {g.domain[:2] for g in self.recursion.groups}
        spaces = {x.space for x in self.recursion.order}
        if len(domains) != 1 or len(spaces) != 1:
            raise Impossible(domains, spaces)
        return next(iter(domains))

    def _item(self, item: Any) -> list[Item]:
        if isinstance(item, Group):
            return [self._group(item)]
        if item in self.places or is_joined(item, self.places):
            return []
        if item.op in ("take", "spread", "scatter"):
            return self._moves(item)
        if item.op in PRODUCTS and item.inputs[1].space is None:
            return [self._product(item)]
        if item.op is JOIN and item.params["axis"] == -1:
            return self._copies(item)
        raise Impossible(item)

    def _number(self, x: Instruction, kind: int) -> int:
        """The number of an array, which is that of x or has it as columns."""
        base = self.places[x].base if x in self.places else x
        if base not in self.numbers:
            self.numbers[base] = len(self.arrays)
            self.arrays.append((base, kind))
        if self.arrays[self.numbers[base]][1] != kind:
            raise Impossible(base)
        return self.numbers[base]

    def _whole(self, x: Instruction) -> int:
        """The number of an array that is none's columns."""
        if x in self.places:
            raise Impossible(x)
        return self._number(x, self._kind(x))

    def _kind(self, x: Instruction) -> int:
        shape = x.type.shape
        if shape[:-1] == self.rows and shape and shape[-1] != 1:
            return FULL
        if shape in (self.rows, (*self.rows, 1)):
            return ROW
        raise Impossible(x)

    def _moves(self, x: Instruction) -> list[Item]:
        """Rows between levels: of a source outside of the recursion none."""
        make = Scatter if x.op == "scatter" else Gather
        found: list[Item] = []
        for y, key in zip(x.inputs, x.index if x.op == "take" else [x.index]):
            if y in self.recursion.inside:
                self.links.append(key)
                numbers = self._whole(x), self._whole(y)
                found.append(make(*numbers, len(self.links) - 1))
        return found

    def _product(self, x: Instruction) -> Dot:
        left, weight = x.inputs
        if (
            len(weight.type.shape) != 2
            or self._kind(left) != FULL
            or weight in self.places
        ):
            raise Impossible(left, weight)
        self.work += prod(weight.type.shape)
        numbers = self._whole(x), self._whole(left)
        dtypes = {y.type.dtype for y in (x, left, weight)}
        if len(dtypes) > 1 or x.type.dtype.char not in "fd":
            raise Impossible(x)
        name = named(x.type.dtype)
        if self.dtype not in ("", name):
            raise Impossible("products of two dtypes")
        self.dtype = name
        return Dot(*numbers, self._number(weight, PACKED))

    def _copies(self, x: Instruction) -> list[Item]:
        """A join of what has its place in another: its parts, one after the other."""
        found: list[Item] = []
        start, dtype = 0, named(x.type.dtype)
        same = Step("detach", (0,), FULL, dtype)
        chain = Chain((Input(FULL, dtype),), (same,), (1,))
        for y in x.inputs:
            if y.type.dtype != x.type.dtype or self._kind(y) != FULL:
                raise Impossible(x, y)
            width = y.type.shape[-1]
            numbers = (self._number(y, FULL),), (self._whole(x),)
            starts = self._column(self._start(y)), self._column(start)
            found.append(self._apply(chain, *numbers, starts, width))
            start += width
        return found

    def _group(self, g: Group) -> Apply:
        arrays = list(zip((*g.inputs, *g.outputs), g.chain.arrays()))
        numbers = [self._number(x, kind) for x, (kind, _) in arrays]
        wide = [x for x, (kind, _) in arrays if kind not in (ROW, SCALAR)]
        starts = tuple(self._column(self._start(x)) for x in wide)
        read = len(g.inputs)
        given = tuple(numbers[:read]), tuple(numbers[read:])
        return self._apply(g.chain, *given, starts, g.width)

    def _apply(
        self,
        chain: Chain,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        starts: tuple[int, ...],
        width: int,
    ) -> Apply:
        self.sizes.append(width)
        self.work += threads.STEP * width * len(chain.steps)
        return Apply(chain, inputs, outputs, starts)

    def _start(self, x: Instruction) -> int:
        return self.places[x].start if x in self.places else 0

    def _column(self, start: int) -> int:
        """The number of a column among those of the kernel, -1 for the first."""
        if not start:
            return -1
        self.columns.append(start)
        return len(self.columns) - 1


def described(recursion: Any, places: dict[Instruction, Place]) -> Kernel | None:
    """The description of a recursion, or None where it cannot be one kernel."""
    try:
        return Kernel(recursion, places)
    except Impossible:
        return None
