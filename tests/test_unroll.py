"""``unroll``: each sequence of a batch gets what it would get alone."""

import numpy as np
import pytest
from batches import N, alone, close, inputs, leaves
from fixtures import doubles, examples  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from transducers import Sum

from penne import *
from penne.graph import topological
from penne.recurrent.variants import StandardLSTM

V = 5


class Nested(Transducer):
    """A state in tuples, lists and dicts, and a first state that is learnt."""

    def __init__(self):
        self.layer = Layer([N, 2], 2, rng=0)
        self.h0 = parameter(np.array([0.5, -1.0]))

    def start(self):
        self.held = {"h": self.h0, "past": (self.h0, [self.h0])}

    def step(self, inp):
        h, (before, _) = self.held["h"], self.held["past"]
        self.held = {"h": self.layer(inp, before), "past": (h, [h])}
        return self.held["h"]


TABLE = {
    "Simple": lambda: Simple(N, 2, rng=0),
    "LSTM": lambda: LSTM(N, 2, rng=0),
    "GRU": lambda: GRU(N, 2, rng=0),
    "StandardLSTM": lambda: StandardLSTM(N, 2, rng=0),
    "Sum": Sum,
    "Nested": Nested,
    "Map": lambda: Map(Layer(N, 2, rng=0)),
    "Stack": lambda: GRU(N, 4, rng=0) >> LSTM(4, 2, rng=1) >> Map(tanh),
    "Residual": lambda: Residual(Highway(GRU(N, N, rng=0), N, rng=1)),
    "Feedback": lambda: Feedback(LSTM([N, 2], 2, rng=0), np.ones(2)),
    "Concat": lambda: Concat(Stack(), Simple(N, 2, rng=0)),
    "Reverse": lambda: Reverse(GRU(N, 2, rng=0)),
    "Bidirectional": lambda: Bidirectional(LSTM(N, 2, rng=0), GRU(N, 4, rng=1)),
    "deep": lambda: (
        Bidirectional(LSTM(N, 2, rng=0), GRU(N, 2, rng=1))
        >> Residual(Bidirectional(GRU(4, 2, rng=2), Simple(4, 2, rng=3)))
        >> LSTM(4, 2, rng=4)
    ),
}
every_transducer = pytest.mark.parametrize("make", TABLE.values(), ids=TABLE)
masks = hnp.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 3)))


# --- masks ----------------------------------------------------------------------------


@every_transducer
@examples(0.16)
@given(mask=masks)
def test_each_sequence_by_itself(make, mask):
    """Outputs where there is a step, the output given last, and the final state are
    those of the sequence without its masked steps; elsewhere the output is repeated,
    and zero before the first; whatever stands in the inputs there."""
    r, xs = make(), inputs(*mask.shape)
    xs[~mask] = np.nan
    outputs, last, state = unroll(r, xs, mask=mask)
    outputs, last, state = compute_value(outputs), compute_value(last), leaves(state)
    for b in range(mask.shape[1]):
        expected, final, ended = alone(r, xs[mask[:, b], b])
        close(outputs[mask[:, b], b], np.reshape(expected, (-1, *outputs.shape[2:])))
        before = np.zeros_like(outputs[0, b])
        for t in range(len(mask)):
            before = outputs[t, b] if mask[t, b] else before
            close(outputs[t, b], before)
        close(last[b], 0 if final is None else compute_value(constant(final)))
        assert ended.keys() == state.keys()
        for path, value in ended.items():
            mine = state[path]
            close(mine[b] if mine.ndim > value.ndim else mine, value)


