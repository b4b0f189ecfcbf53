"""What went wrong in an evaluation, and where.

This module imports ``graph``.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from .graph import Expression, Op


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
    node = x.args[0]
    op, arrays = x.op, tuple(values[a] for a in x.args)
    if hasattr(node.op, "applications"):  # x is a slot of a composite op
        op, arrays = _first(node.op, tuple(values[a] for a in node.args))
    seen = " and ".join(str(np.shape(a)) for a in arrays)
    return FloatingPointError(f"{op.name}: NaN from arguments without NaN, got {seen}")


def _first(op: Any, arrays: tuple[Any, ...]) -> tuple[Op, tuple[Any, ...]]:
    """The first op within a composite op that makes NaN of ``arrays``."""
    for inner, given, value in op.applications(arrays):
        if hasattr(inner, "applications"):
            found = _first(inner, tuple(given))
            if found[0] is not inner:
                return found
        elif value.dtype.kind == "f" and has_nan(value):
            return inner, tuple(given)
    return op, arrays
