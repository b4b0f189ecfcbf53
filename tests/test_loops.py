"""A sequence read by known steps is one node for each of them, and nothing else is
different: values, gradients, the state at the end."""

import copy
import pickle

import numpy as np
import pytest
from fixtures import (  # noqa: F401  # fixtures are for every test here
    doubles,
    every_graph,
    examples,
)
from hypothesis import given
from hypothesis import strategies as st

import penne
from penne import *
from penne import cell, fast, lm
from penne.fast.collect import Collected
from penne.fast.outline import Outline
from penne.graph import topological
from penne.loops import Loop
from penne.recurrent.variants import FGR, SimplifiedGRU, StandardLSTM

V = 5


class Own(Transducer):
    """A cell of one's own, with a learnt part of the state that is only looked at."""

    def __init__(self, insize, size):
        self.layer = Layer([insize, size, size], size, rng=0)
        self.zero, self.one = zeros(size), parameter(np.ones(size))

    def start(self):
        self.h, self.fixed = self.zero, self.one * 0.5

    @cell
    def step(self, x):
        self.h = self.layer(x, self.h, self.fixed)
        return self.h * 2


class Delay(Transducer):
    """What it gives and keeps is what it was given: no slot of its own."""

    def start(self):
        self.last = zeros(3)

    @cell
    def step(self, x):
        y, self.last = self.last, x
        return y


TABLE = {
    "Simple": lambda n: Simple(n, 3, rng=0),
    "LSTM": lambda n: LSTM(n, 3, rng=0),
    "GRU": lambda n: GRU(n, 3, rng=0),
    "StandardLSTM": lambda n: StandardLSTM(n, 3, rng=0),
    "FGR": lambda n: FGR(n, 3, rng=0),
    "learned start": lambda n: SimplifiedGRU(n, 3, learned_start=True, rng=0),
    "Own": lambda n: Own(n, 3),
    "Map": lambda n: Map(Layer(n, 3, f=logsoftmax, rng=0)),
    "around": lambda n: (
        Map(Layer(n, 3, rng=2))
        >> Highway(Concat(LSTM(3, 2, rng=0), GRU(3, 1, rng=1)), 3, rng=1)
        >> Residual(Simple(3, 3, rng=3))
    ),
    "Stack": lambda n: Stack(
        Map(Layer(n, 4, f=None, bias=None, rng=0)),
        Stack(LSTM(4, 3, rng=1), Own(3, 3)),
        Map(Layer(3, 2, rng=2)),
    ),
}
every_transducer = pytest.mark.parametrize("make", TABLE.values(), ids=TABLE)
every_executor = pytest.mark.parametrize("run", [penne.plain, fast.enable])
kinds = st.sampled_from(["list", "array", "batch", "vectors", "expressions"])


def inputs(kind, count, seed=0):
    """The size that a transducer for them takes, and so many of them."""
    rng = np.random.default_rng(seed)
    if kind == "list":
        return -V, rng.integers(0, V, count).tolist()
    if kind in ("array", "batch"):
        return -V, rng.integers(0, V, (count, 2)[: 1 + (kind == "batch")])
    vectors = rng.normal(size=(count, 4))
    return 4, vectors if kind == "vectors" else [constant(x) for x in vectors]


def loops(x):
    return [y for y in topological([x]) if isinstance(y.op, Loop)]


def stepwise(r, xs):
    """What the definition of a transducer says."""
    r.start()
    return [r.step(x) for x in xs]


def made(r, ys, weights):
    """A loss of outputs and of the state in which r now stands."""
    state = [x for x in r.state.values() if isinstance(x, Expression)]
    parts = [asum(y * w) for y, w in zip(ys, weights)]
    return sum(parts) + sum(asum(x * 0.25) for x in state)


@every_executor
@every_transducer
@examples(1 / 2)
@given(kind=kinds, count=st.integers(1, 12), seed=st.integers(0, 9))
def test_as_step_by_step(make, run, kind, count, seed):
    """Values, gradients and the state are those of the steps taken one by one; also
    where the loss uses some of the outputs alone."""
    size, xs = inputs(kind, count, seed)
    r, weights = make(size), np.random.default_rng(seed).choice([0, 0, 1, -2], count)
    used = [k for k in range(count) if weights[k]] or [0]
    one = made(r, [stepwise(r, xs)[k] for k in used], weights[used])
    other = made(r, [r.transduce(xs)[k] for k in used], weights[used])
    assert not loops(one)
    with run():
        assert np.allclose(compute_value(one), compute_value(other), 1e-12, 1e-12)
        mine, theirs = compute_gradients(other), compute_gradients(one)
    assert mine.keys() == theirs.keys()
    for p in mine:
        assert np.allclose(mine[p], theirs[p], 1e-10, 1e-12)


