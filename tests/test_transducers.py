"""The laws of transducers, over a table of all of them."""

import copy
import pickle
from abc import ABC, abstractmethod
from collections import deque, namedtuple
from functools import partial

import numpy as np
import pytest
from documented import Documented
from fixtures import doubles  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.graph import topological
from penne.recurrent.variants import FGR, SimplifiedGRU, StandardLSTM
from penne.testing import every_transducer as every_row
from penne.testing.transducer_laws import transducer_report

V = 5


def documented(insize, outsize):
    """The class of the original documentation, with the same weights each time."""
    r, rng = Documented(insize, outsize), np.random.default_rng(0)
    for p in r.parameters().values():
        p.value = rng.normal(0, 0.5, p.shape)
    return r


class Sum(Transducer):
    def start(self):
        self.total = constant(0.0)

    def step(self, inp):
        self.total = self.total + inp
        return self.total


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
OTHERS = ["Documented", "Learned", "Sum", "Window", "Stack of Stacks", "around"]
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


# --- transduce ------------------------------------------------------------------------


@every_row
def test_laws(row):
    """Every law of transducers holds for each of penne's, on vectors and symbols."""
    for insize in row.insizes:
        make = partial(row.make, insize)
        report = transducer_report(row.name, make, insize, None, row.without, 2)
        assert report.broken == []


@pytest.mark.parametrize("make", [TABLE[name] for name in OTHERS], ids=OTHERS)
@every_kind
def test_laws_of_others(make, kind):
    """They hold for a user's classes too; those made in a function do not pickle."""
    report = transducer_report("", lambda: make(SIZE[kind]), SIZE[kind], None, (), 2)
    assert report.broken == []


@every_transducer
@every_kind
@pytest.mark.parametrize("batch", [(1,), (2, 2)])
def test_batch(make, kind, batch):
    """A batch is each of its sequences alone, in outputs and in gradients."""
    r, xs = make(SIZE[kind]), inputs(kind, 4, batch)
    ys = values(r.transduce(xs))
    for index in np.ndindex(batch):
        one = values(r.transduce(xs[:, *index]))
        np.testing.assert_allclose(ys[:, *index], one, rtol=1e-12, atol=1e-12)
    if r.parameters():
        whole = compute_gradients(asum(r.transduce(xs) ** 2))
        flat = xs.reshape(4, -1, *xs.shape[1 + len(batch) :])
        parts = [
            compute_gradients(asum(r.transduce(flat[:, k]) ** 2))
            for k in range(flat.shape[1])
        ]
        for p, g in whole.items():
            np.testing.assert_allclose(g, sum(part[p] for part in parts), atol=1e-10)


FORMS = {
    "list": list,
    "tuple": tuple,
    "iterator": iter,
    "generator": lambda xs: (x for x in xs),
    "expressions": lambda xs: [constant(x) for x in xs],
    "array": lambda xs: xs,
    "expression": constant,
    "computed": lambda xs: constant(xs) + np.zeros_like(xs),
    "numbers": lambda xs: xs.tolist(),
}
TWICE = [FORMS[form] for form in ("list", "array", "numbers")]  # with no batch too


@every_transducer
@every_kind
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms(make, kind, form):
    """Any iterable gives the list of outputs, an array or an expression one
    expression of them, and the outputs are the same; a batch of symbols may be a
    list of ints."""
    r = make(SIZE[kind])
    for batch in [(), (2,)] if form in TWICE else [(2,)]:
        xs = inputs(kind, 4, batch)
        if kind == "vectors" and form is FORMS["numbers"]:
            xs = xs.round(3)
            given = [np.array(x) for x in xs]
        else:
            given = form(xs)
        found = r.transduce(given)
        whole = isinstance(given, (Expression, np.ndarray))
        assert isinstance(found, Expression) == whole
        assert_close(found, [r.step(x) for x in (r.start(), xs)[1]])


@every_transducer
@every_kind
@pytest.mark.parametrize("batch", [(), (2,), (0,)])
def test_empty(make, kind, batch):
    """No inputs, no outputs: [] of a list, an expression without steps of an array,
    of the shape and dtype that outputs have; the state is that of the start."""
    r, xs = make(SIZE[kind]), inputs(kind, 2, batch)
    assert r.transduce([]) == []
    shape = r.transduce(xs).shape[1:]
    r.start()
    before = r.state
    for empty in (xs[:0], constant(xs[:0]), constant(xs)[2:]):
        ys = r.transduce(empty)
        assert isinstance(ys, Expression)
        assert ys.shape == (0, *shape)
        assert ys.dtype == r.transduce(xs).dtype
        r.transduce(empty)
        assert flattened(r.state) == flattened(before)
    assert compute_gradients(asum(r.transduce(xs[:0]))) == {}


