"""A neural probabilistic language model of words: python examples/nplm.py

Bengio et al. 2003, *A Neural Probabilistic Language Model*, equation 1, with direct
connections: each of the n - 1 words before is a vector that is learnt with the rest::

    x := (C(w_1), ..., C(w_{n-1}))
    p := softmax(b + W x + U tanh(d + H x))

It learns from the first nine tenths of a book and is judged by perplexity on the last.
"""

import argparse
import os
import re
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products gain from no more

import numpy as np

from penne import *

FORMAT = argparse.ArgumentDefaultsHelpFormatter
BOOK = Path(__file__).parent / "data" / "comedies.txt"
TOKENS = re.compile(r"[a-z]+(?:['’-][a-z]+)*|[^\sa-z]")  # words, and marks one by one


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


def prepare(args):
    """The vocabulary's size, and n-grams as rows of numbers to learn from and to be
    judged on."""
    data = lm.read_data(args.file, lambda line: TOKENS.findall(line.lower()))
    cut = len(data) * 9 // 10
    if not cut:
        raise ValueError(f"{args.file} has too few lines to learn from: {len(data)}")
    numberizer = lm.Numberizer(lm.make_vocab(data[:cut], args.words))
    parts = [lm.ngrams(part, args.n) for part in (data[:cut], data[cut:])]
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
    parser = argparse.ArgumentParser(formatter_class=FORMAT)
    parser.add_argument("file", nargs="?", default=BOOK, help="a UTF-8 text")
    for name, default, said in [
        ("n", 4, "words at a time, what is foretold included"),
        ("words", 3000, "how many words to tell apart"),
        ("features", 30, "size of a word's vector"),
        ("hidden", 50, "size of the hidden layer"),
        ("batch", 100, "n-grams in one update"),
        ("epochs", 2, "how often to go through the book"),
        ("seed", 0, "of the first weights and of the order"),
    ]:
        parser.add_argument(f"--{name}", type=int, default=default, help=said)
    args = parser.parse_args()
    try:
        size, train, held_out = prepare(args)
    except (OSError, ValueError) as error:
        parser.exit(2, f"nplm: {error}\n")
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
