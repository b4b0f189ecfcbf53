"""How one graph is computed: its program, where its rows are, what its leaves are.

Graphs of one structure share a program, and those of the same rows too a layout.  A
graph that is built anew for each update is the same but for its nodes: so a plan knows
them by their places, and an ``Outline`` tells when it serves again.  This module
imports ``running``, ``layout``, ``program``, ``structure``, ``roles``, ``halves``,
``first_steps``, ``strangers``, ``various``, ``unrolling`` and ``collect``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from ..composite import PROJECT, Composite, Computed, Slots
from ..graph import Expression, Parameter
from ..randomness import Random
from ..rows import Rows, compact
from ..settings import Cache
from .buffers import empty
from .collect import ROW, ROWS, Collected, Source, source_of
from .first_steps import joined
from .halves import halves
from .instructions import Irregular
from .layout import Layout
from .program import Program
from .roles import told_apart
from .running import Run
from .strangers import greet
from .structure import Structure
from .unrolling import part_of, place_in
from .various import Various

_programs = Cache("programs", 1 << 8)
_layouts = Cache("layouts", 1 << 6)
_serial = attrgetter("serial")


class Later:
    """A node of a composite op.  Its slots of which an evaluation has the rows, by
    ``places``, are taken from there, the others are computed, if someone asks."""

    def __init__(
        self,
        x: Expression,
        values: Mapping[Expression, Any],
        places: Mapping[int, "Row"],
        arrays: Sequence[Any],
    ):
        self.x, self.values, self.places, self.arrays = x, values, places, arrays
        self.computed: Computed | None = None

    def at(self, slot: int) -> Any:
        """The value of a slot."""
        if slot in self.places:
            return self.places[slot].of(self.arrays)
        if self.computed is None:
            arrays = [self.values[a] for a in self.x.args]
            self.computed = self.x.op.forward(*arrays)  # type: ignore[union-attr]  # it has one
        return self.computed.at(slot)  # type: ignore[union-attr]  # it is there


class Row(NamedTuple):
    """Where a value is: the number of an array, and which row; None for all of it."""

    number: int
    row: int | None

    def of(self, arrays: Sequence[Any]) -> Any:
        """The value."""
        array = arrays[self.number]
        return _own(array) if self.row is None else array[self.row]


class Plan:
    """How graphs of one structure and the same rows are computed: nodes are known by
    their ``place``, so that the plan serves every graph that is alike.

    ``rest``: how that is computed which is made of all rows as one array, if anything.
    ``wanted``: what is asked for; ``keep``: all the rest as well; ``gradients``: those
    of the first wanted with respect to all parameters too; ``sure``: whether to make a
    program even if no graph had this structure before.

    ``doubtful``: whether gradients may be 0 as the loss does not reach the parameter;
    ``unreached``: by number of a leaf whether it is so, where that is known.
    """

    def __init__(
        self,
        graph: Collected,
        place: Mapping[Expression, int],
        wanted: Sequence[Expression],
        keep: bool,
        gradients: bool,
        regular: bool = True,
        sure: bool = True,
    ):
        structure, self.divided = _structured(graph, regular, keep)
        every = [x for x in graph.where if x in place] if keep else []
        asked = dict.fromkeys([*wanted, *every])
        arrays = [x for x in asked if not isinstance(x.type, Slots)]
        single = [graph.where[x] for x in arrays]
        nodes = list(_slots(graph, asked, keep))
        codes = list(chain(single, *(slots.values() for _, slots in nodes)))
        sources = tuple(dict.fromkeys(map(source_of, codes)))
        wrt = _parameters(structure) if gradients else None
        self.rest: tuple[Program, Layout] | None = None
        if not keep and len(codes) == 1:
            structure, sources = self._divided(structure, sources, wrt, single[0])
        self.program, self.layout = _prepared(structure, sources, wrt, single[0], sure)
        self.of = dict(zip(sources, self.program.outputs))
        self.asked = [place[x] for x in arrays]
        self.rows = [self._row(code) for code in single]
        self.nodes = [
            (place[x], {k: self._row(code) for k, code in slots.items()})
            for x, slots in nodes
        ]
        self.size = graph.count, len(graph.kinds)
        stops = any(program.stops for program in self.programs)
        self.doubtful = stops or any(isinstance(k.op, Composite) for k in graph.kinds)
        self.unreached: dict[int, bool] = {}
        self._place(structure, graph.leaves, place)

    def _place(
        self,
        structure: Structure,
        drawn: Sequence[Expression],
        place: Mapping[Expression, int],
    ) -> None:
        """Know leaves by their places: those of the program; all that is ``drawn`` for
        an evaluation; and the constants of many values."""
        leaves = list(map(place_in, structure.leaves))
        self.leaves = [place[x] for x, _ in leaves]
        self.parts = [part for _, part in leaves]
        self.drawn = [place[x] for x in drawn]
        self.random = any(isinstance(x, Random) for x in drawn)
        self.various = {}
        for column, xs in structure.various.items():
            made = Various(self._ordered(column, xs))
            self.various[column] = made, [place[x] for x in made.leaves]

    def _ordered(self, column: Any, xs: list[Expression]) -> list[Expression]:
        """Various constants in the order of their rows."""
        order = self.layout.various.get(column)
        return xs if order is None else [xs[k] for k in order]

    def _divided(
        self,
        structure: Structure,
        sources: tuple[Source, ...],
        wrt: tuple[int, ...] | None,
        loss: int,
    ) -> tuple[Structure, tuple[Source, ...]]:
        """What is to be computed before all rows are joined: all there is where they
        are not, else the rest is a program of its own."""
        parts = halves(structure, sources[0].kind)
        if parts is not None:
            rows, rest = parts
            first, leaf = len(rows.shapes), len(structure.leaves)
            asked = sources[0]._replace(kind=sources[0].kind - first)
            also = None if wrt is None else (*wrt, leaf)
            made = _prepared(rest, (asked,), also, loss, True)
            if wrt is None or leaf in made[0].reached:
                self.rest = made
                return rows, (Source(first - 1, -1),)
        return structure, sources

    @property
    def programs(self) -> list[Program]:
        """The program, and that of the rest if there is one."""
        return [self.program] if self.rest is None else [self.program, self.rest[0]]

    def _row(self, code: int) -> Row:
        """Where the value of an expression with this code is."""
        if self.rest is not None:
            return Row(self.rest[0].outputs[0].number, None)
        made = self.of[source_of(code)]
        if made.space is None:
            return Row(made.number, None)
        row, place = code & ROWS, self.layout.place.get(made.space)
        return Row(made.number, row if place is None else int(place[row]))


def _structured(graph: Collected, regular: bool, keep: bool) -> tuple[Structure, int]:
    """The structure of a graph, in which undecorated steps are one kind for each role,
    if it is regular; and how many kinds more there are by that."""
    if not regular:
        return Structure(graph, False), 0
    kinds = None if keep else joined(graph)
    if kinds is not None:
        graph.number(kinds)
    structure, count = Structure(graph), len(graph.kinds)
    while (kinds := told_apart(graph, structure)) is not None:
        graph.number(kinds)
        structure = Structure(graph)
    return structure, len(graph.kinds) - count


def _slots(
    graph: Collected, asked: Iterable[Expression], keep: bool
) -> Iterator[tuple[Expression, dict[int, int]]]:
    """The nodes of composite ops that are asked for, and by slot the codes."""
    for x in asked:
        if isinstance(x.type, Slots):
            yield x, {k: graph.where[x] + (k + 1 << ROW) for k in _kept(x)}
    for x, loop in graph.unrolled.items() if keep else ():
        yield x, {k: graph.code(x, k) for k in loop.kept()}


def _parameters(structure: Structure) -> tuple[int, ...]:
    """The numbers of the leaves of which there are gradients."""
    leaves = enumerate(structure.leaves)
    return tuple(k for k, x in leaves if isinstance(x, Parameter))


class Recipe:
    """A plan for one graph, ``nodes`` by their places."""

    def __init__(self, plan: Plan, nodes: Sequence[Expression]):
        self.plan = plan
        self.program, self.layout = plan.program, plan.layout
        self.asked = [nodes[k] for k in plan.asked]
        self.nodes = [(nodes[k], slots) for k, slots in plan.nodes]
        self.leaves = [nodes[k] for k in plan.leaves]
        self.drawn = [nodes[k] for k in plan.drawn]
        if plan.random:  # in the order of creation, which may not be that of the plan
            self.drawn.sort(key=_serial)
        self.various = {
            column: (made, [nodes[k] for k in places])
            for column, (made, places) in plan.various.items()
        }
        reached = {k for program in plan.programs for k in program.reached}
        self.reached = {x for k, x in enumerate(self.leaves) if k in reached}

    def forget(self) -> None:
        """Keep nothing but leaves, so that what was asked for can be freed."""
        self.asked, self.nodes = [], []

    def run(self, known: Mapping[Expression, Any]) -> "Evaluation":
        """Compute all that is asked for from what the leaves are now."""
        return Evaluation(self, known)


def _prepared(
    structure: Structure,
    wanted: tuple[Source, ...],
    wrt: tuple[int, ...] | None,
    loss: int,
    sure: bool,
) -> tuple[Program, Layout]:
    """The program of a structure, and where the rows are in it; unless ``sure``, none
    is made for a structure that is new."""
    key = structure.key(), wanted, wrt
    if not sure and key not in _programs:
        greet(key)
    program = _made(_programs, key, lambda: Program(structure.shapes, wanted, wrt))
    rows = program, loss, structure.content()
    layout = _made(_layouts, rows, lambda: Layout(structure, program, loss))
    return program, layout


def _made(cache: Cache, key: Any, make: Any) -> Any:
    """What ``make`` gives; what it refuses, it refuses for good."""
    found = cache.get(key)
    if found is None:
        try:
            found = make()
        except Irregular as error:
            found = error
        cache[key] = found
    if isinstance(found, Irregular):
        raise found
    return found


class Evaluation:
    """A recipe carried out: what came of it."""

    def __init__(self, recipe: Recipe, known: Mapping[Expression, Any]):
        self.recipe = recipe
        self.drawn = {x: _value(x, known) for x in recipe.drawn}
        drawn = [self.drawn[x] for x in recipe.leaves]
        leaves = list(map(part_of, drawn, recipe.plan.parts))
        various = {
            column: made.value([self.drawn[x] for x in xs])
            for column, (made, xs) in recipe.various.items()
        }
        rest = recipe.plan.rest
        after = None if rest is None else Run(*rest, leaves, {})
        self.run = Run(recipe.program, recipe.layout, leaves, various, after)
        self.run.run()
        self.arrays = (self.run.rest or self.run).values  # of what was asked for

    def value(self) -> Any:
        """The value of the first expression that was asked for."""
        return self.recipe.plan.rows[0].of(self.arrays)

    def asked(self) -> dict[Expression, Any]:
        """The values of what was asked for, but for nodes of composite ops."""
        arrays, recipe = self.arrays, self.recipe
        return {x: row.of(arrays) for x, row in zip(recipe.asked, recipe.plan.rows)}

    def later(self, values: Mapping[Expression, Any]) -> dict[Expression, Any]:
        """The nodes of composite ops that were asked for, as values of theirs."""
        arrays = self.arrays
        return {x: Later(x, values, rows, arrays) for x, rows in self.recipe.nodes}

    def enter(
        self, values: dict[Expression, Any], leaves: Sequence[Expression] | None
    ) -> None:
        """Enter into ``values`` what was asked for, and these of the leaves, or all."""
        drawn = self.drawn
        values.update(
            drawn if leaves is None else {x: drawn[x] for x in leaves if x in drawn}
        )
        values.update(self.asked())
        values.update(self.later(values))

    def gradients(self, sparse: bool) -> dict[Any, Any]:
        """By parameter, its gradient."""
        leaves, found = self.recipe.leaves, dict[Any, Any]()
        for run in filter(None, (self.run, self.run.rest)):
            for k, g in zip(run.program.reached, run.program.gradients):
                if k < len(leaves):
                    x, array = leaves[k], run.values[g.number]
                    found[x] = _sum(found[x], array) if x in found else array
        return {x: _owned(array, sparse) for x, array in found.items()}


def _kept(x: Expression) -> list[int]:
    """The slots that are kept of a node, which may be a slot of a loop."""
    op: Any = x.args[0].op.step if x.op is PROJECT else x.op  # type: ignore[union-attr]  # it is a loop
    return sorted(op.kept)


def _sum(a: Any, b: Any) -> Any:
    """The sum of two parts of a gradient."""
    if isinstance(a, Rows) and isinstance(b, Rows):
        return Rows.summed([a.values, a.indices, b.values, b.indices], a.shape)
    return _owned(a, False) + _owned(b, False)


def _owned(array: Any, sparse: bool) -> Any:
    if isinstance(array, Rows):
        return array if sparse else array.dense()
    return compact(_own(array), empty)


def _own(array: Any) -> Any:
    """An array that nobody else sees, if it is one that is kept."""
    kept = isinstance(array, np.ndarray) and not array.flags.writeable
    return array.copy() if kept else array


def _value(x: Expression, known: Mapping[Expression, Any]) -> Any:
    if known and x in known:
        return known[x]
    if x.op is PROJECT:
        return known[x.args[0]].at(x.params["slot"])
    return x.value  # type: ignore[attr-defined]  # every leaf has one
