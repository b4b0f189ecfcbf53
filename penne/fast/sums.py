"""Sums of rows that belong together, such as the gradients of one symbol.

This module imports ``store``.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .store import array_type, function

_NUMBERING = """
def kernel(symbols, numbers, which, distinct):
    length = len(numbers)
    for r in range(len(symbols)):
        numbers[symbols[r] if symbols[r] >= 0 else symbols[r] + length] = 1
    count = 0
    for s in range(length):
        if numbers[s]:
            numbers[s] = count
            distinct[count] = s
            count += 1
    for r in range(len(symbols)):
        which[r] = numbers[symbols[r] if symbols[r] >= 0 else symbols[r] + length]
    distinct[length] = count
"""
_ADDING = """
def kernel(target, source, rows, start):
    width = target.shape[1]
    for r in range(len(rows)):
        to, of = target[rows[r]], source[r, start : start + width]
        for j in range(width):
            to[j] += of[j]
"""


@cache
def adding(dtype: str) -> Callable[..., None]:
    """The function ``f(target, source, rows, start)``, which adds to the row
    ``rows[r]`` of the target the columns from ``start`` on of row r of the source.

    Both are C-contiguous and 2-D, of this dtype; rows are int64, and not bounded.
    """
    target, source = array_type(dtype, 2, False), array_type(dtype, 2)
    types = [target, source, array_type("int64", 1), "int64"]
    return function(_ADDING, "kernel", ", ".join(types))


def numbered(symbols: Any, length: int) -> tuple[Any, Any]:
    """The distinct ones of some symbols, which are bounded by -length..length-1, in
    order; and of each symbol which of them it is."""
    flat = np.ascontiguousarray(symbols, np.int64).reshape(-1)
    numbers, which = np.zeros(length, np.int64), np.empty(len(flat), np.int64)
    distinct = np.empty(length + 1, np.int64)
    _numbering()(flat, numbers, which, distinct)
    return distinct[: distinct[length]], which


@cache
def _numbering() -> Callable[..., None]:
    index = array_type("int64", 1, False)
    types = [array_type("int64", 1), index, index, index]
    return function(_NUMBERING, "kernel", ", ".join(types))
