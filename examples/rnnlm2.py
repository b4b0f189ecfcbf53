"""A recurrent language model of words, layer by layer: python examples/rnnlm2.py

All steps of one LSTM, then all of the next on its outputs, and all words' outputs in
one product.  ``rnnlm1.py`` is the same model word by word; the losses are the same.
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


def mean_loss(model, lines):
    """Nats of surprise at a word, in the mean over lines."""
    return sum(model.loss(line) for line in lines) / count(lines)


def count(lines):
    return sum(map(len, lines)) - len(lines)


def prepare(args):
    """The vocabulary's size, and lines as numbers to learn from and to be judged on."""
    data = lm.read_data(args.file, lambda line: TOKENS.findall(line.lower()))
    cut = len(data) * 9 // 10
    if not cut:
        raise ValueError(f"{args.file} has too few lines to learn from: {len(data)}")
    vocabulary = lm.make_vocab(data[:cut], args.words)
    numbers = [vocabulary.numberize(["<s>", *line]).tolist() for line in data]
    print(f"{count(numbers[:cut]):,} words to learn from, {len(vocabulary):,} kinds")
    return len(vocabulary), numbers[:cut], numbers[cut:]


def perplexity(model, lines):
    """exp of the mean surprise, found batch by batch."""
    batches = lm.batches(lines, 100)
    nats = sum(compute_value(mean_loss(model, b)) * count(b) for b in batches)
    return np.exp(nats / count(lines))


def main():
    parser = argparse.ArgumentParser(formatter_class=FORMAT)
    parser.add_argument("file", nargs="?", default=BOOK, help="a UTF-8 text")
    for name, default, said in [
        ("words", 3000, "how many words to tell apart"),
        ("hidden", 100, "size of a layer's state"),
        ("depth", 2, "layers"),
        ("batch", 32, "lines in one update"),
        ("epochs", 1, "how often to go through the book"),
        ("seed", 0, "of the first weights and of the order"),
    ]:
        parser.add_argument(f"--{name}", type=int, default=default, help=said)
    args = parser.parse_args()
    try:
        size, train, held_out = prepare(args)
    except (OSError, ValueError) as error:
        parser.exit(2, f"rnnlm2: {error}\n")
    rng = np.random.default_rng(args.seed)
    model = Model(size, args.hidden, args.depth, rng)
    trainer = Adam(learning_rate=5e-3, clip_gradients=1.0)
    for epoch in range(1, args.epochs + 1):
        rng.shuffle(train)
        batches = lm.batches(train, args.batch)
        losses = [trainer.receive(mean_loss(model, batch)) for batch in batches]
        print(f"epoch {epoch}: training {np.exp(np.mean(losses)):.1f}", flush=True)
    print(f"held out: {perplexity(model, held_out):.1f} perplexity")


if __name__ == "__main__":
    main()
