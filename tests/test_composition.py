"""The algebra of transducers: what is made of them equals what it is made of."""

import copy

import numpy as np
import pytest
from fixtures import doubles, examples  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st
from transducers import twice

from penne import *
from penne.graph import topological
from penne.loops import Loop
from penne.recurrent.variants import StandardLSTM


def shifted(x):
    """Another one."""
    return tanh(constant(x)) + 0.25


N = 3
PARTS = {
    "Map": lambda seed: Map(twice),
    "Map(Layer)": lambda seed: Map(Layer(N, N, rng=seed)),
    "Simple": lambda seed: Simple(N, N, rng=seed),
    "LSTM": lambda seed: LSTM(N, N, rng=seed),
    "GRU": lambda seed: GRU(N, N, rng=seed),
    "Stack()": lambda seed: Stack(),
    "Reverse": lambda seed: Reverse(StandardLSTM(N, N, rng=seed)),
    "Residual": lambda seed: Residual(GRU(N, N, rng=seed)),
    "Highway": lambda seed: Highway(Simple(N, N, rng=seed), N, rng=seed + 50),
    "Concat": lambda seed: Concat(LSTM(N, 1, rng=seed), GRU(N, 2, rng=seed + 50)),
    "Bidirectional": lambda seed: Bidirectional(
        LSTM(N, 1, rng=seed), GRU(N, 2, rng=seed + 50)
    ),
    "Parallel": lambda seed: (
        Parallel(Stack(), Reverse(GRU(N, 2, rng=seed))) >> GRU([N, 2], N, rng=seed + 50)
    ),
    "Feedback": lambda seed: Feedback(Simple([N, N], N, rng=seed), np.ones(N)),
    "around": lambda seed: Residual(
        Bidirectional(
            Highway(LSTM(N, N, rng=seed), N, rng=seed + 50),
            Reverse(Residual(GRU(N, N, rng=seed + 51))),
            join=add,
        )
    ),
}
makers = st.sampled_from(list(PARTS.values()))
every_part = pytest.mark.parametrize("make", PARTS.values(), ids=PARTS)
lengths = st.integers(1, 3)
few = examples(0.4)  # each builds and differentiates several networks


def xs_of(steps, batch=(), seed=0):
    """A sequence of vectors, time first."""
    return np.random.default_rng(seed).normal(0, 1, (steps, *batch, N))


def values(r, xs):
    """The outputs of r as one array, or a list of arrays."""
    ys = r.transduce(xs)
    return (
        [compute_value(y) for y in ys] if isinstance(ys, tuple) else compute_value(ys)
    )


def assert_equal(r, s, steps=4):
    """Two transducers give the same outputs and the same gradients on a batch."""
    xs = xs_of(steps, (2,))
    ours, theirs = r.transduce(xs), s.transduce(xs)
    found, expected = compute_value(ours), compute_value(theirs)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    found, expected = (compute_gradients(asum(ys**2)) for ys in (ours, theirs))
    sums = [sorted(g.sum() for g in some.values()) for some in (found, expected)]
    np.testing.assert_allclose(*sums, rtol=1e-9, atol=1e-9)


# --- one after the other --------------------------------------------------------------


@few
@given(makers, makers, makers, lengths)
def test_composition_is_associative(a, b, c, steps):
    """(a >> b) >> c, a >> (b >> c), Stack(a, b, c) and nested stacks are one."""
    a, b, c = a(0), b(1), c(2)
    left, right = (a >> b) >> c, a >> (b >> c)
    assert_equal(left, right, steps)
    assert_equal(left, Stack(a, b, c), steps)
    assert_equal(left, Stack(Stack(a, b), Stack(c)), steps)
    assert left.state.keys() == right.state.keys()
    assert list(left.names()) == list(right.names())


@few
@given(makers, makers, lengths)
def test_composition_is_composition(a, b, steps):
    """(a >> b).transduce is b.transduce after a.transduce, whatever looks ahead."""
    a, b, xs = a(0), b(1), xs_of(steps)
    layerwise = compute_value(b.transduce(a.transduce(xs)))
    np.testing.assert_allclose(values(a >> b, xs), layerwise, rtol=1e-12)


