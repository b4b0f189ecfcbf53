"""Batches of sequences, and what a transducer makes of one sequence alone."""

import numpy as np

from penne import *

N = 3


def inputs(steps, batch, seed=0):
    """Sequences of vectors, time first."""
    return np.random.default_rng(seed).normal(0, 1, (steps, batch, N))


def close(found, expected):
    """The same but for rounding."""
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def leaves(state):
    """The values of a state, by path, with lists, tuples and dicts opened."""
    module = Module()
    module.state = state
    parts = ((path, x) for path, x in module.parts() if isinstance(x, Expression))
    return {path.removeprefix("state."): compute_value(x) for path, x in parts}


def alone(r, xs):
    """One sequence by itself: outputs, the one given last, final state, the sum of
    squares of outputs."""
    r.start()
    outputs, last = r.read(list(xs))
    return [compute_value(constant(y)) for y in outputs], last, leaves(r.state)
