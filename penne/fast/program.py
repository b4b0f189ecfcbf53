"""A program made ready: in order, with what is fused, looped and forgotten.

``items``: instructions, groups of elementwise ones, and recursions, in an order in
which they can run.  This module imports ``graph``, ``kernels``, ``store``, ``adjoint``,
``chains``, ``collect``, ``describing``, ``fusing``, ``instructions``, ``lowering``,
``order``, ``paying``, ``rewriting`` and ``structure``.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np

from ..graph import OPS
from . import kernels, store
from .adjoint import DETACH, Adjoint, reachable
from .chains import ROW, SCALAR, Chain, Loop
from .collect import Source
from .describing import described
from .fusing import Group, Node, Place, arranged, drawn_in, is_joined, places
from .instructions import LOSS, SEGMENTS, Builder, Instruction, users_of
from .lowering import DIRECT, UFUNCS, batch_of, cross
from .order import READING, Block, blocks
from .paying import PLACE, Account
from .rewriting import (
    drop_broadcasts,
    pack_products,
    products_of_joins,
    resolved,
    share_lookups,
    split_products,
    sum_together,
    take_symbols,
    total_products,
    turn_weights,
    unify,
)
from .structure import KindShape

CALL = 4e-6  # seconds, about, of a step of a program by NumPy
GIVEN = ("leaf", "constant", "one", "various")  # what is there before anything runs
MOVES = ("take", "scatter", "spread", "pick", "place", "whole", "rows", "reshape")
SHAPES = ("reshape", "broadcast", "transpose", "slice_axes", "add_all", "detach")
ARITHMETIC = {*UFUNCS, *(OPS[name] for name in SHAPES)}


class Made(dict[int, Any]):
    """By number what ``make`` gives, once someone asks: few do where kernels are."""

    def __init__(self, make: Callable[[int], Any]):
        self.make = make

    def __missing__(self, number: int) -> Any:
        made = self[number] = self.make(number)
        return made


class Recursion:
    """Instructions that run level by level.

    ``items``: in the order of one level, fused; ``ascending``: whether earlier levels
    come first.
    """

    def __init__(self, block: Block, program: "Program"):
        self.order = block.instructions
        self.inside = set(self.order)
        self.takes = [x for x in self.order if x.op == "take"]
        self.ascending = any(
            x.op in ("take", "logsum") or (x.op == "scatter" and x.index[2] is SEGMENTS)
            for x in self.order
        )
        nodes = [(x, [x], _needs_in_level(x)) for x in self.order]
        self.items = program.arranged(nodes, 1)
        self.groups = [item for item in self.items if isinstance(item, Group)]
        fused = {x for g in self.groups for x in g.instructions}
        self.arrays = [x for x in self.order if x not in fused]
        self.arrays += [x for g in self.groups for x in g.outputs]
        self.kernel = described(self, program.places)


def _needs_in_level(x: Instruction) -> list[Instruction]:
    """What must run before x in a level."""
    if x.op in READING:
        return []
    return [y for y in x.inputs if y.op != "scatter"]


class Program:
    """Everything about a computation that does not depend on where rows are.

    ``wanted``: kinds and slots whose arrays are asked for; ``wrt``: numbers of leaves
    of which the gradients of the first wanted are asked for as well.
    """

    def __init__(
        self,
        shapes: Sequence[KindShape],
        wanted: Sequence[Source],
        wrt: Sequence[int] | None,
    ):
        builder = Builder(shapes)
        self.shapes = shapes  # keeps alive what a key knows by its id
        self.spaces = builder.spaces
        self.outputs = resolved([builder.output(source) for source in wanted])
        self.gradients: list[Instruction] = []
        self.reached: list[int] = []
        self.stops = False  # whether an op stops gradients
        if wrt is not None:
            self._differentiate(
                {k: builder.leaves[k] for k in wrt if k in builder.leaves}
            )
        order = reachable([*self.outputs, *self.gradients])
        drop_broadcasts(order)
        sum_together(order)
        self._unify()
        self.kept = {x for x in self.outputs if x.op != "rest"}.union(self.gradients)
        total_products(reachable([*self.outputs, *self.gradients]), self.kept)
        self._arrange()
        self._collect_indices()
        if self.account.at_once():
            self.compile()

    def _differentiate(self, leaves: dict[int, Instruction]) -> None:
        pack_products(reachable(self.outputs))
        self._split()
        take_symbols(reachable(self.outputs))
        share_lookups(reachable(self.outputs), count(2 * len(self.shapes)))
        given = reachable(self.outputs)
        loss = self.outputs[0]
        if loss.op == "rest":
            seed, (loss,) = loss, loss.inputs
        else:
            loss = _one_row(loss)
            seed = Instruction("one", (), loss.type)
        adjoint = Adjoint(loss, list(leaves.values()), seed)
        found = adjoint.found
        self.stops = adjoint.stops or any(map(_stops, given))
        self.reached = [k for k, leaf in leaves.items() if leaf in found]
        self.gradients = resolved([found[leaves[k]] for k in self.reached])

    def _split(self) -> None:
        """Take what does not recur out of recursions that join it with what does."""
        found = products_of_joins(reachable(self.outputs))
        if found:
            loops = (b for b in blocks(self.outputs) if b.loop)
            inside = {x for loop in loops for x in loop.instructions}
            split_products(y for y in found if y.inputs[0] in inside)

    def _unify(self) -> None:
        """Compute once what is the same."""
        parts = blocks([*self.outputs, *self.gradients])
        turn_weights(x for block in parts if block.loop for x in block.instructions)
        unify(x for block in parts for x in block.instructions)
        count = len(self.outputs)
        roots = resolved([*self.outputs, *self.gradients])
        self.outputs, self.gradients = roots[:count], roots[count:]

    def _arrange(self) -> None:
        """Fuse, and put everything in order."""
        parts = blocks([*self.outputs, *self.gradients])
        self.users = users_of(x for block in parts for x in block.instructions)
        if store.available():
            parts = drawn_in(parts, self.users, self.kept)
        order = self.order = [x for block in parts for x in block.instructions]
        self.count = len(order)
        for number, x in enumerate(order):
            x.number = number
        self.places: dict[Instruction, Place] = places(order)
        batches = self.batches = Made(lambda number: _batch(order[number]))
        self.direct = Made(lambda number: batches[number] in DIRECT)
        self.given = [x for x in order if x.op in GIVEN]
        self._fix(self._fused(parts))
        self.dead = self._dead()
        self.seen = self._seen()
        self.starts = {id(g): _starts(g, self.places) for g in self.groups()}
        self._account()

    def _fused(self, parts: Sequence[Block]) -> list[Any]:
        """The items that are to be computed."""
        self.loops = [Recursion(block, self) for block in parts if block.loop]
        self.recursion = {x: r for r in self.loops for x in r.order}
        loops = {r.order[0]: r for r in self.loops}
        items = self.arranged([_node(block, loops) for block in parts], 2)
        return [x for x in items if getattr(x, "op", None) not in GIVEN]

    def _fix(self, items: Sequence[Any]) -> None:
        """Put first what is computed for a layout once."""
        found = self._fixed(items)
        self.items = sorted(items, key=lambda item: id(item) not in found)
        self.fixed = len(found)  # how many they are
        self.lasting = self._lasting()

    def _account(self) -> None:
        """What kernels there could be; as yet there is none."""
        self.kernels: dict[int, Callable[..., None]] = {}
        self.steps: list[Callable[..., None]] | None = None  # how items run
        described: list[Chain | Loop] = [g.chain for g in self.apart()]
        described += [r.kernel.loop for r in self.loops if r.kernel is not None]
        self.account = Account(described)

    def arranged(self, nodes: Sequence[Node], least: int) -> list[Any]:
        """As ``fusing.arranged``: what is kept, or used by others, has an array."""

        def kept(x: Instruction, mine: set[Instruction]) -> bool:
            return x in self.kept or not mine.issuperset(self.users.get(x, ()))

        return arranged(nodes, least, kept)

    def groups(self) -> Iterable[Group]:
        """All groups, those of recursions too."""
        for item in self.items:
            if isinstance(item, Group):
                yield item
            elif isinstance(item, Recursion):
                yield from item.groups

    def apart(self) -> Iterable[Group]:
        """Groups that need a kernel of their own, as no recursion's computes them."""
        for item in self.items:
            if isinstance(item, Group):
                yield item
            elif isinstance(item, Recursion) and item.kernel is None:
                yield from item.groups

    def _fixed(self, items: Sequence[Any]) -> set[int]:
        """The ids of the items that depend on nothing but where rows are, such as the
        gradient of a sum with respect to its terms."""
        known = {x for x in self.order if x.op in ("one", "constant")}
        found = set()
        for item in items:
            mine = set(_instructions(item))
            needs = {y for x in mine for y in x.inputs} - mine
            if needs <= known and all(map(_moves, mine)) and not mine & self.kept:
                known |= mine
                found.add(id(item))
        return found

    def _lasting(self) -> list[int]:
        """The numbers of what fixed items give to the others."""
        fixed = {x for item in self.items[: self.fixed] for x in _instructions(item)}
        rest = {x for item in self.items[self.fixed :] for x in _instructions(item)}
        used = {y for x in rest for y in x.inputs} & fixed
        used |= {self.places[y].base for y in used if y in self.places}
        return sorted(x.number for x in used)

    def _dead(self) -> list[list[int]]:
        """By item, the arrays that nobody needs after it."""
        last: dict[Instruction, int] = {}
        for k, item in enumerate(self.items):
            for x in _instructions(item):
                last[x] = k
                for y in x.inputs:
                    last[y] = k
                    if y in self.places:
                        last[self.places[y].base] = k
        dead: list[list[int]] = [[] for _ in self.items]
        for x, k in last.items():
            if x not in self.kept:
                dead[k].append(x.number)
        return dead

    def _seen(self) -> set[Instruction]:
        """What others than kernels read, or would if there were any."""
        found = set(self.kept)
        for item in self.items:
            if isinstance(item, Group) or getattr(item, "kernel", None) is not None:
                continue
            if not is_joined(item, self.places):
                found |= {y for x in _instructions(item) for y in x.inputs}
        return found

    def rooms(self, xs: Iterable[Instruction]) -> list[Instruction]:
        """The arrays that kernels need to write all ``xs``: columns of an array that
        nobody else sees are no array."""
        places, seen = self.places, self.seen
        found = [places[x].base if x in places and x not in seen else x for x in xs]
        return list(dict.fromkeys(found))

    def _collect_indices(self) -> None:
        self.indices: set[Any] = set()
        self.cut: set[Any] = set()
        self.picks: set[Any] = set()
        for x in self.order:
            if x.op in ("pick", "place"):
                self.picks.add(x.index)
            elif x.op in ("take", "scatter", "logsum", "spread", "gathered"):
                found = x.index if x.op == "take" else [x.index]
                self.indices.update(found)
                if x in self.recursion:
                    self.cut.update(found)

    def compile(self) -> None:
        """Compile all kernels, or load them."""
        found = {id(g): kernels.bulk(g.chain) for g in self.apart()}
        for r in self.loops:
            if r.kernel is not None:
                found[id(r)] = kernels.loop(r.kernel.loop)
        self.kernels, self.steps = found, None

    def has_run(self, layout: Any) -> None:
        """Count what an evaluation with NumPy has cost: kernels are made once they
        pay."""
        if not self.kernels and self.account.due(self._cost(layout)):
            self.compile()

    def _cost(self, layout: Any) -> float:
        """About how many seconds the groups take with NumPy, by counts alone."""
        calls = sum(len(layout.span(x.space)) for r in self.loops for x in r.order)
        places = 0
        for g in self.groups():
            rows = layout.lengths.get(g.domain[0], 0) * g.block
            calls += len(g.instructions)
            places += len(g.instructions) * rows * g.width
        return calls * CALL + places * PLACE


