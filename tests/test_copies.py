"""Copies of transducers, and one transducer in two places."""

import copy

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from parts import PARTS, N, assert_equal, values, xs_of
from transducers import twice

from penne import *
from penne.graph import topological
from penne.loops import Loop


class Own(Transducer):
    """Transducers in a module, a dict and a tuple, one of them twice, and a list that
    is written to."""

    def __init__(self, seed):
        self.module = Module()
        self.module.cell = Simple(N, N, rng=seed)
        self.cells = {"pair": (self.module.cell, LSTM(N, N, rng=seed + 1))}
        self.seen = []

    def start(self):
        for cell in self.cells["pair"]:
            cell.start()
        self.seen.clear()
        self.total = np.zeros(N)

    def step(self, inp):
        self.seen.append(inp)
        self.total += np.ones(N)
        for cell in self.cells["pair"]:
            inp = cell.step(inp)
        return inp + len(self.seen) + self.total


@pytest.mark.parametrize("make", [*PARTS.values(), Own], ids=[*PARTS, "own"])
def test_copy(make):
    """A copy, at any depth, has the same weights and nothing else in common: what one
    reads does not change the other, which goes on from where it was copied."""
    r, xs = make(0), xs_of(6)
    r.start()
    r.read(list(xs[:2]))
    s = copy.copy(r)
    assert s.parameters() == r.parameters()
    assert s.transducers().keys() == r.transducers().keys()
    theirs = [*map(id, r.transducers().values())]
    assert not {*map(id, s.transducers().values())} & {*theirs}
    found = [s.read([x]).last for x in xs[2:4]]
    expected = [r.read([x]).last for x in xs[2:4]]
    np.testing.assert_array_equal(*map(compute_value, map(stack, [found, expected])))
    s.state = {}
    assert s.state == {}
    assert_equal(s, make(0))
    tied, free = Bidirectional(r, s), Bidirectional(r, copy.deepcopy(r))
    np.testing.assert_array_equal(values(tied, xs), values(free, xs))


def test_copy_shares_layers():
    """A layer exchanged before the copy is that of both, and no state of either."""
    r = Residual(Simple(N, N, rng=0))
    r.layer.layer = Layer([N, N], N, rng=1)
    r.layer.h0 = parameter(np.ones(N))
    s = copy.copy(r)
    assert s.layer.layer is r.layer.layer
    s.state = {}
    assert (s.layer.layer, s.layer.h0) == (r.layer.layer, r.layer._built["h0"])
    assert copy.copy(Map(r.layer.layer)).f is r.layer.layer


TWICE = {
    "twice": lambda a, b: Stack(a, a),
    "apart": lambda a, b: Stack(a, Map(Layer(N, N, rng=2)), b, a),
    "nested": lambda a, b: Stack(Residual(a), Stack(b, a)),
    "beside": lambda a, b: Stack(Highway(a, N), b, Concat(a, a)),
    "within": lambda a, b: Parallel(Stack(a, b), Stack(b, a), join=add),
}


@pytest.mark.parametrize("make", TWICE.values(), ids=TWICE)
@pytest.mark.parametrize("kind", [Simple, LSTM])
def test_one_in_two_places(make, kind):
    """A transducer in two places has one state, which both move on at every step:
    a sequence that is read is each of its steps, masked or not."""
    r = make(kind(N, N, rng=0), GRU(N, N, rng=1))
    xs = xs_of(5, (2,))
    r.start()
    expected = [compute_value(r.step(x)) for x in xs]
    ended = {path: compute_value(x) for path, x in r.state.items()}
    np.testing.assert_allclose(values(r, xs), expected, rtol=1e-12)
    for path, value in ended.items():
        np.testing.assert_allclose(compute_value(r.state[path]), value, rtol=1e-12)
    masked = compute_value(unroll(r, xs, lengths=[5, 2]).outputs)
    np.testing.assert_allclose(masked[:, 0], np.array(expected)[:, 0], rtol=1e-12)
    np.testing.assert_allclose(masked[:2, 1], np.array(expected)[:2, 1], rtol=1e-12)


SHARED = {
    "directions": lambda a, b: Bidirectional(Stack(a, Map(twice)), Stack(a, b)),
    "one turned round": lambda a, b: Concat(a, Reverse(a)),
    "two of three": lambda a, b: Parallel(b, Residual(Reverse(a)), Highway(a, N)),
    "one after another": lambda a, b: Stack(a, Reverse(b), a),
    "deeper": lambda a, b: Stack(Reverse(b), Residual(Highway(b, N))),
    "what is fed back": lambda a, b: (lambda fed: Concat(fed >> a, fed >> Reverse(b)))(
        Feedback(Map(sum), 0.0)
    ),
}


@pytest.mark.parametrize("make", SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("read", [Transducer.transduce, unroll])
def test_one_state_for_whole_sequences(make, read):
    """What reads a whole sequence shares no state with what reads it after that; the
    message says what to write."""
    with pytest.raises(ValueError, match=r": \w+ is in two .*write copy\.copy"):
        read(make(LSTM(N, N, rng=0), GRU(N, N, rng=1)), xs_of(3))


def test_no_state_in_two_places():
    """What has no state may be anywhere, and sequences are read as before."""
    m, a, b = Map(Layer(N, N, rng=2)), LSTM(N, N, rng=0), GRU(N, N, rng=1)
    same = [Map(m.f) for _ in range(3)]
    tied = Bidirectional(m >> a >> Residual(m), m >> b)
    free = Bidirectional(same[0] >> a >> Residual(same[1]), same[2] >> b)
    np.testing.assert_array_equal(values(tied, xs_of(4)), values(free, xs_of(4)))
    ys = Stack(m, a, m, Residual(m)).transduce(xs_of(4))
    assert sum(isinstance(x.op, Loop) for x in topological([ys])) == 4
