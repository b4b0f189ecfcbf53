"""Composite ops opened: a graph as made of the plain ops that they stand for.

A cell takes what it may not use, so a graph of cells seems to be made of more than it
is.  This module imports ``graph``.
"""

from typing import Any

from .graph import Expression, topological


class Opened(list[Any]):
    """The expressions of all slots of a node, each made of plain ops."""

    def at(self, slot: int) -> Any:
        """That of a slot."""
        return self[slot]


def opened(y: Expression, x: Expression) -> Expression:
    """y as made of plain ops from x, and from other leaves."""
    made: dict[Expression, Any] = {x: x}
    for z in topological([y], [x]):
        args = [made[a] for a in z.args]
        made[z] = z.op.opened(args, z.params, z.type) if z.op else z
    found: Expression = made[y]
    return found
