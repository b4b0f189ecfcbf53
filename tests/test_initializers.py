"""First weights follow the rules of their papers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.initializers import (
    default,
    glorot,
    he,
    normal,
    orthogonal,
    spectral,
    uniform,
    within,
)
from penne.layers import guess_gain

RULES = [default, glorot, he, normal, orthogonal, uniform, spectral, within(1.0)]
every_rule = pytest.mark.parametrize(
    "rule", RULES, ids=lambda r: getattr(r, "__name__", "within")
)
GAINS = [
    (None, lambda d: 1),
    (tanh, lambda d: 1),
    (hardtanh, lambda d: 1),
    (sigmoid, lambda d: 1 / 4),
    (rectify, lambda d: 1 / 2),
    (relu, lambda d: 1 / 2),
    (softmax, lambda d: 1 - 1 / d),
    (logsoftmax, lambda d: 1 - 1 / d),
]


@pytest.mark.parametrize(("f", "gain"), GAINS)
@pytest.mark.parametrize(
    ("insize", "std"),
    [
        (400, lambda d: ((400 + d) / 2) ** -0.5),
        (-400, lambda d: d**-0.5),
        ("diag", lambda d: d**-0.5),
    ],
)
def test_default_scale(f, gain, insize, std):
    """By default the standard deviation is the rule's over the gain of f, the mean 0:
    ((in + out) / 2) ** -1/2, and out ** -1/2 for lookups and diagonals."""
    d = 40_000 if insize == "diag" else 300
    weight = Layer(insize, d, f, rng=0).weights[0].value.astype(float)
    expected = std(d) / gain(d)
    assert weight.std() == pytest.approx(expected, rel=0.02)
    assert abs(weight.mean()) < 0.02 * expected


@given(st.floats(-3, 3), st.integers(1, 9))
def test_measured_gain(slope, d):
    """The gain of any other f is its measured |f'(0)|, kept within 1/4 and 1."""
    found = guess_gain(lambda x: slope * x + 1, d)
    assert found == pytest.approx(np.clip(abs(slope), 0.25, 1))


def test_measured_kink():
    """At a kink the slopes on both sides are averaged, so a twin of rectify gets its
    gain, and a leaky one the mean of its slopes."""
    assert guess_gain(lambda x: maximum(x, 0), 5) == 0.5
    leaky = guess_gain(lambda x: where(greater(x, 0), x, 0.2 * x), 5)
    assert leaky == pytest.approx(0.6)
    assert guess_gain(lambda x: tanh(x), 5) == pytest.approx(1, abs=0.01)
    assert guess_gain(lambda x: 0.0 * x, 5) == 0.25
    assert guess_gain(sqrt, 5) == 1  # where it has a slope, 1.58
    assert guess_gain(lambda x: 0.1 * sqrt(x), 5) == 0.25
    assert guess_gain(lambda x: sqrt(x - 1), 5) == 1  # of which nothing is known


@pytest.mark.parametrize(("f", "gain"), GAINS[1:])
def test_gain_under_another_name(f, gain):
    """A function that gives what one of penne's gives has about its gain."""
    for d in (2, 50):
        assert guess_gain(lambda x: f(x), d) == pytest.approx(gain(d), abs=0.015)


def test_gain_across_elements():
    """What other elements do to an output plays no part: the slope is the diagonal's,
    whether f takes vectors or nothing but batches."""
    assert guess_gain(lambda x: x - mean(x), 4) == pytest.approx(3 / 4)
    assert guess_gain(lambda x: x - mean(x, axis=1, keepdims=True), 4) == 3 / 4
    assert guess_gain(lambda x: logsoftmax(x, axis=1), 4) == pytest.approx(3 / 4)
    assert guess_gain(lambda x: logsoftmax(x / 2), 4) == pytest.approx(3 / 8)
    assert guess_gain(lambda x: softmax(x / 2), 4) == pytest.approx(3 / 8)
    assert guess_gain(layer_norm, 4) == 1
    assert guess_gain(lambda x: x[::-1], 4) == 0.25
    assert guess_gain(lambda x: x * np.array([0.2, 0.4, 0.6, 0.8]), 4) == 0.5


def test_gain_of_other_shapes():
    """Also of an f whose result is shorter, a number, empty, or of ints."""
    assert guess_gain(lambda x: 0.5 * x[:2] * x[2:] ** 0, 4) == 0.5
    assert guess_gain(asum, 4) == 1
    assert guess_gain(lambda x: x[:0], 4) == 1
    assert guess_gain(lambda x: less(x, 0), 4) == guess_gain(sign, 4) == 0.25


def test_error_of_a_function():
    """What is wrong with f is said, where its gain is not given."""
    with pytest.raises(ValueError, match="vecmat: argument 2 has n=2") as caught:
        Layer(3, 4, f=lambda x: x @ np.zeros((2, 2)))
    assert "give gain=1.0" in caught.value.__notes__[-1]
    Layer(3, 4, f=lambda x: x @ np.zeros((2, 2)), gain=1)


