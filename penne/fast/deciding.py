"""Whether a graph is batched: that pays where there are many nodes, of few kinds.

``every_size``: whether all that can be batched is, whatever its size.  This module
imports ``checkpointing``, ``composite``, ``settings``, ``collect`` and ``paying``.
"""

from ..checkpointing import RECOMPUTE
from ..composite import Composite
from ..graph import Nodes, Op
from ..settings import Cache, Switch
from . import paying
from .collect import Collected

LEAST_NODES = 30  # a smaller graph is computed op by op
MOST_KINDS = 0.7  # as is one with more kinds than this share of its nodes
IRREGULAR = 0.2  # that share where kinds wait for each other, level by level
MANY_KINDS, MIXED = 20, 0.2  # more kinds, and share of the nodes, are many and dear
DEAR = 7  # so many steps, times the square of kinds, take as long as to make a plan
AGAIN = 3  # times that a graph is seen before one with few nodes gets a plan
every_size: Switch[bool] = Switch("every_size", False)
_segments = Cache("cells with segments to recompute", 1 << 10)


def least_nodes() -> int:
    """Graphs of fewer nodes are computed op by op."""
    return 0 if every_size.value else LEAST_NODES


def is_small(nodes: Nodes) -> bool:
    """Whether there is little to do for gradients, seen at a glance.  To find them is
    the most part of it: a composite node counts as what it is made of."""
    least = least_nodes()
    if len(nodes) >= 8 * least:
        return False
    steps = 0
    for x in nodes:
        if x.op is not None:
            steps += x.op.size
            if steps >= least:
                return False
    return True


def is_cheap(nodes: Nodes, kinds: int) -> bool:
    """Whether it takes longer to plan so many kinds than to compute the nodes op by op:
    measured on random cells and trees, where to make a node was as two steps of it."""
    steps = DEAR * kinds**2
    if every_size.value or 2 * len(nodes) >= steps:
        return False
    return sum(2 + x.op.size for x in nodes if x.op is not None) < steps


def is_little(graph: Collected) -> bool:
    """Whether there is too little to batch."""
    count, kinds = graph.count, len(graph.kinds)
    little = count < LEAST_NODES or kinds > MOST_KINDS * count
    return little and not every_size.value


def is_mixed(graph: Collected, regular: bool) -> bool:
    """Whether there are so many kinds, for so many nodes, that to make a program of
    them takes longer than to do without."""
    most = (MIXED if regular else MIXED / 4) * graph.count
    mixed = len(graph.kinds) > max(MANY_KINDS, most)
    return mixed and not every_size.value


def pays_by_level(graph: Collected) -> bool:
    """Whether so many nodes are alike that it pays to batch an irregular graph too."""
    return every_size.value or len(graph.kinds) <= IRREGULAR * graph.count


def recomputes(graph: Collected) -> bool:
    """Whether there are segments to recompute, in cells too: these are batched inside,
    but must not be held in memory all at once."""
    return any(holds_segments(kind.op) for kind in graph.kinds)


def holds_segments(op: Op) -> bool:
    """Whether an op, or a step within it, computes a segment again."""
    if not isinstance(op, Composite):
        return op is RECOMPUTE
    found: bool | None = _segments.get(op)
    if found is None:
        found = _segments[op] = any(holds_segments(step) for step, _, _ in op.steps)
    return found


def why_not(graph: Collected, regular: bool) -> str:
    """Why a graph is not batched, as a regular one or by level; "" if it is."""
    if not regular:
        pays = pays_by_level(graph)
        return "" if pays else "too few to batch by level, computed op by op"
    if recomputes(graph):
        return "segments are computed again, so computed op by op, batched within"
    small = is_small(graph.order)
    if paying.asked() and not small:
        return ""
    until = f"computed op by op until it has come {AGAIN} times"
    if is_little(graph):
        until = "computed op by op" if small else until
        return f"too few to batch, {until}"
    dear = is_cheap(graph.order, len(graph.kinds))
    return f"a plan takes longer, {until}" if dear else ""