@every_transducer
@examples(0.12)
@given(mask=masks)
def test_gradients(make, mask):
    """Gradients are the sums of those of the sequences by themselves: of what is
    repeated, too, and of the output given last."""
    r, xs = make(), inputs(*mask.shape)
    xs[~mask] = np.nan
    weights = np.random.default_rng(1).normal(0, 1, mask.shape)[..., None]
    outputs, last, _ = unroll(r, xs, mask=mask)
    found = compute_gradients(asum(outputs * weights) + asum(last**2))
    expected = dict.fromkeys(r.parameters().values(), 0.0)
    for b in range(mask.shape[1]):
        steps = np.flatnonzero(mask[:, b])
        if not len(steps):
            continue
        r.start()
        ys, end = r.read(list(xs[steps, b]))
        upto = [*steps[1:], len(mask)]
        spans = [weights[i:j, b].sum() for i, j in zip(steps, upto)]
        loss = sum(asum(y * w) for y, w in zip(ys, spans)) + asum(end**2)
        for p, g in compute_gradients(loss).items():
            expected[p] = expected[p] + g
    for p, g in expected.items():
        np.testing.assert_allclose(found.get(p, 0.0), g, rtol=1e-9, atol=1e-10)


@every_transducer
def test_lengths(make):
    """Lengths are the mask of so many steps; all of them, or a mask that is True
    everywhere, is none."""
    r, xs = make(), inputs(4, 3)
    mask = np.arange(4)[:, None] < np.array([2, 0, 4])
    close(
        *[
            compute_value(unroll(r, xs, **k).outputs)
            for k in ({"lengths": [2, 0, 4]}, {"mask": mask})
        ]
    )
    plain = compute_value(r.transduce(xs))
    for k in ({}, {"lengths": [4, 4, 4]}, {"mask": np.ones((4, 3))}):
        np.testing.assert_array_equal(compute_value(unroll(r, xs, **k).outputs), plain)


@pytest.mark.parametrize("kind", [list, np.asarray, constant])
def test_symbols(kind):
    """Symbols under a mask may be any number, as -1 for padding."""
    text = np.array([[3, 1], [4, -1], [0, 99]])
    r = LSTM(-V, 2, rng=0) >> Bidirectional(GRU(2, 2, rng=1), GRU(2, 2, rng=2))
    given = [list(row) for row in text] if kind is list else kind(text)
    if kind is list:
        given = [[int(k) for k in row] for row in given]
    outputs = unroll(r, given, lengths=[3, 1]).outputs
    outputs = stack(outputs) if isinstance(outputs, list) else outputs
    close(compute_value(outputs)[:, 0], compute_value(r.transduce(text[:, 0])))
    close(compute_value(outputs)[:1, 1], compute_value(r.transduce(text[:1, 1])))


def test_computed_inputs():
    """Inputs that are computed get no gradient, and have no say, where masked."""
    w = parameter(inputs(3, 2))
    mask = np.array([[1, 0], [0, 1], [1, 1]], bool)
    loss = asum(unroll(GRU(N, 2, rng=0), w * 2.0, mask=mask).outputs ** 2)
    found = compute_gradients(loss)[w]
    assert (found[~mask] == 0).all()
    assert (found[mask] != 0).all()
    np.testing.assert_allclose(found, check_gradients(loss)[w], rtol=1e-5, atol=1e-8)


def test_mask_of_whole_steps():
    """A mask (T) leaves out steps of all; then any kind of state will do."""

    class Counting(Transducer):
        def start(self):
            self.steps = 0

        def step(self, inp):
            self.steps += 1
            return constant(inp) * self.steps

    r, xs = Counting(), inputs(4, 2)
    found = unroll(r, xs, mask=[0, 1, 0, 1])
    expected = [xs[1] * 0, xs[1], xs[1], xs[3] * 2]
    close(compute_value(found.outputs), expected)
    assert found.state == {"steps": 2}
    with pytest.raises(ValueError, match=r"state steps .*1 has become 2; run each"):
        unroll(r, xs, lengths=[1, 4])


def test_state_without_rows():
    """State that is not kept row by row is an error that names it."""

    class Window(Transducer):
        def start(self):
            self.seen = []

        def step(self, inp):
            self.seen.append(inp)
            return inp

    class Late(Transducer):
        def step(self, inp):
            self.last = inp
            return inp

    class Shared(Transducer):
        def start(self):
            self.t = constant(0.0)

        def step(self, inp):
            self.t = self.t + 1.0
            return inp

    for make, late, message in [
        (Window, 1, r"state seen .*a list of 1 has become a list of 2"),
        (Late, 0, r"state last is set by step, not by start\(\)"),
        (Shared, 1, r"state t .*a mask of \(2,\) on shape \(\)"),
        (lambda: Map(tanh) >> Window(), 1, r"state layers\.1\.seen"),
    ]:
        with pytest.raises(ValueError, match=message):
            unroll(make(), inputs(3, 2), mask=[[late, 1], [1, 0], [1, 1]])


