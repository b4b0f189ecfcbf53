"""First steps made of one kind with those that follow.

A recurrent network starts from a state without the axis of examples, such as zeros of
(size,), and goes on with one of (examples, size).  So its first step is another kind,
and its products are those of a vector; by the law of leading axes it would compute the
same from a state for each example.  So it is with the layers and the elementwise ops of
an undecorated step, whose first state may be of another dtype, or made of constants.

This module imports ``composite``, ``graph``, ``settings``, ``signature`` and
``collect``.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from ..composite import PROJECT, Composite, Slots
from ..graph import OPS, Expression, Op, Parameter
from ..settings import Cache
from ..signature import Shape, signature
from .collect import Collected, Kind, plain_type

ASTYPE, MATMAT, VECMAT = OPS["astype"], OPS["matmat"], OPS["vecmat"]
LEAST_STEPS = 3  # to one first step
Slot = dict[int, int]  # by slot of a first step, the same of the others
_known = Cache("first steps that are like others", 1 << 8)


def joined(graph: Collected) -> list[Kind] | None:
    """The kinds with those of first steps joined to others; None if there is none."""
    alike: dict[Hashable, list[Kind]] = defaultdict(list)
    for kind in graph.kinds:
        op = kind.op
        if kind.lengths is not None:
            continue
        if isinstance(op, Composite):
            alike[op.name, op.count].append(kind)
        elif op.signature == "(),()->()":
            alike[op, kind.type].append(kind)
        if any(isinstance(column[0].type, Slots) for column in kind.arguments):
            return None  # it sees all slots of a node, not those of another
    whole: dict[int, Kind] = {}  # by the number of a kind, what it is part of
    for kinds in alike.values():
        for kind, most, slots in _pairs(kinds, graph) if kinds[1:] else ():
            whole[id(kind)] = most
            if slots:
                graph.slots.update(dict.fromkeys(kind.nodes, slots))
    if not whole:
        return None
    parts: dict[int, list[Kind]] = defaultdict(list)
    for kind in graph.kinds:
        parts[id(whole.get(id(kind), kind))].append(kind)
    return [
        kind if len(parts[id(kind)]) == 1 else _union(kind, parts[id(kind)])
        for kind in graph.kinds
        if id(kind) not in whole
    ]


def _pairs(
    kinds: Sequence[Kind], graph: Collected
) -> Iterator[tuple[Kind, Kind, Slot]]:
    """Kinds of first steps, of which less is computed, each with the one that goes on
    from there and which of their slots are the same."""
    computed = {id(kind): _computed(kind) for kind in kinds}
    firsts: dict[int, list[Any]] = {}  # by the number of a kind, what its first takes
    longer: list[Kind] = []
    for kind in sorted(kinds, key=lambda x: computed[id(x)], reverse=True):
        for most in longer:
            if computed[id(kind)] == computed[id(most)]:
                continue
            takes = list(map(_taken, kind.nodes[-1].args, most.nodes[-1].args))
            alike = firsts.get(id(most), takes) == takes  # so each column's leaves are
            slots = _aligned(kind, most, graph) if alike else None
            if slots is not None:
                firsts[id(most)] = takes
                yield kind, most, slots
                break
        else:
            longer.append(kind)


def _computed(kind: Kind) -> int:
    """How many arguments of a node are not made of leaves alone."""
    return sum(not _leaves(x) for x in kind.nodes[-1].args)


def _taken(x: Expression, y: Expression) -> tuple[Any, Expression | None]:
    """The type of x; and x if it is a leaf that lacks leading axes, which y has."""
    lacks = x.op is None and x.ndim < y.ndim
    return plain_type(x.type), x if lacks else None


def _leaves(x: Expression) -> Sequence[Expression]:
    """The leaves that x is, or is made of by an op and maybe a cast; else none."""
    if x.op is ASTYPE:
        (x,) = x.args
    if x.op is None:
        return [x]
    return x.args if all(a.op is None for a in x.args) else ()


def _aligned(first: Kind, rest: Kind, graph: Collected) -> Slot | None:
    """Which slots are the same, if each node of ``first`` computes what one of ``rest``
    would, of leaves that have fewer leading axes."""
    columns = list(zip(first.arguments, rest.arguments))
    if not all(_continues(*c) for c in columns):
        return None
    if not isinstance(first.op, Composite):
        return {} if LEAST_STEPS * len(first.nodes) <= len(rest.nodes) else None
    key = first.op, first.type, rest.op, rest.type
    if key not in _known:
        _known[key] = _same_slots(first, rest)
    slots = _known[key]
    if slots is None:
        return None
    mine, places = set(first.nodes), graph.places
    a, b = first.type.parts, rest.type.parts
    used = [slot for slot in places if not mine.isdisjoint(places[slot][1])]
    return slots if all(a[k] is b[slots[k]] for k in used) else None


def _continues(first: Sequence[Expression], rest: Sequence[Expression]) -> bool:
    """Whether a column goes on: the same weights, other constants, or a leaf and then
    what is computed."""
    a, b = plain_type(first[0].type), plain_type(rest[0].type)
    if a is b:
        return Parameter not in set(map(type, rest)) or {*first} == {
            x for x in rest if x.op is None
        }
    made = list(map(_leaves, first))
    if not all(made) or any(x.op is None for x in rest):
        return False
    if a.shape != b.shape and len({x for x in first if x.op is None}) > 1:
        return False  # which examples are whose is not known of leaves
    learnt = any(isinstance(leaf, Parameter) for leaves in made for leaf in leaves)
    casts = a.dtype != b.dtype or any(x.op is not None for x in first)
    if casts and (learnt or not a.floating or not b.floating):
        return False
    return _ends(a.shape, b.shape)


def _ends(a: Shape, b: Shape) -> bool:
    """Whether b is a with more leading axes, or the same."""
    return b[len(b) - len(a) :] == a


def _same_slots(first: Kind, rest: Kind) -> Slot | None:
    """The slots of a step that are those of another; a leaf may be cast."""
    assert isinstance(first.op, Composite)
    assert isinstance(rest.op, Composite)
    a, b = first.type.parts, rest.type.parts
    count, others = first.op.count, iter(enumerate(rest.op.steps, rest.op.count))
    slots = {k: k for k in range(count)}
    for k, (op, places, params) in enumerate(first.op.steps, count):
        place = places[0] if places else count
        if (
            op is ASTYPE
            and place < count
            and params["dtype"] == b[place].dtype != a[place].dtype
        ):
            slots[k] = place
            continue
        j, (other, theirs, given) = next(others, (0, (None, (), None)))
        if other not in (op, MATMAT if op is VECMAT else op) or given != params:
            return None
        shapes = [a[p].shape for p in places], [b[p].shape for p in theirs]
        if [slots[p] for p in places] != [*theirs] or not _ends(a[k].shape, b[j].shape):
            return None
        if op is other and _text(op, shapes[0], params) != _text(op, shapes[1], params):
            return None
        slots[k] = j
    return slots if next(others, None) is None else None


def _text(op: Op, shapes: Sequence[Shape], params: Any) -> str:
    """The core axes that an op sees."""
    if op is PROJECT or isinstance(op, Composite) or not op.batch:
        return str(shapes)
    return signature(op.signature, shapes, **params).text


def _union(kind: Kind, parts: Sequence[Kind]) -> Kind:
    """Several kinds as one, of the type of ``kind``."""
    nodes = sorted((x for part in parts for x in part.nodes), key=lambda x: x.serial)
    made = Kind(nodes, list(zip(*(x.args for x in nodes))))
    made.op, made.params, made.type = kind.op, kind.params, kind.type
    made.types = [plain_type(x.type) for x in kind.nodes[0].args]
    return made
