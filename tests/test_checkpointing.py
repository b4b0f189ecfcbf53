"""``checkpoint``: the same values and gradients, computed again instead of kept."""

import copy
import pickle
import threading
import tracemalloc
from collections import Counter, OrderedDict, defaultdict
from typing import NamedTuple

import numpy as np
import pytest
from fixtures import registries  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

import penne
from penne import (
    GRU,
    LSTM,
    Dropout,
    Layer,
    Map,
    Parameter,
    Stack,
    Transducer,
    asum,
    checkpoint,
    compute_gradients,
    compute_value,
    constant,
    exp,
    gradient,
    parameter,
    tanh,
)
from penne.graph import topological

SEGMENTS = penne.caches()["segments to recompute"]


def identity(f):
    return f


def same(a, b):
    """Two losses have the same value, and gradients equal to 1e-12."""
    assert compute_value(a) == pytest.approx(float(compute_value(b)), rel=1e-12)
    first, second = compute_gradients(a), compute_gradients(b)
    assert first.keys() == second.keys()
    assert first
    for p in first:
        largest = max(1.0, abs(first[p]).max())
        assert abs(first[p] - second[p]).max() <= 1e-12 * largest
        assert first[p].dtype == second[p].dtype


def tower(rng):
    """A stack with dropout, as a model of two kinds of cells."""
    with penne.default_dtype("float64"):
        drop = Dropout(0.3, rng=rng)
        return Stack(LSTM(-5, 4, rng=1), Map(drop), GRU(4, 3, rng=2))


def walk(wrap, symbols, length, seed=7):
    """The loss of a walk over symbols, in segments of this length."""
    r = tower(np.random.default_rng(seed))

    @wrap
    def run(some, weight):
        total = 0.0
        for k in some:
            total = total + asum(r.step(k) ** 2) * weight
        return total

    r.start()
    loss = constant(np.zeros(()))
    for k in range(0, len(symbols), length):
        loss = loss + run(symbols[k : k + length], 1.0 + k)
    return r, loss + asum(r.state["layers.0.c"])


@given(
    symbols=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    length=st.integers(1, 5),
)
def test_segments(symbols, length):
    """A network in segments, with dropout and state, gives what it gives without, the
    masks of the forward and the backward pass being the same."""
    kept, one = walk(identity, symbols, length)
    recomputed, two = walk(checkpoint, symbols, length)
    value = compute_value(one)  # both draw once
    assert compute_value(two) == pytest.approx(value, rel=1e-12)
    first, second = compute_gradients(one), compute_gradients(two)
    names = kept.names()
    assert {n for n, p in names.items() if p in first} == {
        n for n, p in recomputed.names().items() if p in second
    }
    for n, p in recomputed.names().items():
        if p in second:
            difference = abs(first[names[n]] - second[p]).max()
            assert difference <= 1e-12 * max(1.0, abs(second[p]).max())


def test_nested():
    """Segments stand in segments."""
    w = parameter(np.array([0.5, -0.3]))

    def chain(wrap):
        step = wrap(lambda x: tanh(w * x + 0.1))
        block = wrap(lambda x: step(step(step(x))))
        whole = wrap(lambda x: block(block(x)))
        return asum(whole(whole(constant([0.2, 0.4]))))

    same(chain(identity), chain(checkpoint))


def test_structures():
    """Tuples, lists and dicts go in and out, by keyword too; what is no new expression
    comes out as it was."""
    w = parameter(np.array([1.0, 2.0]))
    x = constant([3.0, 4.0])

    def f(pair, *, scale):
        a, (b,) = pair
        return {"sum": a + b * w, "rest": [exp(a) * scale, "text", (a,), w, None]}

    plain, got = f((x, [x * w]), scale=2.0), checkpoint(f)((x, [x * w]), scale=2.0)
    assert got["rest"][1:2] == ["text"]
    assert got["rest"][2] == (x,)
    assert got["rest"][3] is w
    assert got["rest"][4] is None
    same(
        asum(plain["sum"] * plain["rest"][0]),
        asum(got["sum"] * got["rest"][0]),
    )


