"""Structures that may not come again.

To make a program takes longer than to compute its graph op by op, many times longer
where nearly every node is another kind, as where arrays grow from step to step.  So a
program of many kinds is made for the second graph of its structure; and of graphs of
the same ops that were looked at in vain, one after another, most are passed by.  This
module imports ``settings``.
"""

from collections.abc import Hashable

from ..settings import Cache

ROW = 8  # looks in vain, after which one of so many graphs is looked at
Ops = frozenset[object]  # which there are in a graph, however many nodes of each
_met = Cache("structures met", 1 << 8)
_vain = Cache("graphs looked at in vain", 1 << 8)


class Stranger(Exception):
    """A graph that gets no plan before it, or its structure, comes again."""


def greet(structure: Hashable) -> None:
    """Raise Stranger the first time that this structure comes."""
    if structure not in _met:
        _met[structure] = True
        raise Stranger


def passed_by(ops: Ops) -> bool:
    """Whether not to look at a graph of these ops that has not come before."""
    count = _vain.get(ops, 0)
    if count < ROW or count % ROW == 0:
        return False
    _vain[ops] = count + 1
    return True


def looked(ops: Ops, in_vain: bool) -> None:
    """A graph of these ops was looked at, and got a plan or none."""
    _vain[ops] = _vain.get(ops, 0) + 1 if in_vain else 0