def flattened(state):
    """A state as text, to be compared."""
    return {path: str(value) for path, value in state.items()}


def test_empty_list_of_symbols():
    """An empty batch of symbols is a batch: no rows, at every step."""
    assert LSTM(-V, 3).transduce([[], []])[1].shape == (0, 3)


# --- several inputs -------------------------------------------------------------------


@pytest.mark.parametrize("cell", [Simple, LSTM, GRU, StandardLSTM])
@pytest.mark.parametrize("wrap", [lambda r: r, Stack, lambda r: Stack(Stack(), r)])
def test_several_inputs(cell, wrap):
    """Several inputs are a tuple; a cell of sizes [n, m] given (x, y) is the cell of
    size n + m with the weights one above the other given x and y joined."""
    r, twin = cell([2, -V, 1], 3, rng=0), cell(2 + V + 1, 3, rng=0)
    layers = zip(r.modules().values(), twin.modules().values())
    for one, other in layers:
        if isinstance(one, Layer):
            *parts, U = (w.value for w in one.weights[:4])
            other.weights[0].value = np.concatenate(parts)
            for target, source in zip(other.weights[1:], [U, *one.weights[4:]]):
                target.value = getattr(source, "value", source)
    rng = np.random.default_rng(1)
    xs, cs, zs = rng.normal(0, 1, (4, 2)), [4, 0, 2, 2], rng.normal(0, 1, (4, 1))
    joined = np.concatenate([xs, np.eye(V)[cs], zs], axis=1)
    assert_close(wrap(r).transduce(zip(xs, cs, zs)), twin.transduce(list(joined)))


def test_several_inputs_of_a_map():
    """Map(layer) opens a tuple as the layer does."""
    layer = Layer([2, -V], 3, rng=0)
    assert_same(Map(layer).transduce([(np.ones(2), 1)]), [layer(np.ones(2), 1)])


# --- composition ----------------------------------------------------------------------


@every_kind
def test_stack_is_composition(kind):
    """Stack(a, b) transduces as b after a, exactly, and how stacks are nested does
    not matter."""
    xs = list(inputs(kind, 4))
    a, b, c = LSTM(SIZE[kind], 4, rng=0), Map(twice), GRU(4, 2, rng=1)
    layerwise = c.transduce(b.transduce(a.transduce(xs)))
    for r in (
        Stack(a, b, c),
        Stack(a, Stack(b, c)),
        Stack(Stack(a, b), c),
        Stack(Stack(), a, Stack(Stack(b), c)),
    ):
        assert_same(r.transduce(xs), layerwise)


@given(steps=st.integers(0, 4))
def test_stack_of_none(steps):
    """Stack() is the identity, on lists, arrays, symbols and what is no array."""
    xs = inputs("vectors", steps)
    found = Stack().transduce(items := list(xs))
    assert list(map(id, found)) == list(map(id, items))
    np.testing.assert_array_equal(values(Stack().transduce(xs)), xs)
    assert Stack().transduce("abc") == ["a", "b", "c"]


def test_map():
    """Map(f) applies f to each input; any function will do."""
    assert Map(len).transduce(["a", "bcd"]) == [1, 3]
    layer = Layer(3, 2, rng=0)
    xs = inputs("vectors", 4)
    assert_same(Map(layer).transduce(list(xs)), [layer(x) for x in xs])
    assert_close(Map(layer).transduce(xs), layer(xs))


def test_wrong_parts():
    """What is no transducer, or no function, is an error that says what is taken."""
    with pytest.raises(TypeError, match=r"Stack: takes transducers.*write Map\(f\)"):
        Stack(LSTM(2, 3), tanh)
    with pytest.raises(TypeError, match="Map: takes a function"):
        Map(3)
    with pytest.raises(TypeError, match="define step"):
        Transducer().step(1)
    with pytest.raises(AttributeError, match=r"'h'.*start\(\)"):
        LSTM(2, 3).step(np.ones(2))


@pytest.mark.parametrize("cell", [Simple, LSTM, GRU])
def test_alphabet_of_one(cell):
    """-1 is one symbol: axes of an input are those of a batch."""
    r = cell(-1, 2, rng=0)
    assert r.transduce(np.zeros((3, 4), int)).shape == (3, 4, 2)
    assert [y.shape for y in r.transduce([0, 0])] == [(2,), (2,)]


