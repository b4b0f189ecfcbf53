"""Structures that may not come again.

To make a program takes longer than to compute its graph op by op, many times longer
where nearly every node is another kind, as where arrays grow from step to step.  So a
program of many kinds is made for the second graph of its structure; and of graphs of
the same ops that were looked at in vain, one after another, most are passed by.  Nor
are graphs of ops that were irregular, one after another, tried as regular ones each
time.  This module imports ``settings``.
"""

from collections.abc import Hashable

from ..settings import Cache

STREAK = 8  # after so many in a row, one of each further STREAK is tried
Ops = frozenset[object]  # of a graph, however many nodes of each, or steps of a loop
_met = Cache("structures met", 1 << 8)


class Stranger(Exception):
    """A graph that gets no plan before it, or its structure, comes again."""


def greet(structure: Hashable) -> None:
    """Raise Stranger the first time that this structure comes."""
    if structure not in _met:
        _met[structure] = True
        raise Stranger


class Streak:
    """How many graphs of the same ops, one after another, were the same in something:
    after some, the next is taken to be so too, and only now and then is it tried."""

    def __init__(self, name: str):
        self.counts = Cache(name, 1 << 8)

    def goes_on(self, ops: Ops) -> bool:
        """Whether a graph of these ops is taken to be as those before."""
        count = self.counts.get(ops, 0)
        if count < STREAK or count % STREAK == 0:
            return False
        self.counts[ops] = count + 1
        return True

    def tried(self, ops: Ops, same: bool) -> None:
        """A graph of these ops was tried, and was so or not."""
        self.counts[ops] = self.counts.get(ops, 0) + 1 if same else 0


in_vain = Streak("graphs looked at in vain")
irregular = Streak("graphs that were irregular")
