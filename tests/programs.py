"""Losses of tests of programs, and that executors agree on them."""

import numpy as np

from penne import *
from penne import fast
from penne.fast.collect import Collected
from penne.fast.outline import Outline
from penne.fast.ragged import taken_apart
from penne.fast.recipe import Plan, Recipe
from penne.graph import OPS

V, H = 5, 3
PRODUCTS = OPS["vecmat"], OPS["matmat"]


class Own(Transducer):
    """An undecorated cell."""

    def __init__(self, insize, size):
        self.gate = Layer([insize, size, "diag"], size, f=sigmoid, rng=0)
        self.write = Layer([insize, size], size, rng=1)

    def start(self):
        self.h = constant(np.zeros(H))

    def step(self, inp):
        f = self.gate(inp, self.h, self.h)
        self.h = f * self.h + (1 - f) * self.write(inp, self.h)
        return self.h


def weights(*shape, rng=0):
    """A parameter of small numbers."""
    return parameter(np.random.default_rng(rng).normal(size=shape) / 2)


def recipe(loss, regular=True, gradients=True):
    """How a loss is computed, with its gradients."""
    outline = Outline([loss])
    order = outline.ordered()
    apart = taken_apart(order, [loss]) if regular else None
    graph = Collected(order, {}, [loss], regular, apart)
    plan = Plan(graph, outline.place, [loss], False, gradients, regular)
    return Recipe(plan, outline.nodes)


def agree(loss, batched=True):
    """The gradients, which are those of the plain executor."""
    before = fast.stats()["batched"]
    with fast.enable():
        got = compute_gradients(loss)
        value = compute_value(loss)
    assert (fast.stats()["batched"] > before) == batched
    with fast.disable():
        expected = compute_gradients(loss)
        assert np.isclose(value, compute_value(loss), rtol=1e-12)
    assert set(got) == set(expected)
    for p, g in expected.items():
        assert np.abs(g - got[p]).max(initial=0) <= 1e-12 * max(1, np.abs(g).max())
    return got


def outputs(r, sentences):
    """A loss of all outputs of all sentences."""
    return sum(asum(exp(h)) for s in sentences for h in r.transduce(s))


def sentences(rng):
    """Several sentences, of several lengths."""
    lengths = [4, *rng.integers(1, 9, rng.integers(3, 6))]
    return [rng.integers(0, V, n).tolist() for n in lengths]
