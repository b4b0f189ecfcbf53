"""Laws of beam search over states of any form: against a search by hand that steps one
hypothesis after the other."""

from collections import deque

import numpy as np
import pytest
from fixtures import examples
from hypothesis import given
from hypothesis import strategies as st
from lm_models import V, network, surprises
from lm_searches import assert_found, by_hand

from penne import (
    GRU,
    LSTM,
    Layer,
    Map,
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

VOCABULARY = Vocabulary(range(V))


powers = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.5])

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


@examples(0.4)
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
