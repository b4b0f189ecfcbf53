"""Laws of what a text costs a model: of chunks, and in bits per character."""

import numpy as np
import pytest
from fixtures import examples
from hypothesis import assume, given
from hypothesis import strategies as st
from lm_models import V, fixed, network, surprises
from numpy.testing import assert_allclose

from penne import (
    GRU,
    LSTM,
    SGD,
    Layer,
    Map,
    Module,
    Simple,
    Stack,
    compute_gradients,
    compute_value,
    compute_values,
    softmax,
)
from penne.lm import (
    Vocabulary,
    beam_search,
    bits_per_character,
    chunk_loss,
    sample,
    stateful_batches,
)
from penne.recurrent.variants import StandardLSTM

CELLS = [Simple, LSTM, GRU, StandardLSTM]
sequences = st.lists(st.integers(0, V - 1), min_size=2, max_size=40)
sizes = st.integers(1, 4)


@pytest.mark.parametrize("cell", CELLS)
@examples(1 / 4)
@given(numbers=sequences)
def test_chunk_loss_is_mean_surprise(cell, numbers):
    """The loss equals a scalar loop over single steps."""
    model = network(cell)
    expected = surprises(model, numbers).mean()
    model.start()
    loss = compute_value(chunk_loss(model, numbers[:-1], numbers[1:]))
    assert_allclose(loss, expected, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@examples(1 / 4)
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
        (0, 1, ValueError, r"got \(\) and \(\)"),
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


# --- bits per character --------------------------------------------------------------


@given(sequences, st.integers(V, 99), st.integers(1, 9), st.integers(1, 9))
def test_bits_of_uniform_model(numbers, size, streams, length):
    """A model that knows nothing pays log2 V bits a character."""
    model = fixed(np.full(size, 1 / size))
    bits = bits_per_character(model, numbers, streams, length)
    assert_allclose(bits, np.log2(size), rtol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
@examples(1 / 4)
@given(numbers=sequences, length=st.integers(1, 50))
def test_bits_of_one_stream(cell, numbers, length):
    """One stream is judged exactly, whatever the length of its chunks."""
    model = network(cell)
    expected = surprises(model, numbers).mean() / np.log(2)
    assert_allclose(bits_per_character(model, numbers, 1, length), expected, rtol=1e-12)


def test_bits_without_batches():
    """One stream is read symbol by symbol, as a model that takes no batches needs it;
    of more streams such a model is an error that says so."""
    model = Map(lambda symbol: np.log([0.5, 0.25, 0.25]))
    assert bits_per_character(model, [0, 0, 1], streams=1) == 1.5
    with pytest.raises(ValueError, match=r"\(2, 2\) .* got \(2, 3\).*batch"):
        bits_per_character(model, [0, 0, 1, 0, 1], streams=2)
    with pytest.raises(ValueError, match=r"\(T, B, V\).*got \(2, 3\)"):
        chunk_loss(model, [[0, 1], [1, 0]], [[1, 1], [0, 0]])


def test_bits_of_a_short_text():
    """A text too short for the streams asked for is read in batches all the same."""
    model = Map(lambda symbols: np.full((len(symbols), 4), -np.log(4)))
    assert bits_per_character(model, [0, 1]) == 2.0


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


@pytest.mark.parametrize("f", [softmax, None])
@pytest.mark.parametrize("cell", CELLS)
def test_bits_of_no_logarithms(f, cell):
    """A model that gives probabilities, or numbers not normalised, is not judged."""
    model = Stack(cell(-V, 4, rng=0), Map(Layer(4, V, f=f, rng=0)))
    with pytest.raises(ValueError, match=r"^bits.*no log p.*, f=logsoftmax\)"):
        bits_per_character(model, [0, 1, 2, 3, 4] * 9)


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


@pytest.mark.parametrize("option", ["streams", "length"])
@pytest.mark.parametrize("size", [0, -1, 2.0, np.nan, np.inf])
def test_bits_of_wrong_sizes(option, size):
    """Streams and steps are counted from 1."""
    with pytest.raises(
        ValueError, match=f"character: {option} is an int >= 1, got {size}"
    ):
        bits_per_character(network(), [0, 1, 2], **{option: size})


@pytest.mark.parametrize(
    "run",
    [
        lambda model: chunk_loss(model, [0], [1]),
        lambda model: bits_per_character(model, [0, 1]),
        lambda model: sample(model, Vocabulary("ab"), 1),
        lambda model: beam_search(model, Vocabulary("ab"), 1, start="a"),
    ],
)
def test_models_are_transducers(run):
    """A layer, a function or a module in the place of a model is a TypeError that says
    what to write."""
    for model in (Layer(-V, V), abs, Module()):
        with pytest.raises(TypeError, match=r"^\w+: takes transducers.*write Map\(f\)"):
            run(model)
    with pytest.raises(TypeError, match=r"class LongShort\w+; write LongShort\w+\("):
        run(LSTM)


@pytest.mark.parametrize("numbers", [[], [0]])
def test_bits_of_too_little(numbers):
    """One symbol tells nothing: a ValueError that says how many there were."""
    with pytest.raises(ValueError, match=f"at least 2 symbols, got {len(numbers)}"):
        bits_per_character(network(), numbers)
