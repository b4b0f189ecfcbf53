"""Which nodes run together: a schedule of groups for the nodes of a graph.

Nodes of one *kind* (op, static params, types of arguments, the same parameters) may
run as one batch.  The graph of kinds is small.  Its strongly connected components are
the recursions: a component that feeds itself runs level by level, everything else runs
in one batch, before or after the recursion that it touches.

After Cavs (Xu et al. 2018, *Cavs: An Efficient Runtime System for Dynamic Neural
Networks*) and Neubig, Goldberg and Dyer 2017, *On-the-fly Operation Batching in
Dynamic Computation Graphs*.  This module imports ``graph`` and ``composite``.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..composite import PROJECT, Composite
from ..graph import Expression, Parameter

Group = list[Expression]


def schedule(order: Sequence[Expression]) -> list[Group]:
    """The op nodes of ``order`` (arguments first) in groups; a group is ready when
    those before it have run.  Projections are left out: they only name a slot."""
    kinds: dict[Any, int] = {}
    kind_of: dict[Expression, int] = {}
    needs: list[set[int]] = []
    for x in order:
        if x.op is None or x.op is PROJECT:
            continue
        kind = kinds.setdefault(_kind(x), len(kinds))
        if kind == len(needs):
            needs.append(set())
        kind_of[x] = kind
        needed = needs[kind]
        for a in x.args:
            producer = a.args[0] if a.op is PROJECT else a
            if producer.op is not None and producer in kind_of:
                needed.add(kind_of[producer])
    return _grouped(kind_of, components(needs), needs)


def _kind(x: Expression) -> Any:
    same = [a for a in x.args if a.__class__ is Parameter]
    if isinstance(x.op, Composite):
        return (x.op, x.type, *same)
    params = id(x.params) if x.params else 0
    return (x.op, params, *[a.type for a in x.args], *same)


def _grouped(
    kind_of: dict[Expression, int], component: list[int], needs: list[set[int]]
) -> list[Group]:
    """Nodes by component, by depth within it, by kind."""
    sizes = Counter(component)
    recursive = [sizes[c] > 1 or k in needs[k] for k, c in enumerate(component)]
    depth: dict[Expression, int] = {}
    groups: dict[tuple[int, int, int], Group] = {}
    for x, kind in kind_of.items():
        mine, level = component[kind], 0
        if recursive[kind]:
            for a in x.args:
                a = a.args[0] if a.op is PROJECT else a
                if a in depth and component[kind_of[a]] == mine:
                    level = max(level, depth[a] + 1)
            depth[x] = level
        group = groups.get((mine, level, kind))
        if group is None:
            groups[mine, level, kind] = [x]
        else:
            group.append(x)
    return [groups[key] for key in sorted(groups)]


def components(needs: Sequence[set[int]]) -> list[int]:
    """The strongly connected component of each vertex, numbered so that what a
    vertex needs has a number no larger than its own.

    Tarjan 1972, *Depth-first search and linear graph algorithms*, without recursion.

    >>> components([set(), {0, 2}, {1}, {2}])
    [0, 1, 1, 2]
    """
    search = _Search(needs)
    for vertex in range(len(needs)):
        search.visit(vertex)
    return [search.component[vertex] for vertex in range(len(needs))]


class _Search:
    """Tarjan's depth-first search, with a stack of its own."""

    def __init__(self, needs: Sequence[set[int]]):
        self.needs = needs
        self.index: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.component: dict[int, int] = {}
        self.count = 0
        self.open: list[int] = []
        self.work: list[tuple[int, Iterator[int]]] = []

    def visit(self, root: int) -> None:
        """Find the components of all that ``root`` reaches and that are not known."""
        if root not in self.index:
            self._enter(root)
        while self.work:
            v, rest = self.work[-1]
            for w in rest:
                if w not in self.index:
                    self._enter(w)
                    break
                if w not in self.component:
                    self.low[v] = min(self.low[v], self.index[w])
            else:
                self._leave(v)

    def _enter(self, v: int) -> None:
        self.index[v] = self.low[v] = len(self.index)
        self.open.append(v)
        self.work.append((v, iter(self.needs[v])))

    def _leave(self, v: int) -> None:
        self.work.pop()
        if self.work:
            parent = self.work[-1][0]
            self.low[parent] = min(self.low[parent], self.low[v])
        if self.low[v] == self.index[v]:
            place = self.open.index(v)
            self.component.update(dict.fromkeys(self.open[place:], self.count))
            del self.open[place:]
            self.count += 1