def test_symbol_outside():
    """A symbol out of range is an error at its step, with the symbol."""
    for text in ([0, V], np.array([0, V]), [[0, 1], [1, -1]]):
        with pytest.raises(IndexError, match=r"symbol (5|-1) is outside \[0, 5\)"):
            LSTM(-V, 3).transduce(text)


# --- state ----------------------------------------------------------------------------


@every_transducer
def test_beam(make):
    """Two continuations of one state do not disturb each other."""
    r, xs = make(3), inputs("vectors", 4)
    r.start()
    r.step(xs[0])
    states = [r.state, r.state]
    found = [[], []]
    for x in xs[1:]:
        for k in (0, 1):
            r.state = states[k]
            found[k].append(r.step(x if k else -x))
            states[k] = r.state
    assert_same(found[1], r.transduce(list(xs))[1:])
    assert_same(found[0], r.transduce([xs[0], *-xs[1:]])[1:])


def test_start_from():
    """A decoder started from its encoder goes on in its state, also in stacks, and
    its gradient reaches the encoder."""
    one, two = (Stack(LSTM(3, 2, rng=k), Map(tanh), GRU(2, 4, rng=k)) for k in (0, 1))
    xs = inputs("vectors", 4)
    one.transduce(list(xs))
    two.start_from(one)
    assert two.state == one.state
    two.state = one.state
    expected = values([two.step(x) for x in xs])
    two.start_from(one)
    ys = [two.step(x) for x in xs]
    assert_same(ys, expected)
    assert {*one.parameters().values()} <= compute_gradients(asum(ys[-1])).keys()


def test_start_from_draws_masks_anew():
    """A mask of dropout is of one network alone."""
    one, two = (LSTM(3, 2, rng=k, gal_dropout=p) for k, p in ((0, 0.5), (1, 0.5)))
    quiet = LSTM(3, 2)
    one.transduce([np.ones(3)])
    two.start_from(one)
    assert two.h is one.h
    assert two.mask is not one.mask
    quiet.start_from(one)
    assert set(quiet.state) == {"h", "c"}


def test_start_from_another_kind():
    """Another state, of other sizes, or none yet, is refused."""
    r, other = LSTM(3, 2), GRU(3, 2)
    with pytest.raises(ValueError, match=r"takes the state \['c', 'h'\].*run it first"):
        r.start_from(LSTM(3, 2))
    other.start()
    with pytest.raises(TypeError, match="start_from: takes a transducer, got dict"):
        r.start_from({})
    with pytest.raises(ValueError, match=r"the other is in \['h'\]"):
        r.start_from(other)
    other.transduce([np.ones(3)])
    with pytest.raises(ValueError, match=r"h has size \(5,\) here, \(2,\) there"):
        GRU(3, 5).start_from(other)


def test_state_by_path():
    """State is found by attribute path, in nested transducers too; what __init__
    assigned is none, and a transducer not run has none."""
    r = Stack(LSTM(3, 2), Map(tanh), Stack(Simple(2, 2)))
    assert r.state == {}
    r.start()
    assert set(r.state) == {"layers.0.h", "layers.0.c", "layers.2.layers.0.h"}
    r.state = {}
    assert r.state == {}
    with pytest.raises(ValueError, match=r"no transducer at 'layers\.7'"):
        r.state = {"layers.7.h": constant(0.0)}


def test_state_of_every_kind():
    """Lists, dicts, tuples, arrays, sets, deques and counters among the state are
    kept as they were, at any depth."""
    Pair = namedtuple("Pair", "a b")

    class Kinds(Transducer):
        def start(self):
            self.list, self.dict = [[0]], {"x": [0]}
            self.array, self.set = np.zeros(2), {0}
            self.deque, self.pair = deque([0], 2), Pair([0], constant(0.0))

        def step(self, inp):
            self.list[0].append(inp)
            self.dict["x"][0] += inp
            self.array += inp
            self.set.add(inp)
            self.deque.append(inp)
            self.pair.a[0] += inp
            return str(vars(self))

    r = Kinds()
    r.start()
    r.step(1)
    state = r.state
    expected = r.step(2)
    for _ in range(2):
        r.state = state
        assert r.step(2) == expected
    r.detach()
    assert type(r.pair) is Pair
    assert r.deque.maxlen == 2


def test_setting_a_state_keeps_the_rest():
    """A layer put on, or exchanged, after construction is no state and stays."""
    r = Simple(3, 2, rng=0)
    r.start()
    state = r.state
    r.extra, r.layer = Layer(2, 2), Layer([3, 2], 2, rng=1)
    extra, layer = r.extra, r.layer
    r.state = state
    assert (r.extra, r.layer) == (extra, layer)


