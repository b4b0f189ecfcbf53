"""Products of matrices by BLAS, large ones in several threads.

This module imports ``threads`` and ``buffers``.
"""

from functools import partial
from typing import Any

import numpy as np

from . import threads
from .buffers import empty

Array = np.ndarray[Any, Any]
LEAST_ROWS = 16  # of a part: BLAS takes about as many at a time


def product(a: Array, b: Array, out: Array | None = None) -> Any:
    """``a @ b``, where rows of ``a`` are for different threads."""
    length, width = len(a), b.shape[1]
    if out is None:
        dtype = a.dtype if a.dtype is b.dtype else np.result_type(a, b)
        out = empty((length, width), dtype)
    parts = min(threads.parts(length * b.size), length // LEAST_ROWS)
    if parts <= 1:
        return np.matmul(a, b, out=out)
    shares = threads.shares(length, parts)
    threads.together([partial(np.matmul, a[i:j], b, out=out[i:j]) for i, j in shares])
    return out