@every_part
def test_identity(make):
    """Stack() >> r and r >> Stack() are r; Stack() gives back what it is given; a list
    gives the outputs that an array gives."""
    assert_equal(Stack() >> make(0), make(0))
    assert_equal(make(0) >> Stack(), make(0))
    listed = [compute_value(constant(y)) for y in make(0).transduce(list(xs_of(4)))]
    np.testing.assert_allclose(values(make(0), xs_of(4)), listed, rtol=1e-12)
    xs = list(xs_of(3))
    assert all(x is y for x, y in zip(xs, Stack().transduce(xs)))


def test_maps_fuse():
    """Map(f) >> Map(g) is Map of g after f."""
    layer = Layer(N, N, rng=0)
    for f, g in [(twice, shifted), (layer, twice), (shifted, layer)]:
        assert_equal(Map(f) >> Map(g), Map(lambda x, f=f, g=g: g(f(x))))


def test_stacks_open():
    """``>>`` makes one flat stack, whose parts are the objects given."""
    a, b, c = LSTM(N, N, rng=0), Map(twice), GRU(N, N, rng=1)
    r = (a >> b) >> (Stack() >> c)
    assert [*map(id, r.layers)] == [*map(id, [a, b, c])]


def test_not_composed():
    """What is no transducer is an error that says what to write."""
    with pytest.raises(TypeError, match=r"takes transducers, got function.*Map\(f\)"):
        Stack() >> twice
    for make in (Residual, Reverse, Concat, Parallel):
        with pytest.raises(TypeError, match=r"takes transducers, got function"):
            make(twice)
    for make in (Bidirectional, lambda f, r: Bidirectional(r, f)):
        with pytest.raises(TypeError, match=r"takes transducers, got function"):
            make(twice, Stack())
    with pytest.raises(TypeError, match=r"takes transducers, got function"):
        Feedback(twice, 0.0)
    with pytest.raises(TypeError, match="at least one transducer"):
        Parallel()
    for made in (lambda: Residual(LSTM), lambda: Stack(LSTM)):
        with pytest.raises(TypeError, match=r"got the class .*write .*\(\.\.\.\)"):
            made()


# --- side by side ---------------------------------------------------------------------


@few
@given(makers, makers, lengths)
def test_parallel_projects(a, b, steps):
    """Each output of Parallel(a, b) is that of one of them, alone."""
    xs = xs_of(steps)
    first, second = values(Parallel(a(0), b(1)), xs)
    np.testing.assert_allclose(first, values(a(0), xs), rtol=1e-12)
    np.testing.assert_allclose(second, values(b(1), xs), rtol=1e-12)


@few
@given(makers, makers, makers, lengths)
def test_parallel_distributes(a, b, c, steps):
    """a >> Concat(b, c) is Concat(a >> b, a >> c)."""
    once = a(0) >> Concat(b(1), c(2))
    apart = Concat(a(0) >> b(1), a(0) >> c(2))
    xs = xs_of(steps)
    np.testing.assert_allclose(values(once, xs), values(apart, xs), rtol=1e-12)


@few
@given(makers, makers, lengths)
def test_concat(a, b, steps):
    """Concat(a, b) is Parallel(a, b) and then their concatenation."""
    both = Parallel(a(0), b(1)) >> Map(lambda ys: concatenate(ys, -1))
    assert_equal(Concat(a(0), b(1)), both, steps)
    total = Parallel(a(0), b(1), join=add)
    assert_equal(total, Parallel(a(0), b(1)) >> Map(lambda ys: add(*ys)), steps)


def test_tuples_of_outputs():
    """A list of inputs gives a list of tuples, an array a tuple of expressions, also
    for no steps; a cell of several inputs takes them."""
    r, xs = Parallel(GRU(N, 2, rng=0), Stack()), xs_of(4)
    assert [y.shape for y in r.transduce(xs)] == [(4, 2), (4, N)]
    assert [y.shape for y in r.transduce(xs[:0])] == [(0, 2), (0, N)]
    assert [len(ys) for ys in r.transduce(list(xs))] == [2] * 4
    assert (r >> LSTM([2, N], 5)).transduce(xs).shape == (4, 5)


