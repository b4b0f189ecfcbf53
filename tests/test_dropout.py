"""Dropout: what it masks, when it draws anew, and where it does nothing."""

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

from penne import *

seeds = st.integers(0, 10**6)


@given(st.floats(0, 0.9), seeds)
def test_dropout_mask(p, seed):
    """Elements become 0 or are divided by 1 - p, and their mean stays."""
    y = compute_value(Dropout(p, rng=seed)(np.ones(20_000)))
    for value in np.unique(y):
        assert value == 0 or value == pytest.approx(1 / (1 - p))
    assert y.mean() == pytest.approx(1, abs=6 * (p / (1 - p) / 20_000) ** 0.5 + 1e-9)


def test_dropout_of_ints():
    """Ints are scaled as floats are, not cut off."""
    y = compute_value(Dropout(0.25, rng=0)(np.full(100, 3)))
    assert set(y.round(9)) == {0, 4}


def test_dropout_float32():
    """A mask does not widen what it masks."""
    assert Dropout()(parameter(np.ones(3, np.float32))).dtype == np.float32


def test_training():
    """``training(False)`` makes every dropout the identity, for evaluations in it."""
    x = np.arange(50.0)
    y = Dropout(0.5, rng=0)(x)
    with training(False):
        np.testing.assert_array_equal(compute_value(y), x)
        with training(True):
            assert (compute_value(y) != x).any()
        np.testing.assert_array_equal(compute_value(y), x)
    assert (compute_value(y) != x).any()


def test_one_drawing():
    """An evaluation draws once: two uses of one mask agree, its gradient too; the
    next evaluation draws anew."""
    x = parameter(np.ones(50))
    y = Dropout(0.5, rng=0)(x)
    double, slope = y * 2.0, gradient(asum(y), x)
    values = compute_values([y, double, slope])
    first = values[y]
    np.testing.assert_array_equal(values[double], 2 * first)
    np.testing.assert_array_equal(values[slope], first)
    np.testing.assert_array_equal(compute_values(y, values)[y], first)
    assert (compute_value(y) != first).any()


def test_fixed_masks():
    """``fixed_masks()`` holds the first draw of every mask until its end, so finite
    differences agree with gradients."""
    layer, dropout = Layer(4, 30, rng=0), Dropout(0.5, rng=0)
    loss = asum(dropout(layer(np.ones(4))) ** 2)
    with fixed_masks():
        found, again = compute_gradients(loss), compute_gradients(loss)
        expected = check_gradients(loss)
        held = compute_value(loss)
    for p in found:
        np.testing.assert_array_equal(found[p], again[p])
        np.testing.assert_allclose(found[p], expected[p], atol=1e-6)
    assert compute_value(loss) != held


def test_order_of_drawing():
    """Masks are drawn in the order of their creation, whatever asks for them: the
    same seed gives the same numbers."""

    def draw(reverse):
        rng = np.random.default_rng(5)
        masks = [Dropout(0.5, rng)(np.ones(20)) for _ in range(3)]
        wanted = masks[::-1] if reverse else masks
        values = compute_values(wanted)
        return [values[y] for y in masks]

    np.testing.assert_array_equal(draw(False), draw(True))
    assert (draw(False)[0] != draw(False)[1]).any()


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
def test_dropout_bounds(p):
    """p is a probability below 1."""
    with pytest.raises(ValueError, match="p is at least 0 and below 1"):
        Dropout(p)


def test_dropout_none():
    """With p = 0 nothing changes."""
    np.testing.assert_array_equal(compute_value(Dropout(0)(np.arange(9))), range(9))
