"""A recurrent language model of words, layer by layer: python examples/rnnlm2.py

All steps of one LSTM, then all of the next on its outputs, and all words' outputs in
one product.  ``rnnlm1.py`` is the same model word by word; the losses are the same.
It learns from the first nine tenths of a book and is judged by perplexity on the last.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products gain from no more

import numpy as np
from rnnlm1 import main

from penne import *


class Model(Module):
    """Lines of words, as lists of numbers that begin with that of "<s>"."""

    def __init__(self, size, hidden, depth, rng):
        sizes = [-size] + [hidden] * (depth - 1)
        self.layers = [LSTM(n, hidden, rng=rng) for n in sizes]
        self.output = Layer(hidden, size, f=logsoftmax, rng=rng)

    def loss(self, words):
        """Nats of surprise at all words of a line."""
        outputs = words[:-1]
        for layer in self.layers:
            outputs = layer.transduce(outputs)
        logp = self.output(stack(outputs))
        return -asum(take_along_axis(logp, np.array(words[1:])[:, None], axis=-1))


if __name__ == "__main__":
    main(Model)
