"""What a graph is node by node, so that one like it is known when it comes again.

A training loop builds the same graph for each update, of new nodes.  Nodes are told by
their places in the order in which they are found from what is wanted: two graphs are
alike if the k-th node of each is the same op with the same params and arguments.  This
module imports ``graph``.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np

from ..graph import Expression, topological

_args = attrgetter("args")
_op = attrgetter("op")
_params = attrgetter("params")
_serial = attrgetter("serial")


class Outline:
    """All that ``wanted`` need; of what is ``known``, no more than itself.

    ``nodes``: as they are found; ``place``: of each, its number among them.
    """

    __slots__ = ("count", "known", "nodes", "place")

    def __init__(
        self, wanted: Sequence[Expression], known: Mapping[Expression, Any] = {}
    ):
        if not all(isinstance(x, Expression) for x in wanted):
            topological(wanted)  # which says so
        place = {x: k for k, x in enumerate(dict.fromkeys(wanted))}
        nodes, self.count = list(place), len(place)
        for x in nodes:
            if x not in known:
                for a in x.args:
                    if a not in place:
                        place[a] = len(nodes)
                        nodes.append(a)
        self.known, self.nodes, self.place = known, nodes, place

    def key(self) -> Hashable:
        """What graphs that are alike have in common, as long as params are alive."""
        ops: list[Any] = list(map(_op, self.nodes))
        args: list[tuple[Expression, ...]] = list(map(_args, self.nodes))
        for k, x in enumerate(self.nodes if self.known else ()):
            if x in self.known:
                ops[k], args[k] = None, ()
        params = tuple([id(p) if p else 0 for p in map(_params, self.nodes)])
        leaves = tuple(
            [(x.type, x.__class__) for x, op in zip(self.nodes, ops) if op is None]
        )
        places = map(self.place.__getitem__, chain.from_iterable(args))
        numbers = np.fromiter(chain([self.count], map(len, args), places), np.int32)
        return tuple(ops), params, leaves, numbers.tobytes()

    def params(self) -> list[Mapping[str, Any]]:
        """Those of all nodes: what the key knows by its id."""
        return list(map(_params, self.nodes))

    def ordered(self) -> list[Expression]:
        """The nodes in the order of creation, arguments first."""
        return sorted(self.nodes, key=_serial)
