"""Composite ops opened: a graph as made of the plain ops that they stand for.

A cell takes what it may not use, so a graph of cells seems to be made of more than it
is.  This module imports ``graph``.
"""

from collections.abc import MutableMapping, Sequence
from operator import is_
from typing import Any
from weakref import WeakKeyDictionary

from .graph import Expression, Op, topological

# what became of a node; of one that is plain, and made of such, nothing is known
_known: WeakKeyDictionary[Expression, Any] = WeakKeyDictionary()


class Opened(list[Any]):
    """The expressions of all slots of a node, each made of plain ops."""

    def at(self, slot: int) -> Any:
        """That of a slot."""
        return self[slot]


def opened(
    roots: Sequence[Expression], made: MutableMapping[Expression, Any] | None = None
) -> list[Expression]:
    """``roots`` as made of plain ops from what stands for some expressions in ``made``,
    which is extended, and from all that is plain; by default always the same, so that
    gradients of one graph and of another that is made of its gradients meet."""
    made = _known if made is None else made
    for x in topological(roots, made):
        args, op = [made.get(a, a) for a in x.args], x.op
        if op is not None and (
            type(op).opened is not Op.opened or not all(map(is_, args, x.args))
        ):
            made.setdefault(x, op.opened(args, x.params, x.type))
    return [made.get(x, x) for x in roots]


def is_opened(x: Expression) -> bool:
    """Whether x was opened, so that a gradient may be made of what it became."""
    return x in _known


def is_inside(x: Expression) -> bool:
    """Whether x is one of several outputs of a node, so that another of them may be
    made of it within."""
    return x.op is not None and x.op.picks
