"""What went wrong in an evaluation, and where.

This module imports ``graph``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .graph import Expression


def has_nan(array: Any) -> bool:
    """Whether a number of an array is NaN."""
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


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
