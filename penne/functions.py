"""What is composed of ops and needs no gradient of its own: losses, softmax, norms.

Every function takes expressions, arrays or numbers, works on batches (leading axes),
and gives an expression.  This module imports ``graph``, ``operators`` and ``ops``.
"""

from typing import Any

import numpy as np

from .graph import Constant, Expression, constant
from .operators import NUMPY
from .ops import (
    asum,
    clip,
    detach,
    equal,
    erf,
    exp,
    expm1,
    greater,
    log,
    logsumexp,
    mean,
    multiply,
    rectify,
    sigmoid,
    softplus,
    sqrt,
    subtract,
    var,
    vecdot,
    where,
)

__all__ = [
    "binary_crossentropy",
    "binary_crossentropy_with_logits",
    "crossentropy",
    "distance2",
    "elu",
    "full",
    "gelu",
    "hardtanh",
    "layer_norm",
    "logsoftmax",
    "ones",
    "relu",
    "silu",
    "softmax",
    "zeros",
]

relu = rectify


def zeros(shape: Any, dtype: Any = float) -> Expression:
    """A constant of zeros."""
    return Constant(np.zeros(_shape("zeros", shape), dtype))


def ones(shape: Any, dtype: Any = float) -> Expression:
    """A constant of ones."""
    return Constant(np.ones(_shape("ones", shape), dtype))


def full(shape: Any, value: float, dtype: Any = None) -> Expression:
    """A constant filled with ``value``."""
    return Constant(np.full(_shape("full", shape), value, dtype))


def _shape(name: str, shape: Any) -> Any:
    """``shape``, unless it is a text, whose bytes NumPy would take for lengths."""
    if isinstance(shape, (str, bytes, bytearray)):
        raise TypeError(f"{name}: a shape is an int or a tuple of ints, got {shape!r}")
    return shape


def hardtanh(x: Any) -> Expression:
    """x kept within -1 and 1.

    >>> from penne import compute_value
    >>> compute_value(hardtanh([-3.0, 0.5]))
    array([-1. ,  0.5])
    """
    return clip(x, -1.0, 1.0)


def silu(x: Any) -> Expression:
    """x * sigmoid(x), elementwise (swish).

    >>> from penne import compute_value
    >>> compute_value(silu([0.0, 100.0]))
    array([  0., 100.])
    """
    return multiply(x, sigmoid(x))


def gelu(x: Any) -> Expression:
    """x * (1 + erf(x / sqrt(2))) / 2, elementwise: x times the probability that a
    standard normal number is smaller.  Hendrycks and Gimpel 2016, equation 1.

    >>> from penne import compute_value
    >>> compute_value(gelu([0.0, 1.0])).round(4)
    array([0.    , 0.8413])
    """
    return multiply(x, 0.5 + 0.5 * erf(multiply(x, 0.5**0.5)))


def elu(x: Any, alpha: float = 1.0) -> Expression:
    """x where it is positive, else alpha * (exp(x) - 1), elementwise.  Clevert,
    Unterthiner and Hochreiter 2015, equation 15.

    >>> from penne import compute_value
    >>> compute_value(elu([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    positive = greater(x, 0)  # not minimum(x, 0), which halves the gradient at 0
    return where(positive, x, alpha * expm1(where(positive, 0, x)))


def logsoftmax(x: Any, axis: int = -1) -> Expression:
    """x - log(sum(exp(x))) along ``axis``: the logarithm of ``softmax``.

    >>> from penne import compute_value
    >>> compute_value(logsoftmax([1.0, 1.0])).round(4)
    array([-0.6931, -0.6931])
    """
    return subtract(x, logsumexp(x, axis=axis, keepdims=True))


def softmax(x: Any, axis: int = -1) -> Expression:
    """exp(x) / sum(exp(x)) along ``axis``: positive, with sum 1.

    >>> from penne import compute_value
    >>> compute_value(softmax([0.0, 0.0, 0.0, 0.0]))
    array([0.25, 0.25, 0.25, 0.25])
    """
    return exp(logsoftmax(x, axis))


def layer_norm(
    x: Any, gain: Any = None, bias: Any = None, axis: Any = -1, eps: float = 1e-5
) -> Expression:
    """gain * (x - mean(x)) / sqrt(var(x) + eps) + bias, along ``axis``.

    Ba, Kiros and Hinton 2016, *Layer Normalization*, equations 2 and 4.

    >>> from penne import compute_value
    >>> compute_value(layer_norm([1.0, 3.0], eps=0.0))
    array([-1.,  1.])
    """
    x = constant(x)
    spread = sqrt(var(x, axis, keepdims=True) + eps)
    y = (x - mean(x, axis, keepdims=True)) / spread
    y = y if gain is None else y * gain
    return y if bias is None else y + bias


def crossentropy(logp: Any, correct: Any) -> Expression:
    """-sum(correct * logp) over the last axis: nats of surprise at the distribution
    ``correct`` for one who expected ``exp(logp)``.  Of a symbol k it is -logp[..., k].

    Raises ValueError where their last axes differ, as where ``correct`` is a symbol.

    >>> from penne import compute_value, one_hot
    >>> compute_value(crossentropy([-1.0, -2.0], one_hot(1, 2)))
    np.float64(2.0)
    """
    logp, correct = constant(logp), constant(correct)
    if logp.shape[-1:] != correct.shape[-1:]:
        raise ValueError(
            "crossentropy: takes log probabilities and a distribution over the same "
            f"symbols, got {logp.shape} and {correct.shape}; write one_hot(k, n), or "
            "-logp[..., k] for a symbol k"
        )
    return -vecdot(logp, correct)


def _xlogy(x: Any, y: Any) -> Expression:
    """x * log(y), and 0 where x is 0."""
    return multiply(x, log(where(detach(equal(x, 0)), 1.0, y)))


def binary_crossentropy(p: Any, correct: Any) -> Expression:
    """-correct * log(p) - (1 - correct) * log(1 - p), elementwise, on probabilities.

    >>> from penne import compute_value
    >>> compute_value(binary_crossentropy([0.5, 1.0], [1.0, 1.0])).round(4)
    array([ 0.6931, -0.    ])
    """
    return -_xlogy(correct, p) - _xlogy(subtract(1, correct), subtract(1, p))


def binary_crossentropy_with_logits(x: Any, correct: Any) -> Expression:
    """``binary_crossentropy(sigmoid(x), correct)``, exact for any x, elementwise:
    softplus(x) - correct * x."""
    return softplus(x) - multiply(correct, x)


def distance2(x: Any, y: Any) -> Expression:
    """The squared Euclidean distance sum((x - y)**2), over the last axis.

    >>> from penne import compute_value
    >>> compute_value(distance2([1.0, 2.0], [4.0, 6.0]))
    np.float64(25.0)
    """
    away = subtract(x, y)
    return asum(away * away, axis=-1) if away.ndim else away * away


NUMPY.update(softmax=softmax, logsoftmax=logsoftmax, hardtanh=hardtanh)
