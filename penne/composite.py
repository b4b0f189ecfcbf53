"""Composite ops: a body of ops, as one op with several outputs.

The body is a list of steps over numbered slots: first the inputs, then the result of
each step.  A node of a composite op stands for all its slots; ``project`` picks one.
Bodies of one name and the same steps are one op, whatever the sizes of their arrays.
The gradient of a composite op is the derivative of its body, a composite op again.

This module imports ``differentiate``, ``dtypes``, ``graph``, ``opening``, ``places``,
``settings`` and ``symbols``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .differentiate import backpropagate
from .dtypes import ArrayType
from .graph import Expression, Op, topological
from .opening import Opened
from .places import Place, place_of, recording
from .settings import Cache
from .symbols import Symbol

NOTHING: Mapping[str, Any] = {}  # the params of all nodes of such ops
Step = tuple[Op, tuple[int, ...], Mapping[str, Any]]
Application = tuple[Op, list[Any], Mapping[str, Any], Place | None]
_composites = Cache("composite ops", 1 << 10)
_slots = Cache("types of composite ops", 1 << 12)
_derivatives = Cache("derivatives of composite ops", 1 << 10)


class Slots(ArrayType):
    """The type of a node of a composite op: the types of its slots."""

    __slots__ = ("parts",)
    parts: tuple[ArrayType, ...]

    def __new__(cls, parts: tuple[ArrayType, ...]) -> "Slots":
        """The one object for these types of slots."""
        found: Slots | None = _slots.get(parts)
        if found is None:
            found = _slots[parts] = object.__new__(cls)
            found.shape, found.dtype, found.strength = (), np.dtype(object), 0
            found.floating, found.parts = True, parts
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Slots, (self.parts,)


class Several(Op):
    """An op of several outputs, numbered slots of which the first are its inputs.

    ``count``: of inputs; ``kept``: the slots that some node projects; others are
    forgotten after their last use in the body.
    """

    def __init__(self, name: str, count: int, batch: bool):
        self.name, self.count, self.batch = name, count, batch
        self.total = None
        self.kept: frozenset[int] = frozenset()

    def keep(self, slots: Iterable[int]) -> None:
        """Have forward give these slots too."""
        slots = frozenset(slots)
        if not slots <= self.kept:
            self.kept |= slots

    def applications(self, arrays: Sequence[Any]) -> Iterator[Application]:
        """What is applied within to what: each is given before it is computed."""
        raise NotImplementedError

    def label(self, slot: int) -> str:
        """How a slot is told from others: inputs are not counted."""
        return str(slot - self.count)


class Composite(Several):
    """The op whose forward takes ``steps`` one after the other."""

    def __init__(self, name: str, count: int, steps: Sequence[Step]):
        super().__init__(name, count, all(op.batch for op, _, _ in steps))
        self.steps = steps
        self.lines: list[Place | None] = [None] * len(steps)
        self.written: tuple[Any, Callable[..., list[Any]]] | None = None

    def __reduce__(self) -> Any:
        return composite, (self.name, self.count, self.steps)

    @property
    def size(self) -> int:  # type: ignore[override]  # what it is made of
        """How many ops a node stands for."""
        return len(self.steps)

    def __call__(self, *args: Expression, **params: Any) -> Expression:
        """The node of this op on ``args``."""
        return reapplied(self, args, params)

    def remember(self, lines: Sequence[Place | None]) -> None:
        """Where the steps stand; of an op that stands at two places, neither."""
        if any(self.lines):
            lines = [a if a == b else None for a, b in zip(self.lines, lines)]
        self.lines = list(lines)

    def forward(self, *arrays: Any) -> "Computed":
        """The values of the slots that are kept."""
        kept, written = self.kept, self.written
        if written is None or written[0] is not kept:
            written = self.written = kept, _written(self.steps, self.count, kept)
        slots = Computed(written[1](*arrays))
        slots.op, slots.arrays = self, arrays
        return slots

    def applications(self, arrays: Sequence[Any]) -> Iterator[Application]:
        """The steps."""
        slots = list(arrays)
        for (op, places, params), line in zip(self.steps, self.lines):
            given = [slots[k] for k in places]
            yield op, given, params, line
            slots.append(op.forward(*given, **params))

    def body(self, types: Sequence[ArrayType]) -> list[Expression]:
        """The expressions of all slots, over new symbols of these types."""
        slots: list[Expression] = [Symbol(t) for t in types]
        for op, places, params in self.steps:
            slots.append(reapplied(op, [slots[k] for k in places], params))
        return slots

    def opened(self, args: Sequence[Any], params: Any, type: ArrayType) -> Opened:
        """As ``Op.opened``."""
        assert isinstance(type, Slots)
        slots = Opened(args)
        for (op, places, given), part in zip(self.steps, type.parts[self.count :]):
            slots.append(op.opened([slots[k] for k in places], given, part))
        return slots

    def gradient(self, g: Expression, y: Expression, *args: Expression) -> list[Any]:
        """The derivative of the body, as one node of a composite op."""
        return self.backward(seeds_of(g), y, args)

    def backward(
        self, seeds: Mapping[int, Expression], y: Expression, args: Sequence[Expression]
    ) -> list[Any]:
        """What ``seeds``, gradients of slots of y, mean for each argument."""
        key = (self, y.type, tuple(sorted(seeds)))
        found = _derivatives.get(key)
        if found is None:
            types = [a.type for a in args]
            found = _derivatives[key] = Derivative.of(self, types, key[2])
        self.keep(found.kept)
        return found.applied(seeds, y, args)


def _written(
    steps: Sequence[Step], count: int, kept: frozenset[int]
) -> Callable[..., list[Any]]:
    """The steps over ``count`` inputs as one Python function, which gives all slots,
    but None for those that are not kept: of small arrays a step in a loop takes twice
    as long.  It is written from the end, where it is known what is needed later."""
    names = [f"x{k}" for k in range(count + len(steps))]
    lines, needed = [f"return [{', '.join(names)}]"], set(kept)
    scope: dict[str, Any] = {}
    for k, (op, places, params) in reversed([*enumerate(steps)]):
        dead = {*places, count + k} - needed
        needed |= dead
        if dead:
            lines.append(" = ".join([*(names[j] for j in dead), "None"]))
        given = [names[j] for j in places]
        lines.append(line(k, names[count + k], op, given, params, scope))
    head = f"def written({', '.join(names[:count])}):"
    exec("\n    ".join([head, *reversed(lines)]), scope)
    made: Callable[..., list[Any]] = scope["written"]
    return made


def line(
    k: int,
    name: str,
    op: Op,
    given: Sequence[str],
    params: Mapping[str, Any],
    scope: dict[str, Any],
) -> str:
    """The line of Python of step k: ``name`` is what ``op`` makes of what is ``given``.
    What else it names is entered into ``scope``."""
    scope[f"f{k}"], scope[f"p{k}"] = op.forward, params
    rest = [f"**p{k}"] if params else []
    return f"{name} = f{k}({', '.join([*given, *rest])})"


class Computed(list[Any]):
    """The values of slots; those that were not kept can be computed again."""

    __slots__ = ("arrays", "op")
    op: Several
    arrays: tuple[Any, ...]

    def at(self, slot: int) -> Any:
        """The value of a slot."""
        if self[slot] is None:
            self.op.keep([slot])
            self[:] = self.op.forward(*self.arrays)
        return self[slot]


def composite(name: str, count: int, steps: Sequence[Step]) -> Composite:
    """The one composite op of this name and these steps over ``count`` inputs."""
    content = tuple((op, places, tuple(params.items())) for op, places, params in steps)
    key = name, count, content
    found = _composites.get(key)
    if found is None:
        found = _composites[key] = Composite(name, count, steps)
    return found


def reapplied(
    op: Op, args: Sequence[Expression], params: Mapping[str, Any]
) -> Expression:
    """The node that ``op`` makes of ``args``, whatever kind of op it is."""
    if isinstance(op, Composite):
        parts = [x.type for x in op.body([a.type for a in args])]
        return Expression(op, tuple(args), NOTHING, Slots(tuple(parts)))
    return project(args[0], params["slot"]) if op is PROJECT else op(*args, **params)


class Body(NamedTuple):
    """A graph turned into a composite op: what it is applied to, where things are."""

    op: Composite
    captured: tuple[Expression, ...]
    places: dict[Expression, int]
    type: Slots

    @classmethod
    def of(
        cls,
        name: str,
        leaves: Sequence[Expression],
        wanted: Iterable[Expression],
        views: "Mapping[Expression, tuple[Expression, int]] | None" = None,
    ) -> "Body":
        """The graph between ``leaves`` and ``wanted``; other leaves are captured.

        ``views``: expressions that are slots of one of the leaves.
        """
        views = {} if views is None else views
        order = topological(wanted, dict.fromkeys([*leaves, *views]))
        captured = [x for x in order if x.op is None]
        inputs = [*leaves, *captured]
        body = _Steps(inputs)
        for x, (leaf, slot) in views.items():
            body.append(x, PROJECT, (leaf,), picks[slot])
        opened = _opened(order)
        for x in order:
            if x in opened:
                body.open(x)
            elif x.op is not None:
                body.append(x, x.op, x.args, x.params)
        op = composite(name, len(inputs), body.steps)
        op.remember(body.lines)
        return cls(op, tuple(captured), body.places, Slots(tuple(body.types)))

    def applied(self, args: Sequence[Expression]) -> Expression:
        """The node of the op on ``args`` in place of the leaves."""
        return Expression(self.op, (*args, *self.captured), NOTHING, self.type)


def _opened(order: Sequence[Expression]) -> set[Expression]:
    """The composite nodes of which only slots are used: their steps can be taken in."""
    whole = {a for x in order if x.op is not PROJECT for a in x.args}
    return {x for x in order if isinstance(x.op, Composite) and x not in whole}


class _Steps:
    """A body as it grows: the steps, the type of each slot, where expressions are."""

    def __init__(self, inputs: Sequence[Expression]):
        self.steps: list[Step] = []
        self.types = [x.type for x in inputs]
        self.places = {x: k for k, x in enumerate(inputs)}
        self.inside: dict[Expression, list[int]] = {}
        self.lines: list[Place | None] = []

    def append(
        self, x: Expression, op: Op, args: Sequence[Expression], params: Any
    ) -> None:
        """One step, which computes x."""
        if op is PROJECT and args[0] in self.inside:
            self.places[x] = self.inside[args[0]][params["slot"]]
        else:
            places = tuple(self.places[a] for a in args)
            self.places[x] = self._add(op, places, params, x.type, place_of(x))

    def open(self, x: Expression) -> None:
        """All steps of a composite node x."""
        assert isinstance(x.op, Composite)
        assert isinstance(x.type, Slots)
        slots = [self.places[a] for a in x.args]
        types = x.type.parts[x.op.count :]
        for (op, places, params), type, line in zip(x.op.steps, types, x.op.lines):
            given = tuple(slots[k] for k in places)
            slots.append(self._add(op, given, params, type, line or place_of(x)))
        self.inside[x] = slots

    def _add(
        self,
        op: Op,
        places: tuple[int, ...],
        params: Any,
        type: Any,
        line: Place | None,
    ) -> int:
        self.lines.append(line)
        self.steps.append((op, places, params))
        self.types.append(type)
        return len(self.types) - 1


# --- outputs and their gradients ------------------------------------------------------


def project(node: Expression, slot: int) -> Expression:
    """One slot of a node of a composite op; of an input, the argument itself."""
    if slot < len(node.args):
        return node.args[slot]
    assert isinstance(node.type, Slots)
    if isinstance(node.op, Several) and slot not in node.op.kept:
        node.op.keep([slot])
    return picked(node, slot)


def picked(node: Expression, slot: int) -> Expression:
    """As ``project``, of a slot that is kept already and is no input."""
    assert isinstance(node.type, Slots)
    return Expression(PROJECT, (node,), picks[slot], node.type.parts[slot])


def projection(op: Composite, type: Slots, slot: int) -> tuple[Any, ...]:
    """What is known of a projection before there is a node: of an input the slot, else
    the params and the type; see ``projected``."""
    if slot < op.count:
        return (slot,)
    op.keep([slot])
    return picks[slot], type.parts[slot]


def projected(node: Expression, known: tuple[Any, ...]) -> Expression:
    """As ``project``, of what is known already."""
    if len(known) == 1:
        return node.args[known[0]]
    return Expression(PROJECT, (node,), *known)


class _Picks(Cache):
    """By slot the params of its projections: one object, as long as it is known."""

    def __missing__(self, slot: int) -> dict[str, int]:
        self[slot] = made = {"slot": slot}
        return made


picks = _Picks("slots", 1 << 16)


def _project_forward(slots: Computed, *, slot: int) -> Any:
    return slots.at(slot)


def _cotangent(slots: Any, *, places: tuple[int, ...]) -> Any:
    raise AssertionError("a cotangent is taken apart before it is evaluated")


def _total_cotangent(terms: Sequence[Expression]) -> Expression:
    """The gradients of several slots of one node, summed slot by slot."""
    sums: dict[int, Expression] = {}
    for term in terms:
        for slot, g in seeds_of(term).items():
            sums[slot] = _plus(sums[slot], g) if slot in sums else g
    return bundled(sums, terms[0].type)


def _plus(one: Expression, other: Expression) -> Expression:
    """The sum of two gradients of a slot, which may be a node of several slots."""
    if isinstance(one.type, Slots):
        return _total_cotangent([one, other])
    return one + other


def bundled(seeds: Mapping[int, Expression], type: ArrayType) -> Expression:
    """Gradients of slots of a node of this type, as that of the node."""
    return Expression(BUNDLE, tuple(seeds.values()), {"places": tuple(seeds)}, type)


def seeds_of(g: Expression) -> dict[int, Expression]:
    """By slot the gradient of it, of what a node of several outputs gets."""
    return dict(zip(g.params["places"], g.args))


BUNDLE = Op(_cotangent, "()->()", total=_total_cotangent)


class _Project(Op):
    """The op that gives one slot of a node."""

    picks = True

    def opened(self, args: Sequence[Any], params: Any, type: ArrayType) -> Any:
        """As ``Op.opened``."""
        return args[0].at(params["slot"])


PROJECT = _Project(
    _project_forward,
    "()->()",
    gradient=lambda g, y, node, slot: (bundled({slot: g}, node.type),),
)
PROJECT.name, PROJECT.__qualname__ = "project", "PROJECT"
BUNDLE.__qualname__ = "BUNDLE"


class Derivative(NamedTuple):
    """The derivative of a body: a body that takes the gradients of some slots, the
    node itself and some of its inputs to the gradients of the inputs.

    A gradient whose op can be summed better over many nodes (``Op.total``), as an
    outer product can, is left outside: ``parts`` are then its arguments.
    """

    body: Body
    kept: tuple[int, ...]
    inputs: tuple[int, ...]
    seeded: tuple[int, ...]
    given: tuple[int, ...]
    parts: dict[int, tuple[Op | None, tuple[int, ...], Mapping[str, Any]]]

    @classmethod
    def of(
        cls, op: Composite, types: Sequence[ArrayType], seeded: tuple[int, ...]
    ) -> "Derivative":
        """The derivative of ``op`` on inputs of ``types``."""
        slots = op.body(types)
        seeds = {slots[k]: Symbol(slots[k].type) for k in seeded}
        for x, line in zip(slots[op.count :], op.lines):
            if line is not None:
                x.made = line
        with recording(cls.of.__code__):
            found = backpropagate(seeds, [x for x in slots[: op.count] if x.floating])
        outside = {x: g.op if g.op and g.op.total else None for x, g in found.items()}
        pieces = {x: g.args if outside[x] else (g,) for x, g in found.items()}
        wanted = [piece for some in pieces.values() for piece in some]
        used = _used(slots, wanted)
        inputs = tuple(k for k in used if k < op.count)
        kept = tuple(k for k in used if k >= op.count)
        node = Symbol(Slots(tuple(x.type for x in slots)))
        leaves = [*seeds.values(), node, *(slots[k] for k in inputs)]
        views = {slots[k]: (node, k) for k in kept}
        body = Body.of(f"{op.name} backward", leaves, wanted, views)
        parts = {}
        for k, x in enumerate(slots[: op.count]):
            if x in found:
                places = tuple(body.places[piece] for piece in pieces[x])
                parts[k] = outside[x], places, found[x].params
        given = {place for _, places, _ in parts.values() for place in places}
        return cls(body, kept, inputs, seeded, tuple(sorted(given)), parts)

    def applied(
        self, seeds: Mapping[int, Expression], y: Expression, args: Sequence[Expression]
    ) -> list[Expression | None]:
        """The gradient for each argument of the node ``y``."""
        inputs = [args[k] for k in self.inputs]
        node = self.body.applied([*(seeds[k] for k in self.seeded), y, *inputs])
        slots = {place: project(node, place) for place in self.given}
        result: list[Expression | None] = [None] * len(args)
        for k, (op, places, params) in self.parts.items():
            pieces = [slots[place] for place in places]
            if op is BUNDLE:
                result[k] = Expression(op, tuple(pieces), params, args[k].type)
            else:
                result[k] = pieces[0] if op is None else reapplied(op, pieces, params)
        return result


def _used(slots: Sequence[Expression], wanted: Sequence[Expression]) -> list[int]:
    """Which of ``slots`` the graph of ``wanted`` is made of."""
    made = topological(wanted, dict.fromkeys(slots))
    needed = {a for x in made for a in x.args} | set(wanted)
    return [k for k, x in enumerate(slots) if x in needed]
