"""Laws of beam search: against enumeration of all texts, and against a search by hand
that steps one hypothesis after the other."""

from collections import deque
from itertools import product
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_models import Chain, V, fixed, network, surprises
from numpy.testing import assert_allclose

from penne import (
    GRU,
    LSTM,
    Layer,
    Map,
    Simple,
    Stack,
    Transducer,
    compute_value,
    concatenate,
    constant,
    default_dtype,
    logsoftmax,
    mean,
    parameter,
    softmax,
    tanh,
)
from penne.lm import Vocabulary, beam_search, sample
from penne.lm.beam import highest

VOCABULARY = Vocabulary(range(V))


def enumerated(model, size, length, start, stop, power=0.0):
    """Every text there is, each walked through by itself: (cost, text, log p, whether
    it ends with ``stop``), the best first."""
    others = [k for k in range(size) if k != stop]
    texts = [(*text, stop) for n in range(length) for text in product(others, repeat=n)]
    texts = ([] if stop is None else texts) + list(product(others, repeat=length))
    found = []
    for text in texts:
        logp = 0.0
        for x in surprises(model, [*start, *text])[len(start) - 1 :]:
            logp = logp - x
        ended = text[-1] == stop
        shown = text[:-1] if ended else text
        if logp > -inf:
            found.append((-logp / len(text) ** power, shown, logp, ended))
    return sorted(found)


def by_hand(
    model, length, start, stop, beam, n_best, power=0.0, begun=None, inputs=lambda k: k
):
    """The search, unbatched, never ended early: the state of each hypothesis is put
    back before its step."""
    if begun is None:
        model.start()
        begun = model.state
    model.state = begun
    for number in start[:-1]:
        model.step(inputs(number))
    live, ended = [((), 0.0, model.state, start[-1])], []
    for drawn in range(1, length + 1):
        following = []
        for text, logp, state, last in live:
            model.state = state
            after = compute_value(model.step(inputs(last)))
            for k, x in enumerate(after):
                if k == stop:
                    ended.append((-(logp + x) / drawn**power, text, logp + x, True))
                else:
                    following.append(((*text, k), logp + x, model.state, k))
        live = sorted(following, key=lambda x: (-x[1], x[0]))[:beam]
    ended += [(-x / length**power, text, x, False) for text, x, *_ in following]
    return sorted(ended)[:n_best]


def assert_found(found, expected):
    """The same texts with the same probabilities in the same order."""
    assert [x.symbols for x in found] == [list(x[1]) for x in expected]
    assert [x.finished for x in found] == [x[3] for x in expected]
    assert_allclose([x.logp for x in found], [x[2] for x in expected], rtol=1e-9)
    assert_allclose([x.score for x in found], [-x[0] for x in expected], rtol=1e-9)


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


# --- narrow beams, and all kinds of states --------------------------------------------


class Odd(Transducer):
    """A state of everything: tuples, lists that grow, deques, dicts, numbers, the last
    symbols, a learned first vector, and a memory that all hypotheses share."""

    def __init__(self, memory, seed=0):
        rng = np.random.default_rng(seed)
        with default_dtype("float64"):
            self.embed = Layer(-V, 3, rng=rng)
            self.layer = Layer([3, 3, 3], 3, rng=rng)
            self.out = Layer(3, V, f=logsoftmax, rng=rng)
        self.first = parameter(rng.normal(size=3))
        self.given = memory

    def start(self):
        self.pair = (self.first, [constant(np.zeros(3))])
        self.past = []
        self.window = deque([constant(np.ones(3))], maxlen=2)
        self.named = {"total": constant(0.0), "name": "odd"}
        self.memory = self.given
        self.steps = 0
        self.last = None

    def step(self, inp):
        x = self.embed(inp)
        h, [c] = self.pair
        weights = softmax(x @ np.transpose(self.memory))
        c = tanh(self.layer(x, h, c) + weights @ self.memory + self.window[0])
        if self.last is not None:
            c = c + 0.3 * self.embed(self.last) + sum(self.past[-2:]) / self.steps
        self.pair = (c * h, [h + c])
        self.past = [*self.past, c]
        self.window = deque([*self.window, c], maxlen=2)
        self.named = {**self.named, "total": self.named["total"] + c[..., 0]}
        self.steps += 1
        self.last = inp
        return self.out(c + self.named["total"][..., None])


