"""Memory that is used again from one evaluation to the next.

A new array of some size costs more than what is computed in it: the system clears each
of its pages.  A buffer is larger than what it is first wanted for, so that it serves
sequences a little longer too: its rest is mere addresses until it is touched.  It is
free when nobody but this module refers to it, so an array that a user holds on to is
never written again.  This module imports nothing of penne.
"""

import os
import sys
from collections.abc import Sequence
from math import prod
from threading import Lock
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
LEAST = 1 << 16  # bytes, below which a new array is as good
MOST = 1 << 30  # bytes that are kept
FINE = 1 << 26  # bytes, above which sizes are finer, as MOST counts all of a buffer
LARGER = 2  # sizes that serve an array: its own and the next
# references to a buffer that is free, as ``map`` sees them: its own and the list's
_NOBODY = next(map(sys.getrefcount, [np.empty(0)]))
_lock = Lock()
_buffers: dict[int, list[Array]] = {}


def empty(shape: Sequence[int], dtype: Any) -> Array:
    """An array of any content."""
    size = prod(shape) * dtype.itemsize
    if size < LEAST:
        return np.empty(shape, dtype)
    return _buffer(_rounded(size))[:size].view(dtype).reshape(shape)


def _rounded(size: int) -> int:
    """The next power of two; above ``FINE``, the next of four sizes between these."""
    bits = (size - 1).bit_length()
    step = 1 << (bits if size <= FINE else bits - 3)
    return -(-size // step) * step


def _buffer(size: int) -> Array:
    with _lock:
        found = _free(size)
        if found is None:
            if held() + size > MOST:
                _buffers.clear()
            found = np.empty(size, np.uint8)
            _buffers.setdefault(size, []).append(found)
        return found


def _free(size: int) -> Array | None:
    """A buffer that nobody uses, of this size or the next: so sequences that are
    shorter than others need no new ones."""
    for _ in range(LARGER):
        same = _buffers.get(size, [])
        for k, references in enumerate(map(sys.getrefcount, same)):
            if references == _NOBODY:
                return same[k]
        size = _rounded(size + 1)
    return None


def held() -> int:
    """How many bytes are kept, those that were never touched as well."""
    return sum(size * len(same) for size, same in _buffers.items())


def clear() -> None:
    """Give all memory back."""
    with _lock:
        _buffers.clear()


def _unlock() -> None:
    """Forget that another thread was about to take a buffer: a child has no others."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
