"""What models of Reber's strings cost, know, remember and write.

A model takes symbols and gives seven numbers: the logits of each symbol's being legal
after them.
"""

import numpy as np
from reber_strings import SYMBOLS

from penne import *


def padded(lessons):
    """Arrays, time first: symbols (T, B), legal ones (T, B, 7), what counts (T, B)."""
    shape = max(len(w) for w, _ in lessons), len(lessons)
    x, legal, real = np.zeros(shape, int), np.zeros((*shape, 7), bool), np.zeros(shape)
    for b, (w, allowed) in enumerate(lessons):
        x[: len(w), b], real[: len(w), b] = [*map(SYMBOLS.index, w)], 1
        legal[: len(w), b] = [[s in after for s in SYMBOLS] for after in allowed]
    return x, legal, real > 0


def loss(model, lessons):
    """The mean binary cross-entropy of each symbol's being legal, at each step."""
    x, legal, real = padded(lessons)
    costs = binary_crossentropy_with_logits(model.transduce(x), legal)
    return asum(where(real[..., None], costs, 0.0)) / (7 * real.sum())


def foretold(model, lessons):
    """Of each string, whether every legal symbol was above every illegal one."""
    x, legal, real = padded(lessons)
    y = compute_value(model.transduce(x))
    least, most = np.where(legal, y, np.inf), np.where(legal, -np.inf, y)
    return ((least.min(-1) > most.max(-1)) | ~real).all(0)


def written(model, count, rng, ends=1):
    """Strings drawn symbol by symbol, each as likely as the model holds it to be
    legal; up to so many Es, or 100 symbols."""
    model.start()
    drawn, left = [np.zeros(count, int)], np.full(count, ends)
    while len(drawn) < 100 and left.max() > 0:
        p = sigmoid(model.step(drawn[-1]))
        values = compute_values(p)
        model.detach(values)
        p = values[p].cumsum(-1)
        drawn.append((p < p[:, -1:] * rng.random((count, 1))).sum(-1))
        left -= drawn[-1] == SYMBOLS.index("E")
    texts = ["".join(SYMBOLS[s] for s in column) for column in zip(*drawn)]
    return [
        w if w.count("E") < ends else "E".join([*w.split("E")[:ends], ""])
        for w in texts
    ]


def remembered(model, lessons):
    """The share of embedded strings where at last the right one of T and P is above."""
    y = compute_value(model.transduce(padded(lessons)[0]))
    ends = [(y[len(w) - 2, b], w[1]) for b, (w, _) in enumerate(lessons)]
    t, p = SYMBOLS.index("T"), SYMBOLS.index("P")
    return np.mean([(end[t] > end[p]) == (e == "T") for end, e in ends])
