"""The exclusive or of Penne's 2015 README: true is 1 and false is -1, as inputs too."""

import numpy as np

from penne import *

DATA = [([-1, -1], [-1]), ([-1, 1], [1]), ([1, -1], [1]), ([1, 1], [-1])]


class Net(Module):
    def __init__(self, rng):
        self.hidden = Layer(2, 3, rng=rng)
        self.output = Layer(3, 1, rng=rng)

    def loss(self, inp, correct):
        return distance2(self.output(self.hidden(inp)), correct)


def last_epoch(seed):
    """Mean loss of the last of 10 epochs of 40 samples."""
    rng = np.random.default_rng(seed)
    net, trainer = Net(rng), SGD(learning_rate=0.1)
    for _ in range(10):
        chosen = [DATA[k] for k in rng.permutation(np.arange(40) % 4)]
        losses = [trainer.receive(net.loss(*sample)) for sample in chosen]
    return np.mean(losses)


def test_learns():
    """After 10 epochs the mean loss is under .02, for at least 8 of 10 seeds."""
    losses = [last_epoch(seed) for seed in range(10)]
    assert sum(loss < 0.02 for loss in losses) >= 8, losses


def test_gradients():
    """Gradients and finite differences are 1e-12 apart, in sum of squares."""
    with default_dtype("float64"):
        net = Net(0)
    for sample in DATA:
        loss = net.loss(*sample)
        found, expected = compute_gradients(loss), check_gradients(loss)
        assert set(found) == set(expected) == set(net.parameters().values())
        assert sum(((found[p] - expected[p]) ** 2).sum() for p in found) < 1e-12