class Pair(NamedTuple):
    """A tuple of two names."""

    one: object
    two: object


class Swapped(Pair):
    """One that is made of its parts in the other order."""

    def __new__(cls, two, one):
        return super().__new__(cls, one, two)


class Numbered(tuple):
    """A tuple with a number, which it must be given."""

    def __new__(cls, number, *parts):
        made = super().__new__(cls, parts)
        made.number = number
        return made


class Named(dict):
    """A dict with a name, which it must be given."""

    def __init__(self, name):
        self.name = name


class Marked(list):
    """A list with a mark, which it must be given."""

    def __init__(self, mark, *parts):
        super().__init__(parts)
        self.mark = mark


def named(x):
    made = Named("text")
    made["a"] = x
    return made


STRUCTURES = [
    lambda x: defaultdict(list, a=x),
    lambda x: Counter(a=x, b=1),
    lambda x: OrderedDict(b=1, a=x),
    named,
    lambda x: Pair(x, 1),
    lambda x: Swapped(x, 1),
    lambda x: Numbered(3, x, 1),
    lambda x: Marked(4, x, [x]),
]


def listed(made):
    """What is in a structure, in its order, and what it holds besides."""
    inside = list(made.items()) if isinstance(made, dict) else list(enumerate(made))
    factory = getattr(made, "default_factory", None)
    return inside, factory, getattr(made, "__dict__", {}).copy()


@pytest.mark.parametrize("make", STRUCTURES)
def test_kinds_of_structures(make):
    """Kinds of dicts, lists and tuples stay what they are, with all they hold, whether
    they are given or are the state; the one that was made is as it was."""
    w, made = parameter(np.array([1.0, 2.0])), []

    class Holding(Transducer):
        def step(self, x):
            self.held = make(tanh(w * x))
            made.append((self.held, listed(self.held)))
            return self.held

    r = Holding()
    for found in (checkpoint(r.step)(2.0), r.held):
        before, (inside, *besides) = made[0]
        assert listed(before) == (inside, *besides)
        assert type(found) is type(before)
        new, *others = listed(found)
        assert others == besides
        for (k, x), (n, y) in zip(new, inside, strict=True):
            assert k == n
            if isinstance(y, penne.graph.Expression):
                assert repr(x).startswith("<recompute(")
                assert np.array_equal(compute_value(x), compute_value(y))
        assert "recompute" in str(new)


def test_another_thread_goes_on(monkeypatch):
    """What another thread assigns to its transducers in between is not undone."""

    class Counting(Transducer):
        def start(self):
            self.n = constant(0.0)

        def step(self, x):
            self.n = self.n + 1
            return self.n

    mine, other, computed = Counting(), Counting(), penne.checkpointing._computed
    mine.start()
    other.start()

    def slow(*args):
        found = computed(*args)
        thread = threading.Thread(target=other.step, args=[0])
        thread.start()
        thread.join()
        return found

    monkeypatch.setattr(penne.checkpointing, "_computed", slow)
    checkpoint(lambda: (mine.step(0), other.step(0)))()
    assert "recompute" in repr(mine.n)
    assert (compute_value(mine.n), compute_value(other.n)) == (1, 2)


def test_kinds():
    """Results of several dtypes, weak and strong, keep them."""
    w = parameter(np.array([1.0, 2.0], np.float32))
    weak = constant(np.array([1.0, 1e-12]))
    f = lambda: (w * w, weak + 1, penne.argmax(w), penne.greater(w, 1.5), asum(w))
    for a, b in zip(f(), checkpoint(f)()):
        assert a.type is b.type
        assert np.array_equal(compute_value(a), compute_value(b))
        assert compute_value(a).dtype == compute_value(b).dtype


def test_captured():
    """What was computed outside is an input: its gradient flows, it is not computed
    again."""
    calls = []

    @penne.op("()->()", gradient=lambda g, y, x: (g * 3,))
    def counted(x):
        calls.append(1)
        return x * 3

    w = parameter(np.array([1.0, 2.0]))
    outside = counted(w)
    loss = asum(checkpoint(lambda: tanh(outside) * outside)())
    same(loss, asum(tanh(outside) * outside))
    calls.clear()
    compute_gradients(loss)
    assert len(calls) == 1


