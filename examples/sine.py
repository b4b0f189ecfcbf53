"""Give back what came one step before: python examples/sine.py

A sine and its cosine, and both one step later, are two sequences of 32 vectors.  An
Elman network says at each step what it read at the step before, at the first the last.
One ``scan`` over time stands in another over sequences, as in Herta's tutorial.

Mean squared error at an update, and the largest error in the end:

    seed         1       100      1000      2000   largest error
       0   0.49788   0.00310   0.00032   0.00025            0.11
       1   0.54770   0.00274   0.00028   0.00021            0.11
       2   0.59808   0.00309   0.00029   0.00018            0.09
"""

import numpy as np
from program import figure, options

from penne import SGD, Layer, Module, compute_value, mean, parameter, scan, tanh
from penne.initializers import spectral


def sequences():
    """What is read and what is to be said: (sequence, time, 2) each."""
    wave = np.stack([f(np.arange(0, 2 * np.pi, 0.2)) for f in (np.sin, np.cos)], -1)
    read = np.stack([wave, np.roll(wave, 1, axis=0)])
    return read, np.roll(read, 1, axis=1)


class Network(Module):
    """h := tanh(W x + U h + b), y := V h + d; h is learnt where it begins, too."""

    def __init__(self, size, rng):
        self.hidden = Layer([2, size], size, f=tanh, init=spectral, rng=rng)
        self.output = Layer(size, 2, f=None, init=spectral, rng=rng)
        self.first = parameter(np.zeros(size, np.float32))

    def step(self, x, h):
        h = self.hidden(x, h)
        return h, self.output(h)

    def read(self, sequence):
        return scan(self.step, sequence, [self.first, None])[1]

    def __call__(self, batch):
        return scan(self.read, [batch])


def train(seed, updates):
    """The mean squared error at each update, and what is said in the end."""
    read, correct = sequences()
    network, trainer = Network(4, np.random.default_rng(seed)), SGD(0.1)
    said = network(read)
    error = mean((said - correct) ** 2)  # one graph, evaluated again and again
    curve = [trainer.receive(error) for _ in range(updates)]
    return curve, compute_value(said)


def draw(curves, said):
    with figure("sine.png", 2) as (left, right):
        for curve in curves:
            left.loglog(range(1, len(curve) + 1), curve, alpha=0.7)
        left.set(xlabel="updates", ylabel="mean squared error")
        right.plot(sequences()[1][0], "k:", label=["to be said", None])
        right.plot(said[0], label=["sine said", "cosine said"])
        right.set(xlabel="step of the first sequence")
        right.legend()


def main():
    args = options(__doc__, dict(updates=10_000, seeds=5), updates=2000, seeds=3)
    updates = args.updates
    curves, marks = [], [1, 100, 1000, updates]
    print("seed " + " ".join(f"{mark:9}" for mark in marks), "  largest error")
    for seed in range(args.seeds):
        curve, said = train(seed, updates)
        curves.append(curve)
        row = " ".join(f"{curve[min(mark, len(curve)) - 1]:9.5f}" for mark in marks)
        print(f"{seed:4} {row} {abs(said - sequences()[1]).max():15.2f}")
    draw(curves, said)


if __name__ == "__main__":
    main()
