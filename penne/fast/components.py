"""Strongly connected components: what is computed in a circle.

This module imports nothing of penne.
"""

from collections.abc import Iterator, Sequence


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
