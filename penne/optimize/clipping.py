"""Gradients made smaller before they are used.

This module imports ``graph`` and ``rows``.
"""

from itertools import chain
from math import fsum, inf, sqrt
from typing import Any

import numpy as np

from ..graph import Parameter
from ..rows import Rows

Array = np.ndarray[Any, Any]
Gradients = dict[Parameter, Any]  # arrays, or ``Rows``


def clipped(gradients: Gradients, bound: float) -> Gradients:
    """``gradients`` scaled so that the norm of all of them is at most ``bound``.

    The norm is computed in float64, and equals that of dense gradients to the bit.
    Raises FloatingPointError where it is infinite.  Pascanu, Mikolov and Bengio 2013,
    *On the difficulty of training recurrent neural networks*, algorithm 1.
    """
    scale = clipping_scale(gradients, bound)
    if scale == 1:
        return gradients
    return {
        p: g._replace(values=g.values * scale) if isinstance(g, Rows) else g * scale
        for p, g in gradients.items()
    }


def clipping_scale(gradients: Gradients, bound: float) -> float:
    """What ``clipped`` scales by: 1 where the norm is within the bound."""
    arrays = [g.values if isinstance(g, Rows) else g for g in gradients.values()]
    norm = sqrt(fsum(chain.from_iterable(map(_squares, arrays))))
    if norm == inf:
        raise FloatingPointError("clip_gradients: the norm of the gradients is inf")
    return 1.0 if norm <= bound else bound / norm


def _squares(a: Array) -> list[float]:
    """The sum of squares of each row: rows of zeros do not change their exact sum."""
    if not a.size:
        return []
    rows = a.reshape(len(a) if a.ndim else 1, -1)
    return np.square(rows, dtype=np.float64).sum(axis=1).tolist()


def clipped_values(gradients: Gradients, bound: float) -> Gradients:
    """``gradients`` with every element brought into [-bound, bound]."""

    def clip(g: Any) -> Any:
        if isinstance(g, Rows):
            return g._replace(values=clip(g.values))
        return np.clip(g, -bound, bound)

    return {p: clip(g) for p, g in gradients.items()}
