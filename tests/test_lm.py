"""Laws of ``penne.lm``: vocabularies, stateful batches, losses, bits, samples."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare

from penne import (
    GRU,
    LSTM,
    SGD,
    Dropout,
    Layer,
    Map,
    Simple,
    Stack,
    Transducer,
    compute_gradients,
    compute_value,
    compute_values,
    constant,
    default_dtype,
    logsoftmax,
)
from penne.lm import (
    Vocabulary,
    bits_per_character,
    chunk_loss,
    read_text,
    sample,
    stateful_batches,
)
from penne.recurrent.variants import StandardLSTM

V = 5
CELLS = [Simple, LSTM, GRU, StandardLSTM]
sequences = st.lists(st.integers(0, V - 1), min_size=2, max_size=40)
sizes = st.integers(1, 4)


def network(cell=LSTM, seed=0, dropout=None):
    """A small float64 model over V symbols."""
    with default_dtype("float64"):
        middle = [] if dropout is None else [Map(Dropout(dropout, rng=seed))]
        return Stack(
            cell(-V, 4, rng=seed), *middle, Map(Layer(4, V, f=logsoftmax, rng=seed))
        )


def fixed(p):
    """A model that gives the same probabilities at every step, in batches too."""
    with np.errstate(divide="ignore"):
        logp = np.log(p)
    return Map(lambda symbols: np.broadcast_to(logp, (*np.shape(symbols), len(p))))


class Chain(Transducer):
    """A Markov chain: row k of a matrix is the log-probabilities after symbol k."""

    def __init__(self, p):
        self.logp = np.log(p)

    def step(self, inp):
        return constant(self.logp[inp])


def surprises(model, numbers):
    """A scalar twin: -log p of each symbol but the first, one step at a time."""
    model.start()
    found = []
    for before, after in pairwise(numbers):
        logp = compute_value(constant(model.step(int(before))))
        found.append(-logp[after])
    return np.array(found)


# --- reading --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["abc", "a\nb\n\n", "a\r\nb\rc\n\r", "æß😀\x00\u2028", " "]
)
def test_read_text(tmp_path, text):
    """A UTF-8 file gives back its text, with every line end as a newline."""
    (tmp_path / "book.txt").write_bytes(text.encode())
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert read_text(tmp_path / "book.txt") == expected


def test_read_text_byte_order_mark(tmp_path):
    """A byte order mark is no part of the text."""
    (tmp_path / "book.txt").write_bytes(b"\xef\xbb\xbfabc\r\n")
    assert read_text(str(tmp_path / "book.txt")) == "abc\n"


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (None, FileNotFoundError, "cannot read .*book.txt: No such file"),
        (b"", ValueError, "book.txt is empty"),
        (b"\xef\xbb\xbf", ValueError, "book.txt is empty"),
        (b"abc\xe9t\xe9", ValueError, "book.txt is not UTF-8, byte 3 is 0xe9"),
    ],
)
def test_read_text_errors(tmp_path, content, error, said):
    """What is wrong with a file is said in one sentence that names it."""
    path = tmp_path / "book.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=said) as caught:
        read_text(path)
    assert "\n" not in str(caught.value)


def test_read_text_directory(tmp_path):
    """A directory is an OSError that says so."""
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        read_text(tmp_path)


# --- vocabulary -----------------------------------------------------------------------


@given(st.text(min_size=1))
def test_vocabulary_of_text(text):
    """Numbers and back is the identity; characters are numbered in their order."""
    vocabulary = Vocabulary(text)
    numbers = vocabulary.numberize(text)
    assert "".join(vocabulary.denumberize(numbers)) == text
    assert list(vocabulary) == sorted(set(text))
    assert set(numbers.tolist()) == set(range(len(vocabulary)))
    assert numbers.dtype == np.intp


@given(st.lists(st.one_of(st.integers(), st.text(), st.tuples(st.booleans()))))
def test_vocabulary_of_symbols(symbols):
    """Any hashable symbols keep the order of first appearance, without comparison."""
    vocabulary = Vocabulary(["first", *symbols])
    assert list(vocabulary) == list(dict.fromkeys(["first", *symbols]))
    assert vocabulary.denumberize(vocabulary.numberize(symbols)) == symbols


@given(st.text("abc"), st.text("abxyz"))
def test_vocabulary_unknown(known, text):
    """With ``unknown`` a symbol outside is that one, without it an IndexError."""
    vocabulary = Vocabulary(known, unknown="?")
    expected = [c if c in known else "?" for c in text]
    assert vocabulary.denumberize(vocabulary.numberize(text)) == expected
    assert vocabulary.number("?") == len(vocabulary) - 1
    for c in set(text) - set(known):
        assert c not in vocabulary
        with pytest.raises(IndexError, match=f"Vocabulary: '{c}' is not among its"):
            Vocabulary(known + "_").numberize(text[text.index(c) :])


def test_vocabulary_known_unknown():
    """An ``unknown`` that is among the symbols keeps its place."""
    vocabulary = Vocabulary(["<unk>", "a"], unknown="<unk>")
    assert vocabulary.numberize(["b", "a"]).tolist() == [0, 1]
    assert "<unk>" in repr(vocabulary)


@pytest.mark.parametrize("number", [-1, 3])
def test_vocabulary_number_outside(number):
    """A number outside [0, V) is an IndexError, a negative one too."""
    with pytest.raises(IndexError, match=rf"{number} is outside \[0, 3\)"):
        Vocabulary("abc").denumberize([0, number])


def test_vocabulary_empty():
    """No symbols, no vocabulary; no text, no numbers."""
    with pytest.raises(ValueError, match="at least one symbol, got none"):
        Vocabulary("")
    assert Vocabulary("a").numberize("").shape == (0,)


# --- batches --------------------------------------------------------------------------


@given(st.integers(2, 200), sizes, sizes)
def test_batches_are_the_text(n, batch_size, length):
    """The streams, laid end to end, are the sequence; targets are what follows."""
    assume(n > batch_size * length)
    batches = stateful_batches(np.arange(n), batch_size, length)
    inputs, targets = (np.concatenate(part) for part in zip(*batches))
    used = inputs.size
    assert_array_equal(inputs.T.reshape(-1), np.arange(used))
    assert_array_equal(targets, inputs + 1)
    assert n - 1 - used < batch_size
    lengths = [len(x) for x, _ in batches]
    assert all(k == length for k in lengths[:-1])
    assert 1 <= lengths[-1] <= length


def test_batches_too_short():
    """A sequence shorter than one batch is a ValueError that says the sizes."""
    with pytest.raises(ValueError, match=r"4 streams and 5 steps takes at least 21 .*"):
        stateful_batches(np.arange(20), 4, 5)
    assert len(stateful_batches(np.arange(21), 4, 5)) == 1


@pytest.mark.parametrize("given_sizes", [(0, 1), (1, 0)])
def test_batches_of_nothing(given_sizes):
    """Sizes are at least 1."""
    with pytest.raises(ValueError, match="is at least 1, got 0"):
        stateful_batches(np.arange(9), *given_sizes)


# --- the loss of a chunk --------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@given(numbers=sequences)
def test_chunk_loss_is_mean_surprise(cell, numbers):
    """The loss equals a scalar loop over single steps."""
    model = network(cell)
    expected = surprises(model, numbers).mean()
    model.start()
    loss = compute_value(chunk_loss(model, numbers[:-1], numbers[1:]))
    assert_allclose(loss, expected, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@given(numbers=sequences, batch_size=sizes, length=sizes)
def test_chunks_equal_the_whole(cell, numbers, batch_size, length):
    """Chunks with ``detach`` between them lose as much as each stream in one piece."""
    assume(len(numbers) > batch_size * length)
    model = network(cell)
    steps = (len(numbers) - 1) // batch_size
    starts = [k * steps for k in range(batch_size)]
    whole = [surprises(model, numbers[k : k + steps + 1]).sum() for k in starts]
    model.start()
    total = 0.0
    for inputs, targets in stateful_batches(numbers, batch_size, length):
        loss = chunk_loss(model, inputs, targets)
        values = compute_values(loss)
        model.detach(values)
        total += values[loss] * targets.size
    assert_allclose(total, sum(whole), rtol=1e-12)


def test_detach_cuts_history():
    """After ``detach`` the gradient of a chunk is that of the chunk by itself."""
    model = network()
    model.start()
    first = chunk_loss(model, [[0], [1]], [[1], [2]])
    values = compute_values(first)
    model.detach(values)
    before = model.state
    second = chunk_loss(model, [[2], [3]], [[3], [4]])
    found = compute_gradients(second)
    assert first not in compute_values(second)
    model.state = before
    for path, p in model.parameters().items():
        expected = np.zeros(p.shape)
        for index in np.ndindex(p.shape):
            for sign in (1, -1):
                old = p.value[index]
                p.value[index] = old + sign * 1e-6
                model.state = before
                loss = chunk_loss(model, [[2], [3]], [[3], [4]])
                expected[index] += sign * compute_value(loss) / 2e-6
                p.value[index] = old
        assert_allclose(found[p], expected, atol=1e-8, err_msg=path)


def test_training_goes_on():
    """receive(loss, values) and detach(values) learn a repeating text."""
    model = network()
    trainer = SGD(1.0)
    batches = stateful_batches([0, 1, 2, 3, 4] * 20, 3, 5)
    losses = []
    for _ in range(20):
        model.start()
        for inputs, targets in batches:
            values = {}
            losses.append(trainer.receive(chunk_loss(model, inputs, targets), values))
            model.detach(values)
    assert losses[-1] < 0.1 < 1.2 < losses[0]


@pytest.mark.parametrize(
    ("inputs", "targets", "error", "said"),
    [
        ([0, 1], [1], ValueError, r"one shape.*got \(2,\) and \(1,\)"),
        ([], [], ValueError, r"got \(0,\) and \(0,\)"),
        ([0], [V], IndexError, "target 5 is outside"),
        ([0], [-1], IndexError, "target -1 is outside"),
        ([V], [0], IndexError, "symbol 5 is outside"),
    ],
)
def test_chunk_loss_errors(inputs, targets, error, said):
    """Shapes that differ and symbols outside the vocabulary are errors at once."""
    model = network()
    model.start()
    with pytest.raises(error, match=said):
        chunk_loss(model, inputs, targets)


# --- bits per character ---------------------------------------------------------------


@given(sequences, st.integers(V, 99), st.integers(1, 9), st.integers(1, 9))
def test_bits_of_uniform_model(numbers, size, streams, length):
    """A model that knows nothing pays log2 V bits a character."""
    model = fixed(np.full(size, 1 / size))
    bits = bits_per_character(model, numbers, streams, length)
    assert_allclose(bits, np.log2(size), rtol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
@given(numbers=sequences, length=st.integers(1, 50))
def test_bits_of_one_stream(cell, numbers, length):
    """One stream is judged exactly, whatever the length of its chunks."""
    model = network(cell)
    expected = surprises(model, numbers).mean() / np.log(2)
    assert_allclose(bits_per_character(model, numbers, 1, length), expected, rtol=1e-12)


@given(st.lists(sizes, min_size=3, max_size=3), st.data())
def test_bits_of_streams(counts, data):
    """Each of several streams is judged from the first state."""
    streams, steps = counts[0], counts[1] * counts[2]
    n = streams * steps + 1
    numbers = data.draw(st.lists(st.integers(0, V - 1), min_size=n, max_size=n))
    model = network()
    starts = [k * steps for k in range(streams)]
    nats = [surprises(model, numbers[k : k + steps + 1]).sum() for k in starts]
    expected = sum(nats) / np.log(2) / (n - 1)
    assert_allclose(bits_per_character(model, numbers, streams), expected, rtol=1e-12)


def test_bits_of_a_certain_model():
    """A model that is right each time pays nothing; one that rules it out, all."""
    assert bits_per_character(fixed([1.0, 0.0]), [0, 0, 0]) == 0.0
    assert bits_per_character(fixed([1.0, 0.0]), [0, 1, 0]) == np.inf


@pytest.mark.parametrize("run", ["bits", "sample"])
def test_state_is_restored(run):
    """Evaluating and sampling leave the state as it was, after an error too."""
    for begun in (False, True):
        model = network()
        if begun:
            model.start()
            model.step([1, 2])
        before = model.state
        if run == "bits":
            bits_per_character(model, [0, 1, 2, 3, 4, 0, 1])
            with pytest.raises(IndexError):
                bits_per_character(model, [0, 1, V])
        else:
            sample(model, Vocabulary(range(V)), 3, start=[1])
            with pytest.raises(IndexError):
                sample(model, Vocabulary(range(V)), 3, start=[1, V])
        assert model.state.keys() == before.keys()
        assert all(model.state[path] is before[path] for path in before)


def test_bits_without_dropout():
    """Dropouts are off while a model is judged, and on again afterwards."""
    numbers = [0, 1, 2, 3, 4] * 4
    plain, dropped = network(), network(dropout=0.5)
    for p, q in zip(plain.parameters().values(), dropped.parameters().values()):
        q.value = p.value
    assert bits_per_character(dropped, numbers) == bits_per_character(plain, numbers)
    dropped.start()
    assert len({compute_value(chunk_loss(dropped, [0], [1])) for _ in range(4)}) > 1


@pytest.mark.parametrize("numbers", [[], [0]])
def test_bits_of_too_little(numbers):
    """One symbol tells nothing: a ValueError that says how many there were."""
    with pytest.raises(ValueError, match=f"at least 2 symbols, got {len(numbers)}"):
        bits_per_character(network(), numbers)


# --- sampling -------------------------------------------------------------------------


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

    class Watched(LSTM):
        def step(self, inp):
            assert not self.h.args
            assert not self.c.args
            return super().step(inp)

    model = Stack(Watched(-V, 4, rng=0), Map(Layer(4, V, f=logsoftmax, rng=0)))
    sample(model, Vocabulary(range(V)), 20, rng=0)


@pytest.mark.parametrize("temperature", [-1, -1e-9, np.inf, np.nan])
def test_sample_temperature_errors(temperature):
    """A temperature below 0, infinite or NaN is a ValueError."""
    with pytest.raises(ValueError, match="sample: temperature is a number >= 0, got"):
        sample(network(), Vocabulary(range(V)), 3, temperature=temperature)


def test_sample_symbols_outside():
    """A start or stop outside the vocabulary is an IndexError that names it."""
    for said in (dict(start="az"), dict(stop="z")):
        with pytest.raises(IndexError, match="'z' is not among its 5 symbols"):
            sample(network(), Vocabulary("abcde"), 3, **said)


def test_sample_nan():
    """A model that gives NaN is a FloatingPointError, not a symbol."""
    model = fixed([np.nan, 0.5])
    with pytest.raises(FloatingPointError, match="gives NaN after symbol 0"):
        sample(model, Vocabulary("ab"), 3, start="a")
