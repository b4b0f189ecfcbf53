"""Axes counted from the end, as ops keep them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..counts import whole


def negative_axes(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """``axis`` (None is all, an int, a tuple) as a tuple of negative numbers.

    Raises AxisError, naming the op, for an axis that is not there, ValueError for
    one named twice, TypeError for what is no int.
    """
    axes = range(ndim) if axis is None else axis
    if not isinstance(axes, Sequence):
        axes = (axes,)
    found = tuple(negative_axis(name, k, ndim) for k in axes)
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: axis named twice in axis={axis}")
    return found


def negative_axis(name: str, axis: Any, ndim: int) -> int:
    """One axis as a negative number."""
    axis = whole(name, "axis", axis)
    if not -ndim <= axis < ndim:
        message = f"{name}: there is no axis {axis} where there are {ndim}"
        raise np.exceptions.AxisError(message)
    return axis if axis < 0 else axis - ndim
