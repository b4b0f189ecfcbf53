"""Gradients by finite differences, to check those of the rules.

This module imports ``calls``, ``compute``, ``graph`` and ``randomness``.
"""

from typing import Any

import numpy as np

from ..calls import check_loss
from ..compute import PLAIN
from ..graph import Expression, Parameter, topological
from ..randomness import Random

Array = np.ndarray[Any, Any]


def check_gradients(loss: Expression, delta: float = 1e-6) -> dict[Parameter, Array]:
    """The gradient of ``loss`` for each parameter it reaches, by central differences:
    (loss(p + delta) - loss(p - delta)) / (2 delta), one number after the other.

    Computed in float64 whatever the dtype of the parameters, which are not touched;
    random leaves keep one draw.  To be compared with ``compute_gradients(loss)``.
    Raises ValueError where ``loss`` is no scalar of a floating dtype.

    >>> from penne import asum, parameter
    >>> x = parameter([1.0, 2.0])
    >>> check_gradients(asum(x * x))[x].round(6)
    array([2., 4.])
    """
    check_loss("check_gradients", loss)
    leaves = topological([loss])
    held: dict[Expression, Any] = {
        x: np.array(x.value, np.float64) for x in leaves if isinstance(x, Parameter)
    }
    held |= {x: x.value for x in leaves if isinstance(x, Random)}

    def value() -> float:
        values = dict(held)
        PLAIN.evaluate([loss], values, False)
        return float(values[loss])

    found = {}
    for p in held:
        if isinstance(p, Parameter):
            found[p] = np.empty(p.shape)
            for index in np.ndindex(p.shape):
                found[p][index] = _difference(held[p], index, delta, value)
    return found


def _difference(a: Array, index: tuple[int, ...], delta: float, value: Any) -> float:
    before = a[index]
    a[index] = before + delta
    above = value()
    a[index] = before - delta
    below = value()
    a[index] = before
    return float((above - below) / (2 * delta))
