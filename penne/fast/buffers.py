"""Memory that is used again from one evaluation to the next.

A new array of some size costs more than what is computed in it: the system clears each
of its pages.  A buffer is free when nobody but this module refers to it, so an array
that a user holds on to is never written again.  This module imports nothing of penne.
"""

import sys
from collections.abc import Sequence
from math import prod
from threading import Lock
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
LEAST = 1 << 16  # bytes, below which a new array is as good
MOST = 1 << 30  # bytes that are kept
_NOBODY = 3  # references to a buffer that is free: the list's, the loop's, the call's
_lock = Lock()
_buffers: dict[int, list[Array]] = {}


def empty(shape: Sequence[int], dtype: Any) -> Array:
    """An array of any content."""
    size = prod(shape) * dtype.itemsize
    if size < LEAST:
        return np.empty(shape, dtype)
    return _buffer(_rounded(size))[:size].view(dtype).reshape(shape)


def _rounded(size: int) -> int:
    """The next of eight sizes between powers of two."""
    step = 1 << max(size.bit_length() - 4, 0)
    return -(-size // step) * step


def _buffer(size: int) -> Array:
    with _lock:
        same = _buffers.setdefault(size, [])
        for buffer in same:
            if sys.getrefcount(buffer) == _NOBODY:
                return buffer
        if held() + size > MOST:
            _buffers.clear()
            same = _buffers.setdefault(size, [])
        same.append(np.empty(size, np.uint8))
        return same[-1]


def held() -> int:
    """How many bytes are kept."""
    return sum(size * len(same) for size, same in _buffers.items())


def clear() -> None:
    """Give all memory back."""
    with _lock:
        _buffers.clear()
