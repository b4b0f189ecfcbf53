"""Costs of whole sequences, padding left out, and of the weights of a module.

``mask``: an array of booleans, True where there is a frame, of the shape of what is
predicted but for its last axis, (T, B) or as it may be; None where every frame counts.
What stands in the padding is of no account, be it NaN.

This module imports ``graph``, ``layers``, ``modules``, ``ops`` and ``ops.selection``.
"""

from typing import Any

import numpy as np

from .graph import Constant, Expression, Parameter, constant
from .layers import Layer
from .modules import Module, check_module
from .ops import (
    amax,
    asum,
    equal,
    mean,
    rectify,
    squeeze,
    take_along_axis,
    where,
)
from .ops.selection import check_within, note_limits

__all__ = ["L2_cost", "hinge", "mmse"]


def mmse(y: Any, correct: Any, mask: Any = None) -> Expression:
    """The mean over frames of sum((y - correct)**2), the sum over the last axis.

    Wu, Watts and King 2016, *Merlin: An Open Source Neural Network Speech Synthesis
    System*.  Frames whose targets are all zero are padding there:
    ``mask=(targets != 0).any(-1)``.

    >>> from penne import compute_value
    >>> y, correct = np.array([[1.0, 2.0], [9.0, 9.0]]), np.array([[0.0, 0.0]] * 2)
    >>> compute_value(mmse(y, correct, mask=[True, False]))
    np.float64(5.0)
    """
    away = constant(y) - correct
    if mask is None:
        return mean(asum(away * away, axis=-1))
    mask = _checked("mmse", mask, away.shape[:-1])
    away = where(mask[..., None], away, 0.0)
    return asum(away * away) / _frames(mask)


def hinge(scores: Any, correct: Any, mask: Any = None, margin: float = 1.0) -> Any:
    """The mean over frames of max(0, margin + s - scores[correct]), where s is the
    highest of the other scores.

    ``scores``: (..., n), ``correct``: ints in [0, n), (...).  Crammer and Singer 2001,
    *On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines*,
    section 3.  Raises IndexError for a label outside [0, n) that is no padding.

    >>> from penne import compute_value
    >>> compute_value(hinge([[3.0, 1.0, 2.5]], [0]))
    np.float64(0.5)
    """
    scores, correct = constant(scores), constant(correct)
    if correct.dtype.kind not in "iu" or correct.shape != scores.shape[:-1]:
        raise ValueError(
            f"hinge: (n),()->(), takes an int for each frame of {scores.shape[:-1]}, "
            f"got {correct.dtype} of shape {correct.shape}"
        )
    if mask is not None:
        mask = _checked("hinge", mask, correct.shape)
        scores = where(mask[..., None], scores, 0.0)
    correct = _labels(correct, mask, scores.shape[-1])
    index = correct[..., None]
    right = squeeze(take_along_axis(scores, index, -1), axis=-1)
    own = equal(np.arange(scores.shape[-1]), index)
    costs = rectify(amax(where(own, -np.inf, scores), axis=-1) - right + margin)
    if mask is None:
        return mean(costs)
    return asum(where(mask, costs, 0.0)) / _frames(mask)


def _checked(name: str, mask: Any, shape: tuple[int, ...]) -> Expression:
    mask = constant(mask)
    if mask.dtype.kind != "b" or mask.shape != shape:
        raise ValueError(
            f"{name}: the mask is of booleans, one for each frame of {shape}, "
            f"got {mask.dtype} of shape {mask.shape}"
        )
    if isinstance(mask, Constant) and not mask.value.any():
        raise ValueError(f"{name}: the mask leaves no frame")
    return mask


def _labels(correct: Expression, mask: Expression | None, n: int) -> Expression:
    """The labels, checked where they are known, with 0 in the padding."""
    if isinstance(correct, Constant) and isinstance(mask, Constant | None):
        known = correct.value[... if mask is None else mask.value]
        check_within("hinge: label", known, 0, n)
    if mask is not None:
        return where(mask, correct, 0)
    note_limits(correct, 0, n)
    return correct


def _frames(mask: Expression) -> Expression:
    return asum(where(mask, 1.0, 0.0))


def L2_cost(module: Module) -> Expression:
    """The sum of the squares of all weights of a module, biases apart.

    Weights are those of layers, whatever their shape, and every other parameter of
    two axes or more: not biases, gains and first states.  A weight that is tied counts
    once.  The gradient of ``L2_cost(module) * k`` is 2 k W; where a trainer has
    ``weight_decay``, that is cheaper.

    >>> from penne import compute_value
    >>> layer = Layer(2, 1, bias=9.0, init=lambda rng, shape, *rest: np.full(shape, 3))
    >>> compute_value(L2_cost(layer))
    np.float32(18.0)
    """
    check_module("L2_cost", module)
    parts = [part for _, part in module.parts()]
    layers = [part for part in parts if isinstance(part, Layer)]
    found = {w: None for layer in layers for w in layer.weights}
    found |= {p: None for p in parts if isinstance(p, Parameter) and p.ndim > 1}
    squares = [asum(w * w) for w in found]
    return sum(squares[1:], squares[0]) if squares else constant(0.0)
