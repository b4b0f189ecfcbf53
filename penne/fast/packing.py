"""Weights in the order in which tiles read them; and where the tiles are.

This module imports ``tiles``, ``buffers`` and ``store``.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import tiles
from .buffers import empty
from .store import array_type, function

_PACKING = """
def kernel(packed, weight):
    count, width = weight.shape
    panel = WIDTH // weight.itemsize
    for start in range(0, width, panel):
        used = min(panel, width - start)
        for k in range(count):
            first = start * count + k * panel
            to, of = packed[first : first + panel], weight[k, start : start + used]
            for j in range(used):
                to[j] = of[j]
            for j in range(used, panel):
                to[j] = 0
"""
_TURNING = """
def kernel(packed, weight):
    width, count = weight.shape
    panel = WIDTH // weight.itemsize
    for start in range(0, width, panel):
        used = min(panel, width - start)
        for k in range(0, count, 16):
            most = min(16, count - k)
            first = start * count + k * panel
            to = packed[first : first + most * panel].reshape(most, panel)
            of = weight[start : start + used, k : k + most]
            if most == 16:
                for j in range(used):
                    for i in range(16):
                        to[i, j] = of[j, i]
            else:
                for j in range(used):
                    for i in range(most):
                        to[i, j] = of[j, i]
            if used < panel:
                to[:, used:] = 0
"""


def packed(weight: Any) -> Any:
    """A weight of two axes in panels: column c of row k stands at ``(c // panel *
    count + k) * panel + c % panel``, where there are ``count`` rows."""
    count, width = weight.shape
    panel, pack, turn = _packing(weight.dtype.char)
    made = empty((-(-width // panel) * panel * count,), weight.dtype)
    if weight.flags.c_contiguous:
        pack(made, weight)
    elif weight.flags.f_contiguous:
        turn(made, weight.T)
    else:
        pack(made, np.ascontiguousarray(weight))
    return made


@cache
def _packing(char: str) -> tuple[int, Callable[..., None], Callable[..., None]]:
    """The width of a panel, and what packs a weight and the transpose of one."""
    dtype = np.dtype(char)
    types = f"{array_type(str(dtype), 1, False)}, {array_type(str(dtype), 2)}"
    pack, turn = (function(text, "kernel", types) for text in (_PACKING, _TURNING))
    return tiles.names()["WIDTH"] // dtype.itemsize, pack, turn


@cache
def address(dtype: str) -> int:
    """Where the products by tiles of this dtype are, as kernels call them."""
    found = np.zeros(1, np.int64)
    finder = _finder(dtype)
    finder(found, np.zeros(1, dtype))
    return int(found[0])


@cache
def _finder(dtype: str) -> Callable[..., None]:
    """The function that knows the address; as long as it lives, so do the tiles."""
    types = f"{array_type('int64', 1, False)}, {array_type(dtype, 1, False)}"
    return function(tiles.ADDRESS, "kernel", types)
