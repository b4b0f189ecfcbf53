"""A recurrent language model of words, word by word: python examples/rnnlm1.py

Stacked LSTMs read a line as one transducer: at each word one step through all layers,
one output, one loss.  ``rnnlm2.py`` does the same layer by layer, with the same losses.
It learns from the first nine tenths of a book and is judged by perplexity on the last.
"""

import os
from itertools import pairwise

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products gain from no more

import numpy as np
from words import prepared

from penne import *


class Model(Module):
    """Lines of words, as lists of numbers that begin with that of "<s>"."""

    def __init__(self, size, hidden, depth, rng):
        sizes = [-size] + [hidden] * (depth - 1)
        self.rnn = Stack(*(LSTM(n, hidden, rng=rng) for n in sizes))
        self.output = Layer(hidden, size, f=logsoftmax, rng=rng)

    def loss(self, words):
        """Nats of surprise at all words of a line."""
        self.rnn.start()
        loss = 0.0
        for before, word in pairwise(words):
            loss -= self.output(self.rnn.step(before))[word]
        return loss


def mean_loss(model, lines):
    """Nats of surprise at a word, in the mean over lines."""
    return sum(model.loss(line) for line in lines) / count(lines)


def count(lines):
    return sum(map(len, lines)) - len(lines)


def prepare(args, train, held_out):
    """The vocabulary's size, and lines as numbers to learn from and to be judged on."""
    vocabulary = lm.make_vocab(train, args.words)
    train, held_out = (
        [vocabulary.numberize(["<s>", *line]).tolist() for line in part]
        for part in (train, held_out)
    )
    print(f"{count(train):,} words to learn from, {len(vocabulary):,} kinds")
    return len(vocabulary), train, held_out


def perplexity(model, lines):
    """exp of the mean surprise, found batch by batch."""
    batches = lm.batches(lines, 100)
    nats = sum(compute_value(mean_loss(model, b)) * count(b) for b in batches)
    return np.exp(nats / count(lines))


def main(kind):
    """Train a model of this kind, and judge it."""
    numbers = [
        ("words", 3000, 3, "how many to tell apart, <s>, </s> and <unk> among them"),
        ("hidden", 100, 1, "size of a layer's state"),
        ("depth", 2, 1, "layers"),
        ("batch", 32, 1, "lines in one update"),
        ("epochs", 1, 1, "how often to go through the book"),
        ("seed", 0, 0, "of the first weights and of the order"),
    ]
    args, (size, train, held_out) = prepared(prepare, numbers)
    rng = np.random.default_rng(args.seed)
    model = kind(size, args.hidden, args.depth, rng)
    trainer = Adam(learning_rate=5e-3, clip_gradients=1.0)
    for epoch in range(1, args.epochs + 1):
        rng.shuffle(train)
        batches = lm.batches(train, args.batch)
        losses = [trainer.receive(mean_loss(model, batch)) for batch in batches]
        print(f"epoch {epoch}: training {np.exp(np.mean(losses)):.1f}", flush=True)
    print(f"held out: {perplexity(model, held_out):.1f} perplexity")


if __name__ == "__main__":
    main(Model)
