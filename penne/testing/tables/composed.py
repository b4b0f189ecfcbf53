"""Rows of functions composed of ops: softmax and kin, losses."""

import numpy as np
import scipy.special

from ... import functions
from .rows import (
    Argument,
    along_one_axis,
    bools_as_floats,
    core,
    elementwise,
    row,
    shapes,
)


def numpy_layer_norm(x, gain, bias, axis=-1, eps=1e-5):
    """The formula of the paper."""
    mean = x.mean(axis, keepdims=True)
    return gain * (x - mean) / np.sqrt(x.var(axis, keepdims=True) + eps) + bias


row(
    functions.softmax,
    along_one_axis(),
    bools_as_floats(lambda x, axis=-1: scipy.special.softmax(x, axis)),
)
row(
    functions.logsoftmax,
    along_one_axis(),
    bools_as_floats(lambda x, axis=-1: scipy.special.log_softmax(x, axis)),
)
row(
    functions.layer_norm,
    shapes(least=1, side=2).map(lambda s: ([Argument(s), *[Argument(s[-1:])] * 2], {})),
    numpy_layer_norm,
    kinds="f",
)
row(
    functions.crossentropy,
    core("(n),(n)->()"),
    lambda logp, correct: -np.sum(logp * correct, -1),
    kinds="f",
)
row(
    functions.binary_crossentropy,
    elementwise("unit", "unit"),
    lambda p, correct: (
        -scipy.special.xlogy(correct, p) - scipy.special.xlogy(1 - correct, 1 - p)
    ),
    kinds="f",
)
row(
    functions.binary_crossentropy_with_logits,
    elementwise("real", "unit"),
    lambda x, correct: (
        -(
            correct * scipy.special.log_expit(x)
            + (1 - correct) * scipy.special.log_expit(-x)
        )
    ),
    kinds="f",
)
row(
    functions.distance2,
    elementwise("real", "real"),
    lambda x, y: (
        np.asarray(x - y) ** 2
        if np.ndim(x) == np.ndim(y) == 0
        else np.sum((x - y) ** 2, -1)
    ),
    kinds="f",
)
