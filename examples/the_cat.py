"""Learn one sentence, character by character, then write it from memory.

The example of the original documentation of Penne, module ``recurrent``.  Prints the
loss of each epoch (the sum over its ten updates), then the samples.
"""

import argparse

import numpy as np

from penne import *

TEXT = [ord(c) for c in "^the cat sat on the mat$"]


class Model(Module):
    """An LSTM that reads symbols, and a layer that foretells the next one."""

    def __init__(self, rng):
        self.rnn = LSTM(-256, 100, rng=rng)
        self.output = Layer(100, 256, f=logsoftmax, rng=rng)

    def loss(self, text):
        """Nats of surprise at every symbol of ``text`` after the first."""
        hs = self.rnn.transduce(text[:-1])
        return -sum(self.output(h)[c] for h, c in zip(hs, text[1:]))

    def sample(self, rng):
        """A text drawn symbol by symbol, up to "$" or 40 characters."""
        self.rnn.start()
        text, symbol, values = "", ord("^"), {}
        while len(text) < 40:
            o = self.output(self.rnn.step(symbol))
            compute_values(o, values)
            p = np.exp(values[o], dtype=float)
            symbol = int(rng.choice(256, p=p / p.sum()))
            if symbol == ord("$"):
                break
            text += chr(symbol)
        return text


def train(model):
    """Ten epochs of ten updates; yields the loss of each epoch."""
    trainer = Adagrad(learning_rate=0.1)
    for _ in range(10):
        yield sum(trainer.receive(model.loss(TEXT)) for _ in range(10))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    parser.add_argument("--samples", type=int, default=10, help="how many to write")
    given = parser.parse_args()
    if min(given.seed, given.samples) < 0:
        parser.error("--seed and --samples are at least 0")
    rng = np.random.default_rng(given.seed)
    model = Model(rng)
    for loss in train(model):
        print(loss)
    for _ in range(given.samples):
        text = model.sample(rng)
        print(text if text.isprintable() else repr(text))


if __name__ == "__main__":
    main()
