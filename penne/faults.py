"""What went wrong in an evaluation, and where.

This module imports ``graph``.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from .graph import Expression


def has_nan(array: Any) -> bool:
    """Whether a number of an array is NaN: then so is the largest."""
    if array.dtype.kind != "f" or not array.size:
        return False
    return isnan(np.maximum.reduce(array, axis=None))


def nan_error(
    order: Sequence[Expression], values: Mapping[Expression, Any]
) -> FloatingPointError:
    """Names the first op of ``order`` that made NaN of arguments without one."""
    x = next(x for x in order if x.dtype.kind == "f" and has_nan(values[x]))
    if x.op is None:
        return FloatingPointError(f"NaN in a leaf, {x!r}")
    seen = " and ".join(str(a.shape) for a in x.args)
    return FloatingPointError(
        f"{x.op.name}: NaN from arguments without NaN, got {seen}"
    )