def test_recomputes():
    """The inside is computed twice for gradients, once for a value."""
    calls = []

    @penne.op("()->()", gradient=lambda g, y, x: (g * y,))
    def watched(x):
        calls.append(1)
        return np.exp(x)

    w = parameter(np.array([1.0, 2.0]))
    loss = asum(checkpoint(lambda: watched(w) * w)())
    compute_value(loss)
    assert len(calls) == 1
    calls.clear()
    compute_gradients(loss)
    assert len(calls) == 2


def test_gradient_of_gradient():
    """A segment's gradient has a gradient."""
    w = parameter(np.array([0.3, -0.7]))
    x = constant([1.0, 2.0])

    def curvature(wrap):
        loss = asum(wrap(lambda: tanh(w * x) * exp(w))())
        return asum(gradient(loss, w) * constant([1.0, -2.0]))

    same(curvature(identity), curvature(checkpoint))


@pytest.mark.parametrize("asked", [slice(0, 1), slice(1, 2), slice(0, 2)])
def test_second_by_an_output(asked):
    """What has been asked for an output of a segment has gradients with respect to all
    of them, and nothing of it is computed again."""
    w, p = parameter(np.array([0.3, -0.7])), parameter(np.array([0.5, 0.2]))
    found = []

    def f():
        inner = tanh(w * p)
        return inner, inner**3

    for wrap in (identity, checkpoint):
        y, z = wrap(f)()
        first = gradient(asum(z**2), [w, *[y, z][asked]])
        assert "recompute" not in {x.op.name for x in topological(first) if x.op}
        loss = sum(asum(g**2) for g in first)
        found.append([compute_value(g) for g in gradient(loss, [w, p, y, z])])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_what_is_reached():
    """A loss of one of several results reaches what that one is made of: nothing else
    is decayed; and the gradient of its gradient is as without."""

    def results(x):
        return tanh(p * x), exp(q * p) * x

    p, q = (parameter(np.array([1.0, 2.0])) for _ in range(2))
    for wrap in (identity, checkpoint):
        y, z = wrap(results)(2.0)
        before = p.value.copy(), q.value.copy()
        penne.AdamW(0.1, weight_decay=1.0).receive(asum(y))
        assert (p.value < before[0]).all()
        assert (q.value == before[1]).all()
        assert compute_gradients(asum(gradient(asum(y), p) ** 2)).keys() == {p}
        assert compute_gradients(asum(y) + asum(z)).keys() == {p, q}


@given(used=st.sets(st.integers(0, 3), min_size=1))
def test_some_of_several(used):
    """Any of several results, some made of others, of any shapes, have the gradients
    and the gradients of gradients that they have without."""
    p, q, r = (parameter(np.arange(1.0, 1.0 + n) / 7) for n in (2, 3, 1))

    def f():
        a = tanh(p)
        b = exp(q) * r
        return a, b, asum(a) * b[:2], penne.outer(b, a)

    def loss(wrap):
        results = wrap(f)()
        return sum(asum(results[k] ** 2 * (k + 1)) for k in used)

    same(loss(identity), loss(checkpoint))
    one, two = (
        [gradient(x, p), gradient(x, q)] for x in map(loss, (identity, checkpoint))
    )
    same(*(asum(a**2) + asum(b**3) for a, b in (one, two)))


def test_gradient_of_a_constant():
    """Of any input a gradient can be asked for."""
    w, x = parameter(np.array([0.3, -0.7])), constant(np.array([1.0, 2.0]))
    f = lambda: tanh(w * x)
    found = gradient(asum(checkpoint(f)()), [x, w])
    for a, b in zip(found, gradient(asum(f()), [x, w])):
        assert np.array_equal(compute_value(a), compute_value(b))


class Folded(Transducer):
    """A cell whose inside is recomputed."""

    def __init__(self, wrap):
        with penne.default_dtype("float64"):
            self.layer = Layer([3, 3], 3, rng=4)
        self.inside = wrap(lambda x, h: tanh(self.layer(x, h)) * 0.5)
        self.zero = constant(np.zeros(3))

    def start(self):
        self.h = self.zero

    @penne.cell
    def step(self, x):
        self.h = self.inside(x, self.h)
        return self.h


