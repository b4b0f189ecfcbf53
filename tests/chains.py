"""The functions of kernels, and chains run by their kernels."""

import numpy as np

from penne.fast.chains import FEATURE, FULL, ROW, SCALAR
from penne.fast.kernels import bulk

FUNCTIONS = {
    "exp": (np.exp, 1.5),
    "expm1": (np.expm1, 2.5),
    "tanh": (np.tanh, 3.0),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 3.0),
    "log": (np.log, 1.5),
    "log1p": (np.log1p, 2.5),
    "softplus": (lambda x: np.logaddexp(x.dtype.type(0), x), 3.5),
}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, -2.0, 800.0, -800.0]


def run(chain, arrays, first, last, function=None, pad=0):
    """What a chain gives, by its kernel; FULL and FEATURE stand ``pad`` columns in."""
    width = next(x.shape[-1] for x, i in zip(arrays, chain.inputs) if i.kind == FULL)
    at, passed, outputs = [], [], []
    for x, i in zip(arrays, chain.inputs):
        wide = i.kind in (FULL, FEATURE)
        at += [pad] * wide
        wider = [(0, 0)] * (x.ndim - 1) + [(pad, 1 if pad else 0)]
        passed.append(np.ascontiguousarray(np.pad(x, wider)) if wide else x)
    for k in chain.outputs:
        kind, dtype = chain.value(k)
        shape = {FULL: (last, width), ROW: (last,), FEATURE: (width,), SCALAR: ()}
        outputs.append(np.zeros(shape[kind], dtype))
        at += [0] * (kind in (FULL, FEATURE))
    function = function or bulk(chain)
    function(first, last, width, np.array(at, np.int64), *passed, *outputs)
    return outputs
