"""Composite ops opened: a graph as made of the plain ops that they stand for.

A cell takes what it may not use, so a graph of cells seems to be made of more than it
is.  This module imports ``graph``.
"""

from collections.abc import Sequence
from typing import Any

from .graph import Expression, topological


class Opened(list[Any]):
    """The expressions of all slots of a node, each made of plain ops."""

    def at(self, slot: int) -> Any:
        """That of a slot."""
        return self[slot]


def opened(
    roots: Sequence[Expression], known: Sequence[Expression] = ()
) -> list[Expression]:
    """``roots`` as made of plain ops from what is ``known``, and from other leaves."""
    made: dict[Expression, Any] = dict(zip(known, known))
    for x in topological(roots, known):
        args = [made[a] for a in x.args]
        made[x] = x.op.opened(args, x.params, x.type) if x.op else x
    return [made[x] for x in roots]


def is_inside(x: Expression) -> bool:
    """Whether x is one of several outputs of a node, so that another of them may be
    made of it within."""
    return x.op is not None and x.op.picks