def test_in_a_cell():
    """A segment inside a cell: traced once, run at every size of batch."""
    a, b = Folded(identity), Folded(checkpoint)
    for shape in ((3,), (2, 3), (5, 3), (2, 3)):
        xs = [constant(np.full(shape, 0.1 * k)) for k in range(1, 5)]
        one = compute_gradients(sum(asum(h) for h in a.transduce(xs)))
        two = compute_gradients(sum(asum(h) for h in b.transduce(xs)))
        names = a.names()
        for n, p in b.names().items():
            assert np.allclose(one[names[n]], two[p], rtol=1e-12, atol=1e-14)


def test_as_a_cell():
    """What is computed again can be a cell, whatever it is given: a parameter, a
    constant or what was computed; and whether or not its numbers were used before."""
    v, w = (parameter(np.array([0.5, -0.5])) for _ in range(2))
    f = lambda h: tanh(h * 0.812583 + 0.5) * w
    for h in (v, constant([1.0, 2.0]), exp(w)):
        found = penne.cell(checkpoint(f))(h)
        same(asum(f(h)), asum(found))


def test_training_off():
    """What is not drawn is not drawn inside either."""
    _, loss = walk(checkpoint, [1, 2, 3, 4], 2)
    with penne.training(False):
        assert compute_value(loss) == compute_value(loss)


def test_shared():
    """Segments of the same steps are one op, whatever their symbols."""
    with penne.default_dtype("float64"):
        r = LSTM(-9, 2, rng=0)
    run = checkpoint(lambda some: [r.step(k) for k in some][-1])
    rng = np.random.default_rng(0)
    r.start()
    before = SEGMENTS.made
    for _ in range(12):
        h = run(rng.integers(0, 9, 6).tolist())
    assert SEGMENTS.made - before <= 2 * 2  # the first start is constant; h, and c
    assert len(compute_gradients(asum(h))) == len(r.parameters())


def test_copies():
    """A segment survives pickling and copying."""
    w = parameter(np.array([0.5, 0.25]))
    x, y, _ = checkpoint(lambda: (tanh(w) * w, exp(w), -w))()
    loss = asum(x * y)
    for made in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert compute_value(made) == compute_value(loss)
        (p,) = [x for x in penne.graph.topological([made]) if type(x) is Parameter]
        assert np.array_equal(compute_gradients(made)[p], compute_gradients(loss)[w])


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
def test_copied_transducers(copied):
    """The state of a copied transducer is a segment's output, as that of its like: its
    graph ends there."""
    sizes = []
    for r in (LSTM(3, 2, rng=0), copied(LSTM(3, 2, rng=0))):
        r.start()
        checkpoint(lambda xs, r=r: [r.step(x) for x in xs][-1])([np.ones(3)] * 20)
        sizes.append(len(topological([r.h])))
    assert sizes[0] == sizes[1] < 40


def test_takes_functions():
    """What is no function is refused."""
    with pytest.raises(TypeError, match="checkpoint: takes a function, got int"):
        checkpoint(3)


def peak(wrap, steps):
    """The most memory that gradients of a chain need, in bytes."""
    w = parameter(np.random.default_rng(0).normal(size=(32, 32)) / 6)
    length = int(steps**0.5)

    @wrap
    def run(h, count):
        for _ in range(count):
            h = tanh(h @ w + 0.1)
        return h

    tracemalloc.start()
    h = constant(np.full((16, 32), 0.5))
    for k in range(0, steps, length):
        h = run(h, min(length, steps - k))
    found = compute_gradients(asum(h**2))[w]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most, found


def test_memory():
    """A long chain needs a tenth of the memory, for the same gradient."""
    with penne.plain():
        kept, one = peak(identity, 900)
        recomputed, two = peak(checkpoint, 900)
    assert np.allclose(one, two, rtol=1e-12)
    assert recomputed < kept / 10
