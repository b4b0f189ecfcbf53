"""Laws of sampling."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lm_models import Chain, Kept, V, Watched, fixed, network
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare

from penne import LSTM, Layer, Map, Stack, compute_value, constant, logsoftmax
from penne.lm import Vocabulary, beam_search, sample, sharpen


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sample_distribution(temperature):
    """Symbols come as often as p**(1/temperature) / Z says (chi-square)."""
    p = np.array([0.5, 0.25, 0.15, 0.1])
    drawn = sample(
        fixed(p), Vocabulary("abcd"), 4000, start="a", temperature=temperature, rng=1
    )
    expected = p ** (1 / temperature)
    expected *= len(drawn) / expected.sum()
    counts = [drawn.count(c) for c in "abcd"]
    assert chisquare(counts, expected).pvalue > 0.001


def test_sample_transitions():
    """In a Markov chain each pair comes as often as the chain says (chi-square)."""
    p = np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25], [0.3, 0.3, 0.4]])
    drawn = sample(Chain(p), Vocabulary(range(3)), 6000, rng=2)
    counts = np.zeros((3, 3))
    np.add.at(counts, (drawn[:-1], drawn[1:]), 1)
    expected = p * counts.sum(axis=1, keepdims=True)
    assert chisquare(counts, expected, axis=1).pvalue.min() > 0.001


def test_sample_network_distribution():
    """The first symbol after a start is drawn as the network says."""
    model, vocabulary = network(seed=3), Vocabulary(range(V))
    model.start()
    logp = [compute_value(model.step(k)) for k in (1, 4, 2)][-1]
    rng = np.random.default_rng(3)
    drawn = [
        sample(model, vocabulary, 1, start=[1, 4, 2], rng=rng)[0] for _ in "x" * 500
    ]
    counts = np.bincount(drawn, minlength=V)
    assert chisquare(counts, 500 * np.exp(logp)).pvalue > 0.001


@given(st.integers(0, 99))
def test_sample_cold_and_hot(seed):
    """Temperature 0 takes the likeliest, as does nearly 0; what cannot be, never."""
    p = np.array([[0.4, 0.6, 0.0], [0.0, 0.4, 0.6], [0.6, 0.0, 0.4]])
    with np.errstate(divide="ignore"):
        model = Chain(p)
    vocabulary = Vocabulary("abc")
    for temperature in (0, 1e-9):
        drawn = sample(
            model, vocabulary, 6, start="a", temperature=temperature, rng=seed
        )
        assert "".join(drawn) == "bcabca"
    for temperature in (0.5, 1.0, 1e9):
        text = "".join(sample(model, vocabulary, 30, temperature=temperature, rng=seed))
        assert not any(pair in text for pair in ("ac", "ba", "cb"))


def test_sample_repeats():
    """The same seed writes the same; another one something else."""
    model, vocabulary = network(), Vocabulary("abcde")
    first, again, other = (sample(model, vocabulary, 30, rng=k) for k in (1, 1, 2))
    assert first == again != other
    assert len(first) == 30


def test_sample_equals_greedy_transduction():
    """A network read symbol by symbol by hand gives what ``sample`` gives."""
    model, vocabulary = network(seed=5), Vocabulary(range(V))
    drawn = sample(model, vocabulary, 12, start=[2, 0], temperature=0)
    logp = compute_value(model.transduce(np.array([2, 0, *drawn])))
    assert drawn == logp[1:-1].argmax(axis=1).tolist()


def test_sample_stops():
    """It ends at ``stop``, which is no part of the result, as ``start`` is not."""
    p = np.full((3, 3), 1e-9) + np.eye(3)[[1, 2, 0]]
    vocabulary = Vocabulary("ab.")
    said = dict(start="a", temperature=0)
    assert sample(Chain(p), vocabulary, 9, stop=".", **said) == ["b"]
    assert sample(Chain(p), vocabulary, 4, **said) == ["b", ".", "a", "b"]
    assert sample(Chain(p), vocabulary, 0, **said) == []


def test_sample_first_symbol():
    """Without ``start`` the first symbol is drawn evenly and is part of the result."""
    rng = np.random.default_rng(0)
    model, vocabulary = fixed([0.9, 0.1]), Vocabulary("ab")
    drawn = [sample(model, vocabulary, 1, rng=rng)[0] for _ in range(400)]
    assert chisquare([drawn.count("a"), drawn.count("b")]).pvalue > 0.001


def test_sample_memory():
    """The state holds no history: its expressions are constants at every step."""
    sample(network(Kept), Vocabulary(range(V)), 20, rng=0)


@pytest.mark.parametrize("temperature", [-1, -1e-9, np.inf, np.nan])
def test_sample_temperature_errors(temperature):
    """A temperature below 0, infinite or NaN is a ValueError."""
    with pytest.raises(ValueError, match="sample: temperature is a number >= 0, got"):
        sample(network(), Vocabulary(range(V)), 3, temperature=temperature)


def test_sample_symbols_outside():
    """A start or stop outside the vocabulary is an IndexError that names it."""
    for vocabulary in (Vocabulary("abcde"), Vocabulary("abcd", unknown="?")):
        for said in (dict(start="az"), dict(stop="z")):
            with pytest.raises(IndexError, match="'z' is not among its 5 symbols"):
                sample(network(), vocabulary, 3, **said)
    assert len(sample(network(), vocabulary, 3, start="?")) == 3


@pytest.mark.parametrize("size", [V - 1, V + 1])
def test_sample_vocabulary_of_another_size(size):
    """A model has an output for each symbol of the vocabulary, no more and no less."""
    with pytest.raises(ValueError, match=f"sample: the vocabulary has {size}"):
        sample(network(), Vocabulary(range(size)), 2, start=[0])
    with pytest.raises(ValueError, match=r"for a symbol .* \(V\), got \(1, 5\)"):
        sample(network(), Vocabulary(range(V)), 2, start=[0], inputs=lambda k: [k])


@pytest.mark.parametrize("length", range(4))
def test_sample_steps(length):
    """The model is run where another symbol is to be drawn and only there: what it
    gives after a text that has come to its end is of no account."""
    p = np.full((5, 5), np.nan)
    p[:3] = np.eye(5)[1:4]
    with np.errstate(divide="ignore"):
        watch = Watched(Chain(p))
    found = sample(watch, Vocabulary(range(5)), length, start=[0])
    assert found == [1, 2, 3][:length]
    assert watch.given == [0, 1, 2][:length]
    assert sample(watch, Vocabulary(range(5)), 99, start=[0], stop=3) == [1, 2]


def test_sample_nan():
    """A model that gives NaN is a FloatingPointError, not a symbol."""
    model = fixed([np.nan, 0.5])
    with pytest.raises(FloatingPointError, match="gives NaN after symbol 0"):
        sample(model, Vocabulary("ab"), 3, start="a")


# --- what is drawn from ---------------------------------------------------------------

weights = st.lists(st.sampled_from([0, 1, 1, 2, 3, 5, 8]), min_size=1, max_size=8)
options = st.fixed_dictionaries(
    dict(
        repetition_penalty=st.sampled_from([0.5, 1.0, 1.2, 3.0]),
        temperature=st.sampled_from([0.5, 1.0, 2.0]),
        top_k=st.sampled_from([None, 1, 2, 3, 99]),
        top_p=st.sampled_from([0.123456, 0.512345, 0.771234, 0.931234, 1.0]),
    )
)


def by_hand(p, seen, repetition_penalty, temperature, top_k, top_p):
    """The four steps in plain probabilities, one symbol after the other."""
    p = [x**repetition_penalty if k in seen else x for k, x in enumerate(p)]
    p = [x ** (1 / temperature) for x in p]
    ranked = sorted(range(len(p)), key=lambda k: (-p[k], k))[:top_k]
    total = sum(p[k] for k in ranked)
    kept, mass = [], 0.0
    for k in ranked:
        if mass >= top_p:
            break
        kept.append(k)
        mass += p[k] / total
    total = sum(p[k] for k in kept)
    return [p[k] / total if k in kept else 0.0 for k in range(len(p))]


@given(weights, st.sets(st.integers(0, 7)), options)
def test_sharpen_by_hand(weights, seen, options):
    """Penalty, temperature, the k likeliest, the nucleus, in this order."""
    assume(sum(weights))
    p = np.array(weights) / sum(weights)
    seen = {k for k in seen if k < len(p)}
    with np.errstate(divide="ignore"):
        logp = np.log(p)
    expected = by_hand(p, seen, **options)
    before = logp.copy()
    found = np.exp(sharpen(logp, seen=seen, **options))
    assert_allclose(found, expected, atol=1e-12)
    assert_allclose(found.sum(), 1)
    assert_array_equal(logp, before)


@given(weights, st.floats(-50, 50))
def test_sharpen_nothing(weights, constant):
    """Without options it normalises, whatever constant is added."""
    assume(sum(weights))
    with np.errstate(divide="ignore"):
        logp = np.log(weights)
    expected = np.array(weights) / sum(weights)
    assert_allclose(np.exp(sharpen(logp + constant)), expected, rtol=1e-9)


def test_sharpen_ties():
    """Of equally likely symbols those with the lower numbers are kept."""
    even = np.zeros(4)
    for options in (dict(top_k=2), dict(top_p=0.5)):
        assert np.exp(sharpen(even, **options)).tolist() == [0.5, 0.5, 0, 0]
    assert np.exp(sharpen(even, temperature=0)).tolist() == [1, 0, 0, 0]


def test_sharpen_order():
    """The penalty comes before the cuts: what is held back may fall out of them."""
    logp = np.log([0.5, 0.3, 0.2])
    cut = sharpen(logp, seen=[0], repetition_penalty=9, top_k=1)
    assert np.exp(cut).tolist() == [0, 1, 0]


@pytest.mark.parametrize("temperature", [1e-300, 1e-310, 1e300])
def test_sharpen_extremes(temperature):
    """The coldest is certain, the hottest even; what cannot be stays so."""
    with np.errstate(divide="ignore"):
        found = np.exp(sharpen(np.log([0.2, 0.8, 0]), temperature=temperature))
    assert_allclose(found, [0, 1, 0] if temperature < 1 else [0.5, 0.5, 0])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (dict(repetition_penalty=0), "repetition_penalty is a number > 0, got 0"),
        (
            dict(repetition_penalty=np.nan),
            "repetition_penalty is a number > 0, got nan",
        ),
        (dict(top_k=0), "top_k is an int >= 1 or None, got 0"),
        (dict(top_k=1.5), r"top_k is an int >= 1 or None, got 1.5"),
        (dict(top_k=2.0), r"top_k is an int >= 1 or None, got 2.0"),
        (dict(top_k=np.nan), r"top_k is an int >= 1 or None, got nan"),
        (dict(top_k=np.inf), r"top_k is an int >= 1 or None, got inf"),
        (dict(top_p=0), "top_p is above 0 and at most 1, got 0"),
        (dict(top_p=1.01), "top_p is above 0 and at most 1, got 1.01"),
        (dict(temperature=-1), "temperature is a number >= 0, got -1"),
    ],
)
def test_option_errors(option, said):
    """An option out of its range is a ValueError, before anything is drawn."""
    with pytest.raises(ValueError, match=f"sharpen: {said}"):
        sharpen(np.zeros(3), **option)
    with pytest.raises(ValueError, match=f"sample: {said}"):
        sample(network(), Vocabulary(range(V)), 0, **option)


@pytest.mark.parametrize("option", ["temperature", "top_p", "repetition_penalty"])
@pytest.mark.parametrize("given", [None, "hot", constant(1.0), True])
def test_options_are_numbers(option, given):
    """An option that is no number is a TypeError that says so."""
    with pytest.raises(TypeError, match=f"sharpen: {option} is a number, got"):
        sharpen(np.zeros(3), **{option: given})
    with pytest.raises(TypeError, match=f"sample: {option} is a number, got"):
        sample(network(), Vocabulary(range(V)), 3, **{option: given})


@pytest.mark.parametrize("draw", [sample, beam_search])
def test_vocabularies_and_starts(draw):
    """A list of symbols is no vocabulary, a number no sequence of them: TypeErrors that
    say what to write."""
    name = draw.__name__
    with pytest.raises(TypeError, match=rf"{name}: .*list; write lm.Vocabulary\("):
        draw(network(), list("abcde"), 3, start="a")
    with pytest.raises(TypeError, match=rf"{name}: start is several .* write \[3\]"):
        draw(network(), Vocabulary(range(V)), 3, start=3)


def test_no_probability():
    """A model that rules out everything is a ValueError, not a symbol."""
    with pytest.raises(ValueError, match="no symbol has a probability"):
        sharpen(np.full(3, -np.inf))


@pytest.mark.parametrize("length", [-1, 3.0, np.nan, np.inf])
def test_sample_length_errors(length):
    """How many symbols there may be is a count."""
    with pytest.raises(
        ValueError, match=f"sample: length is an int >= 0, got {length}"
    ):
        sample(network(), Vocabulary(range(V)), length)


@pytest.mark.parametrize("shape", [(0,), (), (2, 3)])
def test_sharpen_shapes(shape):
    """What is sharpened is one distribution, of a symbol at least."""
    with pytest.raises(ValueError, match=r"^sharpen: .*\(V\), got shape \("):
        sharpen(np.zeros(shape))


@pytest.mark.parametrize("symbol", [-1, 3])
def test_sharpen_seen_outside(symbol):
    """A symbol that was seen is in [0, V)."""
    with pytest.raises(
        IndexError, match=rf"sharpen: symbol {symbol} is outside \[0, 3\)"
    ):
        sharpen(np.zeros(3), seen=[0, symbol], repetition_penalty=2)


@pytest.mark.parametrize(
    "option",
    [
        dict(top_k=2),
        dict(top_p=0.7),
        dict(temperature=0.5, top_k=3, top_p=0.9),
    ],
)
def test_sample_sharpened(option):
    """Symbols come as often as ``sharpen`` says (chi-square), others never."""
    p = np.array([0.1, 0.25, 0.15, 0.5])
    drawn = sample(fixed(p), Vocabulary("abcd"), 3000, start="a", rng=3, **option)
    expected = np.exp(sharpen(np.log(p), **option)) * len(drawn)
    counts = np.array([drawn.count(c) for c in "abcd"])
    assert counts[expected == 0].tolist() == [0] * (expected == 0).sum()
    kept = expected > 0
    assert chisquare(counts[kept], expected[kept]).pvalue > 0.001


def test_sample_repetition_penalty():
    """A strong penalty goes through all symbols, those of ``start`` last."""
    model = fixed([0.4, 0.3, 0.2, 0.1])
    drawn = sample(
        model, Vocabulary("abcd"), 3, start="b", temperature=0, repetition_penalty=99
    )
    assert drawn == ["a", "c", "d"]


def test_sample_state_and_inputs():
    """It begins in the state given, and ``inputs`` sees the symbol and the state."""
    model = Stack(LSTM([-V, 2], 4, rng=0), Map(Layer(4, V, f=logsoftmax, rng=1)))
    model.start()
    model.layers[0].h = constant(np.ones(4, np.float32))
    begun, seen = model.state, []

    def inputs(symbol):
        h = model.layers[0].h
        seen.append((symbol, compute_value(h)))
        return symbol, h[:2]

    drawn = sample(
        model,
        Vocabulary(range(V)),
        5,
        start=[1],
        temperature=0,
        state=begun,
        inputs=inputs,
    )
    assert [symbol for symbol, _ in seen] == [1, *drawn[:-1]]
    assert seen[0][1].tolist() == [1] * 4
    assert seen[1][1].tolist() != [1] * 4
    assert all(model.state[path] is begun[path] for path in begun)
    model.state = begun
    for symbol, following in zip([1, *drawn], drawn):
        logp = compute_value(model.step((symbol, model.layers[0].h[:2])))
        assert following == logp.argmax()
