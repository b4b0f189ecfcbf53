"""Undecorated steps: they run as decorated ones do, whatever their first states are."""

import numpy as np
import pytest
from fixtures import (  # noqa: F401  # fixtures are for every test here
    counted,
    doubles,
    every_graph,
    gradients,
)
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.fast import recipe

V, H = 5, 4


def read(r, words):
    """A loss of all outputs for arrays of symbols, (length, ...)."""
    return sum(asum(h) for word in words for h in r.transduce(list(word)))


# --- first states ---------------------------------------------------------------------


class Bare(Transducer):
    """A cell with peepholes and a norm, undecorated; ``first`` gives h and c."""

    def __init__(self, first, dtype="float64"):
        self.first = first
        with default_dtype(dtype):
            self.keep = Layer([-V, H, "diag"], H, f=sigmoid, rng=0)
            self.show = Layer([-V, H, "diag"], H, f=sigmoid, rng=1)
            self.write = Layer([-V, H], H, rng=2)
            self.norm = LayerNorm(H)

    def start(self):
        self.h, self.c = self.first()

    def step(self, x):
        c = self.keep(x, self.h, self.c) * self.c
        self.c = c + self.write(x, self.h)
        self.h = self.show(x, self.h, self.c) * tanh(self.norm(self.c))
        return self.h


class Decorated(Bare):
    """The same, as one composite op."""

    step = cell(Bare.step)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_steps_of_an_undecorated_cell(dtype):
    """They are of the kinds of the others, though their state is to be cast, or lacks
    the axis of examples, or is another constant for each sequence."""
    rng = np.random.default_rng(0)
    zero = constant(np.zeros(H))
    words = [rng.integers(V, size=length) for length in (3, 1, 7)]
    whole = counted(read(Bare(lambda: (zero, zero)), words))
    casts = int(dtype == "float32")
    for first in (lambda: (zero, zero), lambda: [constant(np.zeros(H))] * 2):
        assert counted(read(Bare(first, dtype), words)) == whole + casts
    batch = [rng.integers(V, size=(11, 2))]
    assert counted(read(Bare(lambda: (zero, zero), dtype), batch)) == whole + casts


@st.composite
def first_states(draw, shape, rng):
    """A state for examples of this shape: constant, learnt, or made of constants."""
    width = draw(st.sampled_from([(H,), (*shape, H)]))
    state = rng.normal(size=width).astype(draw(st.sampled_from("fd")))
    made = draw(st.sampled_from([constant, parameter, lambda x: 0.5 * constant(x)]))
    return made(state)


@given(st.data())
def test_first_states(data):
    """Of any number of examples, dtype and kind, shared or not, decorated or not."""
    rng = np.random.default_rng(0)
    kind = data.draw(st.sampled_from([Bare, Decorated]))
    examples = st.lists(st.sampled_from([(), (2,), (3,)]), min_size=1, max_size=4)
    words, states = [], []
    for shape in data.draw(examples):
        length = data.draw(st.integers(1, 6))
        words.append(rng.integers(V, size=(length, *shape)))
        states.append([data.draw(first_states(shape, rng)) for _ in range(2)])
        if data.draw(st.booleans()):
            states[-1][1] = states[-1][0]
    if data.draw(st.booleans()):
        states = [[constant(np.ones(H)), constant(np.zeros(H))]] * len(words)
    given = iter(states)
    r = kind(lambda: next(given), data.draw(st.sampled_from(["float32", "float64"])))
    gradients(read(r, words), single=1e-3)  # a norm of four numbers may be steep


# --- steps as users write them --------------------------------------------------------


class Own(Transducer):
    """From a state of zeros."""

    def start(self):
        self.h = self.c = zeros(H)


class Gated(Own):
    """A gated unit of layers (Cho et al. 2014)."""

    def __init__(self):
        self.gates = [Layer([-V, H], H, f=sigmoid, rng=k) for k in range(2)]
        self.write = Layer([-V, H], H, rng=2)

    def step(self, x):
        z, r = (gate(x, self.h) for gate in self.gates)
        self.h = (1 - z) * self.h + z * self.write(x, r * self.h)
        return self.h


