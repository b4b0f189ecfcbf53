"""Laws of batches, n-grams and streams side by side."""

from itertools import count, islice
from math import inf, nan
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lm_models import network
from numpy.testing import assert_allclose, assert_array_equal

from penne import LSTM, compute_value, lm
from penne.lm import (
    batches,
    bits_per_character,
    ngrams,
    pack_batch,
    stateful_batches,
    unpack_batch,
)

sizes = st.integers(1, 4)
sequences = st.lists(st.lists(st.integers(1, 9), max_size=5), max_size=5)

# --- examples in batches --------------------------------------------------------------


@given(st.lists(st.integers()), sizes)
def test_batches(examples, size):
    """Laid end to end they are the examples; all are full but perhaps the last."""
    found = batches(examples, size)
    assert [x for batch in found for x in batch] == examples
    assert all(len(batch) == size for batch in found[:-1])
    assert all(1 <= len(batch) <= size for batch in found)
    assert list(batches(iter(examples), size)) == found


def test_batches_of_a_stream():
    """Of a stream no more is read than is asked for."""
    numbers = count()
    assert list(islice(batches(numbers, 3), 2)) == [[0, 1, 2], [3, 4, 5]]
    assert next(numbers) == 6


def test_batches_again():
    """Batches of a list can be gone through once for each epoch."""
    found = batches([1, 2, 3], 2)
    assert list(found) == list(found) == [[1, 2], [3]]


@given(sequences, sizes)
def test_ngrams(data, n):
    """One for each symbol: it, and before it what came before, or "<s>"."""
    expected = []
    for sentence in data:
        for k, symbol in enumerate(sentence):
            before = [sentence[j] if j >= 0 else "<s>" for j in range(k - n + 1, k)]
            expected.append([*before, symbol])
    assert ngrams(data, n) == expected
    assert list(ngrams(iter(data), n)) == expected


def test_ngrams_of_a_stream():
    """Of a stream no more is read than is asked for."""
    endless = ([k, k] for k in count())
    assert next(ngrams(endless, 2, start=-1)) == [-1, 0]
    assert next(endless) == [1, 1]


@pytest.mark.parametrize("cut", [batches, ngrams])
def test_sizes_below_one(cut):
    """Sizes are at least 1; said when it is called, not when it is read."""
    for size in (0, 2.0, nan, inf, "2"):
        said = rf"{cut.__name__}: \w+ is an int >= 1, got {size!r}"
        with pytest.raises(ValueError, match=said):
            cut(iter([]), size)


@given(sequences)
def test_pack_batch(batch):
    """Step t is the t-th symbol of each; unpacking gives back the batch."""
    packed = pack_batch(batch, fillvalue=0)
    for t, step in enumerate(packed):
        assert step == [sequence[t] if t < len(sequence) else 0 for sequence in batch]
    lengths = [len(sequence) for sequence in batch]
    assert len(packed) == max(lengths, default=0)
    assert unpack_batch(packed, lengths=lengths) == batch
    if packed:
        assert unpack_batch(packed, fillvalue=0) == batch
        assert unpack_batch(pack_batch(batch)) == batch


def test_pack_batch_through_a_network():
    """A packed batch, stepped at once and unpacked, is each sequence by itself."""
    batch = [[0, 1, 2], [3], [2, 2]]
    rnn = LSTM(-4, 3, rng=0)
    outputs = rnn.transduce(pack_batch(batch, fillvalue=0))
    unpacked = unpack_batch(outputs, lengths=[3, 1, 2])
    for sequence, hs in zip(batch, unpacked):
        assert len(hs) == len(sequence)
        for h, expected in zip(hs, rnn.transduce(sequence)):
            assert_allclose(compute_value(h), compute_value(expected), rtol=1e-6)


def test_unpack_batch_of_nothing():
    """No steps are as many empty sequences as there are lengths, of any kind."""
    for lengths in ([0, 0], np.array([0, 0]), iter([0, 0])):
        assert unpack_batch([], lengths=lengths) == [[], []]
    assert unpack_batch([]) == []


@pytest.mark.parametrize("lengths", [[1], [1, 4], [-1, 1], [1.0, 2.0]])
def test_unpack_batch_errors(lengths):
    """Steps of one size, a length for each sequence, and none too long."""
    with pytest.raises(ValueError, match=r"lengths are 2 ints from 0 to 3, got"):
        unpack_batch([[1, 2], [3, 4], [5, 6]], lengths=lengths)
    with pytest.raises(ValueError, match=r"one batch size, got \[1, 2\]"):
        unpack_batch([[1, 2], [3]])


# --- streams side by side -------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("numbers", "error", "said"),
    [
        ("to be", TypeError, r"got str; write vocabulary.numberize\(text\)"),
        (iter([0, 1]), TypeError, "got list_iterator; write"),
        (np.zeros((9, 2), int), ValueError, r"\(n\), got shape \(9, 2\)"),
    ],
)
def test_numbers_in_a_row(numbers, error, said):
    """What is cut, or judged, is one sequence of numbers, known as a whole."""
    with pytest.raises(error, match=f"^stateful_batches: .*{said}"):
        stateful_batches(numbers, 1, 1)
    with pytest.raises(error, match=f"^bits_per_character: .*{said}"):
        bits_per_character(network(), numbers)


@pytest.mark.parametrize("given_sizes", [(0, 1), (1, 0), (2.0, 1), (1, nan)])
def test_batches_of_nothing(given_sizes):
    """Sizes are at least 1."""
    with pytest.raises(ValueError, match=r"stateful_batches: \w+ is an int >= 1, got"):
        stateful_batches(np.arange(9), *given_sizes)


def test_blocks_of_a_text(tmp_path, monkeypatch):
    """The recipe for texts of any size goes through one whose last block is short."""
    _, _, recipe = lm.__doc__.partition("::")[2].partition("::")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text("to be, or\n" * 100_000 + "no")
    known = dict(vars(lm), vocabulary=lm.Vocabulary("to be, r\nn"), model=LSTM(3, 2))
    exec(dedent(recipe), known)
    assert known["targets"].shape[1] == 32
    assert len(known["block"]) == 2
