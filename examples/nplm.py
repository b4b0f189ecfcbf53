"""A neural probabilistic language model of words: python examples/nplm.py

Bengio et al. 2003, *A Neural Probabilistic Language Model*, equation 1, with direct
connections: each of the n - 1 words before is a vector that is learnt with the rest::

    x := (C(w_1), ..., C(w_{n-1}))
    p := softmax(b + W x + U tanh(d + H x))

It learns from the first nine tenths of a book and is judged by perplexity on the last.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products gain from no more

import numpy as np
from words import prepared

from penne import *


class Model(Module):
    """From (B, n - 1) words to the log-probabilities of what comes next, (B, V)."""

    def __init__(self, size, n, features, hidden, rng):
        context = (n - 1) * features
        self.features = Layer(-size, features, f=None, bias=None, rng=rng)
        self.hidden = Layer(context, hidden, f=tanh, rng=rng)
        self.output = Layer([hidden, context], size, f=logsoftmax, rng=rng)

    def loss(self, grams):
        """Nats of surprise at the last word of each n-gram, (B, n), in the mean."""
        x = reshape(self.features(grams[:, :-1]), (len(grams), -1))
        logp = self.output(self.hidden(x), x)
        return -mean(take_along_axis(logp, grams[:, -1:], axis=-1))


def prepare(args, train, held_out):
    """The vocabulary's size, and n-grams as rows of numbers to learn from and to be
    judged on."""
    numberizer = lm.Numberizer(lm.make_vocab(train, args.words))
    parts = [lm.ngrams(part, args.n) for part in (train, held_out)]
    train, held_out = (
        np.array([[numberizer.numberize(word) for word in gram] for gram in part])
        for part in parts
    )
    print(f"{len(train):,} words to learn from, {len(numberizer):,} kinds")
    return len(numberizer), train, held_out


def perplexity(model, grams):
    """exp of the mean surprise, found part by part."""
    parts = [grams[k : k + 1000] for k in range(0, len(grams), 1000)]
    nats = sum(compute_value(model.loss(part)) * len(part) for part in parts)
    return np.exp(nats / len(grams))


def main():
    numbers = [
        ("n", 4, 2, "words at a time, what is foretold included"),
        ("words", 3000, 3, "how many to tell apart, <s>, </s> and <unk> among them"),
        ("features", 30, 1, "size of a word's vector"),
        ("hidden", 50, 1, "size of the hidden layer"),
        ("batch", 100, 1, "n-grams in one update"),
        ("epochs", 2, 1, "how often to go through the book"),
        ("seed", 0, 0, "of the first weights and of the order"),
    ]
    args, (size, train, held_out) = prepared(prepare, numbers)
    rng = np.random.default_rng(args.seed)
    model = Model(size, args.n, args.features, args.hidden, rng)
    trainer = Adagrad(learning_rate=0.1)
    for epoch in range(1, args.epochs + 1):
        losses = [
            trainer.receive(model.loss(train[batch]))
            for batch in lm.batches(rng.permutation(len(train)), args.batch)
        ]
        print(f"epoch {epoch}: training {np.exp(np.mean(losses)):.1f}", flush=True)
    print(f"held out: {perplexity(model, held_out):.1f} perplexity")


if __name__ == "__main__":
    main()
