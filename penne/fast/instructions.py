"""Instructions: the ops of all kinds of a graph, each once, over spaces of rows.

A *space* is a set of rows: those of a kind, or of the arguments of wide nodes.  An
instruction computes one array: of a space, with the rows along the first axis, or
without one, the same for all rows.  Composite ops are taken apart, so that what does
not take part in a recursion does not wait for it.  Between spaces rows are taken, or
added up:

    take     row r is a row of the source that its index names
    scatter  the adjoint: rows are added up where the index says
    logsum   rows are added up, as they are logarithms of what is meant
    pick     one row, without the axis of rows; ``place`` is its adjoint
    whole    a space as one array, in the order of the graph; ``rows`` is its adjoint
    total    the sum over rows; ``cross`` is the total of outer products, and
             ``dots`` that of products number by number
    lookup   the gradient of lookups: rows that are added up; ``columns`` of these
    rest     the gradient of rows with respect to a loss, found by another program
    expand   rows of distinct symbols, for all who have them; ``collapse``: its adjoint

This module imports ``composite``, ``dtypes``, ``graph``, ``ops``, ``symbols``,
``collect`` and ``structure``.
"""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from ..composite import PROJECT, Composite, Slots
from ..dtypes import ArrayType
from ..graph import Constant, Op
from ..ops import broadcast_to
from ..symbols import Symbol
from .collect import ADD_ALL, CONCATENATE, LOGSUMEXP, STACK, Column, Source
from .structure import LEAF, VARIOUS, KindShape

Index = tuple[int, int, Source | None]  # a column, and which of its sources
_serials = count()
SEGMENTS = None  # in place of a source: the nodes whose arguments are rows of a column
_FOLDS = {ADD_ALL: "scatter", LOGSUMEXP: "logsum"}  # of the rows of a wide node
LOSS: Index = (-1, -1, None)  # the row of the loss itself


class Irregular(Exception):
    """A graph that cannot run as a program of rows and levels."""


class Instruction:
    """One array of a program, and how it is computed."""

    __slots__ = ("index", "inputs", "number", "op", "params", "serial", "space", "type")
    number: int  # its place in the order

    def __init__(
        self,
        op: Any,
        inputs: Sequence["Instruction"] = (),
        type: Any = None,
        space: Any = None,
        params: Any = None,
        index: Any = None,
    ):
        self.serial = next(_serials)
        self.op = op
        self.inputs = list(inputs)
        self.type = type
        self.space = space
        self.params = params or {}
        self.index = index

    def __repr__(self) -> str:
        name = self.op if isinstance(self.op, str) else self.op.name
        return f"<{name} {getattr(self.type, 'shape', '')} space {self.space}>"


class ColumnSlots:
    """The slots of a column whose arguments are nodes of composite ops."""

    def __init__(self, builder: "Builder", k: int, j: int, column: Column):
        self.builder, self.k, self.j, self.column = builder, k, j, column
        self.found: dict[int, Instruction] = {}

    def slot(self, slot: int) -> Instruction:
        """One slot of each node."""
        if slot not in self.found:
            type = self.column.type.parts[slot]
            if isinstance(type, Slots):
                raise Irregular("a node of a composite op inside of another")
            column = self.column._replace(type=type)
            self.found[slot] = self.builder.column(self.k, self.j, column, slot)
        return self.found[slot]


def users_of(order: Iterable[Instruction]) -> dict[Instruction, list[Instruction]]:
    """By instruction those of ``order`` that take it, once for each time."""
    found: dict[Instruction, list[Instruction]] = {}
    for y in order:
        for x in y.inputs:
            found.setdefault(x, []).append(y)
    return found