def test_state_that_has_rows_later():
    """A state that is the same for all rows at first becomes one for each, whatever
    its size; where that cannot be told, as many numbers as rows, it is an error."""

    class Delay(Transducer):
        def start(self):
            self.old, self.new = constant(np.zeros(N)), constant(np.ones(N))

        def step(self, inp):
            self.old, self.new = self.new * 2.0, inp
            return self.old + inp

    mask = np.array([[1, 0], [0, 1], [1, 1]], bool)
    xs = inputs(3, 2)
    found = compute_value(unroll(Delay(), xs, mask=mask).outputs)
    for b in range(2):
        close(found[mask[:, b], b], alone(Delay(), xs[mask[:, b], b])[0])
    with pytest.raises(ValueError, match=r"state old .*\(3,\) may be that of all rows"):
        unroll(Delay(), inputs(3, 3), mask=np.eye(3))


def test_state_of_more_names():
    """A state may have names that only steps set, if it has all that the start sets."""

    class Late(Transducer):
        def start(self):
            self.t = constant(np.zeros(N))

        def step(self, inp):
            self.last = self.t = self.t + inp
            return self.t

    xs = inputs(4, 2)
    first = unroll(Late(), xs[:2])
    assert set(first.state) == {"t", "last"}
    second = unroll(Late(), xs[2:], state=first.state)
    close(compute_value(second.last_output), xs.sum(axis=0))
    with pytest.raises(ValueError, match=r"no state last here; there is t"):
        unroll(Late(), xs, state={"last": first.state["last"]})


# --- the order of axes and of time ----------------------------------------------------


@every_transducer
@pytest.mark.parametrize("given", [{}, {"lengths": [2, 4, 0]}])
def test_batch_major(make, given):
    """Batch first, in and out, is time first with two axes exchanged."""
    r, xs = make(), inputs(4, 3)
    for k in ({}, {"mask": np.arange(4)[:, None] < np.array([2, 4, 0])}):
        first = unroll(r, xs, **k)
        if k:
            k = {"mask": k["mask"].T}
        for turned in (xs.swapaxes(0, 1), constant(xs.swapaxes(0, 1))):
            other = unroll(r, turned, time_major=False, **k, **({} if k else given))
            if not (given and not k):
                close(
                    compute_value(other.outputs),
                    compute_value(first.outputs).swapaxes(0, 1),
                )
                close(
                    compute_value(other.last_output), compute_value(first.last_output)
                )


@pytest.mark.parametrize("time_major", [True, False])
def test_mask_of_steps(time_major):
    """A mask of one axis is that of every sequence of the batch."""
    mask, xs = np.array([True, False, True, True]), inputs(4, 3)
    given = xs if time_major else xs.swapaxes(0, 1)
    r = LSTM(N, 2, rng=0)
    found = unroll(r, given, time_major=time_major, mask=mask)
    each = unroll(r, xs, mask=np.stack([mask] * 3, 1))
    ys = compute_value(found.outputs)
    close(ys if time_major else ys.swapaxes(0, 1), compute_value(each.outputs))
    close(compute_value(found.last_output), compute_value(each.last_output))


@every_transducer
def test_backwards(make):
    """Backwards is forwards on what is turned round, mask and all."""
    r, xs = make(), inputs(4, 3)
    mask = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1], [1, 0, 1]], bool)
    for k, turned in [({}, {}), ({"mask": mask}, {"mask": mask[::-1]})]:
        found = unroll(r, xs, go_backwards=True, **k)
        expected = unroll(r, xs[::-1], **turned)
        for mine, theirs in zip(found[:2], expected[:2]):
            np.testing.assert_array_equal(compute_value(mine), compute_value(theirs))
        assert leaves(found.state).keys() == leaves(expected.state).keys()


