"""Laws of beam search: exact, ended in time, wrong use told."""

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_models import Chain, Kept, V, Watched, fixed, network
from lm_searches import assert_found, enumerated
from numpy.testing import assert_allclose

from penne import (
    GRU,
    LSTM,
    Map,
    Simple,
    Transducer,
    constant,
)
from penne.lm import Vocabulary, beam_search
from penne.lm.beam import highest

VOCABULARY = Vocabulary(range(V))


# --- exactness ------------------------------------------------------------------------

counts = st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=3)
chains = counts.map(lambda rows: np.array(rows[:3], float) + np.eye(3)[[1, 2, 0]])
powers = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.5])


@given(
    chains, st.integers(1, 4), st.sampled_from([None, 0, 2]), powers, st.integers(1, 9)
)
def test_exhaustive(weights, length, stop, power, n_best):
    """With a beam as wide as there are texts it is an exhaustive search, in ties and
    among texts that cannot be, too: not a bit is different."""
    with np.errstate(divide="ignore"):
        model = Chain(weights / weights.sum(axis=1, keepdims=True))
    symbols = Vocabulary(range(3))
    expected = enumerated(model, 3, length, [1], stop, power)
    for beam in (3**length, 3 ** (length - 1)):
        found = beam_search(
            model,
            symbols,
            length,
            start=[1],
            stop=stop,
            beam=beam,
            n_best=n_best,
            length_penalty=power,
        )
        assert [(-x.score, tuple(x.symbols), x.logp, x.finished) for x in found] == (
            expected[:n_best]
        )


@pytest.mark.parametrize("cell", [Simple, LSTM, GRU])
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_exhaustive_network(cell, power):
    """The same for networks: all texts, in the order of their scores."""
    model = network(cell, seed=1)
    expected = enumerated(model, V, 3, [2, 0], 4, power)
    found = beam_search(
        model,
        VOCABULARY,
        3,
        start=[2, 0],
        stop=4,
        beam=V**3,
        n_best=1000,
        length_penalty=power,
    )
    assert len(found) == 1 + 4 + 16 + 64
    assert_found(found, expected)


@given(chains, st.integers(1, 5), st.sampled_from([None, 1]))
def test_all_texts(weights, length, stop):
    """What it chooses from is what ``sample`` draws from: probabilities sum to 1."""
    model = Chain(weights / weights.sum(axis=1, keepdims=True) * (1 - 3e-9) + 1e-9)
    found = beam_search(
        model, Vocabulary(range(3)), length, start=[0], stop=stop, beam=999, n_best=999
    )
    assert_allclose(sum(np.exp(x.logp) for x in found), 1)


# --- what it costs, and where it ends -------------------------------------------------


def test_one_step_for_all():
    """All hypotheses of a step are one batched step."""
    watch = Watched(network())
    beam_search(watch, VOCABULARY, 6, start=[3, 1], beam=20)
    sizes = [len(symbols) for symbols in watch.given]
    looks, steps = sizes[1:3], [sizes[0], *sizes[3:]]
    assert looks == [2, 3]
    assert steps == [1, 1, 5, 20, 20, 20, 20]


@pytest.mark.parametrize(("power", "steps"), [(0.0, 1), (1.0, 3)])
def test_ends_early(power, steps):
    """It ends when nothing that goes on can still be better."""
    watch = Watched(fixed([0.2, 0.8]))
    found = beam_search(
        watch,
        Vocabulary("ab"),
        20,
        start="a",
        stop="b",
        beam=3,
        length_penalty=power,
    )
    assert found[0].symbols == []
    assert [len(symbols) for symbols in watch.given] == [1] * steps


def test_length_penalty():
    """By hand: 0 takes the likeliest text, 1 the best mean."""
    p = np.array([[0.6, 0.4], [0.6, 0.4]])
    options = dict(start="a", stop="b", n_best=2, beam=4)
    found = beam_search(Chain(p), Vocabulary("ab"), 3, **options)
    assert [(x.symbols, x.finished) for x in found] == [([], True), (["a"], True)]
    assert_allclose([x.score for x in found], np.log([0.4, 0.24]))
    found = beam_search(Chain(p), Vocabulary("ab"), 3, length_penalty=1, **options)
    assert [("".join(x.symbols), x.finished) for x in found] == [
        ("aaa", False),
        ("aa", True),
    ]
    assert_allclose([x.score for x in found], [np.log(0.6), np.log(0.144) / 3])
    assert_allclose([x.logp for x in found], np.log([0.216, 0.144]))


def test_ties():
    """Equal scores go by the numbers of the symbols, at the end of a beam too."""
    even = fixed(np.full(4, 0.25))
    for beam in (1, 2, 3, 99):
        found = beam_search(even, Vocabulary("abcd"), 2, start="a", beam=beam, n_best=3)
        assert ["".join(x.symbols) for x in found] == ["aa", "ab", "ac"]