def _moves(x: Instruction) -> bool:
    """Whether x only moves numbers about, or is simple arithmetic."""
    return x.op in MOVES or x.op in ARITHMETIC


def _batch(x: Instruction) -> Any:
    if isinstance(x.op, str):
        return cross(x) if x.op == "cross" else None
    return batch_of(x)


def _stops(x: Instruction) -> bool:
    """Whether no gradient passes through x, though it is made of numbers."""
    if isinstance(x.op, str) or not any(y.type.floating for y in x.inputs):
        return False
    return x.op is DETACH or x.op.gradient is None


def _one_row(loss: Instruction) -> Instruction:
    """The loss alone, where it is a row of a space."""
    if loss.space is None:
        return loss
    return Instruction("pick", [loss], loss.type, index=LOSS)


def _instructions(item: Any) -> list[Instruction]:
    if isinstance(item, Instruction):
        return [item]
    return item.order if isinstance(item, Recursion) else item.instructions  # type: ignore[no-any-return]


def _node(block: Block, loops: dict[Instruction, Recursion]) -> Node:
    first = block.instructions[0]
    item = loops[first] if block.loop else first
    needs = [y for x in block.instructions for y in x.inputs]
    return item, block.instructions, needs


def _starts(g: Group, known: dict[Instruction, Place]) -> Any:
    """For each array of columns of a group, the first."""
    arrays = zip((*g.inputs, *g.outputs), g.chain.arrays())
    wide = [x for x, (kind, _) in arrays if kind not in (ROW, SCALAR)]
    return np.array([known[x].start if x in known else 0 for x in wide], np.int64)
