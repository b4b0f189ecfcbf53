"""Losses of ragged sequences and of forests, and that kernels compute them rightly."""

import numpy as np

from penne import *
from penne import cell, fast
from penne.compute import compute_loss_and_gradients
from penne.fast import recipe

N, H = 3, 4
VECTOR, BATCH = (N,), (2, N)


class Own(Transducer):
    """An undecorated cell with a diagonal weight and layer norm."""

    def __init__(self, insize, size, rng=0):
        rng = np.random.default_rng(rng)
        self.gate = Layer([insize, size, "diag"], size, f=sigmoid, rng=rng)
        self.write = Layer([insize, size], size, rng=rng)
        self.h0 = zeros(size)

    def start(self):
        self.h = self.h0

    def step(self, inp):
        f = self.gate(inp, self.h, self.h)
        self.h = f * self.h + (1 - f) * layer_norm(self.write(inp, self.h))
        return self.h


class Tree(Module):
    """A cell of two children, each with a state of two parts, as in a tree LSTM."""

    def __init__(self, insize, size, rng=0):
        rng = np.random.default_rng(rng)
        self.leaf = Layer(insize, size, rng=rng)
        self.gate = Layer([size, size], size, f=sigmoid, rng=rng)
        self.write = Layer([size, size], size, rng=rng)

    @cell
    def join(self, left, right):
        """The state of a node from those of its children."""
        (h, c), (k, d) = left, right
        i = self.gate(h, k)
        both = i * self.write(h, k) + (1 - i) * (c + d)
        return tanh(both), both

    def grow(self, tree):
        """The state of a tree, whose leaves are inputs."""
        if not isinstance(tree, tuple):
            h = self.leaf(tree)
            return h, h
        return self.join(*map(self.grow, tree))


def ragged(rng, shape, dtype):
    """Sequences of several lengths, of inputs of some shape."""
    lengths = rng.integers(1, 7, rng.integers(3, 6))
    return [list(rng.normal(size=(n, *shape)).astype(dtype)) for n in [8, *lengths]]


def forest(rng, shape, dtype):
    """Trees of several shapes."""
    sizes = rng.integers(2, 8, rng.integers(9, 12))
    return [_tree(rng, n, shape, dtype) for n in [8, *sizes]]


def _tree(rng, leaves, shape, dtype):
    if leaves == 1:
        return rng.normal(size=shape).astype(dtype)
    first = int(rng.integers(1, leaves))
    parts = first, leaves - first
    return tuple(_tree(rng, n, shape, dtype) for n in parts)


def total(states):
    """A number that each state has a part in."""
    return sum(asum(exp(h)) for h in states)


def by_sequence(kind, shape, dtype):
    """A maker of losses of a cell."""
    with default_dtype(dtype):
        r = kind(N, H, rng=0)

    def loss(rng):
        inputs = ragged(rng, shape, dtype)
        return total([h for xs in inputs for h in r.transduce(xs)])

    return loss


def by_tree(shape, dtype):
    """A maker of losses of the tree cell."""
    with default_dtype(dtype):
        r = Tree(N, H)
    return lambda rng: total([r.grow(t)[0] for t in forest(rng, shape, dtype)])


def found(loss):
    """The loss and its gradients, in a list."""
    value, gradients = compute_loss_and_gradients(loss)
    return [value, *(gradients[p] for p in sorted(gradients, key=lambda p: p.serial))]


def nudged(loss):
    """What the plain executor finds when each weight moves by one unit in its last
    place."""
    weights = list(compute_gradients(loss))
    before = [p.value.copy() for p in weights]
    rng = np.random.default_rng(0)
    for p in weights:
        away = np.where(rng.random(p.shape) < 0.5, -np.inf, np.inf)
        p.value[...] = np.nextafter(p.value, away.astype(p.dtype))
    after = found(loss)
    for p, value in zip(weights, before):
        p.value[...] = value
    return after


def assert_same(loss, dtype):
    """Loss and gradients are the plain executor's, but for rounding."""
    with fast.disable():
        expected, moved = found(loss), nudged(loss)
    with fast.enable():
        got = found(loss)
    near = 1e-12 if dtype == "float64" else 1e-5
    for a, b, other in zip(expected, got, moved, strict=True):
        assert a.dtype == b.dtype
        bound = near * max(np.abs(a).max(), 1)
        if dtype == "float32":
            bound = max(bound, 8 * np.abs(a - other).max())
        assert np.abs(a - b).max() <= bound


def assert_compiled():
    """All programs have kernels; their recursions are one kernel each."""
    programs = list(recipe._programs.values())
    assert any(p.loops for p in programs)
    for program in programs:
        assert program.kernels or not program.account.kernels
        for loop in program.loops:
            assert id(loop) in program.kernels, loop.order
