"""``scan``: what a plain loop in NumPy gives, and what Theano's gave."""

import json
from pathlib import Path

import numpy as np
import pytest
from fixtures import doubles, examples  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.graph import OPS, topological

RECORDED = Path(__file__).parent / "recorded" / "scan.json"


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape)


# --- the tutorials' examples ----------------------------------------------------------


def test_powers():
    """A ** k: nothing but what is carried, and what stays the same."""
    A = np.arange(10.0)
    found = scan(lambda y, A: y * A, [], np.ones(10), A, n_steps=3)
    np.testing.assert_array_equal(compute_value(found), [A, A**2, A**3])


def test_polynomial():
    """Coefficients and exponents side by side; no output is handed on."""
    coefficients, powers = np.array([1.0, 0.0, 2.0]), np.arange(100.0)
    terms = scan(lambda a, k, x: a * x**k, [coefficients, powers], None, 3.0)
    assert compute_value(asum(terms)) == 19  # as many steps as the shortest has


def test_until():
    """Powers of 2 until one is over 45: the one that is, is the last."""
    found = scan(
        lambda y: y * 2, outputs_info=1.0, n_steps=1024, until=lambda y: y > 45
    )
    np.testing.assert_array_equal(compute_value(found), [2, 4, 8, 16, 32, 64])


def test_elman():
    """The tutorial's network, h handed on and o not, is a loop in NumPy, and Simple;
    its gradients, the first state's too, are those of finite differences."""
    W_ih, W_hh, W_ho = normal(3, 4), normal(4, 4, seed=1), normal(4, 2, seed=2)
    p = dict(
        zip(
            ["W_ih", "W_hh", "b_h", "W_ho", "b_o", "h0"],
            map(
                parameter,
                [
                    W_ih,
                    W_hh,
                    normal(4, seed=3),
                    W_ho,
                    normal(2, seed=4),
                    normal(4, seed=5),
                ],
            ),
        )
    )
    xs = normal(6, 3, seed=6)

    def step(x, h, W_ih, W_hh, b_h, W_ho, b_o):
        h = tanh(x @ W_ih + h @ W_hh + b_h)
        return [h, sigmoid(h @ W_ho + b_o)]

    h0 = p.pop("h0")
    hs, ys = scan(step, xs, [h0, None], list(p.values()))
    values = {name: q.value for name, q in p.items()}
    h, expected = h0.value, []
    for x in xs:
        h = np.tanh(x @ W_ih + h @ W_hh + values["b_h"])
        expected.append(1 / (1 + np.exp(-h @ W_ho - values["b_o"])))
    np.testing.assert_allclose(compute_value(ys), expected, rtol=1e-12)
    assert hs.shape == (6, 4)
    loss = asum(ys**2)
    found, checked = compute_gradients(loss), check_gradients(loss)
    assert found.keys() == {*p.values(), h0}
    for q, g in found.items():
        np.testing.assert_allclose(g, checked[q], rtol=1e-6, atol=1e-9)


def regression(seed):
    """The tutorial's regression: two sequences of (sin, cos), and what each was one
    step before; first weights of norm 1, by RandomState, which is frozen."""
    x = np.arange(0, 2 * np.pi, 0.2).reshape(-1, 1)
    s = np.concatenate([np.sin(x), np.cos(x)], 1)
    S = np.array([s, np.roll(s, 1, 0)])
    r = np.random.RandomState(seed)

    def drawn(a, b):
        v = r.uniform(-1, 1, (a, b))
        return v / np.linalg.svd(v)[1][0]

    weights = [drawn(2, 4), drawn(4, 4), np.zeros(4), drawn(4, 2), np.zeros(2)]
    return S, np.roll(S, 1, 1), [*weights, np.zeros(4)]


def by_hand(S, T, weights, updates):
    """Its losses: full-batch gradient descent in NumPy, back-propagation by hand."""
    Wi, Wh, bh, Wo, bo, h0 = (w.copy() for w in weights)
    steps, losses = S.shape[1], []
    for _ in range(updates):
        H = np.zeros((steps + 1, 2, 4))
        H[0] = h0
        for t in range(steps):
            H[t + 1] = np.tanh(S[:, t] @ Wi + H[t] @ Wh + bh)
        E = H[1:] @ Wo + bo - T.transpose(1, 0, 2)
        losses.append((E**2).mean())
        d, dz, after = 2 * E / E.size, np.zeros((steps, 2, 4)), np.zeros((2, 4))
        for t in reversed(range(steps)):
            dz[t] = (d[t] @ Wo.T + after) * (1 - H[t + 1] ** 2)
            after = dz[t] @ Wh.T
        gradients = [
            np.einsum("bti,tbj->ij", S, dz),
            np.einsum("tbi,tbj->ij", H[:-1], dz),
            dz.sum((0, 1)),
            np.einsum("tbi,tbj->ij", H[1:], d),
            d.sum((0, 1)),
            after.sum(0),
        ]
        for w, g in zip([Wi, Wh, bh, Wo, bo, h0], gradients):
            w -= 0.1 * g
    return losses