class Formulas(Own):
    """The same of parameters and operators."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.table = parameter(rng.normal(size=(V, H)))
        shapes = [(H, H), (H, H), H] * 3
        self.weights = [parameter(rng.normal(size=shape) / 2) for shape in shapes]

    def step(self, x):
        e, (W, U, b, A, B, c, D, E, f) = self.table[x], self.weights
        z, r = sigmoid(e @ W + self.h @ U + b), sigmoid(e @ A + self.h @ B + c)
        n = tanh(e @ D + (r * self.h) @ E + f)
        self.h = (1 - z) * self.h + z * n
        return self.h


class Joined(Own):
    """Layers of input and state side by side."""

    def __init__(self):
        self.embed = Layer(-V, H, f=None, bias=None, rng=0)
        self.gate = Layer(2 * H, H, f=sigmoid, rng=1)
        self.write = Layer(3 * H, H, rng=2)

    def step(self, x):
        e = self.embed(x)
        h, c = (broadcast_to(state, e.shape) for state in (self.h, self.c))
        f = self.gate(concatenate([e, h], axis=-1))
        self.c = f * c + (1 - f) * self.write(concatenate([h, e, c], axis=-1))
        self.h = tanh(self.c)
        return self.h


class OneMatrix(Own):
    """All gates of an LSTM by one layer, and then apart."""

    def __init__(self):
        self.layer = Layer([-V, H], 4 * H, f=None, rng=0)

    def step(self, x):
        y = self.layer(x, self.h)
        i, f, o, g = (y[..., k * H : (k + 1) * H] for k in range(4))
        self.c = sigmoid(f) * self.c + sigmoid(i) * tanh(g)
        self.h = sigmoid(o) * tanh(self.c)
        return self.h


class TwoLayers(Own):
    """Two networks, one on the other."""

    def __init__(self):
        self.low, self.high = Layer([-V, H], H, rng=0), Layer([H, H], H, rng=1)

    def step(self, x):
        self.h = self.low(x, self.h)
        self.c = self.high(self.h, self.c)
        return self.c


class Normalised(Own):
    """A network whose sums are normalised (Ba, Kiros and Hinton 2016)."""

    def __init__(self):
        self.layer, self.norm = Layer([-V, H], H, f=None, rng=0), LayerNorm(H)

    def step(self, x):
        self.h = tanh(self.norm(self.layer(x, self.h)))
        return self.h


class FirstApart(Own):
    """There is no state before the first step."""

    def __init__(self):
        self.given = Layer(-V, H, f=None, rng=0)
        self.kept = Layer(H, H, f=None, bias=None, rng=1)

    def start(self):
        self.h = None

    def step(self, x):
        y = self.given(x)
        if self.h is not None:
            y = y + self.kept(self.h)
        self.h = tanh(y)
        return self.h


class Leaky(Own):
    """A part of the state stays; where it starts, that is a number of constants."""

    def __init__(self):
        self.layer, self.rate = Layer([-V, H], H, rng=0), parameter(0.2)

    def step(self, x):
        self.h = 0.5 * self.h + self.rate * self.layer(x, self.h)
        return self.h


STEPS = [Gated, Formulas, Joined, OneMatrix, TwoLayers, Normalised, FirstApart, Leaky]
SHAPES = {"one": [(9,)], "ragged": [(3,), (9,), (1,), (5,)], "arrays": [(9, 2)]}


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("kind", STEPS)
def test_steps_are_kernels(kind, shapes):
    """The gradients are right, and all that recurs is one kernel, there and back; but
    where what a first step computes has other axes, there are two numbers of rows."""
    rng, r = np.random.default_rng(1), kind()
    loss = read(r, [rng.integers(V, size=shape) for shape in SHAPES[shapes]])
    gradients(loss, single=1e-3)
    loops = [x for p in recipe._programs.values() for x in p.loops if len(x.order) > 2]
    assert len(loops) == (4 if kind is TwoLayers else 2)
    whole = (kind, shapes) != (Leaky, "arrays")
    assert all(x.kernel is not None for x in loops) == whole


sequences = st.tuples(st.integers(1, 6), st.sampled_from([(), (2,), (3,)]))


@given(st.sampled_from(STEPS), st.lists(sequences, min_size=1, max_size=5))
def test_sequences_of_any_shapes(kind, shapes):
    """Of any lengths and numbers of examples in one loss."""
    rng, r = np.random.default_rng(0), kind()
    words = [rng.integers(V, size=(length, *shape)) for length, shape in shapes]
    gradients(read(r, words), single=1e-3)
