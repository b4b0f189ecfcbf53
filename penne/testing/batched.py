"""The executor that batches, for graphs of any size.

This module imports ``fast``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from .. import fast
from ..doorway import executor, plain


@contextmanager
def batching() -> Iterator[None]:
    """The executor that batches, for all it can, whatever the size."""
    before = fast.LEAST_NODES, fast.MOST_KINDS
    fast.LEAST_NODES, fast.MOST_KINDS = 0, 1
    try:
        with fast.enable():
            yield
    finally:
        fast.LEAST_NODES, fast.MOST_KINDS = before


@contextmanager
def process(name: str) -> Iterator[None]:
    """The executor "plain" or "fast" (for any size) for the whole process."""
    before = executor.default, fast.LEAST_NODES, fast.MOST_KINDS
    try:
        if name == "fast":
            fast.LEAST_NODES, fast.MOST_KINDS = 0, 1
            fast.enable()
        else:
            plain()
        yield
    finally:
        executor.default, fast.LEAST_NODES, fast.MOST_KINDS = before
