"""Sums of what is forbidden: the logarithm of nothing is -inf, and its gradient 0."""

from itertools import pairwise, product

import numpy as np
import pytest
from fixtures import doubles, every_graph  # noqa: F401  # hold for all tests here
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from penne import (
    asum,
    compute_gradients,
    compute_value,
    fast,
    gradient,
    logaddexp,
    logsumexp,
    parameter,
    plain,
    stack,
)


@st.composite
def chains(draw):
    """Log weights of starts, of moves, and of what is seen in each state, of which
    some are forbidden; and some texts."""
    states, symbols = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shapes = (states,), (states, states), (states, symbols)
    weights = [
        np.where(rng.random(s) < 0.4, -np.inf, rng.normal(size=s)) for s in shapes
    ]
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    return weights, [rng.integers(symbols, size=n).tolist() for n in lengths]


def log_weight(start, move, seen, text):
    """The forward algorithm."""
    a = start + seen[:, text[0]]
    for symbol in text[1:]:
        a = logsumexp(a[:, None] + move, axis=0) + seen[:, symbol]
    return logsumexp(a)


def counted(start, move, seen, text):
    """The log of the sum over all paths, and how much each weight has a part in it."""
    total, counts = 0.0, [np.zeros_like(x) for x in (start, move, seen)]
    for path in product(range(len(start)), repeat=len(text)):
        used = [(0, path[0]), *[(1, pair) for pair in pairwise(path)]]
        used += [(2, pair) for pair in zip(path, text)]
        weight = np.exp(sum((start, move, seen)[k][place] for k, place in used))
        total += weight
        for k, place in used:
            counts[k][place] += weight
    with np.errstate(divide="ignore"):
        return np.log(total), [x / total if total else x for x in counts]


@pytest.mark.parametrize("way", [plain, fast.enable])
@given(case=chains())
def test_forward(way, case):
    """Weights and posteriors are those of all paths, however few are allowed."""
    weights, texts = case
    given = [parameter(x) for x in weights]
    with way():
        found = [log_weight(*given, text) for text in texts]
        got = compute_gradients(sum(found))
        values = [compute_value(y) for y in found]
    expected = [counted(*weights, text) for text in texts]
    assert_allclose(values, [y for y, _ in expected])
    for p, parts in zip(given, zip(*[parts for _, parts in expected])):
        assert_allclose(got.get(p, 0.0) * np.ones(p.shape), sum(parts), atol=1e-12)


@pytest.mark.parametrize("way", [plain, fast.enable])
def test_sums(way):
    """Of two, of a row, of parts that are stacked, by either; to second order."""
    a, b = (parameter([-np.inf, -np.inf, x]) for x in (0.0, 1.0))
    both = logaddexp(a, b), logsumexp(stack([a, b]), axis=0)
    with way():
        for y in both:
            assert_allclose(compute_value(y), [-np.inf, -np.inf, np.log(1 + np.e)])
            g = compute_gradients(asum(y))
            assert_allclose(g[a], [0, 0, 1 / (1 + np.e)])
            assert_allclose(g[b], [0, 0, np.e / (1 + np.e)])
            second = compute_gradients(asum(gradient(asum(y), a) ** 2))
            p = np.e / (1 + np.e)
            assert_allclose(second[a], [0, 0, 2 * (1 - p) ** 2 * p])
