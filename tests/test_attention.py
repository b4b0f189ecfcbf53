"""Attention, a sentence at a time: lengths differ, and so do the types of scores."""

from itertools import pairwise

import numpy as np
import pytest
from fixtures import (  # noqa: F401  # fixtures are for every test here
    doubles,
    every_graph,
    examples,
    gradients,
    kernels_apart,
)
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne import caches, cell

V, P, H = 6, 5, 3
SCORES = ("dot", "general", "additive")


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


@examples(2.4)
@given(st.sampled_from(SCORES), st.booleans(), st.booleans(), LENGTHS)
def test_attention(score, fed, own, lengths):
    """Values and gradients are those of the plain executor, whatever the lengths."""
    gradients(Reader(score, fed, own).loss(words(lengths)))


# --- other things that are done with arrays as long as their sentence -----------------


@cell
def weighed(keys, h, v):
    """Rows, each times one number: an array of another shape on the way."""
    return expand_dims(tanh(keys * h) @ v, 1) * keys


@cell
def scored(keys, h):
    """Rows of each step that goes row by row."""
    return tanh(keys + h) * sigmoid(keys)


class Uses(Module):
    """What a model may do with an array (T, H) of outputs and a vector (H,)."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.read = GRU(-V, H, rng=rng)
        self.layer = Layer(H, H, rng=rng)
        self.both = Layer([H, H], H, f=sigmoid, rng=rng)
        self.W = parameter(rng.normal(size=(H, H)))
        self.v = parameter(rng.normal(size=H))

    def every(self):
        """The names of all uses."""
        return [name for name in vars(Uses) if name.startswith("by_")]

    def by_mean(self, keys, h):
        return asum(mean(keys, axis=0) * h)

    def by_total(self, keys, h):
        return asum(tanh(keys * h))

    def by_softmax(self, keys, h):
        return asum((softmax(keys @ h) @ keys) ** 2)

    def by_turned(self, keys, h):
        return asum(softmax(h @ keys.T) @ exp(keys))

    def by_layer(self, keys, h):
        return logsumexp(self.layer(keys) @ self.v)

    def by_two(self, keys, h):
        weights = softmax(self.both(keys, h) @ self.v)
        return asum(weights @ self.layer(keys)) + logsumexp(log(weights))

    def by_weight(self, keys, h):
        return asum(sigmoid(keys @ self.W) @ h) + asum(keys @ (self.W @ h))

    def by_columns(self, keys, h):
        return asum(logsumexp(keys, axis=0) * h) + asum(asum(keys, axis=1) ** 2)

    def by_joined(self, keys, h):
        return asum(logsumexp(concatenate([keys, tanh(keys)], axis=-1), axis=-1))

    def by_kept(self, keys, h):
        return asum(exp(keys - logsumexp(keys, axis=0, keepdims=True)) ** 2)

    def by_all(self, keys, h):
        return logsumexp(keys * h)

    def by_outer(self, keys, h):
        return asum(tanh(expand_dims(keys @ h, 1) * h))

    def by_largest(self, keys, h):
        return asum(amax(keys, axis=0))

    def by_cell(self, keys, h):
        return asum(weighed(keys, h, self.v)) + asum(scored(keys, h) @ h)

    def by_place(self, keys, h):
        return asum(keys[0] * keys[-1])

    def by_stack(self, keys, h):
        return asum(tanh(stack([keys, keys * h])))

    def by_one(self, keys, h):
        return asum(tanh(keys * stack([h])) @ self.v)

    def by_itself(self, keys, h):
        return asum(softmax(keys @ keys.T) @ keys)

    def loss(self, sentences):
        """A loss of sentences of these lengths, each with its uses."""
        total = []
        for k, (length, uses) in enumerate(sentences):
            outputs = self.read.transduce([(k + t) % V for t in range(length)])
            keys = stack(list(outputs))
            total += [getattr(self, use)(keys, outputs[-1]) for use in uses]
        return sum(total)


USES = Uses().every()


@pytest.mark.parametrize("use", USES)
def test_each_use(use):
    """Each use, of several lengths, is what it is by the plain executor."""
    gradients(Uses().loss([(length, [use]) for length in (3, 1, 4, 4, 2)]))


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.lists(st.sampled_from(USES), min_size=1)),
        min_size=1,
        max_size=6,
    )
)
def test_uses_of_all_kinds(sentences):
    """So are several uses of one array, and others of other sentences, though of some
    no array is taken apart."""
    gradients(Uses().loss(sentences))


@pytest.mark.parametrize("use", USES[: USES.index("by_largest")])
def test_lengths_are_no_kinds(use):
    """What goes row by row is one program, whatever the lengths."""
    model, rng = Uses(), np.random.default_rng(0)
    gradients(model.loss([(length, [use]) for length in (3, 2, 4, 5)]))
    before = caches()["programs"].made
    for _ in range(5):
        lengths = rng.integers(1, 9, size=3).tolist()
        gradients(model.loss([(length, [use]) for length in [*lengths, 9]]))
    assert caches()["programs"].made == before


@pytest.mark.parametrize(
    ("score", "fed"),
    [
        *((score, False) for score in SCORES),
        ("additive", True),
        pytest.param("dot", True, marks=pytest.mark.slow),
        pytest.param("general", True, marks=pytest.mark.slow),
    ],
)
def test_attention_by_kernels(score, fed, monkeypatch):
    """So they are where everything is compiled."""
    pytest.importorskip("numba")
    monkeypatch.setenv("PENNE_FAST", "compiled")
    for rng in range(2):
        lengths = np.random.default_rng(rng).integers(1, 6, (7, 2)).tolist()
        gradients(Reader(score, fed).loss(words(lengths, rng)), 1e-11)
    caches()["graphs seen"].clear()
    caches()["programs"].clear()
