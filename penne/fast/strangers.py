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

ROW = 8  # looks in vain, after which one of so many graphs is looked at
Ops = frozenset[object]  # of a graph, however many nodes of each, or steps of a loop
_met = Cache("structures met", 1 << 8)
_vain = Cache("graphs looked at in vain", 1 << 8)
_irregular = Cache("graphs that were irregular", 1 << 8)


class Stranger(Exception):
    """A graph that gets no plan before it, or its structure, comes again."""


def greet(structure: Hashable) -> None:
    """Raise Stranger the first time that this structure comes."""
    if structure not in _met:
        _met[structure] = True
        raise Stranger


def passed_by(ops: Ops) -> bool:
    """Whether not to look at a graph of these ops that has not come before."""
    return _again(_vain, ops)


def looked(ops: Ops, in_vain: bool) -> None:
    """A graph of these ops was looked at, and got a plan or none."""
    _vain[ops] = _vain.get(ops, 0) + 1 if in_vain else 0


def surely_irregular(ops: Ops) -> bool:
    """Whether not to try as a regular graph one of these ops."""
    return _again(_irregular, ops)


def tried(ops: Ops, regular: bool) -> None:
    """A graph of these ops was tried as a regular one, which it was or not."""
    _irregular[ops] = 0 if regular else _irregular.get(ops, 0) + 1


def _again(counts: Cache, ops: Ops) -> bool:
    """Whether it will be as it was so many times before; now and then it is tried."""
    count = counts.get(ops, 0)
    if count < ROW or count % ROW == 0:
        return False
    counts[ops] = count + 1
    return True