def reading(r, xs):
    """Inputs that are made, one by one, of the state that r is in."""
    for x in xs:
        yield x + sum(asum(s) for s in r.state.values()) * 0.1


@every_transducer
@given(count=st.integers(0, 9))
def test_inputs_made_of_the_state(make, count):
    """An iterator is asked for each input when its step comes, so that it may read the
    state."""
    r, (_, xs) = make(4), inputs("vectors", count)
    found = r.transduce(reading(r, xs))
    expected = stepwise(r, reading(r, xs))
    assert len(found) == len(expected) == count
    for y, z in zip(found, expected):
        assert np.allclose(compute_value(y), compute_value(z), 1e-12, 1e-12)


@every_transducer
def test_one_node_whatever_the_length(make):
    """The graph of a sequence grows by the outputs that are asked for alone."""
    r = make(-V)
    sizes = [
        len(topological([asum(r.transduce([0] * count)[-1])])) for count in (10, 500)
    ]
    assert sizes[0] == sizes[1]
    assert loops(r.transduce([0] * 10)[-1])


@pytest.mark.parametrize("xs", [[0, 1, 2, 9], np.array([0, 1, 2, -1])])
def test_a_symbol_out_of_range(xs):
    """It is an error where the sequence is read, and the state is put back."""
    with pytest.raises(IndexError, match="is outside"):
        LSTM(-V, 3).transduce(xs)


def test_built_step_by_step():
    """What is not known to be a function of input and state is no loop: a function of
    the user's own, masks of dropout that are drawn anew; nor what records lines."""
    xs = list(np.ones((9, 3)))
    user = Map(lambda x: x * 2), Simple(3, 2, f=lambda x: x), Parallel(LSTM(3, 2))
    for r in (*user, LSTM(3, 2) >> Map(Dropout(0.5)), Delay()):
        ys = [y[0] if isinstance(y, tuple) else y for y in r.transduce(xs)]
        assert not loops(stack(ys))
    with debug():
        assert not loops(LSTM(3, 2).transduce(xs)[-1])


def test_within_a_cell():
    """A sequence read within a traced function is built step by step, twice alike."""

    class Encoder(Transducer):
        def __init__(self):
            self.inner = GRU(3, 2, rng=0)

        @cell
        def step(self, xs):
            return self.inner.transduce(list(xs))[-1]

    r = Encoder()
    xs = tuple(map(constant, np.random.default_rng(0).normal(size=(6, 3))))
    expected = r.inner.transduce(list(xs))[-1]
    r.start()
    assert np.allclose(compute_value(r.step(xs)), compute_value(expected))


@every_executor
def test_gradients_of_gradients(run):
    """A second derivative through a loop is that through steps."""
    r = LSTM(3, 2, rng=0)
    xs = np.random.default_rng(1).normal(size=(7, 3))
    found = []
    for ys in (r.transduce(xs), stack(stepwise(r, xs))):
        loss = asum(ys * ys)
        ps = list(r.parameters().values())
        slopes = gradient(loss, ps)
        with run():
            found.append(compute_gradients(sum(asum(g * g) for g in slopes)))
    for p in found[0]:
        assert np.allclose(found[0][p], found[1][p], 1e-9, 1e-12)


@every_executor
def test_gradient_of_what_is_read(run):
    """The gradient goes on to vectors that are read one by one, and to what a loop
    before gave."""
    r = Stack(GRU(3, 3, rng=0), LSTM(3, 2, rng=1))
    ps = [parameter(x) for x in np.random.default_rng(0).normal(size=(8, 3))]
    xs = [p * 2 for p in ps]
    with run():
        one = compute_gradients(asum(stack(r.transduce(xs))))
        two = compute_gradients(asum(stack(stepwise(r, xs))))
    assert one.keys() == two.keys() >= set(ps)
    assert all(np.allclose(one[p], two[p], 1e-10, 1e-12) for p in one)


