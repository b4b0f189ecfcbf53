"""Gradients of what a cell or a sequence gives on the way: the same whether the step is
decorated, computed again or neither, and however the sequence is read."""

import copy
import gc
import pickle

import numpy as np
import pytest
from fixtures import (  # noqa: F401  # fixtures are for every test here
    doubles,
    every_graph,
)
from numpy.testing import assert_allclose

from penne import (
    GRU,
    LSTM,
    Layer,
    Simple,
    Stack,
    Transducer,
    asum,
    cell,
    checkpoint,
    compute_gradients,
    compute_value,
    default_dtype,
    gradient,
    opening,
    parameter,
    sigmoid,
    tanh,
)

N = 3


class Bare(Transducer):
    """Its outputs are made of one another: c of the state, h of c, y of both."""

    def __init__(self):
        self.write, self.show = (Layer([N, N], N, rng=k) for k in range(2))

    def start(self):
        """The same numbers each time."""
        self.h, self.c = parameter(np.full(N, 0.1)), parameter(np.full(N, 0.2))

    def step(self, x):
        """Three outputs, two of which are the state."""
        self.c = self.c * 0.9 + tanh(self.write(x, self.h))
        self.h = sigmoid(self.show(x, self.c)) * self.c
        return tanh(self.h * 2.0 + self.c)


class Cell(Bare):
    """The step, decorated."""

    step = cell(Bare.step)


class Again(Bare):
    """The step, computed again for gradients."""

    step = checkpoint(Bare.step)


class CellAgain(Bare):
    """The cell, computed again."""

    step = checkpoint(cell(Bare.step))


class AgainInCell(Bare):
    """What is computed again, as a cell."""

    step = cell(checkpoint(Bare.step))


def by_steps(r, xs):
    """The outputs, one by one."""
    r.start()
    return [r.step(x) for x in xs]


READ = {
    "list": lambda r, xs: r.transduce(list(xs)),
    "steps": by_steps,
}


def found(make, read, count):
    """The gradients of all outputs and of the state in the middle and at the end."""
    with default_dtype("float64"):
        r = make()
    xs = np.random.default_rng(0).normal(size=(count, N))
    first = READ[read](r, xs)
    targets = [*first, r.h, r.c]
    rest = [r.step(x) for x in xs[:2]]
    targets += [*rest, r.h, r.c]
    loss = asum(rest[-1] * np.arange(N)) + asum(first[0] * r.h)
    return [compute_value(g) for g in gradient(loss, targets)]


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("make", [Cell, Again, CellAgain, AgainInCell])
def test_as_undecorated(make, read, count):
    """What is made of an output within the op that gives it counts."""
    mine, expected = found(make, read, count), found(Bare, "steps", count)
    assert any(np.any(g) for g in expected[:-2])
    for one, other in zip(mine, expected, strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=1e-14)


MODELS = {
    "Simple": lambda: Simple(N, N, rng=0),
    "GRU": lambda: GRU(N, N, rng=0),
    "LSTM": lambda: LSTM(N, N, rng=0),
    "Stack": lambda: Stack(LSTM(N, N, rng=0), GRU(N, N, rng=1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_read_in_two_ways(name):
    """A sequence as one node, and step by step."""
    with default_dtype("float64"):
        r = MODELS[name]()
    xs, two = np.random.default_rng(1).normal(size=(5, N)), []
    for read in READ.values():
        ys = read(r, xs)
        two.append([compute_value(g) for g in gradient(asum(ys[-1] * ys[2]), ys)])
    for one, other in zip(*two, strict=True):
        assert np.any(one)
        assert_allclose(one, other, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["Simple", "GRU", "LSTM"])
def test_second_order_in_parts(name, count):
    """Two gradients found apart are differentiated as two found together."""
    with default_dtype("float64"):
        r = MODELS[name]()
    xs = np.random.default_rng(2).normal(size=(count, N))
    loss = asum(r.transduce(xs)[-1] ** 2)
    parameters = list(r.parameters().values())
    together = gradient(loss, parameters)
    apart = [gradient(loss, p) for p in parameters]
    one, other = (
        compute_gradients(sum(asum(g**2) for g in gs)) for gs in (together, apart)
    )
    assert one.keys() == other.keys()
    for p in one:
        assert_allclose(one[p], other[p], rtol=1e-9, atol=1e-12)


def second(make, read, count):
    """Second derivatives by what is given on the way, and by what is made of it."""
    with default_dtype("float64"):
        r = make()
    ys = READ[read](r, np.random.default_rng(0).normal(size=(count, N)))
    h, q = ys[count // 2], ys[0] * ys[-1]
    loss = asum(tanh(ys[-1]) ** 3) + asum(q * h)
    parameter = r.write.weights[0]
    g, k, p = (gradient(loss, x) for x in (h, q, parameter))
    both = gradient(asum(p**2) + asum(g**2) + asum(k * g), [h, q, parameter])
    return [compute_value(x) for x in both]


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("read", READ)
def test_second_order(read, count):
    """Gradients of gradients, found apart, and of several orders in one loss."""
    mine, expected = second(Cell, read, count), second(Bare, "steps", count)
    for one, other in zip(mine, expected, strict=True):
        assert np.any(other)
        assert_allclose(one, other, rtol=1e-9, atol=1e-13)


def test_nothing_is_kept():
    """What was opened for a gradient is forgotten with the graph."""
    r = LSTM(N, N, rng=0)
    gc.collect()
    before = len(opening._known)
    for _ in range(3):
        ys = r.transduce(list(np.ones((4, N))))
        gradient(asum(gradient(asum(ys[-1]), ys[1])), ys[2])
        assert len(opening._known) > before
    r.start()
    del ys
    gc.collect()
    assert len(opening._known) == before


def test_pickled_together():
    """Expressions that share nodes share them afterwards, as copies do."""
    x = parameter(np.ones(2))
    h = tanh(x * 2)
    loss = asum(h**2)
    expected = compute_value(gradient(loss, h))
    for made in (copy.deepcopy([h, loss]), pickle.loads(pickle.dumps([h, loss]))):
        assert_allclose(compute_value(gradient(made[1], made[0])), expected)
    r = LSTM(2, 3, rng=0)
    r.transduce(list(np.ones((4, 2))))
    h, c = pickle.loads(pickle.dumps((r.h, r.c)))
    one, other = gradient(asum(h), c), gradient(asum(r.h), r.c)
    assert np.any(compute_value(other))
    assert_allclose(compute_value(one), compute_value(other), rtol=1e-6)
