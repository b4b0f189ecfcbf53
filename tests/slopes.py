"""Losses for tests of gradients, and that their gradients are right."""

import numpy as np

import penne
from penne import asum, parameter
from penne.testing import check_gradient


def parameter64(values):
    """A float64 parameter."""
    return parameter(np.array(values, "float64"))


def assert_gradients(loss):
    """The gradients by the rules are those by differences."""
    check_gradient(lambda: loss, order=1)


def projected(x, rng):
    """A number that depends on every element of x, each with another weight."""
    return asum(x * rng.uniform(0.5, 1.5, x.shape))


STEPS = [
    lambda a, b: a * b + a,
    lambda a, b: penne.tanh(a) - b,
    lambda a, b: a / (2 + b * b),
    lambda a, b: penne.sigmoid(a @ b) if a.ndim and b.ndim else penne.exp(-a * a),
    lambda a, b: penne.softmax(a * b) if (a * b).ndim else a,
    lambda a, b: penne.stack([a * b, a * b - a])[[1, 1, 0]][1],
    lambda a, b: (
        penne.logsumexp(penne.concatenate([a * b, a + b]))
        if (a * b).ndim
        else penne.maximum(a, b)
    ),
]


def random_graph(rng, steps):
    """An expression of three parameters: a vector, a matrix and a number."""
    nodes = [parameter64(rng.normal(size=s)) for s in [(2,), (2, 2), ()]]
    for _ in range(steps):
        a, b = (nodes[k] for k in rng.integers(0, len(nodes), 2))
        nodes.append(STEPS[rng.integers(len(STEPS))](a, b))
    return sum(map(penne.mean, nodes), nodes[-1])