def nested(S, p):
    """Outputs by a scan over time within a scan over examples."""
    Wi, Wh, bh, Wo, bo, h0 = p

    def step(x, h):
        h = tanh(x @ Wi + h @ Wh + bh)
        return h, h @ Wo + bo

    return scan(lambda xs: scan(step, xs, [h0, None])[1], S)


def test_nested():
    """A scan over time in a scan over examples is one over time of a whole batch."""
    S, _, weights = regression(0)
    p = [parameter(w) for w in weights]
    whole = nested(S.transpose(1, 0, 2)[None], p)
    ours = nested(S, p)
    assert ours.shape == (2, 32, 2)
    np.testing.assert_allclose(
        compute_value(ours), compute_value(whole)[0].transpose(1, 0, 2), atol=1e-15
    )


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_regression(seed):
    """Training by nested scans follows back-propagation by hand, and is where the
    reference runs were: .37 to .67 at first, .0021 to .0061 after 100 updates."""
    S, T, weights = regression(seed)
    p = [parameter(w) for w in weights]
    trainer = SGD(learning_rate=0.1)
    losses = [float(trainer.receive(mean((nested(S, p) - T) ** 2))) for _ in range(100)]
    np.testing.assert_allclose(losses, by_hand(S, T, weights, 100), rtol=1e-10)
    assert 0.37 < losses[0] < 0.67
    assert 0.0021 < losses[-1] < 0.0061


# --- taps -----------------------------------------------------------------------------

taps = st.lists(st.integers(-3, 2), min_size=1, max_size=3)
past = st.lists(st.integers(-3, -1), min_size=1, max_size=3)


@examples(0.8)
@given(taps, past, st.integers(6, 8))
def test_taps(before, behind, length):
    """Each tap reads its place: a plain loop over indices."""
    xs, start = normal(length, 2), normal(-min(behind), 2, seed=1)
    weights = normal(len(before) + len(behind), seed=2)

    def f(*args):
        return sum(w * a for w, a in zip(weights, args)) * 0.5

    initial = start[0] if behind == [-1] else start
    ys = scan(
        f,
        {"input": xs, "taps": before},
        {"initial": initial, "taps": behind},
    )
    first, last = max(0, -min(before)), length - max(0, *before)
    past_ys = list(start)
    for t in range(first, last):
        args = [xs[t + k] for k in before] + [past_ys[k] for k in behind]
        past_ys.append(f(*args))
    np.testing.assert_allclose(
        compute_value(ys), np.reshape(past_ys[len(start) :], ys.shape), rtol=1e-12
    )


def test_as_recorded():
    """Theano's scan, as PyTensor has it, gave the same: taps of sequences and outputs,
    several of each, in the order in which f takes them, cut to n_steps, until."""
    recorded = json.loads(RECORDED.read_text())
    x, u = np.array(recorded["x"]), np.array(recorded["u"])

    def f(a, b, c, y2, y1, z, w):
        return [0.5 * y1 - 0.25 * y2 + a * w + b, z + c * y1, a * b * c]

    sequences = [{"input": x, "taps": [-2, 1]}, u]
    info = [{"initial": np.array([0.5, -1.0]), "taps": [-2, -1]}, 0.25, None]
    for name, options in [
        ("all", {}),
        ("three", {"n_steps": 3}),
        ("until", {"until": lambda y, z, p: z > recorded["over"]}),
    ]:
        found = scan(f, sequences, info, 2.0, **options)
        assert len(found) == 3
        for ys, expected in zip(found, recorded[name]):
            np.testing.assert_allclose(compute_value(ys), expected, rtol=1e-12)


# --- stopping -------------------------------------------------------------------------


def test_until_is_linear():
    """The condition is evaluated once a step: what was computed is believed."""
    evaluated = []

    @op("()->()", gradient=lambda g, y, x: (g,))
    def watched(x):
        evaluated.append(x)
        return x + 1

    try:
        found = scan(watched, [], 0.0, n_steps=10000, until=lambda y: y >= 50)
    finally:
        OPS.pop(watched.name)
    assert found.shape == (50,)
    assert len(evaluated) == 50


def test_until_at_the_end():
    """A condition that is never met leaves all steps, one met at once leaves one; it
    may be a bool, and stop by the place alone."""
    xs = normal(5)
    for stop, count in [
        (lambda y: False, 5),
        (lambda y: True, 1),
        (lambda y: y > 1e9, 5),
        (lambda y: np.array(1), 1),
    ]:
        assert scan(lambda x: x, xs, None, until=stop).shape == (count,)


def test_gradient_up_to_the_end():
    """Where it stopped, gradients are those of so many steps."""
    x = parameter(1.5)
    f = lambda y, x: y * x
    ys = scan(f, [], 1.0, x, n_steps=100, until=lambda y: y > 4)
    assert ys.shape == (4,)
    expected = sum(k * 1.5 ** (k - 1) for k in (1, 2, 3, 4))
    np.testing.assert_allclose(compute_gradients(asum(ys))[x], expected)


