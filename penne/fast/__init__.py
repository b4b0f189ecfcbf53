"""The fast wing: the same graphs, sooner.

Nodes of one kind run as one batch, whatever the lengths of sequences and the shapes of
trees: nothing is padded, nothing compiled.  Nothing outside this package imports it
but the doorway in ``compute``.
"""

from collections.abc import Sequence
from typing import Any

from ..compute import executor, plain
from ..graph import Expression, topological
from ..settings import Setting
from .batch import Run
from .schedule import schedule

LEAST_NODES = 30  # a smaller graph runs as by ``plain``
MOST_GROUPS = 0.7  # as does one with more groups than this part of its nodes
_counts = {"evaluations": 0, "batched": 0, "nodes": 0, "groups": 0}


def fast(wanted: Sequence[Expression], values: dict[Any, Any], keep: bool) -> None:
    """The executor that batches; a graph with little to batch runs as by ``plain``."""
    order = topological(wanted, values)
    groups = schedule(order)
    count = sum(map(len, groups))
    _counts["evaluations"] += 1
    if count < LEAST_NODES or len(groups) > MOST_GROUPS * count:
        plain(wanted, values, keep)
        return
    _counts["batched"] += 1
    _counts["nodes"] += count
    _counts["groups"] += len(groups)
    run = Run(values)
    for x in order:
        if x.op is None:
            values[x] = x.value  # type: ignore[attr-defined]  # every leaf has one
    for nodes in groups:
        run.group(nodes)
    for x in order if keep else wanted:
        run.value(x)


def enable() -> Setting[Any]:
    """Evaluate with the fast executor, for the process or in a ``with`` block."""
    return executor(fast)


def disable() -> Setting[Any]:
    """Evaluate with the plain executor, for the process or in a ``with`` block."""
    return executor(plain)


def stats() -> dict[str, int]:
    """How many evaluations there were, how many were batched, and of those how many
    nodes ran in how many groups."""
    return dict(_counts)