def memory(kind, size):
    array = np.random.default_rng(size).normal(size=(size, 3))
    kinds = dict(array=lambda x: x, constant=constant, computed=lambda x: tanh(x) * 2)
    return kinds[kind](constant(array) if kind == "computed" else array)


@pytest.mark.parametrize("kind", ["array", "constant", "computed"])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("beam", [1, 2, 3, 4])
def test_any_state(kind, size, beam):
    """Rows follow their hypotheses, whatever the state holds; what is shared is not
    taken for rows, where its size is that of the beam either."""
    model = Odd(memory(kind, size))
    options = dict(beam=beam, n_best=4)
    expected = by_hand(model, 4, [1, 3], 0, power=0.7, **options)
    found = beam_search(
        model, VOCABULARY, 4, start=[1, 3], stop=0, length_penalty=0.7, **options
    )
    assert_found(found, expected)


class Late(Transducer):
    """What is shared at first has rows later, and then is shared again, of one rank."""

    def __init__(self, size):
        rng = np.random.default_rng(size)
        self.table = constant(rng.normal(size=(V, 3)))
        self.weights = constant(rng.normal(size=(3, V)))
        self.other = constant(rng.normal(size=(7, 3)))
        self.size = size

    def start(self):
        self.h = constant(np.ones((self.size, 3)))
        self.steps = 0

    def step(self, inp):
        x = self.table[inp]
        self.steps += 1
        if self.steps == 2:
            self.h = x
        elif self.steps == 3:
            self.h = tanh(self.h + x)
        if self.steps == 5:
            self.h = self.other
        h = self.h if 2 <= self.steps < 5 else mean(self.h, axis=0)
        return logsoftmax((x + h) @ self.weights)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_late_rows(size):
    """It is seen when what was shared gets rows, and when it loses them."""
    model = Late(size)
    for beam in (1, 2, 3):
        expected = by_hand(model, 7, [2], 1, beam=beam, n_best=5)
        found = beam_search(
            model, VOCABULARY, 7, start=[2], stop=1, beam=beam, n_best=5
        )
        assert_found(found, expected)


@settings(max_examples=10)
@given(st.integers(0, 99), st.integers(1, 9), st.sampled_from([None, 3]), powers)
def test_narrow(seed, beam, stop, power):
    """Of networks in a stack a narrow beam finds what the search by hand finds."""
    with default_dtype("float64"):
        model = Stack(
            LSTM(-V, 3, rng=seed),
            Map(tanh),
            Stack(
                GRU(3, 4, rng=seed), Map(Layer(4, V, f=logsoftmax, gain=0.2, rng=seed))
            ),
        )
    expected = by_hand(model, 5, [0], stop, beam, 3, power)
    found = beam_search(
        model,
        VOCABULARY,
        5,
        start=[0],
        stop=stop,
        beam=beam,
        n_best=3,
        length_penalty=power,
    )
    assert_found(found, expected)


@given(st.integers(0, 99))
def test_at_least_greedy(seed):
    """A beam of one is never worse than the likeliest symbol each time."""
    model = network(seed=seed)
    greedy = sample(model, VOCABULARY, 6, start=[0], stop=4, temperature=0)
    ended = [*greedy, 4] if len(greedy) < 6 else greedy
    found = beam_search(model, VOCABULARY, 6, start=[0], stop=4, beam=1)[0]
    assert found.logp >= -surprises(model, [0, *ended]).sum() - 1e-12
    found = beam_search(model, VOCABULARY, 6, start=[0], beam=1)[0]
    assert found.symbols == sample(model, VOCABULARY, 6, start=[0], temperature=0)