@every_transducer
@every_kind
def test_detach(make, kind):
    """``detach`` changes no value, but what follows depends on no step before it."""
    r, xs = make(SIZE[kind]), inputs(kind, 6)
    expected = values(r.transduce(list(xs)))
    first = constant(xs[0]) + xs[0] * 0
    r.start()
    r.step(first)
    ys = [r.step(x) for x in xs[1:3]]
    old = set(topological(ys)) - set(r.parameters().values())
    r.detach()
    ys = [r.step(x) for x in xs[3:]]
    np.testing.assert_allclose(values(ys), expected[3:], rtol=1e-12)
    shared = [x for x in topological(ys) if x in old]
    assert not [x for x in shared if x.op is not None]
    assert first not in topological(ys)


def test_detach_of_values():
    """A mapping from ``receive`` spares computing the state again, and a later
    change of a parameter does not change what was detached."""
    r, xs = Learned(3, 3, rng=0), inputs("vectors", 3)
    ys = r.transduce(list(xs))
    values = {}
    SGD().receive(asum(ys[-1] ** 2), values)
    h = r.state_of["h"]
    expected = values[h].copy()
    r.detach(values)
    np.testing.assert_array_equal(r.state_of["h"].value, expected)
    assert isinstance(r.state_of["past"], tuple)
    r.layer.bias.value += 1
    np.testing.assert_array_equal(compute_value(r.state_of["h"]), expected)


def test_detach_copies():
    """What was detached is no view of a parameter: training does not change it."""
    r = Simple(3, 2, rng=0)
    r.start()
    w = parameter(np.zeros((2, 2)))
    r.h = reshape(w, (4,))[1:3]
    r.detach()
    w.value += 1
    assert (compute_value(r.h) == 0).all()


def test_detach_keeps_a_learned_start():
    """A parameter that is state, set after construction, goes on being learnt."""
    r = Simple(3, 2, rng=0)
    r.h0 = parameter(np.zeros(2))
    r.start()
    r.detach()
    assert r.h is r.h0
    assert r.h0 in compute_gradients(asum(r.step(np.ones(3))))


# --- copies ---------------------------------------------------------------------------


@every_transducer
@every_kind
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))],
    ids=["deepcopy", "pickle"],
)
def test_copies(make, kind, copied):
    """A copy, made in the middle of a text, goes on as its original would, has
    parameters of its own, and can be started, rewound and detached."""
    r, xs = make(SIZE[kind]), inputs(kind, 5)
    r.start()
    r.step(xs[0])
    other = copied(r)
    assert other.parameters().keys() == r.parameters().keys()
    assert not set(other.parameters().values()) & set(r.parameters().values())
    state = other.state
    expected = values([r.step(x) for x in xs[1:]])
    found = values([other.step(x) for x in xs[1:]])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    other.state = state
    other.detach()
    found = values([other.step(x) for x in xs[1:]])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert_same(other.transduce(list(xs)), r.transduce(list(xs)))
    for p in other.parameters().values():
        p.value = p.value + 1
    if r.parameters():
        assert (values(other.transduce(xs)) != values(r.transduce(xs))).any()


# --- what a user may write ------------------------------------------------------------


def test_subclass_of_an_abstract_class():
    """A transducer may also be an abstract class's child."""

    class Named(ABC):
        @abstractmethod
        def name(self): ...

    class NamedSum(Sum, Named):
        def name(self):
            return "sum"

    assert compute_value(NamedSum().transduce([1.0, 2.0])[1]) == 3
    with pytest.raises(TypeError, match="abstract"):
        type("Nameless", (Sum, Named), {})()


def test_subclass_of_a_cell():
    """A child may extend the state of its parent; all of it is state."""

    class Counting(LSTM):
        def start(self):
            super().start()
            self.steps = 0

        def step(self, inp):
            self.steps += 1
            return super().step(inp) * self.steps

    r, xs = Counting(3, 2, rng=0), inputs("vectors", 3)
    assert_close(
        r.transduce(xs), values(LSTM(3, 2, rng=0).transduce(xs)) * [[1], [2], [3]]
    )
    assert set(r.state) == {"h", "c", "steps"}


def test_no_start():
    """A transducer without state needs no ``start``."""

    class Square(Transducer):
        def step(self, inp):
            return inp * inp

    assert Square().transduce([1, 2, 3]) == [1, 4, 9]


def test_long():
    """A thousand steps and more need no deeper stack."""
    r = Simple(1, 1, rng=0)
    loss = asum(r.transduce(np.ones((3000, 1))))
    assert len(compute_gradients(loss)) == 3
