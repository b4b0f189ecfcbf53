"""Gradients are made smaller before they are used, all together or each number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainers import every_trainer

from penne import *
from penne.optimize import clipped
from penne.rows import Rows


@given(st.floats(0.01, 100), st.integers(0, 999))
def test_clipping(bound, seed):
    """The norm of all gradients together is at most the bound, their direction the
    same, and below the bound they are left alone."""
    rng = np.random.default_rng(seed)
    dense = parameter(rng.normal(0, 1, (2, 3)))
    rows = parameter(rng.normal(0, 1, (5, 2)))
    g = {dense: rng.normal(0, 9, (2, 3)), rows: rng.normal(0, 9, (2, 2))}
    norm = np.sqrt(sum((a**2).sum() for a in g.values()))
    found = clipped({**g, rows: Rows(np.array([1, 3]), g[rows], (5, 2))}, bound)
    scale = min(1, bound / norm)
    np.testing.assert_allclose(found[dense], g[dense] * scale)
    np.testing.assert_allclose(found[rows].values, g[rows] * scale)
    if scale == 1:
        assert found[dense] is g[dense]


@every_trainer
def test_clipping_values(make, oracle):
    """Each element is brought into the bounds, before the norm is looked at."""
    p, slope = parameter(np.zeros(4)), np.array([3.0, -0.2, 0.0, -9.0])
    q, clipped_slope = parameter(np.zeros(4)), np.array([0.5, -0.2, 0.0, -0.5])
    one, two = make(clip_values=0.5, clip_gradients=0.6), make(clip_gradients=0.6)
    for _ in range(3):
        one.receive(asum(p * slope))
        two.receive(asum(q * clipped_slope))
    np.testing.assert_array_equal(p.value, q.value)


def test_clipping_values_of_rows():
    """Rows of a lookup are clipped after symbols met twice are added up."""
    layer = Layer(-3, 2, f=None, bias=None)
    before = layer.weights[0].value.copy()
    SGD(1.0, clip_values=1.5).receive(asum(layer([0, 0, 1])))
    change = before - layer.weights[0].value
    np.testing.assert_allclose(change, [[1.5, 1.5], [1, 1], [0, 0]], rtol=1e-6)


def test_clipping_huge():
    """A float32 gradient whose square overflows float32 is still scaled right."""
    p = parameter(np.float32([0, 0]))
    SGD(1.0, clip_gradients=1.0).receive(asum(p * np.float32([3e25, 4e25])))
    np.testing.assert_allclose(p.value, [-0.6, -0.8], rtol=1e-6)


def test_clipping_infinite():
    """An infinite norm cannot be scaled: it is an error and nothing moves."""
    p = parameter(np.ones(2))
    with pytest.raises(FloatingPointError, match="norm of the gradients is inf"):
        SGD(clip_gradients=1.0).receive(asum(p * np.array([np.inf, 1])))
    assert (p.value == 1).all()
