"""Running a group of nodes as one batch, on NumPy.

A batched array has the nodes of its group along its first axis.  Ops obey the law of
leading axes, so their forward serves as it is; arguments that all nodes share stay as
they are and broadcast.  This module imports ``composite``, ``graph`` and
``signature``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..composite import PROJECT, Composite, Computed, Slots
from ..dtypes import ArrayType
from ..graph import OPS, Expression, Op
from ..settings import Cache
from ..signature import signature

Array = np.ndarray[Any, Any]
_pads = Cache("alignments of batches", 1 << 14)
_NOWHERE = (None, 0)
_STACK, _CONCATENATE, _ADD_ALL = _JOINS = [
    OPS[name] for name in ("stack", "concatenate", "add_all")
]
_MANY = 8  # with more arguments than this a stack or a sum is itself a batch


class Batch:
    """The slots of a group of composite nodes: arrays, each batched or shared."""

    __slots__ = ("batched", "op", "slots")

    def __init__(self, op: Composite, slots: list[Any], batched: list[bool]):
        self.op, self.slots, self.batched = op, slots, batched


class Column:
    """One argument of all the nodes of a group, where it is a composite node."""

    __slots__ = ("nodes", "run")

    def __init__(self, run: "Run", nodes: list[Expression]):
        self.run, self.nodes = run, nodes

    def at(self, slot: int) -> tuple[Any, bool]:
        """A slot of each node, and whether it is batched."""
        return self.run.joined([(node, slot) for node in self.nodes])


class Row:
    """One node of a batch, as a composite node by itself would be."""

    __slots__ = ("batch", "row", "run", "x")

    def __init__(self, batch: Batch, row: int, x: Expression, run: "Run"):
        self.batch, self.row, self.x, self.run = batch, row, x, run

    def at(self, slot: int) -> Any:
        """The value of a slot."""
        array = self.batch.slots[slot]
        if array is None:
            return self._again().at(slot)
        return array[self.row] if self.batch.batched[slot] else array

    def _again(self) -> Computed:
        """The node computed by itself: a slot was asked for that had not been kept."""
        return self.batch.op.forward(*[self.run.value(a) for a in self.x.args])


class Run:
    """One evaluation: what has been computed, and where it stands."""

    def __init__(self, values: dict[Expression, Any]):
        self.values = values
        self.place: dict[Expression, tuple[Any, int]] = {}

    def value(self, x: Expression) -> Any:
        """The value of one expression."""
        if x in self.values:
            return self.values[x]
        if x.op is PROJECT:
            found = self.value(x.args[0]).at(x.params["slot"])
        else:
            batch, row = self.place[x]
            whole = isinstance(batch, Batch)
            found = Row(batch, row, x, self) if whole else batch[row]
        self.values[x] = found
        return found

    def group(self, nodes: list[Expression]) -> None:
        """Compute all ``nodes``, which are of one kind."""
        first, op = nodes[0], nodes[0].op
        assert op is not None
        many = len(first.args) > _MANY and not isinstance(op, Composite)
        if len(nodes) == 1 or many or not op.batch:
            for x in nodes:
                self.values[x] = self._alone(x, op)
            return
        args = zip(*(x.args for x in nodes))
        columns = [self.column(list(column)) for column in args]
        batch: Any
        if isinstance(op, Composite):
            assert isinstance(first.type, Slots)
            batch, batched = composite_batch(op, first.type, columns), True
        else:
            types = [a.type for a in first.args]
            batch, batched = op_batch(op, first.params, types, columns)
        for row, x in enumerate(nodes):
            if batched:
                self.place[x] = batch, row
            else:
                self.values[x] = batch

    def _alone(self, x: Expression, op: Op) -> Any:
        """The value of one node; of many arguments, those of a batch stay together."""
        if len(x.args) > _MANY and op in _JOINS:
            joined = self._joined_at_once(x, op)
            if joined is not None:
                return joined
        return op.forward(*[self.value(a) for a in x.args], **x.params)

    def _joined_at_once(self, x: Expression, op: Op) -> Any:
        first = x.args[0].type
        if any(a.type.shape != first.shape for a in x.args) or first.dtype.kind == "b":
            return None
        if op is _CONCATENATE and x.params["axis"] != -len(first.shape):
            return None
        if op is _STACK and x.params["axis"] != -1 - len(first.shape):
            return None
        array, batched = self.column(list(x.args))
        if not batched:
            return None
        if op is _ADD_ALL:
            return np.add.reduce(array, axis=0)
        if op is _CONCATENATE:
            return array.reshape(-1, *first.shape[1:])
        return array

    def column(self, args: list[Expression]) -> tuple[Any, bool]:
        """One argument of all nodes of a group, and whether it is batched."""
        first = args[0]
        if all(a is first for a in args):
            return self.value(first), False
        if isinstance(first.type, Slots):
            return Column(self, args), True
        return self.joined([_address(a) for a in args])

    def joined(self, addresses: list[tuple[Expression, int]]) -> tuple[Any, bool]:
        """The arrays at (node, slot) addresses as one array, along a new first axis."""
        sources: dict[int, tuple[Array, list[int], list[int]]] = {}
        for position, (x, slot) in enumerate(addresses):
            array, row = self._row(x, slot)
            if array is None:
                return self._stacked(addresses), True
            source = sources.get(id(array))
            if source is None:
                source = sources[id(array)] = (array, [], [])
            source[1].append(position)
            source[2].append(row)
        first = next(iter(sources.values()))
        if len(sources) == 1:
            return _taken(first[0], first[2]), True
        whole = np.empty((len(addresses), *first[0].shape[1:]), first[0].dtype)
        for array, positions, rows in sources.values():
            whole[positions] = _taken(array, rows)
        return whole, True

    def _row(self, x: Expression, slot: int) -> tuple[Any, int]:
        """The batched array and the row in which an address stands, or None."""
        batch, row = self.place.get(x, _NOWHERE)
        if isinstance(batch, Batch):
            return (batch.slots[slot] if batch.batched[slot] else None), row
        return batch, row

    def _stacked(self, addresses: list[tuple[Expression, int]]) -> Array:
        parts = []
        for x, slot in addresses:
            value = self.value(x)
            parts.append(value if slot < 0 else value.at(slot))
        return np.array(parts)


def _address(x: Expression) -> tuple[Expression, int]:
    """Where an expression stands: a node, and its slot or -1."""
    return (x.args[0], x.params["slot"]) if x.op is PROJECT else (x, -1)


def _taken(array: Array, rows: list[int]) -> Array:
    """Some rows: a view where they lie side by side."""
    first, count = rows[0], len(rows)
    if rows[-1] - first == count - 1 and rows == list(range(first, first + count)):
        return array[first : first + count]
    return array[rows]


def alignment(
    op: Op, params: Mapping[str, Any], types: Sequence[ArrayType]
) -> tuple[int, ...]:
    """How many axes of length 1 each argument needs behind the batch axis, so that
    leading axes of different number still broadcast as they did without it."""
    key = (op, id(params), *types)
    found = _pads.get(key)
    if found is not None and found[0] is params:
        return found[1]
    shapes = [t.shape for t in types]
    text = op.signature
    text = text if isinstance(text, str) else text(*shapes, **params)
    core = signature(text).inputs
    leading = [len(s) - len(c) for s, c in zip(shapes, core)]
    pads = tuple(max(leading) - n for n in leading)
    _pads[key] = params, pads
    return pads


def _aligned(array: Any, pad: int) -> Any:
    if not pad:
        return array
    return array.reshape(array.shape[:1] + (1,) * pad + array.shape[1:])


def op_batch(
    op: Op,
    params: Mapping[str, Any],
    types: Sequence[ArrayType],
    columns: Sequence[tuple[Any, bool]],
) -> tuple[Any, bool]:
    """The result of an op on columns of arguments, and whether it is batched."""
    if not any(batched for _, batched in columns):
        return op.forward(*[array for array, _ in columns], **params), False
    pads = alignment(op, params, types)
    arrays = [
        _aligned(array, pad) if batched else array
        for (array, batched), pad in zip(columns, pads)
    ]
    return op.forward(*arrays, **params), True


def composite_batch(
    op: Composite, type: Slots, columns: Sequence[tuple[Any, bool]]
) -> Batch:
    """The slots of a group of nodes of a composite op, from columns of arguments."""
    slots = [array for array, _ in columns]
    batched = [flag for _, flag in columns]
    for (_, places, params, dead), (inner, _, _) in zip(op.calls, op.steps):
        given = [(slots[k], batched[k]) for k in places]
        if isinstance(inner, Composite):
            inside = type.parts[len(slots)]
            assert isinstance(inside, Slots)
            slot, flag = composite_batch(inner, inside, given), True
        elif inner is PROJECT:
            slot, flag = _slot(given[0], params["slot"])
        else:
            types = [type.parts[k] for k in places]
            slot, flag = op_batch(inner, params, types, given)
        slots.append(slot)
        batched.append(flag)
        for k in dead:
            slots[k] = None
    return Batch(op, slots, batched)


def _slot(given: tuple[Any, bool], slot: int) -> tuple[Any, bool]:
    source, batched = given
    if isinstance(source, Batch):
        return source.slots[slot], source.batched[slot]
    found: tuple[Any, bool] = source.at(slot) if batched else (source.at(slot), False)
    return found