def test_backwards_and_reverse():
    """Reverse(r) is r backwards with the outputs at the places of their inputs."""
    r, xs = GRU(N, 2, rng=0), inputs(4, 3)
    found = unroll(r, xs, go_backwards=True, lengths=[1, 4, 2])
    turned = unroll(Reverse(r), xs, lengths=[1, 4, 2])
    close(compute_value(found.last_output), compute_value(turned.last_output))
    mask = np.arange(4)[:, None] < np.array([1, 4, 2])
    placed = compute_value(found.outputs)[::-1]
    close(compute_value(turned.outputs)[mask], placed[mask])


# --- state ----------------------------------------------------------------------------

CAUSAL = {k: make for k, make in TABLE.items() if make().causal}
every_causal = pytest.mark.parametrize("make", CAUSAL.values(), ids=CAUSAL)


@every_causal
@examples(0.16)
@given(mask=masks, data=st.data())
def test_state_goes_on(make, mask, data):
    """Two calls, the state of the first given to the second, are one call."""
    r, xs = make(), inputs(*mask.shape)
    k = data.draw(st.integers(0, len(mask)))
    whole = unroll(r, xs, mask=mask)
    first = unroll(r, xs[:k], mask=mask[:k])
    r.transduce(inputs(2, 1, seed=1))  # what happens in between does not matter
    second = unroll(r, xs[k:], mask=mask[k:], state=first.state)
    there = np.logical_or.accumulate(mask[k:])  # a repeated output is not carried over
    found = compute_value(second.outputs)[there]
    close(found, compute_value(whole.outputs)[k:][there])
    expected = leaves(whole.state)
    for path, value in leaves(second.state).items():
        close(*np.broadcast_arrays(value, expected[path]))


def test_state_is_given():
    """A state may be given in part, as arrays, and as parameters, which are learnt."""
    r, xs = StandardLSTM(N, 2, rng=0), inputs(3, 2)
    h0, c0 = np.full((2, 2), 0.5), parameter(np.full(2, -0.25))
    outputs, _, state = unroll(r, xs, state={"h": h0, "c": c0})
    r.start()
    r.h, r.c = constant(h0), c0
    expected = [compute_value(r.step(x)) for x in xs]
    np.testing.assert_allclose(compute_value(outputs), expected)
    assert set(state) == {"h", "c"}
    loss = asum(outputs**2)
    np.testing.assert_allclose(
        compute_gradients(loss)[c0], check_gradients(loss)[c0], rtol=1e-5
    )
    half = unroll(r, xs, state={"c": c0}).outputs
    whole = unroll(r, xs, state={"h": np.zeros(2), "c": c0}).outputs
    close(compute_value(half), compute_value(whole))


@every_causal
def test_state_is_numbers(make):
    """A state may be given as lists of numbers, or as arrays, where steps make
    expressions of it; as what is no array it is an error that says so."""
    r, xs = make(), inputs(3, 2)
    state = {k: x for k, x in unroll(r, xs).state.items() if isinstance(x, Expression)}
    arrays = {path: compute_value(x) for path, x in state.items()}
    expected = compute_value(unroll(r, xs, state=state).outputs)
    for numbers in (arrays, {path: a.tolist() for path, a in arrays.items()}):
        close(compute_value(unroll(r, xs, state=numbers).outputs), expected)
    if state:
        with pytest.raises(TypeError, match="is no array of real numbers"):
            unroll(r, xs, state=dict.fromkeys(state, "h"))
    r.start()
    r.state = r.state | arrays
    close([compute_value(constant(r.step(x))) for x in xs], expected)


def test_truncated_back_propagation():
    """After ``detach`` the state has its value but no history: the gradient of the
    second chunk is that with the state as a constant."""
    r, xs = GRU(N, 2, rng=0) >> LSTM(2, 2, rng=1), inputs(6, 2)
    first = unroll(r, xs[:3])
    values = compute_values(asum(first.outputs))
    r.detach(values)
    second = unroll(r, xs[3:], state=r.state)
    whole = unroll(r, xs)
    close(compute_value(second.outputs), compute_value(whole.outputs)[3:])
    assert not set(topological([second.outputs])) & set(first.outputs.args)
    held = {path: constant(x) for path, x in leaves(first.state).items()}
    short = compute_gradients(asum(unroll(r, xs[3:], state=held).outputs ** 2))
    full = compute_gradients(asum(whole.outputs[3:] ** 2))
    for p, g in compute_gradients(asum(second.outputs**2)).items():
        np.testing.assert_allclose(g, short[p], rtol=1e-12)
        assert (g != full[p]).any()


