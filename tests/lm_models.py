"""Small language models, and scalar twins of what is done with them."""

from itertools import pairwise

import numpy as np

from penne import (
    LSTM,
    Dropout,
    Layer,
    Map,
    Stack,
    Transducer,
    compute_value,
    constant,
    default_dtype,
    logsoftmax,
)

V = 5


def network(cell=LSTM, seed=0, dropout=None):
    """A small float64 model over V symbols."""
    with default_dtype("float64"):
        middle = [] if dropout is None else [Map(Dropout(dropout, rng=seed))]
        return Stack(
            cell(-V, 4, rng=seed), *middle, Map(Layer(4, V, f=logsoftmax, rng=seed))
        )


def fixed(p):
    """A model that gives the same probabilities at every step, in batches too."""
    with np.errstate(divide="ignore"):
        logp = np.log(p)
    return Map(lambda symbols: np.broadcast_to(logp, (*np.shape(symbols), len(p))))


class Kept(LSTM):
    """An LSTM that reads on from constants alone."""

    def step(self, inp):
        assert not self.h.args
        assert not self.c.args
        return super().step(inp)


class Chain(Transducer):
    """A Markov chain: row k of a matrix is the log-probabilities after symbol k."""

    def __init__(self, p):
        self.logp = np.log(p)

    def step(self, inp):
        return constant(self.logp[inp])


class Watched(Transducer):
    """Notes what each step takes."""

    def __init__(self, model):
        self.model = model
        self.given = []

    def start(self):
        self.model.start()

    def step(self, inp):
        self.given.append(inp)
        return self.model.step(inp)


def surprises(model, numbers):
    """A scalar twin: -log p of each symbol but the first, one step at a time."""
    model.start()
    found = []
    for before, after in pairwise(numbers):
        logp = compute_value(constant(model.step(int(before))))
        found.append(-logp[after])
    return np.array(found)
