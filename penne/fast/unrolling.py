"""Loops taken apart: the nodes of their steps, as if each had been built by itself.

What runs as one batch with what, and what waits for what, is then found as for any
other nodes.  Steps of which nothing is asked are left out.  There are many such nodes,
and they are made for each new graph: so they are filled in here, not by ``__init__``.

This module imports ``composite``, ``dtypes``, ``graph`` and ``loops``.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, TypeVar

import numpy as np

from ..composite import NOTHING, PROJECT, picks
from ..dtypes import ArrayType
from ..graph import Expression, Op
from ..loops import Each, Loop, Of, Rows

WHOLE = -1
Node = TypeVar("Node", bound=Expression)


class Part(Expression):
    """A part of a leaf that is a leaf of a step: a row, or a slot."""

    __slots__ = ("of", "part")
    of: Expression
    part: int


def place_in(x: Expression) -> tuple[Expression, int]:
    """The leaf that x is a part of, and which; of another leaf itself, ``WHOLE``."""
    return (x.of, x.part) if isinstance(x, Part) else (x, WHOLE)


def part_of(value: Any, part: int) -> Any:
    """The part of the value of a leaf."""
    if part == WHOLE:
        return value
    return value[part] if isinstance(value, np.ndarray) else value.at(part)


class Unrolled:
    """A loop whose node is x, at the ``times`` that are needed, of which ``given[k]``
    are asked for what is given k-th.

    ``nodes``: of the step, by time; ``outputs``: by k the slots that were asked for, by
    time.  ``others``: the loops that this one may read.
    """

    def __init__(
        self,
        x: Expression,
        times: Sequence[int],
        given: Sequence[Sequence[int]],
        others: "dict[Expression, Unrolled]",
    ):
        self.x = x
        self.op = op = loop_of(x)
        self.inner = -1, *op.given
        parts: Sequence[ArrayType] = x.type.parts  # type: ignore[attr-defined]  # it has several
        self.outputs = [
            dict(zip(asked, _slots(len(asked), slot, parts[op.slot(0, k)])))
            for k, (asked, slot) in enumerate(zip(given, op.given))
        ]
        state = [
            repeat(first) if k is None else [first, *self._before(k, times)]
            for first, k in zip(x.args[op.first : op.rest], op.carried)
        ]
        columns = self._read(times, others), *state, *map(repeat, x.args[op.rest :])
        type, count = parts[op.slot(0, -1)], len(times)
        made = _nodes(op.step, zip(*columns), count, type, x.serial)
        self.nodes = dict(zip(times, made))
        for outputs in self.outputs:
            for p, node in zip(outputs.values(), zip(self.of(outputs))):
                p.args = node

    def of(self, times: Iterable[int]) -> Iterable[Expression]:
        """The nodes of these times."""
        return map(self.nodes.__getitem__, times)

    def _before(self, k: int, times: Sequence[int]) -> Iterable[Expression]:
        return map(self.outputs[k].__getitem__, times[:-1])

    def _read(
        self, times: Sequence[int], others: "dict[Expression, Unrolled]"
    ) -> Iterable[Expression]:
        """What is read at each of the times."""
        source, read = self.op.source, self.x.args[0]
        if isinstance(source, Each):
            return map(self.x.args.__getitem__, times)
        if isinstance(source, Rows):
            type = ArrayType(read.shape[1:], read.dtype, read.type.strength)
            return _parts(read, times, type)
        if read in others:
            k, there = read_of(source, loop_of(read), times)
            return map(others[read].outputs[k].__getitem__, there)
        slots = [source.first + time * source.apart for time in times]
        return _parts(read, slots, read.type.parts[source.first])  # type: ignore[attr-defined]  # it has several

    def place(self, slot: int) -> tuple[Expression, int]:
        """The node of a step that a slot belongs to, and which of its slots it is; of
        the node itself -1."""
        time, k = divmod(slot - self.op.count, self.op.apart)
        return self.nodes[time], self.inner[k]

    def kept(self) -> list[int]:
        """The slots that are kept, of the steps that are there."""
        places = {slot: self.op.time(slot) for slot in self.op.kept}
        there = [s for s, (t, k) in places.items() if k >= 0 and t in self.nodes]
        return sorted(there)


def read_of(source: Of, op: Loop, times: Sequence[int]) -> tuple[int, list[int]]:
    """Which of the given a loop reads of another, and of which times."""
    first, k = op.time(source.first)
    apart = source.apart // op.apart
    return k, [first + time * apart for time in times]


def loop_of(x: Expression) -> Loop:
    """The op of a node of a loop."""
    assert isinstance(x.op, Loop)
    return x.op


def _nodes(
    op: Op, columns: Iterable[Any], count: int, type: ArrayType, serial: int
) -> list[Expression]:
    """A node for each row of the columns of arguments."""
    made = _empty(Expression, count)
    for x, args in zip(made, columns):
        x.op, x.args, x.params, x.type, x.serial = op, args, NOTHING, type, serial
    return made


def _slots(count: int, slot: int, type: ArrayType) -> list[Expression]:
    """So many slots of nodes that are yet to be made."""
    params, made = picks[slot], _empty(Expression, count)
    for x in made:
        x.op, x.params, x.type = PROJECT, params, type
    return made


def _parts(of: Expression, parts: Sequence[int], type: ArrayType) -> list[Part]:
    """Leaves that are parts of another one."""
    made = _empty(Part, len(parts))
    for x, part in zip(made, parts):
        x.op, x.args, x.params, x.type, x.of, x.part = None, (), NOTHING, type, of, part
    return made


def _empty(kind: type[Node], count: int) -> list[Node]:
    """So many of them, to be filled in: sooner than one by one."""
    return list(map(object.__new__, repeat(kind, count)))


def unrolled(
    loops: Sequence[Expression], projections: Sequence[Expression], every: bool
) -> dict[Expression, Unrolled]:
    """Each of ``loops``, in the order of creation, taken apart as far as it is needed:
    by ``projections`` of them, by one another, or ``every`` slot that is kept."""
    needed = {x: Needed(loop_of(x)) for x in loops}
    for p in projections:
        mine = needed.get(p.args[0])
        if mine is not None:
            op = mine.op
            mine.at.add((p.params["slot"] - op.count) // op.apart)
    for x in reversed(loops):
        source = loop_of(x).source
        needed[x].complete(every)
        if isinstance(source, Of) and x.args[0] in needed:
            needed[x.args[0]].read(source, needed[x].times)
    found: dict[Expression, Unrolled] = {}
    for x in loops:
        if needed[x].times:
            found[x] = Unrolled(x, needed[x].times, needed[x].given, found)
    return found


class Needed:
    """What is needed of a loop: at which ``times`` its step, of which of these what is
    ``given`` as an argument of another node."""

    def __init__(self, op: Loop):
        self.op = op
        self.at: set[int] = set()
        self.times: Sequence[int] = ()
        self.given: list[list[int]] = [[] for _ in op.given]

    def read(self, source: Of, times: Sequence[int]) -> None:
        """Another loop reads it at these times of its own."""
        k, there = read_of(source, self.op, times)
        self.at.update(there)
        self.given[k] += there

    def complete(self, every: bool) -> None:
        """Nothing but what it itself needs is still to come."""
        op = self.op
        if every:
            self.at.update(op.time(slot)[0] for slot in op.kept)
        if self.at and op.recurs:
            self.times = range(max(self.at) + 1)
            for k in {k for k in op.carried if k is not None}:
                self.given[k] = list(self.times)
        else:
            self.times = sorted(self.at)