# --- backwards ------------------------------------------------------------------------


@every_part
@examples(0.08)
@given(steps=lengths)
def test_reverse_is_an_involution(make, steps):
    """Reverse(Reverse(r)) is r."""
    assert_equal(Reverse(Reverse(make(0))), make(0), steps)


@few
@given(makers, lengths)
def test_reverse(make, steps):
    """Reverse(r) is r on the sequence turned round, turned round again."""
    xs = xs_of(steps, (2,))
    turned = values(make(0), xs[::-1])[::-1]
    np.testing.assert_allclose(values(Reverse(make(0)), xs), turned, rtol=1e-12)


@few
@given(makers, makers, lengths)
def test_reverse_distributes(a, b, steps):
    """Reverse(a >> b) is Reverse(a) >> Reverse(b); likewise side by side."""
    assert_equal(Reverse(a(0) >> b(1)), Reverse(a(0)) >> Reverse(b(1)), steps)
    apart = Concat(Reverse(a(0)), Reverse(b(1)))
    assert_equal(Reverse(Concat(a(0), b(1))), apart, steps)
    assert_equal(Reverse(Map(shifted)), Map(shifted), steps)


@few
@given(makers, makers, lengths)
def test_bidirectional(f, b, steps):
    """Bidirectional(f, b) is Concat(f, Reverse(b)); exchanging f and b and reversing
    time exchanges the halves."""
    both = Bidirectional(f(0), b(1))
    assert_equal(both, Concat(f(0), Reverse(b(1))), steps)
    xs = xs_of(steps)
    swapped = values(Reverse(Bidirectional(b(1), f(0))), xs)
    np.testing.assert_array_equal(
        values(both, xs), np.concatenate([swapped[:, N:], swapped[:, :N]], 1)
    )


def test_bidirectional_by_hand():
    """The halves are those of two runs of the cell by hand."""
    f, b, xs = LSTM(N, 2, rng=0), LSTM(N, 4, rng=1), xs_of(5)
    found = values(Bidirectional(f, b), xs)
    f.start()
    forward = [compute_value(f.step(x)) for x in xs]
    b.start()
    backward = [compute_value(b.step(x)) for x in xs[::-1]]
    np.testing.assert_allclose(found[:, :2], forward, rtol=1e-12)
    np.testing.assert_allclose(found[:, 2:], backward[::-1], rtol=1e-12)


def test_bidirectional_with_tied_weights():
    """A copy has a state of its own and the same weights; one transducer twice is an
    error that says so."""
    f = LSTM(N, 2, rng=0)
    with pytest.raises(ValueError, match=r"copy\.copy\(f\)"):
        Bidirectional(f, f)
    tied, free = Bidirectional(f, copy.copy(f)), Bidirectional(LSTM(N, 2, rng=0), f)
    assert tied.n_params() * 2 == free.n_params()
    assert_same_values = np.testing.assert_array_equal
    assert_same_values(values(tied, xs_of(4)), values(free, xs_of(4)))


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


def test_no_step_ahead():
    """What looks ahead has no step, and neither has what is made of it: the message
    says what to write."""
    for r in (
        Reverse(LSTM(N, 2)),
        Bidirectional(LSTM(N, 2), LSTM(N, 2)),
        Stack(Map(twice), Reverse(LSTM(N, 2))),
        Residual(Reverse(LSTM(N, N))),
    ):
        assert not r.causal
        r.start()
        with pytest.raises(TypeError, match=r"no step.*write transduce"):
            r.step(np.ones(N))
        with pytest.raises(TypeError, match=r"Feedback.*looks ahead"):
            Feedback(r, np.ones(N))


@every_part
def test_empty(make):
    """No inputs, no outputs, of the shape that they would have."""
    assert make(0).transduce([]) == []
    ys = make(0).transduce(xs_of(0, (2,)))
    assert ys.shape == (0, 2, N)
    assert compute_gradients(asum(ys)) == {}


# --- around ---------------------------------------------------------------------------


@few
@given(makers, lengths)
def test_residual(make, steps):
    """Residual(r) is r plus the input; of what gives nothing, the input."""
    xs = xs_of(steps)
    added = values(make(0), xs) + xs
    np.testing.assert_allclose(values(Residual(make(0)), xs), added, rtol=1e-12)
    assert_equal(Residual(Map(lambda x: x * 0.0)), Stack(), steps)


