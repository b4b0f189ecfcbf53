"""The fast wing: the same graphs, sooner.

Nodes of one kind run as one batch, whatever the lengths of sequences and the shapes of
trees: nothing is padded, nothing waits for a compiler.  The core enters by the doorway
alone.  This module imports ``doorway``, ``settings``, ``buffers``, ``store``,
``threads``, ``executor`` and ``explaining``.
"""

from typing import Any

from .. import doorway
from ..settings import Setting
from . import buffers, store, threads
from .executor import FAST, counts
from .explaining import Explanation, explain

__all__ = ["Explanation", "disable", "enable", "explain", "stats"]
disable = doorway.plain


def enable() -> Setting[Any]:
    """Evaluate with the fast executor, for the process or in a ``with`` block."""
    return doorway.executor(FAST)


def stats() -> dict[str, Any]:
    """How many evaluations there were, how many of them were batched, and of those how
    many nodes ran as how many kinds; how many kernels were compiled, and how many
    loaded; the bytes of buffers kept; and what is missing."""
    kernels = {f"kernels {how}": n for how, n in store.stats().items()}
    there = {"numba": store.available(), "threadpoolctl": threads.available()}
    missing = [
        f"{x}: pip install penne-nn[fast]"
        for x, is_there in there.items()
        if not is_there
    ]
    return {**counts, **kernels, "buffers": buffers.held(), "missing": missing}
