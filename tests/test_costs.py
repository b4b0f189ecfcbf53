"""Costs of padded batches are those of the sequences without padding."""

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.recurrent.variants import SimplifiedGRU, SimplifiedLSTM

seeds = st.integers(0, 10**6)
lengths = st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(any)


def padded(lengths, rng, n=3):
    """Predictions and targets, (T, B, n), with nonsense in the padding, and a mask."""
    mask = np.arange(max(lengths))[:, None] < np.array(lengths)
    y, correct = rng.normal(0, 1, (2, *mask.shape, n))
    correct[~mask] = np.nan
    y[~mask] = 1e300
    return y, correct, mask


@given(lengths, seeds)
def test_mmse(lengths, seed):
    """Of a padded batch: the mean over all frames that there are of summed squares,
    and its gradient is 0 in the padding."""
    y, correct, mask = padded(lengths, np.random.default_rng(seed))
    p = parameter(y)
    loss = mmse(p, correct, mask)
    expected = ((y[mask] - correct[mask]) ** 2).sum(-1).mean()
    assert compute_value(loss) == pytest.approx(expected, rel=1e-12)
    away = np.where(mask[..., None], y - correct, 0)
    found = compute_gradients(loss)[p]
    np.testing.assert_allclose(found, 2 * away / mask.sum(), rtol=1e-12)
    plain = mmse(parameter(y[mask]), correct[mask])
    assert compute_value(plain) == pytest.approx(expected, rel=1e-12)


def test_rows_of_zeros():
    """Padding that is told by targets of zeros alone is left out so."""
    y, correct, mask = padded([3, 1], np.random.default_rng(0))
    correct[~mask] = 0
    found = mmse(y, correct, mask=(correct != 0).any(-1))
    assert compute_value(found) == compute_value(mmse(y, correct, mask))


@given(lengths, st.integers(1, 4), st.floats(0.5, 2), seeds)
def test_hinge(lengths, n, margin, seed):
    """Of a padded batch, frame by frame from its definition; symbols in the padding
    may be outside of the vocabulary."""
    rng = np.random.default_rng(seed)
    scores, _, mask = padded(lengths, rng, n)
    correct = np.where(mask, rng.integers(0, n, mask.shape), -1)
    costs = []
    for row, k in zip(scores[mask], correct[mask]):
        others = [s for j, s in enumerate(row) if j != k]
        costs.append(max(0.0, margin + max(others, default=-np.inf) - row[k]))
    p = parameter(scores)
    loss = hinge(p, correct, mask, margin)
    assert compute_value(loss) == pytest.approx(np.mean(costs), rel=1e-12, abs=1e-12)
    plain = hinge(scores[mask], correct[mask], margin=margin)
    assert compute_value(plain) == pytest.approx(np.mean(costs), rel=1e-12, abs=1e-12)
    gradient = compute_gradients(loss)[p]
    assert not gradient[~mask].any()
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient.sum(-1), 0, atol=1e-12 if n > 1 else 2)


def test_hinge_gradients():
    """The gradient is the derivative."""
    scores = parameter(np.random.default_rng(0).normal(0, 1, (4, 3)))
    loss = hinge(scores, np.array([0, 2, 1, 1]), [True, True, False, True])
    found, expected = compute_gradients(loss), check_gradients(loss)
    np.testing.assert_allclose(found[scores], expected[scores], atol=1e-8)


def test_in_a_cell():
    """Costs may be traced, with a mask that is an argument."""
    y, correct, mask = padded([2, 4], np.random.default_rng(0))
    correct = np.where(mask[..., None], correct, 0)
    traced = cell(lambda *xs: mmse(*xs))
    for _ in range(2):
        found = compute_value(traced(y, correct, constant(mask)))
        assert found == compute_value(mmse(y, correct, mask))


def test_wrong_masks():
    """Masks of other shapes or kinds, or of no frame, are refused; so are symbols
    that do not fit."""
    y = np.zeros((4, 2, 3))
    with pytest.raises(ValueError, match=r"mmse: .*\(4, 2\), got bool of shape \(4,\)"):
        mmse(y, y, np.ones(4, bool))
    with pytest.raises(ValueError, match=r"mask is of booleans.*got float64"):
        mmse(y, y, np.ones((4, 2)))
    with pytest.raises(ValueError, match="leaves no frame"):
        hinge(y, np.zeros((4, 2), int), np.zeros((4, 2), bool))
    with pytest.raises(ValueError, match=r"hinge: .*an int for each frame of \(4, 2\)"):
        hinge(y, np.zeros((4, 2)))


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_outside(label):
    """A label outside of [0, n) is refused by hinge, unless it is padding; in a cell
    too, from the first call on."""
    scores, correct = np.zeros((4, 3)), np.array([0, 2, label, 1])
    traced = cell(lambda *xs: hinge(*xs))
    traced(scores, constant(np.zeros(4, int)))
    for cost in (hinge, lambda *xs: traced(*map(constant, xs))):
        with pytest.raises(IndexError, match=rf"{label} is outside \[0, 3\)"):
            cost(scores, correct)
    mask = correct != label
    assert compute_value(hinge(scores, correct, mask)) == 1.0
    with pytest.raises(IndexError, match=rf"hinge: label {label} is outside \[0, 3\)"):
        hinge(scores, correct, ~mask)


def test_l2_cost():
    """Squares of weights, biases apart, and 2 W for a gradient; of a simplified LSTM
    the four matrices, as in Merlin."""
    r = SimplifiedLSTM(3, 2, rng=0, bias=1.0, learned_start=True)
    weights = [w for layer in r.gates.values() for w in layer.weights]
    assert len(weights) == 4
    cost = L2_cost(r)
    expected = sum((w.value**2).sum() for w in weights)
    assert compute_value(cost) == pytest.approx(expected, rel=1e-12)
    found = compute_gradients(cost)
    assert {*found} == {*weights}
    for w in weights:
        np.testing.assert_allclose(found[w], 2 * w.value, rtol=1e-12)


def test_l2_cost_of_anything():
    """Tied weights count once, diagonals and matrices of one's own do; norms and
    vectors of one's own do not; nothing has the cost 0."""

    class Own(Module):
        def __init__(self):
            self.unit = SimplifiedGRU(2, 2, rng=0)
            self.again = [self.unit, LayerNorm(2)]
            self.table, self.shift = parameter(np.ones((2, 3))), parameter(np.ones(2))

    own = Own()
    layers = [own.unit.forget_gate, own.unit.input_layer, own.unit.decay]
    expected = 6 + sum((w.value**2).sum() for layer in layers for w in layer.weights)
    assert compute_value(L2_cost(own)) == pytest.approx(expected, rel=1e-12)
    assert compute_value(L2_cost(LayerNorm(3))) == 0
    with pytest.raises(TypeError, match="L2_cost: takes a module, got list"):
        L2_cost([own])
