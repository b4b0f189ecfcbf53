"""The order of a program: blocks that run once, and loops that run level by level.

The instructions that feed themselves through rows of other levels are the recursions
of the graph, and there are few.  Within a level, what a ``take`` reads and what a
``scatter`` adds to belongs to other levels.  This module imports ``program``.

After Cavs (Xu et al. 2018, *Cavs: An Efficient Runtime System for Dynamic Neural
Networks*) and Neubig, Goldberg and Dyer 2017, *On-the-fly Operation Batching in
Dynamic Computation Graphs*.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .adjoint import reachable
from .program import Instruction, Irregular

CROSSING = ("take", "scatter", "spread")  # between rows of different levels


class Block(NamedTuple):
    """Instructions that run one after the other: once, or (a loop) for each level."""

    instructions: list[Instruction]
    loop: bool


def blocks(roots: Sequence[Instruction]) -> list[Block]:
    """All that ``roots`` need, in an order in which it can run."""
    order = reachable(roots)
    for k, x in enumerate(order):
        x.number = k
    needs = [{a.number for a in x.inputs} for x in order]
    parts: dict[int, list[Instruction]] = {}
    for x, part in zip(order, components(needs)):
        parts.setdefault(part, []).append(x)
    found = []
    for _, group in sorted(parts.items()):
        loop = len(group) > 1 or group[0] in group[0].inputs
        found.append(Block(_within(group) if loop else group, loop))
    return found


def _within(group: Sequence[Instruction]) -> list[Instruction]:
    """The instructions of a recursion in the order in which one level runs them."""
    place = {x: k for k, x in enumerate(group)}
    needs: list[set[int]] = []
    for x in group:
        if x.space is None or (isinstance(x.op, str) and x.op not in CROSSING):
            raise Irregular(f"{x} in a recursion")
        inside = [a for a in x.inputs if a in place]
        if x.op == "take" or x.op == "spread":
            inside = []
        needs.append({place[a] for a in inside if a.op != "scatter"})
    order = components(needs)
    if len(set(order)) < len(group):
        raise Irregular("a recursion within a level")
    return [x for _, x in sorted(zip(order, group), key=lambda pair: pair[0])]


def components(needs: Sequence[set[int]]) -> list[int]:
    """The strongly connected component of each vertex, numbered so that what a
    vertex needs has a number no larger than its own.

    Tarjan 1972, *Depth-first search and linear graph algorithms*, without recursion.

    >>> components([set(), {0, 2}, {1}, {2}])
    [0, 1, 1, 2]
    """
    search = _Search(needs)
    for vertex, index in enumerate(search.index):
        if not index:
            search.visit(vertex)
    return search.component


class _Search:
    """Tarjan's depth-first search, with a stack of its own; 0 is the index of what has
    not been found, -1 the component of what is not yet known to be in one."""

    def __init__(self, needs: Sequence[set[int]]):
        self.needs = needs
        self.index, self.low = [0] * len(needs), [0] * len(needs)
        self.component = [-1] * len(needs)
        self.found = self.count = 0
        self.open: list[int] = []
        self.work: list[tuple[int, Iterator[int]]] = []

    def visit(self, root: int) -> None:
        """Find the components of all that ``root`` reaches and that are not known."""
        index, low, component, work = self.index, self.low, self.component, self.work
        self._enter(root)
        while work:
            v, rest = work[-1]
            for w in rest:
                if not index[w]:
                    self._enter(w)
                    break
                if component[w] < 0 and index[w] < low[v]:
                    low[v] = index[w]
            else:
                self._leave(v)

    def _enter(self, v: int) -> None:
        self.found += 1
        self.index[v] = self.low[v] = self.found
        self.open.append(v)
        self.work.append((v, iter(self.needs[v])))

    def _leave(self, v: int) -> None:
        low, component = self.low, self.component
        self.work.pop()
        if self.work:
            parent = self.work[-1][0]
            low[parent] = min(low[parent], low[v])
        if low[v] == self.index[v]:
            while component[v] < 0:
                component[self.open.pop()] = self.count
            self.count += 1
