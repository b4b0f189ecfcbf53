"""What transducers of tests are made of, and when two of them are equal."""

import numpy as np
import pytest
from fixtures import examples
from hypothesis import strategies as st
from transducers import twice

from penne import *
from penne.recurrent.variants import StandardLSTM

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