@every_executor
@pytest.mark.parametrize("shape", [(6, 3), (6, 2, 3)])
def test_a_constant_stays_the_users(run, shape):
    """A gradient of a constant that is read can be asked for, and another value of it
    is seen by the next evaluation, as step by step."""
    r, rng = LSTM(3, 2, rng=0), np.random.default_rng(0)
    x = constant(rng.normal(size=shape))
    losses = [asum(ys * ys) for ys in (r.transduce(x), stack(stepwise(r, x)))]
    with run():
        for _ in range(2):
            one, two = (compute_value(gradient(loss, x)) for loss in losses)
            assert np.any(one)
            assert np.allclose(one, two, 1e-10, 1e-12)
            assert np.allclose(*map(compute_value, losses), 1e-12)
            x.value = rng.normal(size=shape)


@every_executor
def test_values_that_are_known(run):
    """What was computed before is believed: outputs, the state, and a loop as what
    another one reads."""
    first, second = LSTM(-V, 3, rng=0), GRU(3, 2, rng=1)
    xs = np.random.default_rng(0).integers(0, V, 60).tolist()
    ys = Stack(first, second).transduce(xs)
    with run():
        values = compute_values(first.h)
        first.detach(values)
        count = len(values)
        compute_values(sum(asum(y) for y in ys), values)
    assert len(values) > count
    expected = stepwise(Stack(first, second), xs)
    for y, z in zip(ys, expected):
        assert np.allclose(values[y], compute_value(z), 1e-12, 1e-12)


def test_only_what_is_needed():
    """Steps after the last that is asked for, and the layer of others, are not run."""
    r = Stack(LSTM(-V, 3, rng=0), Map(Layer(3, V, f=logsoftmax, rng=1)))
    loss = sum(asum(y) for y in r.transduce([0] * 50)[10:14])
    outline = Outline([loss])
    graph = Collected(outline.ordered(), {}, [loss])
    counts = {kind.op.name: len(kind.nodes) for kind in graph.kinds}
    assert counts["LongShortTermMemory.step"] == 14
    assert counts["Map.step"] == 4


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies(copied):
    """A copy of a graph has loops too, and the same value."""
    y = asum(stack(GRU(-V, 3, rng=0).transduce([0, 1, 2, 3])))
    other = copied(y)
    assert len(loops(other)) == len(loops(y)) > 0
    assert np.allclose(compute_value(other), compute_value(y), 1e-14)


def test_recomputed():
    """A segment that is recomputed may hold loops."""
    r = LSTM(-V, 3, rng=0)
    xs = [k % V for k in range(20)]
    whole = checkpoint(lambda xs: r.transduce(xs)[-1])
    one, two = (compute_gradients(asum(y)) for y in (whole(xs), stepwise(r, xs)[-1]))
    assert all(np.allclose(one[p], two[p], 1e-10, 1e-14) for p in two)


def test_the_line_at_fault():
    """An error within a loop names the op, and the line of the step."""

    class Root(Transducer):
        def __init__(self):
            self.w = parameter([1.0])

        def start(self):
            self.h = zeros(1)

        @cell
        def step(self, x):
            self.h = sqrt(self.w * x) + self.h
            return self.h

    ys = Root().transduce(np.array([[1.0], [4.0], [-1.0], [1.0]]))
    with np.errstate(invalid="ignore"), pytest.raises(FloatingPointError) as caught:
        compute_gradients(asum(ys))
    assert "sqrt: NaN" in str(caught.value)
    assert "test_loops.py" in str(caught.value)


@pytest.mark.parametrize("count", [3, 30])
def test_truncated(count):
    """Chunk after chunk with ``detach`` gives what steps give."""
    losses = []
    for read in (lm.chunk_loss, step_loss):
        r = Stack(LSTM(-V, 3, rng=0), Map(Layer(3, V, f=logsoftmax, rng=1)))
        trainer, found = Adam(0.1), []
        r.start()
        xs = np.random.default_rng(0).integers(0, V, (4, count + 1, 2))
        for chunk in xs:
            values = {}
            found.append(trainer.receive(read(r, chunk[:-1], chunk[1:]), values))
            r.detach(values)
        losses.append(found)
    assert np.allclose(*losses, 1e-8)


def step_loss(r, xs, ys):
    logp = stack([r.step(x) for x in xs])
    return -mean(take_along_axis(logp, ys[..., None], -1))
