"""Attention, a sentence at a time: lengths differ, and so do the types of scores."""

from itertools import pairwise, product

import numpy as np
import pytest
from fixtures import gradients, kernels_apart  # noqa: F401  # for every test here
from hypothesis import given, settings
from hypothesis import strategies as st

from penne import *
from penne import fast
from penne.fast import recipe

V, P, H = 6, 5, 3
SCORES = ("dot", "general", "additive")


@pytest.fixture(autouse=True)
def _every_size(monkeypatch):
    """Graphs are batched whatever their size."""
    monkeypatch.setattr(fast, "LEAST_NODES", 0)
    monkeypatch.setattr(fast, "MOST_KINDS", 1)
    fast._seen.clear()
    recipe._programs.clear()
    with default_dtype("float64"):
        yield


class Reader(Module):
    """Reads letters, then writes phones, and looks at what was read before each.

    ``score``: of Luong et al. 2015, or Bahdanau et al. 2015; ``fed``: whether what was
    found is read with the next phone; ``own``: whether the decoder is an undecorated
    cell.
    """

    def __init__(self, score, fed, own=False):
        rng = np.random.default_rng(0)
        self.score, self.fed = score, fed
        self.encoder = LSTM(-V, H, rng=rng)
        self.embed = Layer(-P, H, f=None, bias=None, rng=rng)
        decoder = Bare if own else Simple
        self.decoder = decoder(2 * H, H, rng=rng)
        self.ask = Layer(H, H, f=None, bias=None, rng=rng)
        self.key = Layer(H, H, f=None, rng=rng)
        self.weigh = parameter(rng.normal(size=H))
        self.output = Layer([H, H], P, f=logsoftmax, rng=rng)

    def nats(self, letters, phones):
        """The surprise at all phones but the first."""
        keys = stack(self.encoder.transduce(letters))
        seen = self.key(keys) if self.score == "additive" else keys
        self.decoder.start()
        found, nats = zeros(H), []
        for before, phone in pairwise(phones):
            more = found if self.fed else zeros(H)
            h = self.decoder.step(concatenate([self.embed(before), more]))
            weights = softmax(self.scores(seen, h))
            found = weights @ keys
            nats.append(-self.output(h, found)[phone])
        return sum(nats)

    def scores(self, seen, h):
        """One number for each letter."""
        if self.score == "additive":
            return tanh(seen + self.ask(h)) @ self.weigh
        return seen @ (h if self.score == "dot" else self.ask(h))

    def loss(self, pairs):
        """The surprise at several words."""
        return sum(self.nats(letters, phones) for letters, phones in pairs)


class Bare(Simple):
    """An undecorated step."""

    def step(self, x):
        self.h = self.layer(x, self.h)
        return self.h


def words(lengths, rng=0):
    """Letters and phones, as many as ``lengths`` says."""
    rng = np.random.default_rng(rng)
    return [
        (rng.integers(V, size=n).tolist(), rng.integers(P, size=m + 1).tolist())
        for n, m in lengths
    ]


LENGTHS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1)


@settings(max_examples=60)
@given(st.sampled_from(SCORES), st.booleans(), st.booleans(), LENGTHS)
def test_attention(score, fed, own, lengths):
    """Values and gradients are those of the plain executor, whatever the lengths."""
    gradients(Reader(score, fed, own).loss(words(lengths)))


@pytest.mark.parametrize(("score", "fed"), [*product(SCORES, [False, True])])
def test_attention_by_kernels(score, fed, monkeypatch):
    """So they are where everything is compiled."""
    pytest.importorskip("numba")
    monkeypatch.setenv("PENNE_FAST", "compiled")
    for rng in range(2):
        lengths = np.random.default_rng(rng).integers(1, 6, (7, 2)).tolist()
        gradients(Reader(score, fed).loss(words(lengths, rng)), 1e-11)
    fast._seen.clear()
    recipe._programs.clear()
