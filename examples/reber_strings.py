"""Strings of Reber's grammar, alone and embedded, and how a model does on them.

Reber 1967, *Implicit Learning of Artificial Grammars*.  A string begins with B and
ends in E; each state between offers one or two symbols.  Embedded, it stands within
B e ... e E, where e is T or P: Hochreiter and Schmidhuber 1997, *Long Short-Term
Memory*, experiment 1.

A lesson is a string without its end, and the symbols that may come after each of it.
"""

import numpy as np

from penne import *

SYMBOLS = "BTSXPVE"
MOVES = [dict(T=1, P=5), dict(S=1, X=2), dict(S=3, X=5), dict(E=6), dict(V=3, P=2)]
MOVES += [dict(V=4, T=5), {}]  # nothing leads on from the last state, 6


def word(rng, longer_than):
    """A string of the grammar, both symbols of a state as likely."""
    w, state = "B", 0
    while state != 6:
        moves = [*MOVES[state].items()]
        symbol, state = moves[rng.integers(len(moves))]
        w += symbol
    return w if len(w) > longer_than else word(rng, longer_than)


def states(w):
    """The state after each symbol of w; None from where it leaves the grammar."""
    found = [0 if w[:1] == "B" else None]
    for symbol in w[1:]:
        found.append(None if found[-1] is None else MOVES[found[-1]].get(symbol))
    return found


def in_grammar(w):
    """Whether w is a string of the grammar, whole, and nothing beside."""
    return bool(w) and states(w)[-1] == 6


def in_embedded_grammar(w):
    """Whether w is such a string between the same symbols, T or P, and B and E."""
    ends = w[:2] + w[-2:]
    return ends in ("BTTE", "BPPE") and in_grammar(w[2:-2])


def lesson(w):
    """The lesson of a string of the grammar."""
    return w[:-1], [MOVES[state] for state in states(w)[:-1]]


def embedded_lesson(w, e):
    """The lesson of B e w e E."""
    return f"B{e}{w}{e}", ["TP", "B", *lesson(w)[1], e, "E"]


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
    drawn = [np.zeros(count, int)]
    while len(drawn) < 100:
        p = sigmoid(model.step(drawn[-1]))
        values = compute_values(p)
        model.detach(values)
        p = values[p].cumsum(-1)
        drawn.append((p < p[:, -1:] * rng.random((count, 1))).sum(-1))
    texts = ["".join(SYMBOLS[s] for s in column) for column in zip(*drawn)]
    return [
        w if w.count("E") < ends else "E".join([*w.split("E")[:ends], ""])
        for w in texts
    ]