def test_sampling():
    """What is random is, with the values that decided the end, what it was then: a
    sequence of symbols drawn until the end symbol, as often as it should."""
    rng = np.random.default_rng(0)
    noise = Dropout(0.5, rng=rng)  # 0 or 2, each half of the time

    def draw(k):
        return asum(noise(np.ones(1)))

    lengths = []
    for _ in range(200):
        values = {}
        found = scan(draw, [], 0.0, n_steps=100, until=lambda k: k > 0, values=values)
        drawn = compute_values(found, values)[found]
        assert drawn[-1] == 2
        assert not drawn[:-1].any()
        lengths.append(len(drawn))
    assert abs(np.mean(lengths) - 2) < 0.4  # a geometric mean of 2, 4 errors of .1


# --- forms ----------------------------------------------------------------------------


def test_forms_of_results():
    """The result has the form of what f returns."""
    xs = normal(4, 2)
    one, listed, pair = (
        scan(lambda x, f=f: f(x), xs)
        for f in (lambda x: x, lambda x: [x], lambda x: (x, x * 2))
    )
    assert isinstance(one, Expression)
    assert isinstance(listed, list)
    assert len(listed) == 1
    assert isinstance(pair, tuple)
    np.testing.assert_array_equal(compute_value(pair[1]), xs * 2)


def test_kinds_of_arguments():
    """Sequences and what is carried may be arrays, expressions, parameters, symbols;
    what stays the same may be anything."""
    layer = Layer([-5, 2], 2, rng=0)
    text, h0 = [3, 1, 4], parameter(np.ones(2))
    hs = scan(lambda k, h, f: f(k, h), np.array(text), h0, layer)
    r = Simple([-5], 2, rng=0)
    r.layer, r.h0 = layer, h0
    np.testing.assert_allclose(
        compute_value(hs), compute_value(stack(r.transduce(text)))
    )
    w = parameter(normal(3, 2))
    total = scan(lambda x, y: x + y, w * 2, np.zeros(2))
    np.testing.assert_array_equal(
        compute_gradients(asum(total))[w], [[6, 6], [4, 4], [2, 2]]
    )


def test_cells():
    """f may be a cell: one node a step."""
    W = parameter(normal(2, 2))
    one = cell(lambda x, h: tanh(x + h @ W))
    xs = normal(4, 2, seed=1)
    found, plain = (scan(f, xs, np.zeros(2)) for f in (one, one.function))
    np.testing.assert_allclose(compute_value(found), compute_value(plain), rtol=1e-12)
    assert len(topological([found])) < len(topological([plain]))


@pytest.mark.parametrize("steps", [{"n_steps": 0}, {}])
def test_empty(steps):
    """No steps give outputs without, of the shape and dtype of one, and no gradient."""
    W = parameter(normal(2, 3))
    xs = normal(0 if not steps else 4, 2)
    for sequences in (xs, constant(xs), [xs, {"input": xs, "taps": [-2, 1]}]):
        f = lambda x, *rest: (rest[-1] @ np.eye(3), x @ W)
        hs, ys = scan(f, sequences, [np.zeros(3), None], **steps)
        assert hs.shape == ys.shape == (0, 3)
        assert ys.dtype == np.float64
        assert not any(g.any() for g in compute_gradients(asum(ys)).values())
    short = scan(lambda a, b: a + b, {"input": normal(2), "taps": [-2, 0]})
    assert short.shape == (0,)


IDENTITY = lambda *args: args[0]


@pytest.mark.parametrize(
    ("message", "given"),
    [
        ("n_steps says how many", {}),
        ("have 3 steps, n_steps=4", {"sequences": np.ones(3), "n_steps": 4}),
        ("at least 0, got -1", {"sequences": np.ones(3), "n_steps": -1}),
        ("first axis, of time; got a number", {"sequences": [1.0, 2.0]}),
        ("below 0", {"outputs_info": {"initial": 1.0, "taps": [0]}, "n_steps": 1}),
        ("below 0", {"outputs_info": {"initial": 1.0, "taps": [-1, 2]}, "n_steps": 1}),
        (
            r"taps \[-2\].* with 2 along its first axis, got \(3,\)",
            {"outputs_info": {"initial": np.ones(3), "taps": [-2]}, "n_steps": 1},
        ),
        ("got the keys 'inputs'", {"sequences": {"inputs": np.ones(3)}}),
        ("one or more ints", {"sequences": {"input": np.ones(3), "taps": []}}),
        ("1 outputs for outputs_info of 2", {"outputs_info": [0.0, 0.0], "n_steps": 1}),
        ("f returned None", {"f": lambda x: None, "sequences": np.ones(2)}),
        (
            "gives one bool, got an expression",
            {"sequences": np.ones(2), "until": lambda y: greater(y, 0)},
        ),
        (
            r"gives one bool, got shape \(2,\)",
            {"sequences": np.ones((2, 2)), "until": lambda y: y > 0},
        ),
    ],
)
def test_errors(message, given):
    """What does not fit is an error that says what was seen."""
    with pytest.raises(ValueError, match=message):
        scan(**{"f": IDENTITY, **given})
