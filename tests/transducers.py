"""The transducers of tests, and what they are given and give."""

import numpy as np
import pytest
from documented import Documented
from hypothesis import strategies as st

from penne import *
from penne.recurrent.variants import FGR, SimplifiedGRU, StandardLSTM

V = 5


def documented(insize, outsize):
    """The class of the original documentation, with the same weights each time."""
    r, rng = Documented(insize, outsize), np.random.default_rng(0)
    for p in r.parameters().values():
        p.value = rng.normal(0, 0.5, p.shape)
    return r


class Sum(Transducer):
    """The sum of the inputs so far: a state that is one with the output."""

    def start(self):
        self.total = constant(0.0)

    def step(self, inp):
        self.total = self.total + inp
        return self.total


class Halved(Transducer):
    """Another transducer with its outputs halved."""

    def __init__(self, inner):
        self.inner = inner

    def start(self):
        self.inner.start()

    @cell
    def step(self, inp):
        return self.inner.step(inp) * 0.5


class Window(Transducer):
    """The mean of the last three inputs, kept in a list that is written to."""

    def start(self):
        self.seen = []

    def step(self, inp):
        self.seen.append(inp)
        del self.seen[:-3]
        return sum(self.seen) / len(self.seen)


class Learned(Transducer):
    """A cell whose first state is learnt, with a counter beside it."""

    def __init__(self, insize, outsize, rng=None):
        self.layer = Layer([insize, outsize], outsize, rng=rng)
        self.h0 = parameter(np.linspace(-1, 1, outsize))

    def start(self):
        self.state_of = {"h": self.h0, "past": (self.h0, 1)}
        self.steps = 0

    def step(self, inp):
        self.steps += 1
        h = self.layer(inp, self.state_of["h"] / self.steps)
        self.state_of["past"] = (self.state_of["h"], self.steps)
        self.state_of["h"] = h
        return h + self.state_of["past"][0]


class Leaky(Transducer):
    """A layer whose outputs fade: numbers, no small ints, among its attributes."""

    def __init__(self, insize, outsize, rng=None):
        self.layer = Layer(insize, outsize, rng=rng)
        self.size, self.rate, self.periods = outsize, 0.9, [1000, 0.5]
        self.period = self.periods[0]

    def start(self):
        self.h = zeros(self.size)

    def step(self, inp):
        self.h = self.rate * self.h + self.layer(inp) * (1 - self.rate)
        return self.h * (500 / self.period)


def twice(x):
    """A function that pickles."""
    return constant(x) * 2.0


TABLE = {
    "Map": lambda n: Map(twice if n > 0 else Layer(n, 3, rng=0)),
    "Map(Layer)": lambda n: Map(Layer(n, 3, rng=0)),
    "Simple": lambda n: Simple(n, 3, rng=0),
    "LSTM": lambda n: LSTM(n, 3, rng=0),
    "GRU": lambda n: GRU(n, 3, rng=0),
    "StandardLSTM": lambda n: StandardLSTM(n, 3, rng=0),
    "FGR": lambda n: FGR(n, 3, layer_norm=True, rng=0),
    "SimplifiedGRU": lambda n: SimplifiedGRU(n, 3, learned_start=True, rng=0),
    "Documented": lambda n: documented(n, 3),
    "Learned": lambda n: Learned(n, 3, rng=0),
    "Leaky": lambda n: Leaky(n, 3, rng=0),
    "Sum": lambda n: Sum() if n > 0 else Stack(Map(Layer(n, 3, rng=0)), Sum()),
    "Window": lambda n: Stack(Map(Layer(n, 3, rng=0)), Window()),
    "Stack": lambda n: Stack(LSTM(n, 4, rng=0), Map(tanh), GRU(4, 2, rng=1)),
    "Stack of Stacks": lambda n: Stack(
        Stack(documented(n, 2), Stack()), Stack(Simple(2, 3, rng=0), Window())
    ),
    "around": lambda n: (
        Map(Layer(n, 3, rng=2))
        >> Highway(Concat(LSTM(3, 2, rng=0), GRU(3, 1, rng=1)), 3, rng=1)
        >> Residual(Simple(3, 3, rng=3))
    ),
    "Feedback": lambda n: Feedback(Simple([n, 3], 3, rng=0), np.linspace(-1, 1, 3)),
}
every_transducer = pytest.mark.parametrize("make", TABLE.values(), ids=TABLE)
OTHERS = [
    "Documented",
    "Learned",
    "Leaky",
    "Sum",
    "Window",
    "Stack of Stacks",
    "around",
]
lengths = st.integers(1, 5)


def inputs(kind, steps, batch=(), seed=0):
    """A sequence of vectors of 3 or of symbols, as one array, time first."""
    rng = np.random.default_rng(seed)
    if kind == "vectors":
        return rng.normal(0, 1, (steps, *batch, 3))
    return rng.integers(0, V, (steps, *batch))


SIZE = {"vectors": 3, "symbols": -V}
every_kind = pytest.mark.parametrize("kind", SIZE)


def values(outputs):
    """The outputs of a transducer as one array."""
    if isinstance(outputs, Expression):
        return compute_value(outputs)
    outputs = [constant(y) for y in outputs]
    found = compute_values(outputs)
    return np.array([found[y] for y in outputs])


def assert_same(x, y):
    """The same outputs to the bit."""
    np.testing.assert_array_equal(values(x), values(y))


def assert_close(x, y):
    """The same outputs but for rounding."""
    np.testing.assert_allclose(values(x), values(y), rtol=1e-12, atol=1e-12)
