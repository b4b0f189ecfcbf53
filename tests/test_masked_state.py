"""State that a step changes in some rows of a batch, and keeps in the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penne import *

M = 3


def old_states():
    """A state before the first step, of any kind: with rows, without, or no number."""
    shapes = st.sampled_from([(2, M), (M,), ()])
    arrays = shapes.map(lambda shape: np.full(shape, 0.5))
    numbers = arrays | st.sampled_from([0, 0.5, True, np.float32(2), np.int64(3)])
    others = st.sampled_from([None, "none", b"", 1j, frozenset(), np.str_("none")])
    return numbers | arrays.map(constant) | others


def new_states():
    """A state after it: what is kept must come from the one before."""
    arrays = st.just(np.arange(2.0 * M).reshape(2, M))
    return arrays | arrays.map(constant)


def number(x):
    """A number or an array, or None for what is none."""
    x = compute_value(x) if isinstance(x, Expression) else np.asarray(x)
    return x if x.dtype.kind in "biuf" else None


class Assigned(Transducer):
    """A state that is one thing at first, and another after each step."""

    def __init__(self, old, new):
        self.pair = old, new

    def start(self):
        self.h = None  # so that it is state, whatever comes
        self.h = self.pair[0]

    def step(self, inp):
        self.h = self.pair[1]
        return inp


@given(old_states(), new_states(), st.permutations([False, True]))
def test_kept_or_refused(old, new, mask):
    """Masked rows keep what was before, if that is a number for each; else it is an
    error that names the state."""
    r = Assigned(old, new)
    if number(old) is None:
        with pytest.raises(
            ValueError, match="unroll: the state h cannot be kept in so"
        ):
            unroll(r, np.ones((1, 2, M)), mask=[mask])
        return
    found = number(unroll(r, np.ones((1, 2, M)), mask=[mask]).state["h"])
    kept = np.broadcast_to(number(old), (2, M))
    expected = np.where(np.array(mask)[:, None], number(new), kept)
    np.testing.assert_array_equal(found, expected)


def test_no_state_at_first():
    """What is None before the first step cannot be kept, whatever it becomes."""
    for new, seen in [
        (np.ones((2, M)), r"an array of shape \(2, 3\)"),
        (constant(np.ones((2, M))), r"<constant: \(2, 3\) float64>"),
    ]:
        with pytest.raises(ValueError, match=f"None has become {seen}; run each"):
            unroll(Assigned(None, new), np.ones((2, 2, M)), lengths=[0, 2])