def test_late_ties():
    """What has ended does not end the search while what goes on may be its equal."""
    a, b, c, begin, end = range(5)
    p = np.zeros((5, 5))
    p[begin, [a, b]] = 0.5
    p[a, c] = p[c, end] = p[b, end] = 1
    with np.errstate(divide="ignore"):
        model = Chain(p)
    found = beam_search(model, VOCABULARY, 5, start=[begin], stop=end)
    assert found[0].symbols == [a, c]
    assert found[0].logp == np.log(0.5)


@given(
    st.lists(st.sampled_from([-inf, 0.0, 1.0, 2.0]), max_size=12), st.integers(1, 12)
)
def test_highest(scores, k):
    """The k highest, of equal ones the first, in the order of their places."""
    ranked = sorted(range(len(scores)), key=lambda n: (-scores[n], n))[:k]
    expected = sorted(n for n in ranked if scores[n] > -inf)
    assert highest(np.array(scores, float), k).tolist() == expected


def test_state_and_dropout():
    """Dropouts are off, and the state is as it was, after an error too."""
    plain, dropped = network(), network(dropout=0.5)
    for p, q in zip(plain.parameters().values(), dropped.parameters().values()):
        q.value = p.value
    dropped.start()
    dropped.step([1, 2])
    before = dropped.state
    options = dict(start=[0], stop=4, beam=3)
    found = beam_search(dropped, VOCABULARY, 4, **options)
    assert found == beam_search(plain, VOCABULARY, 4, **options)
    with pytest.raises(ValueError, match="the vocabulary has 3 symbols"):
        beam_search(dropped, Vocabulary(range(3)), 4, start=[0])
    assert all(dropped.state[path] is before[path] for path in before)


def test_no_history():
    """States are constants from step to step: memory does not grow."""
    beam_search(network(Kept), VOCABULARY, 9, start=[0], beam=3)


class Wrong(Transducer):
    """A state that has its batch last, or as a list."""

    def __init__(self, kind):
        self.kind = kind

    def start(self):
        self.h = constant(np.zeros(3))

    def step(self, inp):
        rows = constant(np.zeros((3, len(inp))))
        self.h = rows if self.kind == "last" else list(inp)
        return constant(np.full((len(inp), V), -np.log(V)))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            Wrong("last"),
            r"'h' in the model's state has shape \(3, 2\) for 2 hypotheses",
        ),
        (Wrong("list"), "state holds lists as long as the batch"),
        (fixed(np.ones(V)[:3] / 3), "vocabulary has 5 symbols, the model's output 3"),
        (
            Map(lambda k: constant(np.ones((*k.shape, V)))),
            r"beam_search: the model gives 1, no log p; end it in .*logsoftmax",
        ),
        (
            Map(lambda k: constant(np.zeros((4, V)))),
            r"1 symbols .* \(B, V\), got \(4, 5\)",
        ),
        (fixed(np.zeros(V)), "gives no text a probability"),
    ],
)
def test_model_errors(model, said):
    """A model that cannot be searched is a ValueError that says why."""
    with pytest.raises(ValueError, match=said):
        beam_search(model, VOCABULARY, 3, start=[0])


@pytest.mark.parametrize(
    ("option", "error", "said"),
    [
        (dict(length=0), ValueError, "length is an int >= 1, got 0"),
        (dict(beam=0), ValueError, "beam is an int >= 1, got 0"),
        (dict(n_best=1.5), ValueError, "n_best is an int >= 1, got 1.5"),
        (dict(length=3.0), ValueError, "length is an int >= 1, got 3.0"),
        (dict(beam=nan), ValueError, "beam is an int >= 1, got nan"),
        (dict(n_best=inf), ValueError, "n_best is an int >= 1, got inf"),
        (dict(length_penalty=inf), ValueError, "length_penalty is a finite number"),
        (dict(start=[]), ValueError, "start is at least one symbol, got none"),
        (dict(start=[9]), IndexError, "9 is not among its 5 symbols"),
        (dict(stop=9), IndexError, "9 is not among its 5 symbols"),
    ],
)
def test_option_errors(option, error, said):
    """An option out of its range is an error that names it."""
    with pytest.raises(error, match=said):
        beam_search(network(), VOCABULARY, **{"length": 3, "start": [0], **option})


@pytest.mark.parametrize("said", [dict(start=["z"]), dict(start=["a"], stop="z")])
def test_symbols_outside(said):
    """A start or stop is in the vocabulary: what is unknown does not stand for it."""
    vocabulary = Vocabulary("abcd", unknown="?")
    with pytest.raises(IndexError, match="'z' is not among its 5 symbols"):
        beam_search(network(), vocabulary, 3, **said)
    assert beam_search(network(), vocabulary, 3, start="?", stop="?")


def test_nan():
    """A model that gives NaN is a FloatingPointError that names the symbol."""
    p = np.full((V, V), 1 / V)
    p[3] = np.nan
    with pytest.raises(FloatingPointError, match=r"beam_search: .* NaN after symbol 3"):
        beam_search(Chain(p), VOCABULARY, 3, start=[0], beam=5)
