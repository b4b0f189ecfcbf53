"""Laws of vocabularies, of any symbols."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penne.lm import Numberizer, Vocabulary, make_vocab, sentences


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


def test_vocabulary_of_sentences():
    """Lists of symbols are no symbols: an error that says what takes them."""
    with pytest.raises(TypeError, match=r"unhashable.*; of sentences.*make_vocab\("):
        Vocabulary([["a", "b"], ["c"]])
    assert list(make_vocab([["a", "b"], ["c"]], special=())) == ["a", "b", "c"]


def test_vocabulary_empty():
    """No symbols, no vocabulary; no text, no numbers."""
    with pytest.raises(ValueError, match="at least one symbol, got none"):
        Vocabulary("")
    assert Vocabulary("a").numberize("").shape == (0,)


# --- as Penne's release of 2015 has them ----------------------------------------------

SPECIAL = ["<s>", "</s>", "<unk>"]
data = st.lists(st.lists(st.sampled_from([*"abcd", "</s>"]), max_size=6), max_size=6)


@given(data)
def test_make_vocab(data):
    """All symbols, the special ones first, then by how often they come and, where
    that is equal, by where they come first."""
    order = [word for sentence in data for word in sentence]
    counts = Counter(order)
    others = sorted(
        set(order) - set(SPECIAL), key=lambda word: (-counts[word], order.index(word))
    )
    vocab = make_vocab(data)
    assert list(vocab) == SPECIAL + others
    assert vocab.unknown == "<unk>"
    assert list(make_vocab(iter(data))) == list(vocab)
    for size in range(3, 8):
        assert list(make_vocab(data, size)) == (SPECIAL + others)[:size]


def test_make_vocab_of_characters():
    """Strings are sentences of characters; without "<unk>" nothing is unknown."""
    vocab = make_vocab(["hello", "hop"], special=())
    assert list(vocab) == ["h", "l", "o", "e", "p"]
    assert vocab.unknown is None
    assert "h" in make_vocab(sentences(["hello"], list))


@pytest.mark.parametrize("size", [-1, 0, 2])
def test_make_vocab_too_small(size):
    """A size that leaves no room for the special symbols is a ValueError."""
    with pytest.raises(ValueError, match=f"size counts the special.* 3 .*got {size};"):
        make_vocab([["a"]], size)


@given(st.sets(st.text(max_size=3)), st.text(max_size=3))
def test_numberizer(words, word):
    """Words are numbered in alphabetical order, others are ``unk``."""
    numberizer = Numberizer(words)
    expected = sorted(words | {"<unk>"})
    assert numberizer.w == expected
    assert len(numberizer) == len(expected)
    assert [numberizer.numberize(w) for w in expected] == list(range(len(expected)))
    number = numberizer.numberize(word)
    assert number == expected.index(word if word in words else "<unk>")
    assert type(number) is int
    assert numberizer.n[numberizer.denumberize(number)] == number
    assert numberizer.unk == expected.index("<unk>")


def test_numberizer_of_a_vocabulary():
    """It takes what ``make_vocab`` gives, whatever the symbol for the unknown."""
    vocab = make_vocab([["to", "be"]])
    assert len(Numberizer(vocab)) == len(vocab)
    numberizer = Numberizer(vocab, unk="?")
    assert len(numberizer) == len(vocab) + 1
    assert numberizer.denumberize(numberizer.numberize("see")) == "?"
    with pytest.raises(IndexError, match=r"6 is outside \[0, 6\)"):
        numberizer.denumberize(6)