class Builder:
    """The forward instructions of a structure.

    ``outputs[k]``: the instruction of kind k, or a list with one for each slot.
    """

    def __init__(self, shapes: Sequence[KindShape]):
        self.shapes = shapes
        self.spaces = _joined_spaces(shapes)
        self.leaves: dict[Any, Instruction] = {}
        self.columns: dict[Any, Instruction] = {}
        self.open: list[tuple[Instruction, Column, int | None]] = []
        self.outputs: list[Any] = []
        for k, shape in enumerate(shapes):
            self.outputs.append(self._kind(k, shape))
        for made, column, slot in self.open:
            leaf = column.low or column.type
            given = [self._source(s, leaf, slot) for s in column.sources]
            made.inputs = [_widened(x, made) for x in given]

    def _kind(self, k: int, shape: KindShape) -> Any:
        if shape.wide:
            return self._wide(k, shape)
        inputs = [self._argument(k, j, c) for j, c in enumerate(shape.columns)]
        if isinstance(shape.op, Composite):
            return self._steps(shape.op, inputs, shape.type)
        return apply(shape.op, inputs, shape.type, shape.params)

    def _argument(self, k: int, j: int, column: Column) -> Any:
        if isinstance(column.type, Slots):
            return ColumnSlots(self, k, j, column)
        return self.column(k, j, column)

    def column(
        self, k: int, j: int, column: Column, slot: int | None = None
    ) -> Instruction:
        """The instruction that gives one argument of kind k, or a slot of it."""
        shape = self.shapes[k]
        if column.shared:
            (source,) = column.sources
            if source.kind == LEAF:
                return self.leaf(source.slot, column.type, slot)
            made = Instruction("pick", (), column.type, index=(k, j, source))
        else:
            space = self.spaces[len(self.shapes) + k if shape.wide else k]
            known = self.columns.get((column.like, space, slot))
            if known is not None:
                return known
            name = "same" if column.aligned else "take"
            index = [(k, j, source) for source in column.sources]
            made = Instruction(name, (), column.type, space, index=index)
            self.columns[(k, j), space, slot] = made
        self.open.append((made, column, slot))
        return made

    def leaf(self, number: int, type: ArrayType, slot: int | None) -> Instruction:
        """The leaf of this number, or a slot of a node whose value is known."""
        key = number if slot is None else (number, slot)
        if key not in self.leaves:
            params = {} if slot is None else {"slot": slot}
            self.leaves[key] = Instruction("leaf", (), type, None, params, number)
        return self.leaves[key]

    def output(self, source: Source) -> Instruction:
        """The instruction that computes a slot of a kind."""
        return self._source(source, None, None)

    def _source(self, source: Source, type: Any, slot: int | None) -> Instruction:
        if source == (LEAF, VARIOUS):
            params = {} if slot is None else {"slot": slot}
            return Instruction("various", (), type, None, params)
        if source.kind == LEAF:
            return self.leaf(source.slot, type, slot)
        found = self.outputs[source.kind]
        slot = source.slot if slot is None else slot
        return found[slot] if isinstance(found, list) else found

    def _steps(self, op: Composite, inputs: list[Any], type: Slots) -> list[Any]:
        slots = list(inputs)
        for inner, places, params in op.steps:
            given = [slots[k] for k in places]
            kind = type.parts[len(slots)]
            if inner is PROJECT:
                source, slot = given[0], params["slot"]
                whole = isinstance(source, ColumnSlots)
                slots.append(source.slot(slot) if whole else source[slot])
            elif isinstance(inner, Composite):
                assert isinstance(kind, Slots)
                slots.append(self._steps(inner, given, kind))
            else:
                slots.append(apply(inner, given, kind, params))
        return slots

    def _wide(self, k: int, shape: KindShape) -> Instruction:
        rows = self.column(k, 0, shape.columns[0])
        if shape.op in _FOLDS:
            index, space = (k, 0, SEGMENTS), self.spaces[k]
            name = _FOLDS[shape.op]
            return Instruction(name, [rows], shape.type, space, index=index)
        if shape.type is None:
            return Instruction("rest", [rows], rows.type, rows.space, None, shape.op)
        column = shape.columns[0].type
        length = shape.type.shape[0] // (1 if shape.op is STACK else column.shape[0])
        whole = ArrayType((length, *column.shape), column.dtype, column.strength)
        made = Instruction("whole", [rows], whole)
        if shape.op is CONCATENATE:
            return Instruction("reshape", [made], shape.type)
        return made


def _widened(x: Instruction, made: Instruction) -> Instruction:
    """Rows of x with the leading axes that the rows made of them have."""
    if x.space is None or len(x.type.shape) >= len(made.type.shape):
        return x
    wide = broadcast_to(Symbol(x.type), made.type.shape)
    for y in (*wide.args, wide):
        x = apply(y.op, [x], y.type, y.params)  # type: ignore[arg-type]  # it has one
    return x


def apply(
    op: Op, inputs: Sequence[Instruction], type: ArrayType, params: Any = None
) -> Instruction:
    """The instruction that applies an op."""
    spaces = {x.space for x in inputs} - {None}
    assert len(spaces) <= 1, (op, inputs)
    return Instruction(op, inputs, type, spaces.pop() if spaces else None, params)


def constant(array: Constant) -> Instruction:
    """The instruction that gives a constant that a rule has made."""
    return Instruction("constant", (), array.type, index=array)


def _joined_spaces(shapes: Sequence[KindShape]) -> list[int]:
    """The space of each kind, and of the arguments of each wide kind; kinds whose rows
    are aligned share one."""
    parent = list(range(2 * len(shapes)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    for k, shape in enumerate(shapes):
        for column in shape.columns:
            if column.aligned:
                mine = root(len(shapes) + k if shape.wide else k)
                parent[mine] = root(column.sources[0].kind)
    return [root(k) for k in range(2 * len(shapes))]
