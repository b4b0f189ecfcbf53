"""The laws of transducers, over a table of all of them."""

import copy
import pickle
from abc import ABC, abstractmethod
from functools import partial

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st
from transducers import (
    OTHERS,
    SIZE,
    TABLE,
    Sum,
    V,
    assert_close,
    assert_same,
    every_kind,
    every_transducer,
    inputs,
    twice,
    values,
)

from penne import *
from penne.recurrent.variants import StandardLSTM
from penne.testing import every_transducer as every_row
from penne.testing.transducer_laws import transducer_report

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


class Cached(Transducer):
    """Has an attribute that is not to be pickled, and numbers that are."""

    def __init__(self):
        self.cell, self.rate, self.cache = LSTM(3, 300, rng=0), 0.5, (x for x in "abc")

    def __getstate__(self):
        held, slots = super().__getstate__()
        return {name: x for name, x in held.items() if name != "cache"}, slots

    def start(self):
        self.cell.start()

    def step(self, inp):
        return self.cell.step(inp) * self.rate


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_is_not_pickled(protocol):
    """A class may leave attributes out of pickles and copies; what is state stays what
    it was, and one can start from the other."""
    r, xs = Cached(), inputs("vectors", 3)
    for around in (r, Stack(r)):
        expected = around.transduce(xs)
        unpickled = pickle.loads(pickle.dumps(around, protocol))
        for other in (unpickled, copy.copy(around), copy.deepcopy(around)):
            assert other.state.keys() == around.state.keys()
            other.start_from(around)
            assert other.state.keys() == around.state.keys()
            assert_same(other.transduce(xs), expected)


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
