"""Masks of dropout in a batch of sequences of different lengths: each has its own."""

import numpy as np
import pytest
from batches import N, alone, close, inputs
from fixtures import doubles  # noqa: F401  # for every test here

from penne import *


def test_dropout_of_what_recurs():
    """A mask of dropout, drawn once for each sequence, is kept with the state."""
    r, xs = LSTM(N, 2, gal_dropout=0.5, zoneout=0.25, rng=0), inputs(4, 2)
    mask = np.array([[1, 0], [0, 1], [1, 1], [1, 1]], bool)
    outputs = unroll(r, xs, mask=mask).outputs
    with fixed_masks():
        ys = compute_value(outputs)
        close(ys[1, 0], ys[0, 0])
    with training(False):
        found = compute_value(outputs)
        for b in range(2):
            close(found[mask[:, b], b], alone(r, xs[mask[:, b], b])[0])


class Thinned(Transducer):
    """A mask of one's own, that the first step draws for each row."""

    noise_state = ("m",)

    def __init__(self):
        self.layer, self.drop = Layer(N, 40, rng=0), Dropout(0.5, rng=0)

    def start(self):
        self.m = ones(1)

    def step(self, inp):
        if self.m.shape == (1,):
            self.m = self.drop(ones((len(inp), 40)))
        return self.layer(inp) * self.m


WITH_MASKS = {
    "LSTM": lambda: LSTM(N, 40, gal_dropout=0.5, rng=0),
    "Simple": lambda: Simple(N, 40, f=None, gal_dropout=0.5, rng=0),
    "own": Thinned,
}


@pytest.mark.parametrize("make", WITH_MASKS.values(), ids=WITH_MASKS)
@pytest.mark.parametrize("lengths", [[4, 2, 2, 1], [0, 3, 3, 0]])
@pytest.mark.parametrize("turned", [Stack, Reverse])
def test_each_row_has_a_mask(make, lengths, turned):
    """Rows that do not take the first step have masks of their own too, by which each
    is what it would be alone."""
    r, xs = make(), inputs(4, 4)
    outputs = unroll(turned(r), xs, lengths=lengths).outputs
    (name,) = r.noise_state
    with fixed_masks():
        values = compute_values([outputs, r.state[name]])
        masks = values[r.state[name]]
    assert len({row.tobytes() for row in masks}) == 4
    for b, count in enumerate(lengths):
        one = {name: masks[b : b + 1]}
        if turned is Stack and count:
            alone = unroll(r, xs[:count, b : b + 1], state=one).outputs
            close(values[outputs][:count, b], compute_value(alone)[:, 0])