@few
@given(makers, lengths)
def test_highway(make, steps):
    """A gate wide open gives r, a shut one the input, any other what lies between as
    the gate says."""
    xs = xs_of(steps)
    ys = values(make(0), xs)
    for bias, expected in [(800.0, ys), (-800.0, xs)]:
        found = values(Highway(make(0), N, bias=bias), xs)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    r = Highway(make(0), N, rng=7)
    W, b = r.gate.weights[0].value, r.gate.bias.value
    assert (b == -1).all()
    t = 1 / (1 + np.exp(-(xs @ W + b)))
    np.testing.assert_allclose(values(r, xs), t * ys + (1 - t) * xs, rtol=1e-12)


# --- fed back -------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [(), (2,)])
def test_feedback(batch):
    """The output is one more input at the next step."""
    layer, first = LSTM([N, 2], 2, rng=0), np.array([0.5, -1.0])
    xs = xs_of(5, batch)
    found = values(Feedback(layer, first), xs)
    layer.start()
    y, expected = first, []
    for x in xs:
        y = compute_value(layer.step((x, y)))
        expected.append(y)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [LSTM, GRU, Simple, StandardLSTM])
def test_no_place_for_the_output(kind):
    """A cell that has no size for what is fed back is an error, even where the sizes
    of state and output are the same."""
    r = Feedback(kind(N, 4), np.zeros(4))
    with pytest.raises(TypeError, match=r"takes .*, got"):
        r.transduce(xs_of(2))


def test_feedback_of_several_inputs():
    """The output comes after several inputs of the step."""
    layer = GRU([N, -4, 2], 2, rng=0)
    r = Feedback(layer, np.zeros(2))
    r.start()
    y = r.step((np.ones(N), 3))
    layer.start()
    expected = compute_value(layer.step((np.ones(N), 3, np.zeros(2))))
    np.testing.assert_allclose(compute_value(y), expected)


def test_generator():
    """Without inputs it goes on by itself, from a first symbol, feeding back the
    likeliest: an orbit in a table of what follows what."""
    after = np.array([2, 0, 3, 1])
    table = Map(lambda k: log(constant(np.eye(4) + 1e-9)[after][k]))
    r = Feedback(table, 0, feed=argmax)
    found = [int(compute_value(argmax(y))) for y in r.transduce([None] * 6)]
    assert found == [2, 3, 1, 0, 2, 3]
    r.start()
    assert int(compute_value(argmax(r.step()))) == 2


def test_feedback_from_what_is_learnt():
    """A parameter as first is learnt, and stays one when the history is cut."""
    first = parameter(np.ones(2))
    r = Feedback(Simple([N, 2], 2, rng=0), first)
    assert first in r.parameters().values()
    loss = asum(r.transduce(xs_of(3)) ** 2)
    np.testing.assert_allclose(
        compute_gradients(loss)[first], check_gradients(loss)[first], rtol=1e-5
    )


# --- state ----------------------------------------------------------------------------

CAUSAL = {k: make for k, make in PARTS.items() if make(0).causal}


@pytest.mark.parametrize("make", CAUSAL.values(), ids=CAUSAL)
def test_state(make):
    """State is saved, restored and cut through what is composed."""
    r, xs = Residual(Highway(make(0), N, rng=9)) >> make(1), xs_of(6)
    expected = values(r, xs)
    r.start()
    for x in xs[:3]:
        r.step(x)
    state = r.state
    for again in (lambda: None, r.detach):
        r.state = state
        again()
        found = [compute_value(r.step(x)) for x in xs[3:]]
        np.testing.assert_allclose(found, expected[3:], rtol=1e-12)


@pytest.mark.parametrize("make", CAUSAL.values(), ids=CAUSAL)
def test_detach(make):
    """What follows a detached state depends on no step before it."""
    r = Concat(make(0), Residual(make(1)))
    r.start()
    first = parameter(xs_of(1)[0])
    r.step(first)
    r.detach()
    assert first not in topological([r.step(xs_of(1)[0])])
