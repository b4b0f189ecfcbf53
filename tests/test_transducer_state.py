"""The state of a transducer: started, kept, given back, cut off."""

import copy
import pickle
from collections import deque, namedtuple

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from transducers import (
    SIZE,
    Learned,
    assert_same,
    every_kind,
    every_transducer,
    inputs,
    twice,
    values,
)

from penne import *
from penne.graph import topological


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


@pytest.mark.parametrize("inner", [lambda r: r, lambda r: Stack(Map(twice), r)])
@pytest.mark.parametrize("p", [0.0, 0.5])
def test_start_from_what_had_masks(inner, p):
    """An encoder that has read a batch, under masks, and was detached, hands on its
    state but none of its masks, to a decoder with masks of its own or without."""
    one = inner(LSTM(3, 2, rng=0, gal_dropout=0.5))
    two = inner(LSTM(3, 2, rng=1, gal_dropout=p))
    two.start()
    names, memory = two.state.keys(), [k for k in two.state if not k.endswith("mask")]
    for given in ({}, {"lengths": [4, 2, 0]}, {"mask": np.eye(4, 3)}):
        unroll(one, np.ones((4, 3, 3)), **given)
        for _ in range(2):
            two.start_from(one)
            assert two.state.keys() == names
            assert all(two.state[path] is one.state[path] for path in memory)
            masks = [x for path, x in one.state.items() if path not in memory]
            assert not set(two.state.values()) & set(masks)
            assert two.step(np.ones((3, 3))).shape == (3, 2)
            one.detach()


def test_start_from_another_kind():
    """Another state, of other sizes, or none yet, is refused."""
    r, other = LSTM(3, 2), GRU(3, 2)
    with pytest.raises(ValueError, match=r"takes the state \['c', 'h'\].*run it first"):
        r.start_from(LSTM(3, 2))
    other.start()
    with pytest.raises(TypeError, match="start_from: takes transducers, got dict"):
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


@pytest.mark.parametrize("state", [np.zeros(2), (zeros(2), zeros(2)), None])
def test_what_is_no_state(state):
    """A state is a mapping: as anything else it is an error that says what it is, and
    nothing has changed."""
    r = LSTM(3, 2)
    r.start()
    before = r.state
    with pytest.raises(
        TypeError, match=r"^state: a state maps names to values, as r\.s"
    ):
        r.state = state
    assert r.state == before
    if state is not None:
        with pytest.raises(TypeError, match=r"^unroll: a state maps names to values"):
            unroll(r, np.zeros((2, 3)), state=state)


def test_part_of_a_state():
    """A state that lacks a part is missed at the step, which says how to keep it."""
    r = LSTM(3, 2)
    r.start()
    part, whole = {"h": zeros(2)}, r.state
    r.state = part
    with pytest.raises(AttributeError, match=r"'c'; .*r\.state = r\.state \| \{"):
        r.step(np.zeros(3))
    r.state = whole | part
    r.step(np.zeros(3))


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


class Rebuilt(Transducer):
    """One that says itself how it is made again."""

    def __init__(self, size):
        self.size, self.weights = size, parameter(np.ones(size))

    def step(self, inp):
        return self.weights * inp

    def __reduce__(self):
        return Rebuilt, (self.size,), self.__dict__.copy()


def test_a_class_with_its_own_reduce():
    """It is copied and pickled as it says."""
    r = Rebuilt(3)
    r.weights.value = np.arange(3)
    for made in (copy.copy(r), copy.deepcopy(r), pickle.loads(pickle.dumps(r))):
        assert made.size == 3
        np.testing.assert_array_equal(made.weights.value, [0, 1, 2])
