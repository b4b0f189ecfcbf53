"""The executor that batches, for graphs of any size.

This module imports ``compute``, ``doorway``, ``fast.deciding`` and ``fast.executor``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ..compute import PLAIN
from ..doorway import executor
from ..fast.deciding import every_size
from ..fast.executor import FAST


@contextmanager
def batching() -> Iterator[None]:
    """The executor that batches, for all it can, whatever the size."""
    with executor.within(FAST), every_size.within(True):
        yield


@contextmanager
def process(name: str) -> Iterator[None]:
    """The executor "plain" or "fast" (for any size) for the whole process."""
    before = executor.default, every_size.default
    fast = name == "fast"
    executor.default, every_size.default = FAST if fast else PLAIN, fast
    try:
        yield
    finally:
        executor.default, every_size.default = before
