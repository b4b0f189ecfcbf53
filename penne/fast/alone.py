"""Nodes of composite ops computed by themselves, as those of sampling are.

There is no batch to make: one node waits for the symbol that was drawn of the last.
Products and lookups are NumPy's, but what is elementwise, a dozen calls on a vector or
two, is one kernel, the same as that of a batch.  This module imports ``composite``,
``graph``, ``settings``, ``kernels``, ``chains``, ``fusing``, ``instructions``,
``lowering``, ``paying`` and ``recursions``.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ..composite import Composite, Computed, Slots, line
from ..graph import Expression
from ..settings import Cache
from . import kernels
from .chains import AXES
from .fusing import Group, arranged
from .instructions import Instruction, users_of
from .lowering import UFUNCS
from .paying import PLACE, Account
from .recursions import flat

_alone = Cache("kinds of nodes computed alone", 1 << 8)
_shape = attrgetter("shape")
LEAST = 3  # elementwise steps that are worth a kernel
CALL = 1e-6  # seconds, about, of a call of NumPy on a vector
CALLS = 4  # of them, about, to an op that is not one of NumPy's


def computed(x: Expression, arrays: Sequence[Any]) -> Computed:
    """The value of a node of a composite op, of those of its arguments."""
    found: Alone | None = _alone.get((x.op, x.type))
    if found is None or found.kept is not found.op.kept:
        assert isinstance(x.op, Composite)
        assert isinstance(x.type, Slots)
        found = _alone[x.op, x.type] = Alone(x.op, x.type)
    return found.computed(arrays)


class Alone:
    """How a node of a composite op is computed: its ``items`` are steps and groups."""

    def __init__(self, op: Composite, type: Slots):
        self.op, self.kept = op, op.kept
        self.shapes = tuple(map(_shape, type.parts[: op.count]))
        self.slots = _instructions(op, type)
        self.items = self._items(any(isinstance(t, Slots) for t in type.parts))
        self.groups = [x for x in self.items if isinstance(x, Group)]
        self.account = Account(g.chain for g in self.groups)
        self.cost = sum(
            (1 if x.op in UFUNCS else CALLS) * (CALL + PLACE * g.block * g.width)
            for g in self.groups
            for x in g.instructions
        )
        self.written = self._written() if self.account.at_once() else None

    def computed(self, arrays: Sequence[Any]) -> Computed:
        """The values of the slots that are kept."""
        if self.written is None and self.account.due(self.cost):
            self.written = self._written()
        if self.written is None or tuple(map(_shape, arrays)) != self.shapes:
            return self.op.forward(*arrays)
        try:
            slots = Computed(self.written(*arrays))
        except Exception:  # of types that no kernel takes; or it says what is wrong
            return self.op.forward(*arrays)
        slots.op, slots.arrays = self.op, tuple(arrays)
        return slots

    def _items(self, nested: bool) -> list[Any]:
        """The steps in order, with what is elementwise in groups."""
        steps = self.slots[self.op.count :]
        users = users_of(steps)
        asked = {self.slots[k] for k in self.kept}

        def kept(x: Instruction, mine: set[Instruction]) -> bool:
            return x in asked or not mine.issuperset(users.get(x, ()))

        nodes = [(x, [x], x.inputs) for x in steps]
        return steps if nested else arranged(nodes, LEAST, kept)

    def _written(self) -> Any:
        """All items as one Python function, which gives the slots."""
        number = {x: k for k, x in enumerate(self.slots)}
        names = {x: f"x{k}" for x, k in number.items()}
        scope: dict[str, Any] = {"flat": flat, "empty": np.empty}
        given = [names[x] for x in self.slots[: self.op.count]]
        lines = [f"def written({', '.join(given)}):"]
        for k, item in enumerate(self.items):
            if isinstance(item, Group):
                lines += _call(k, item, names, scope)
            else:
                given = [names[y] for y in item.inputs]
                lines.append(line(k, names[item], item.op, given, item.params, scope))
        slots = [
            names[self.slots[k]] if k in self.kept else "None" for k in number.values()
        ]
        lines.append(f"return [{', '.join(slots)}]")
        exec("\n    ".join(lines), scope)
        return scope["written"]


def _instructions(op: Composite, type: Slots) -> list[Instruction]:
    """The slots of a node as instructions."""
    slots = [Instruction("leaf", (), kind) for kind in type.parts[: op.count]]
    for (inner, places, params), kind in zip(op.steps, type.parts[op.count :]):
        inputs = [slots[k] for k in places]
        slots.append(Instruction(inner, inputs, kind, None, params))
    return slots


def _call(
    k: int, group: Group, names: dict[Any, str], scope: dict[str, Any]
) -> list[str]:
    """The lines of a group: its outputs are made, its kernel is called."""
    kinds = [kind for kind, _ in group.chain.arrays()]
    scope[f"k{k}"] = kernels.bulk(group.chain)
    scope[f"at{k}"] = np.zeros(len(kinds), np.int64)
    given = [_taken(names[x], x, kind) for x, kind in zip(group.inputs, kinds)]
    made, shaped = [], []
    for x, kind in zip(group.outputs, kinds[len(group.inputs) :]):
        name = names[x]
        shape = (group.block, group.width)[: AXES[kind]]
        scope[f"d{name}"] = x.type.dtype
        made.append(f"{name} = empty({shape}, d{name})")
        if not x.type.shape:
            shaped.append(f"{name} = {name}[0]")  # a number, as NumPy gives one
        elif shape != x.type.shape:
            shaped.append(f"{name} = {name}.reshape({x.type.shape})")
        given.append(name)
    call = f"k{k}(0, {group.block}, {group.width}, at{k}, {', '.join(given)})"
    return [*made, call, *shaped]


def _taken(name: str, x: Instruction, kind: int) -> str:
    """An array as kernels take one of its class."""
    axes = len(x.type.shape)
    if axes == AXES[kind] > 0:
        return name
    return f"{name}[None]" if (axes, AXES[kind]) == (1, 2) else f"flat({name}, {kind})"