# --- encoders, decoders, attention ----------------------------------------------------


class Decoder(Transducer):
    """Reads a symbol and a context."""

    def __init__(self):
        with default_dtype("float64"):
            self.rnn = GRU([-V, 3], 3, rng=0)
            self.out = Layer(3, V, f=logsoftmax, gain=0.2, rng=1)

    def start(self):
        self.rnn.start()

    def step(self, inp):
        return self.out(self.rnn.step(inp))


@given(st.integers(0, 99), st.integers(1, 5), st.integers(1, 5))
def test_attention(seed, beam, size):
    """A decoder begins with what the encoder found, and attends to it at each step
    by its own state; the encoder is evaluated no more than once a step."""
    encoder, decoder = LSTM(3, 3, rng=seed), Decoder()
    outputs = encoder.transduce(np.random.default_rng(seed).normal(size=(size, 3)))
    outputs = constant(compute_value(outputs))
    decoder.start()
    decoder.rnn.h = outputs[-1]
    begun = decoder.state

    def inputs(symbols):
        weights = softmax(decoder.rnn.h @ outputs.T)
        return symbols, weights @ outputs

    options = dict(beam=beam, n_best=3)
    expected = by_hand(decoder, 4, [1], 2, begun=begun, inputs=inputs, **options)
    found = beam_search(
        decoder, VOCABULARY, 4, start=[1], stop=2, state=begun, inputs=inputs, **options
    )
    assert_found(found, expected)


def test_context_that_all_share():
    """A context without rows, joined to the symbols' vectors by hand."""
    with default_dtype("float64"):
        embed, out = Layer(-V, 2, rng=0), Layer(4, V, f=logsoftmax, rng=0)
    context = constant(np.array([1.0, -1.0]))

    def inputs(symbols):
        x = embed(symbols)
        return concatenate([x, x * 0 + context], axis=-1)

    model = Map(out)
    expected = by_hand(model, 3, [1], 0, 2, 3, inputs=inputs)
    found = beam_search(
        model, VOCABULARY, 3, start=[1], stop=0, beam=2, n_best=3, inputs=inputs
    )
    assert_found(found, expected)


# --- what it costs, and where it ends -------------------------------------------------


class Watched(Transducer):
    """Notes how many symbols each step takes."""

    def __init__(self, model):
        self.model = model
        self.sizes = []

    def start(self):
        self.model.start()

    def step(self, inp):
        self.sizes.append(len(inp))
        return self.model.step(inp)


def test_one_step_for_all():
    """All hypotheses of a step are one batched step."""
    watch = Watched(network())
    beam_search(watch, VOCABULARY, 6, start=[3, 1], beam=20)
    looks, steps = watch.sizes[1:3], [watch.sizes[0], *watch.sizes[3:]]
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
    assert watch.sizes == [1] * steps


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

    class Kept(LSTM):
        def step(self, inp):
            assert not self.h.args
            assert not self.c.args
            return super().step(inp)

    model = Stack(Kept(-V, 4, rng=0), Map(Layer(4, V, f=logsoftmax, rng=0)))
    beam_search(model, VOCABULARY, 9, start=[0], beam=3)


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
        (fixed(np.ones(V)[:3] / 3), r"vocabulary has 5 symbols, .* output \(B, 3\)"),
        (
            Map(lambda k: constant(np.ones((*k.shape, V)))),
            "gives log p = 1, and a prob",
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


def test_nan():
    """A model that gives NaN is a FloatingPointError that names the symbol."""
    p = np.full((V, V), 1 / V)
    p[3] = np.nan
    with pytest.raises(FloatingPointError, match=r"beam_search: .* NaN after symbol 3"):
        beam_search(Chain(p), VOCABULARY, 3, start=[0], beam=5)
