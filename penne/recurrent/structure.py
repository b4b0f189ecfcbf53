"""States and outputs of any form: what lists, tuples and dicts hold, at any depth.

This module imports ``dtypes``, ``graph`` and ``ops``.
"""

from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np

from ..dtypes import ArrayType
from ..graph import Expression
from ..ops import stack


def mapped(f: Callable[[Any], Any], value: Any) -> Any:
    """``value`` with f of what its lists, tuples and dicts hold, at any depth."""
    if isinstance(value, tuple):
        return _like(value, [mapped(f, v) for v in value])
    if isinstance(value, (list, dict, deque)):
        new: Any = copy(value)
        for k, v in value.items() if isinstance(value, dict) else enumerate(value):
            new[k] = mapped(f, v)
        return new
    return f(value)


def leaves(value: Any) -> list[Any]:
    """What the lists, tuples and dicts of ``value`` hold, at any depth, in order."""
    found: list[Any] = []
    mapped(found.append, value)
    return found


def form(value: Any) -> Any:
    """``value`` with None for what it holds: equal where two are of one form."""
    return mapped(lambda x: None, value)


def _like(value: Any, parts: list[Any]) -> Any:
    return value._make(parts) if hasattr(value, "_make") else tuple(parts)


def copied(value: Any) -> Any:
    """``value``, or a copy where it may be changed in place."""
    return value.copy() if isinstance(value, (np.ndarray, set)) else value


def joined(outputs: Sequence[Any]) -> Any:
    """The outputs of all steps along a new first axis; of tuples, a tuple of such."""
    if isinstance(outputs[0], tuple):
        return _like(outputs[0], [joined(parts) for parts in zip(*outputs)])
    first = getattr(outputs[0], "type", None)
    if not all(getattr(y, "type", None) is first is not None for y in outputs):
        return stack(outputs)
    one = stack(outputs[:1])  # so many of one type need not all be looked at
    shape = len(outputs), *one.shape[1:]
    type = ArrayType(shape, one.dtype, one.type.strength)
    return Expression(one.op, tuple(outputs), one.params, type)
