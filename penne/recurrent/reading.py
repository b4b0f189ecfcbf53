"""Sequences read by steps that are known, as one node for each transducer.

Where every step of a transducer is one op (a ``cell``, a layer), to read a sequence
costs one node (``loops``) whatever its length, and not some for each step.  Layer by
layer it comes to the same as step by step: nothing but its own state, and what it is
given, goes into a known step.  What is being traced, and what ``debug()`` records the
lines of, is built step by step, and so is what has one transducer with a state in two
places, or reads an iterator: its next input may be made of the state now.

This module imports ``composite``, ``counts``, ``dtypes``, ``graph``, ``loops``,
``modules``, ``places``, ``settings`` and ``tracing``.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from ..composite import NOTHING, Slots, picked
from ..counts import is_int
from ..dtypes import INDEX
from ..graph import Expression, constant
from ..loops import Each, Loop, Of, Rows, Source, loop
from ..modules import ModuleType, holders
from ..places import is_recording
from ..settings import Cache
from ..tracing import Cell, Plan, being_traced

Step = tuple[Cell, Any]  # a known step, and whose it is
LEAST = 3  # steps in a row that are worth a loop
_types = Cache("types of loops", 1 << 10)
_shared = Cache("states in two places", 1 << 10)


class Listed:
    """Things that are read one by one."""

    def __init__(self, items: list[Any]):
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def at(self, k: int) -> Any:
        """The one at place k."""
        return self.items[k]

    def alike(self, k: int) -> int:
        """How many from place k on are expressions of one type."""
        first = self.items[k]
        if not isinstance(first, Expression):
            return 0
        type = first.type
        same = takewhile(lambda x: getattr(x, "type", None) is type, self.items[k:])
        return sum(1 for _ in same)

    def given(self, k: int, count: int) -> tuple[Source, list[Expression]]:
        """How a loop reads so many from place k on."""
        return Each(count), self.items[k : k + count]


class Array:
    """The rows of an array.

    A constant of the user's is not read so, but row by row: another value may be given
    to it, and a gradient of it be asked for.
    """

    def __init__(self, array: np.ndarray[Any, Any]):
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def at(self, k: int) -> Any:
        """Row k."""
        return constant(self.array[k])

    def alike(self, k: int) -> int:
        """How many there are from row k on."""
        return len(self) - k

    def given(self, k: int, count: int) -> tuple[Source, list[Expression]]:
        """How a loop reads them."""
        return Rows(), [constant(self.array[k:])]


class Outputs:
    """What a loop gives."""

    def __init__(self, node: Expression, source: Of, count: int):
        self.node, self.source, self.count = node, source, count

    def __len__(self) -> int:
        return self.count

    def at(self, k: int) -> Any:
        """That of time k."""
        return picked(self.node, self.source.first + k * self.source.apart)

    def alike(self, k: int) -> int:
        """How many there are from time k on."""
        return self.count - k

    def given(self, k: int, count: int) -> tuple[Source, list[Expression]]:
        """How another loop reads them."""
        first, apart, _ = self.source
        return Of(first + k * apart, apart), [self.node]


Series = Listed | Array | Outputs


def looped(steps: Sequence[Step], inps: Iterable[Any]) -> list[Any] | None:
    """The outputs for ``inps`` of known steps, each of which reads those of the one
    before; None where they are to be built one by one."""
    if isinstance(inps, Iterator) or being_traced.value or is_recording():
        return None
    if shared([r for _, r in steps]):
        return None
    parts = [_series(inps)]
    for step in steps:
        parts = _read(step, parts)
    return [part.at(k) for part in parts for k in range(len(part))]


def shared(owners: Sequence[Any]) -> bool:
    """Whether a transducer that has a state is part of two of these."""
    if len(owners) < 2:
        return False
    key = tuple(map(id, owners))
    known = _shared.get(key)
    if known is None or known[0] != ModuleType.changes:
        found = in_two(owners) is not None
        known = _shared[key] = ModuleType.changes, found
    return bool(known[1])


def in_two(owners: Sequence[Any]) -> Any:
    """A transducer that has a state and is part of two of these, or None."""
    seen: set[int] = set()
    for owner in owners:
        held = {id(x): x for _, x in owner.parts(holders)}
        for k in seen & held.keys():
            if hasattr(held[k], "_changed") and held[k]._changed():
                return held[k]
        seen |= held.keys()
    return None


def _series(inps: Any) -> Series:
    if isinstance(inps, np.ndarray) and inps.ndim and inps.dtype.kind in "biuf":
        return Array(inps)
    items = list(inps)
    if items and all(map(is_int, items)):
        return Array(np.array(items, INDEX))
    return Listed([constant(x) if _is_batch(x) else x for x in items])


def _is_batch(x: Any) -> bool:
    """Whether x is an array, or a batch of symbols."""
    if isinstance(x, list):
        return bool(x) and all(map(is_int, x))
    return isinstance(x, np.ndarray)


def _read(step: Step, parts: Sequence[Series]) -> list[Series]:
    cell, owner = step
    made: list[Series] = []
    for part in parts:
        k = 0
        while k < len(part):
            plan, inputs = cell.planned(owner, (part.at(k),))
            count = 0 if plan.repeat is None else part.alike(k)
            if count >= LEAST:
                made.append(_loop(plan, inputs, *part.given(k, count), count))
                k += count
                continue
            y = plan.applied(inputs)
            k += 1
            if made and isinstance(made[-1], Listed):
                made[-1].items.append(y)
            else:
                made.append(Listed([y]))
    return made


def _loop(
    plan: Plan,
    inputs: list[Expression],
    source: Source,
    given: list[Expression],
    times: int,
) -> Outputs:
    """A plan applied so often; the state is assigned, what is left of it at the end."""
    for x in given:
        plan.check([x, *inputs[1:]])
    assert plan.repeat is not None
    op = loop(plan.repeat, times, source)
    args = (*given, *inputs[1:], *plan.body.captured)
    node = Expression(op, args, NOTHING, _type(plan, op, args))
    for d, name, k in plan.assigned:
        d[name] = picked(node, op.slot(times - 1, k))
    return Outputs(node, Of(op.slot(0, 0), op.apart), times)


def _type(plan: Plan, op: Loop, args: Sequence[Expression]) -> Slots:
    type = plan.body.type
    found: Slots | None = _types.get((op, type, args[0].type))
    if found is None:
        each = type, *(type.parts[k] for k in op.given)
        parts = (*(a.type for a in args), *each * op.times)
        found = _types[op, type, args[0].type] = Slots(parts)
    return found
