"""The algebra of transducers: what is made of them equals what it is made of."""

import copy

import numpy as np
import pytest
from fixtures import doubles, examples  # noqa: F401  # for every test here
from hypothesis import given
from parts import (
    PARTS,
    N,
    assert_equal,
    every_part,
    few,
    lengths,
    makers,
    values,
    xs_of,
)
from transducers import twice

from penne import *
from penne.graph import topological


def shifted(x):
    """Another one."""
    return tanh(constant(x)) + 0.25


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