def test_gain_of_one_output():
    """A softmax of one output has slope 0; its weights are finite all the same."""
    assert np.isfinite(Layer(3, 1, softmax).weights[0].value).all()


def test_given_gain():
    """``gain=`` divides the scale of first weights exactly."""
    one, four = (Layer(3, 2, gain=g, rng=0).weights[0].value for g in (1, 4))
    np.testing.assert_array_equal(one, 4 * four)


@pytest.mark.parametrize(("n", "fan"), [(200, 200), (-200, 500), ("diag", 500)])
def test_scales(n, fan):
    """Each rule has the variance of its formula and keeps its bounds; a lookup and a
    diagonal take the size of the output for their fan-in."""
    shape = (500,) if n == "diag" else (200, 500)
    fan_in = 200 if n == 200 else None

    def draw(rule):
        rng = np.random.default_rng(0)
        draws = [rule(rng, shape, fan_in, 500, 1.0) for _ in range(40)]
        return np.concatenate([np.ravel(a) for a in draws])

    assert draw(normal).std() == pytest.approx(fan**-0.5, rel=0.02)
    assert draw(he).std() == pytest.approx((2 / fan) ** 0.5, rel=0.02)
    for rule, r in ((uniform, fan**-0.5), (glorot, (6 / (fan + 500)) ** 0.5)):
        drawn = draw(rule)
        assert drawn.std() == pytest.approx(r / 3**0.5, rel=0.02)
        assert 0.99 * r < drawn.max() <= r
        assert -r <= drawn.min() < -0.99 * r


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 99))
def test_orthogonal(n, m, seed):
    """Rows or columns, whichever are fewer, are orthonormal; a diagonal is of signs."""
    a = orthogonal(np.random.default_rng(seed), (n, m), n, m, 1.0)
    gram = a @ a.T if n <= m else a.T @ a
    np.testing.assert_allclose(gram, np.eye(min(n, m)), atol=1e-12)
    signs = orthogonal(np.random.default_rng(seed), (m,), None, m, 1.0)
    np.testing.assert_array_equal(np.abs(signs), np.ones(m))


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 99))
def test_spectral(n, m, seed):
    """The largest singular value is 1; a diagonal is a matrix too."""
    rng = np.random.default_rng(seed)
    for shape in ((n, m), (m,)):
        drawn = spectral(rng, shape, n, m, 1.0)
        matrix = np.diag(drawn) if len(shape) == 1 else drawn
        assert np.linalg.svd(matrix)[1][0] == pytest.approx(1, abs=1e-12)


def test_within():
    """Uniform within the limit, up to it; a limit of 0 is refused."""
    drawn = within(0.3)(np.random.default_rng(0), (400, 50), 400, 50, 1.0)
    assert drawn.std() == pytest.approx(0.3 / 3**0.5, rel=0.02)
    assert 0.299 < abs(drawn).max() <= 0.3
    with pytest.raises(ValueError, match="above 0, got 0"):
        within(0)


def test_orthogonal_is_unbiased():
    """No direction is preferred: the mean of many draws is near 0, its square 1/n."""
    rng = np.random.default_rng(0)
    drawn = np.array([orthogonal(rng, (3, 3), 3, 3, 1.0) for _ in range(4000)])
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.05)
    np.testing.assert_allclose((drawn**2).mean(0), 1 / 3, atol=0.02)


@every_rule
@pytest.mark.parametrize("insize", [3, -3, "diag", [3, -4, "diag"]])
def test_any_rule_in_a_layer(rule, insize):
    """Every rule draws for every kind of weight, in the default dtype, and the same
    for the same seed; another seed gives others."""
    layers = [Layer(insize, 5, init=rule, rng=seed) for seed in (1, 1, 2)]
    one, same, other = (
        np.concatenate([w.value.ravel() for w in layer.weights]) for layer in layers
    )
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, same)
    assert rule is orthogonal or (one != other).all()
    with default_dtype("float64"):
        assert Layer(insize, 5, init=rule).weights[0].dtype == np.float64


def test_rule_of_ones_own():
    """``init`` may be any function; one that draws another shape is told so."""
    layer = Layer([3, -4], 2, init=lambda rng, shape, i, o, gain: np.full(shape, 7))
    assert (layer(np.ones(3), 2).shape, layer.weights[0].value[0, 0]) == ((2,), 7)
    with pytest.raises(ValueError, match=r"Layer: init is to draw \(3, 2\), got \(2,"):
        Layer(3, 2, init=lambda rng, shape, i, o, gain: np.zeros(2))


def test_one_generator():
    """A Generator given as ``rng`` goes on: two layers of one generator differ, and
    are those of one seed in the same order."""
    rng = np.random.default_rng(3)
    a, b = Layer(3, 3, rng=rng), Layer(3, 3, rng=rng)
    assert (a.weights[0].value != b.weights[0].value).all()
    np.testing.assert_array_equal(
        a.weights[0].value, Layer(3, 3, rng=3).weights[0].value
    )
