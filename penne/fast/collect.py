"""What a graph is made of: kinds of nodes, and where their arguments come from.

Nodes of one *kind* (op, static params, types of arguments, the same parameters) run
as one batch; each is a *row* of its kind.  A *column* is one argument of all the nodes
of a kind.  The *structure* of a graph (its kinds and which of them feed which) decides
the program that computes it; the *rows* that the columns refer to are mere data.

This module imports ``composite``, ``dtypes``, ``graph``, ``loops``, ``settings`` and
``unrolling``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import accumulate, chain, count
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from ..composite import PROJECT, Slots
from ..dtypes import STRONG, WEAK, ArrayType
from ..graph import OPS, Expression, Op, Parameter
from ..loops import Loop
from ..settings import Cache
from .unrolling import Unrolled, unrolled

_args = attrgetter("args")
_op = attrgetter("op")
_params = attrgetter("params")
_serial = attrgetter("serial")
_type = attrgetter("type")
_plain_types = Cache("types of rows", 1 << 14)

ADD, ADD_ALL = OPS["add"], OPS["add_all"]
STACK, CONCATENATE = OPS["stack"], OPS["concatenate"]
LOGSUMEXP = OPS["logsumexp"]
MANY, FEW = 8, 3  # with more arguments a sum, or a join, takes them as rows
ROW, SLOT = 24, 12  # a code is kind | slot + 1 | row
ROWS = (1 << ROW) - 1


class Source(NamedTuple):
    """Where some rows of a column come from: a slot (-1: the value) of a kind, or,
    where ``kind`` is -1, the leaf of this number; -1 -1 for leaves of many values."""

    kind: int
    slot: int


class Column(NamedTuple):
    """One argument of all nodes of a kind, as structure.

    ``shared``: every node has the same argument.  ``aligned``: row k is row k of the
    one source.  ``like``: a column (kind, number) of the same arguments, if this is
    not the first of them.  ``low``: the type of a leaf that lacks leading axes.
    """

    type: Any
    sources: tuple[Source, ...]
    shared: bool
    aligned: bool
    like: tuple[int, int] | None = None
    low: Any = None


class Kind:
    """Nodes that run as one batch, and their columns of arguments.

    ``wide``: the number of arguments of each node, where these are rows of one column;
    ``lengths``: that of the rows that each node is, where it is not one; ``apart``:
    whether no other rows may be aligned with these, as they wait for rows of the same
    nodes; ``types``: those of columns where some node's argument lacks leading axes.
    """

    __slots__ = (
        "apart",
        "arguments",
        "lengths",
        "nodes",
        "op",
        "params",
        "type",
        "types",
        "wide",
    )

    def __init__(
        self, nodes: list[Expression], arguments: Sequence[Sequence[Expression]]
    ):
        first = nodes[0]
        assert first.op is not None
        self.op: Op = first.op
        self.params = first.params
        self.type = plain_type(first.type)
        self.nodes = nodes
        self.arguments = arguments
        self.wide: tuple[int, ...] | None = None
        self.lengths: tuple[int, ...] | None = None
        self.apart = False
        self.types: Sequence[Any] | None = None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.nodes) if self.lengths is None else sum(self.lengths)

    def codes(self, base: int) -> Iterable[int]:
        """The code of each node, or of the first of its rows; of the first ``base``."""
        if self.lengths is None:
            return range(base, base + len(self.nodes))
        return accumulate(self.lengths[:-1], initial=base)


class Cells(list[Expression]):
    """A column: all rows, ``lengths`` of them, of an array of each node.

    ``type``: that of a row; ``stacks``: the arrays that are no more than their
    arguments; ``aligned``: whether the column may be, as the rows of some kind are.
    """

    def __init__(
        self,
        arrays: Iterable[Expression],
        lengths: Sequence[int],
        type: ArrayType,
        stacks: Set[Expression],
        aligned: bool,
    ):
        super().__init__(arrays)
        self.type = plain_type(type)
        self.lengths, self.stacks, self.aligned = lengths, stacks, aligned

    def codes(self, where: Mapping[Expression, int], known: dict[Any, Any]) -> Any:
        """The codes of all rows; ``known``: those of stacks."""
        if self.stacks.isdisjoint(self):
            first = np.fromiter(map(where.__getitem__, self), np.int64, len(self))
            counts = np.array(self.lengths)
            first[1:] -= np.cumsum(counts)[:-1]
            return np.repeat(first, counts) + np.arange(sum(self.lengths))
        for x, length in zip(self, self.lengths):
            if x not in known:
                stack = x in self.stacks
                codes = map(where.__getitem__, x.args) if stack else count(where[x])
                known[x] = np.fromiter(codes, np.int64, length)
        return np.concatenate([known[x] for x in self])


def plain_type(type: ArrayType) -> Any:
    """The type as far as arrays show it: weak and strong are one."""
    found = _plain_types.get(type)
    if found is None:
        if isinstance(type, Slots):
            found = Slots(tuple(plain_type(part) for part in type.parts))
        else:
            found = ArrayType(type.shape, type.dtype, STRONG if type.floating else WEAK)
        _plain_types[type] = found
    return found


class Apart(NamedTuple):
    """Nodes whose arrays are taken apart, and the kinds of their rows."""

    nodes: set[Expression]
    kinds: list[Kind]


class Collected:
    """The kinds of a graph, its leaves, and the code of each expression.

    ``order``: the graph, arguments first.  ``wanted``: None for all of it, else what
    must not be lost in a longer sum.  ``regular``: whether a sum or a join of many
    takes them as rows of one column.
    """

    def __init__(
        self,
        order: list[Expression],
        known: Mapping[Expression, Any],
        wanted: Sequence[Expression] | None,
        regular: bool = True,
        apart: "Apart | None" = None,
    ):
        self.order = order
        self.known = known
        self.kinds: list[Kind] = []
        self.leaves: list[Expression] = []
        self.where: dict[Expression, int] = {}
        self.slots: dict[Expression, dict[int, int]] = {}  # of nodes of other ops
        self.unrolled: dict[Expression, Unrolled] = {}  # the loops
        # by slot, projections and their nodes
        self.places: dict[int, tuple[list[Expression], list[Expression]]] = {}
        groups = self._by_op()
        self._unroll(groups, wanted)
        kinds = [] if apart is None else _without(groups, apart)
        if regular and wanted is not None and ADD in groups:
            kinds += _flattened(groups, order, wanted)
        for op, nodes in groups.items():
            kinds += _split(op, nodes, regular)
        self.number(kinds)

    def _by_op(self) -> dict[Op, list[Expression]]:
        groups: dict[Any, list[Expression]] = defaultdict(list)
        if self.known:
            known = self.known
            for x in self.order:
                groups[None if x in known else x.op].append(x)
        else:
            for x in self.order:
                groups[x.op].append(x)
        self.leaves = groups.pop(None, [])
        return groups

    def _projected(self, groups: dict[Op, list[Expression]]) -> list[Expression]:
        """The projections, taken out of ``groups``: of known nodes they are leaves."""
        found = groups.pop(PROJECT, [])
        if not self.known:
            return found
        self.leaves += [p for p in found if p.args[0] in self.known]
        return [p for p in found if p.args[0] not in self.known]

    def _unroll(
        self, groups: dict[Op, list[Expression]], wanted: Sequence[Expression] | None
    ) -> None:
        """Take loops out of ``groups``; put in the steps that they are made of."""
        projections = self._projected(groups)
        ops = [op for op in groups if isinstance(op, Loop)]
        loops = sorted((x for op in ops for x in groups.pop(op)), key=_serial)
        self.unrolled = unrolled(loops, projections, wanted is None)
        steps = {loop.op.step for loop in self.unrolled.values()}
        mixed = steps & groups.keys()
        places = self.places
        for p in projections:
            (node,), slot = p.args, p.params["slot"]
            if node in self.unrolled:
                node, slot = self.unrolled[node].place(slot)
            if slot not in places:
                places[slot] = [], []
            slots, nodes = places[slot]
            slots.append(p)
            nodes.append(node)
        for loop in self.unrolled.values():
            groups.setdefault(loop.op.step, []).extend(loop.nodes.values())
            for slot, outputs in zip(loop.op.given, loop.outputs):
                slots, nodes = places.setdefault(slot, ([], []))
                slots += outputs.values()
                nodes += loop.of(outputs)
        for op in mixed:
            groups[op].sort(key=_serial)

    @property
    def count(self) -> int:
        """How many nodes the kinds have."""
        return sum(len(kind.nodes) for kind in self.kinds)

    def place(self, node: Expression, slot: int) -> tuple[Expression, int]:
        """The node that is a row, and which of its slots, of a slot of a node."""
        loop = self.unrolled.get(node)
        return (node, slot) if loop is None else loop.place(slot)

    def number(self, kinds: list[Kind]) -> None:
        """Give each row of each kind, and each projection, its code."""
        self.kinds = sorted(kinds, key=lambda kind: kind.nodes[0].serial)
        where = self.where
        for k, kind in enumerate(self.kinds):
            base = k << (ROW + SLOT)
            where.update(zip(kind.nodes, kind.codes(base)))
        for slot, (projections, nodes) in self.places.items():
            more = slot + 1 << ROW
            codes = [where[node] + more for node in nodes]
            where.update(zip(projections, codes))
            if self.slots:
                for p, node in zip(projections, nodes):
                    if node in self.slots:
                        where[p] = where[node] + (self.slots[node][slot] + 1 << ROW)

    def code(self, node: Expression, slot: int) -> int:
        """The code of a slot of a node; of a slot that is a node of a step, its own."""
        node, slot = self.place(node, slot)
        if node in self.slots and slot >= 0:
            slot = self.slots[node][slot]
        return self.where[node] + (slot + 1 << ROW)


def source_of(code: int) -> Source:
    """The kind and slot in a code."""
    return Source(code >> (ROW + SLOT), (code >> ROW & (1 << SLOT) - 1) - 1)


# --- kinds ----------------------------------------------------------------------------


def _without(groups: dict[Op, list[Expression]], apart: Apart) -> list[Kind]:
    """The kinds of what is taken apart, which is taken out of ``groups``."""
    for op in {x.op for x in apart.nodes}:
        rest = [x for x in groups.pop(op) if x not in apart.nodes]  # type: ignore[arg-type]  # it has one
        if rest:
            groups[op] = rest  # type: ignore[index]
    return list(apart.kinds)


def _split(op: Op, nodes: list[Expression], regular: bool) -> list[Kind]:
    """Nodes of one op, as kinds."""
    groups: dict[Any, list[Expression]] = defaultdict(list)
    if len(nodes) > 1 and not _uniform(nodes):
        for x in nodes:
            groups[id(x.params) if x.params else 0, x.type, len(x.args)].append(x)
    else:
        groups[None] = nodes
    relaxed: dict[Any, list[Expression]] = defaultdict(list)
    for group in groups.values():
        x = group[0]
        key = id(x.params) if x.params else 0, plain_type(x.type), len(x.args)
        relaxed[key] += group
    if len(relaxed) < len(groups):
        for group in relaxed.values():
            group.sort(key=_serial)
    return [kind for group in relaxed.values() for kind in _kinds(op, group, regular)]


def _uniform(nodes: list[Expression]) -> bool:
    first = nodes[0]
    if len(set(map(_type, nodes))) > 1 or len(set(map(len, map(_args, nodes)))) > 1:
        return False
    return not first.params or len(set(map(id, map(_params, nodes)))) == 1


def _kinds(op: Op, nodes: list[Expression], regular: bool) -> list[Kind]:
    """Nodes of one op, type and arity, as kinds."""
    most = MANY if op is ADD_ALL else FEW
    if regular and len(nodes[0].args) > most and op in (STACK, CONCATENATE, ADD_ALL):
        wide = [_wide(op, x) for x in nodes]
        if all(wide):
            return [kind for kind in wide if kind is not None]
    columns = list(zip(*map(_args, nodes)))
    apart = [k for k, column in enumerate(columns) if _differs(column)]
    if not apart:
        return [Kind(nodes, columns)]
    groups: dict[Any, list[Expression]] = defaultdict(list)
    for x in nodes:
        groups[tuple([_apart(x.args[k]) for k in apart])].append(x)
    return [Kind(group, list(zip(*map(_args, group)))) for group in groups.values()]


def is_one(column: Sequence[Expression]) -> bool:
    """Whether the arguments of a column are all the same."""
    first, count = column[0], len(column)
    return column[-1] is first and (count < 3 or column.count(first) == count)


def _differs(column: Sequence[Expression]) -> bool:
    """Whether nodes with these arguments are of more than one kind."""
    if is_one(column):
        return False
    distinct = set(column)
    if len(set(map(plain_type, set(map(_type, distinct))))) > 1:
        return True
    if Parameter not in set(map(type, distinct)):
        return False
    parameters = sum(type(x) is Parameter for x in distinct)
    return parameters > 1 or column[0].ndim > 1


def _apart(x: Expression) -> Any:
    return x if x.__class__ is Parameter else plain_type(x.type)


def _wide(op: Op, x: Expression) -> Kind | None:
    """A join or a sum whose arguments are the rows of one column."""
    first = x.args[0].type
    types = set(map(plain_type, set(map(_type, x.args))))
    if len(types) > 1 or first.dtype.kind == "b":
        return None
    if op is CONCATENATE and not _joins_first(first.shape, x.params["axis"]):
        return None
    if op is STACK and x.params["axis"] != -1 - len(first.shape):
        return None
    kind = Kind([x], [x.args])
    kind.wide = (len(x.args),)
    return kind


def _joins_first(shape: tuple[int, ...], axis: int) -> bool:
    return axis == -len(shape) and shape[0] > 0


def _flattened(
    groups: dict[Op, list[Expression]],
    order: list[Expression],
    wanted: Sequence[Expression],
) -> list[Kind]:
    """Long sums of sums, taken out of ``groups``: sums of many rows."""
    adds = set(filter(_is_plain_sum, groups[ADD]))
    nested = [a for x in adds for a in x.args if a in adds]
    if len(nested) < MANY:
        return []
    everyone = chain(chain.from_iterable(map(_args, order)), wanted)
    uses = Counter(filter(adds.__contains__, everyone))
    inner = {a for a in nested if uses[a] == 1}
    found: dict[Any, list[tuple[Expression, list[Expression]]]] = defaultdict(list)
    gone: set[Expression] = set()
    for root in sorted(adds - inner, key=_serial):
        terms, inside = _terms(root, inner)
        if len(terms) > MANY:
            gone.update(inside)
            key = plain_type(root.type), frozenset(map(_op, terms))
            found[key].append((root, terms))
    groups[ADD] = [x for x in groups[ADD] if x not in gone]
    if not groups[ADD]:
        del groups[ADD]
    return [_sums(parts) for parts in found.values()]


def _is_plain_sum(x: Expression) -> bool:
    """Whether a sum of numbers broadcasts and casts nothing."""
    mine = x.type
    if mine.dtype.kind == "b":
        return False
    a, b = x.args
    if a.type is mine and b.type is mine:
        return True
    return plain_type(a.type) is plain_type(mine) is plain_type(b.type)


def _terms(
    root: Expression, inner: set[Expression]
) -> tuple[list[Expression], list[Expression]]:
    """What a sum of sums adds up, and the sums that it is made of."""
    terms, inside, stack = [], [root], list(root.args)
    while stack:
        x = stack.pop()
        if x in inner:
            inside.append(x)
            stack += x.args
        else:
            terms.append(x)
    return terms[::-1], inside


def _sums(parts: list[tuple[Expression, list[Expression]]]) -> Kind:
    kind = Kind([root for root, _ in parts], [[x for _, t in parts for x in t]])
    kind.op, kind.params = ADD_ALL, {}
    kind.wide = tuple(len(terms) for _, terms in parts)
    return kind