# --- forms ----------------------------------------------------------------------------


def test_lists():
    """A list of steps gives a list of outputs; of several inputs, tuples."""
    r = Parallel(GRU([N, -V], 2, rng=0), Map(lambda pair: constant(pair[0])))
    xs, text = inputs(3, 2), np.array([[0, 4], [1, -1], [2, 7]])
    outputs, last, _ = unroll(r, list(zip(xs, text)), lengths=[3, 1])
    assert isinstance(outputs, list)
    assert [type(y) for y in (*outputs, last)] == [tuple] * 4
    for b, n in enumerate([3, 1]):
        expected = r.transduce(list(zip(xs[:n, b], text[:n, b])))
        for found, single in zip(outputs, expected):
            close(compute_value(found[0])[b], compute_value(single[0]))
            close(compute_value(found[1])[b], compute_value(single[1]))


def test_no_batch():
    """One sequence needs no batch; a mask (T) or a length leaves steps out."""
    r, xs = Bidirectional(GRU(N, 2, rng=0), GRU(N, 2, rng=1)), inputs(4, 1)[:, 0]
    close(compute_value(unroll(r, xs).outputs), compute_value(r.transduce(xs)))
    short = compute_value(unroll(r, xs, lengths=3).outputs)
    close(short[:3], compute_value(r.transduce(xs[:3])))
    close(short[3], short[2])


@every_transducer
def test_nothing_to_read(make):
    """No steps, or none that is taken, give zeros of the right shape and the first
    state; no rows give none."""
    r, xs = make(), inputs(3, 2)
    shape = unroll(r, xs).outputs.shape
    r.start()
    start = leaves(r.state)
    for found, steps in [
        (unroll(r, xs[:0]), 0),
        (unroll(r, xs[:0], mask=np.zeros((0, 2))), 0),
        (unroll(r, xs, lengths=[0, 0]), 3),
    ]:
        assert found.outputs.shape == (steps, *shape[1:])
        close(compute_value(found.last_output), np.zeros(shape[1:]))
        ended = leaves(found.state)
        assert ended.keys() == start.keys()
        assert all((ended[path] == start[path]).all() for path in start)
    for none in ([], np.zeros(0, int)):
        assert unroll(r, xs[:, :0], lengths=none).outputs.shape[1] == 0
    assert unroll(r, [])[:2] == ([], None)


@pytest.mark.parametrize(
    ("error", "message", "given"),
    [
        (TypeError, "takes transducers, got int", {"r": 3}),
        (TypeError, "mask or lengths, got both", {"mask": [1], "lengths": 1}),
        (TypeError, r"mask is an array.*compute it first", {"mask": constant(1.0) * 1}),
        (
            TypeError,
            "time_major=False takes an array",
            {"inputs": [1], "time_major": 0},
        ),
        (ValueError, "2 or more axes", {"inputs": np.ones(3), "time_major": False}),
        (ValueError, r"of shape \(4,\) for inputs that are", {"mask": np.ones(4)}),
        (ValueError, r"of shape \(2, 3\) for", {"mask": np.ones((2, 3))}),
        (ValueError, r"of shape \(3,\) for", {"lengths": [1, 2, 3]}),
        (ValueError, "bools, got float64", {"mask": np.full((3, 2), 0.5)}),
        (ValueError, "lengths are ints", {"lengths": [1.0, 2.0]}),
        (ValueError, "within 0 and 3", {"lengths": [1, 4]}),
        (ValueError, "no state H here; there is h, c", {"state": {"H": np.zeros(2)}}),
        (ValueError, "no state g.h here", {"state": {"g.h": 1}}),
    ],
)
def test_errors(error, message, given):
    """What does not fit is an error that says what was seen, or what to write."""
    with pytest.raises(error, match=message):
        unroll(**{"r": LSTM(N, 2), "inputs": inputs(3, 2), **given})
