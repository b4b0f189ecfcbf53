"""Weights in the order in which tiles read them; and where the tiles are.

This module imports ``store``, ``tiles`` and ``buffers``.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import tiles
from .buffers import empty
from .store import function

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
    panel = tiles.names()["WIDTH"] // weight.itemsize
    made = empty((-(-width // panel) * panel * count,), weight.dtype)
    turned = weight.flags.f_contiguous and not weight.flags.c_contiguous
    weight = np.ascontiguousarray(weight.T if turned else weight)
    _packing(weight.dtype.name, turned)(made, weight)
    return made


@cache
def _packing(dtype: str, turned: bool) -> Callable[..., None]:
    types = f"Array({dtype}, 1, 'C'), Array({dtype}, 2, 'C', readonly=True)"
    return function(_TURNING if turned else _PACKING, "kernel", types)


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
    types = f"Array(int64, 1, 'C'), Array({dtype}, 1, 'C')"
    return function(tiles.ADDRESS, "kernel", types)
