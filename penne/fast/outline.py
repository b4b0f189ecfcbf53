"""What a graph is node by node, so that one like it is known when it comes again.

A training loop builds the same graph for each update, of new nodes.  Nodes are told by
their places in the order in which they are found from what is wanted: two graphs are
alike if the k-th node of each is the same op with the same params and arguments.  This
module imports ``graph``.
"""

from collections.abc import Hashable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ..graph import Expression, topological

_args = attrgetter("args")
_op = attrgetter("op")
_params = attrgetter("params")
_serial = attrgetter("serial")
HEAD, LONG = 4, 8  # arguments that differ from node to node; of a node with a tail
NONE: tuple[tuple[Expression, ...], int] = (), 0


def little(
    wanted: Sequence[Expression], known: Mapping[Expression, Any], most: int
) -> list[Expression] | None:
    """What ``wanted`` need and is not ``known``, arguments first; None where that is
    ``most`` ops, or eight times as many nodes."""
    if not all(isinstance(x, Expression) for x in wanted):
        topological(wanted)  # which says so
    seen, ops = set[Expression](), 0
    found = [x for x in wanted if x not in known]
    for x in found:
        if x in seen:
            continue
        seen.add(x)
        if x.op is not None:
            ops += x.op.times
            if ops >= most:
                return None
        found += [a for a in x.args if a not in known]
    return sorted(seen, key=_serial) if len(seen) < 8 * most else None


class Outline:
    """All that ``wanted`` need; of what is ``known``, no more than itself.

    ``nodes``: as they are found; ``place``: of each, its number among them; ``places``:
    of the arguments of each, their numbers.  Nodes of a composite op have long tails of
    parameters: one that the last of its op had too is a number below 0.
    """

    __slots__ = ("count", "known", "leaves", "nodes", "place", "places")

    def __init__(
        self, wanted: Sequence[Expression], known: Mapping[Expression, Any] = {}
    ):
        place = {x: k for k, x in enumerate(dict.fromkeys(wanted))}
        self.count = count = len(place)  # of what is wanted
        nodes, places, leaves = list(place), list[int](), list[Expression]()
        last: dict[Any, tuple[tuple[Expression, ...], int]] = {}
        for x in nodes:
            args = () if known and x in known else x.args
            if not args:
                leaves.append(x)
            elif len(args) > LONG:
                tail, (same, number) = args[HEAD:], last.get(x.op, NONE)
                if tail == same:
                    places.append(number)
                    args = args[:HEAD]
                else:
                    last[x.op] = tail, ~len(places)
            for a in args:
                k = place.get(a)
                if k is None:
                    place[a] = k = count
                    nodes.append(a)
                    count += 1
                places.append(k)
        self.known, self.nodes, self.place = known, nodes, place
        self.leaves, self.places = leaves, places

    def key(self) -> Hashable:
        """What graphs that are alike have in common, as long as params are alive."""
        nodes = self.nodes
        ops: list[Any] = list(map(_op, nodes))
        lengths: Any = map(len, map(_args, nodes))
        if self.known:
            given = [k for k, x in enumerate(nodes) if x in self.known]
            lengths = list(lengths)
            for k in given:
                ops[k], lengths[k] = None, 0
        params = tuple([id(p) if p else 0 for p in map(_params, nodes)])
        leaves = tuple([(x.type, x.__class__) for x in self.leaves])
        numbers = np.array([self.count, *lengths, *self.places], np.int32)
        return tuple(ops), params, leaves, numbers.tobytes()

    def params(self) -> list[Mapping[str, Any]]:
        """Those of all nodes: what the key knows by its id."""
        return list(map(_params, self.nodes))

    def ordered(self) -> list[Expression]:
        """The nodes in the order of creation, arguments first."""
        return sorted(self.nodes, key=_serial)
