"""Symbols and their numbers.  This module imports nothing of penne."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

Symbol = Hashable
Array = np.ndarray[Any, Any]


class Vocabulary:
    """Symbols and their numbers 0, 1, ..., V-1.

    ``symbols``: a text, whose characters are put in order, or any other iterable of
    hashable symbols, which keep the order of their first appearance.  ``unknown``:
    the symbol that stands for all others, added at the end where it is not among
    them; None for none.

    Raises IndexError for a symbol that is not in it, unless there is an ``unknown``;
    and for a number outside [0, V).  Raises ValueError where there are no symbols,
    TypeError for symbols that are not hashable.

    >>> vocabulary = Vocabulary("banana")
    >>> len(vocabulary), vocabulary.number("b"), vocabulary.numberize("nab")
    (3, 1, array([2, 0, 1]))
    >>> vocabulary.denumberize([1, 0, 2])
    ['b', 'a', 'n']
    >>> words = Vocabulary(["to", "be", "or"], unknown="<unk>")
    >>> words.numberize(["to", "see"])
    array([0, 3])
    """

    def __init__(self, symbols: Iterable[Symbol], unknown: Symbol | None = None):
        first = sorted(set(symbols)) if isinstance(symbols, str) else symbols
        extra = [] if unknown is None else [unknown]
        self.symbols = _distinct([*first, *extra])
        self.unknown = unknown
        if not self.symbols:
            raise ValueError("Vocabulary: takes at least one symbol, got none")
        self._numbers = {symbol: k for k, symbol in enumerate(self.symbols)}
        self._default = None if unknown is None else self._numbers[unknown]

    def __len__(self) -> int:
        return len(self.symbols)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.symbols)

    def __contains__(self, symbol: Symbol) -> bool:
        return symbol in self._numbers

    def __repr__(self) -> str:
        some = ", ".join(map(repr, self.symbols[:5])) + ", ..." * (len(self) > 5)
        return f"<Vocabulary of {len(self)}: {some}; unknown {self.unknown!r}>"

    def number(self, symbol: Symbol) -> int:
        """The number of a symbol."""
        found = self._numbers.get(symbol, self._default)
        if found is None:
            raise IndexError(
                f"Vocabulary: {symbol!r} is not among its {len(self)} symbols; "
                "give it unknown= to map such symbols to one"
            )
        return found

    def numberize(self, symbols: Iterable[Symbol]) -> Array:
        """The numbers of n symbols: an array of ints, (n)."""
        return np.fromiter(map(self.number, symbols), np.intp)

    def denumberize(self, numbers: Iterable[Any]) -> list[Any]:
        """The symbols of n numbers: a list, to be joined where it is text."""
        return [self.symbols[self._checked(k)] for k in numbers]

    def _checked(self, number: Any) -> Any:
        if not 0 <= number < len(self):
            raise IndexError(f"Vocabulary: {number} is outside [0, {len(self)})")
        return number


def _distinct(symbols: list[Any]) -> tuple[Any, ...]:
    try:
        return tuple(dict.fromkeys(symbols))
    except TypeError as error:
        raise TypeError(
            f"Vocabulary: takes hashable symbols ({error}); of sentences write "
            "make_vocab(sentences)"
        ) from None


def limits(
    asked: str, vocabulary: Vocabulary, start: Iterable[Symbol], stop: Symbol | None
) -> tuple[list[int], int | None]:
    """The numbers of what a text begins with and of what ends it, None for nothing.

    Raises IndexError for a symbol that is not in the vocabulary, ``unknown`` or not;
    TypeError for what is no vocabulary or no sequence of symbols.
    """
    if not isinstance(vocabulary, Vocabulary):
        kind = type(vocabulary).__name__
        raise TypeError(
            f"{asked}: takes a Vocabulary, got a {kind}; write lm.Vocabulary(symbols)"
        )
    if not isinstance(start, Iterable):
        raise TypeError(
            f"{asked}: start is several symbols, got {start!r}; write [{start!r}]"
        )
    begun = list(start)
    for symbol in begun if stop is None else [*begun, stop]:
        if symbol not in vocabulary:
            raise IndexError(
                f"{asked}: start and stop are in the vocabulary, but {symbol!r} is not "
                f"among its {len(vocabulary)} symbols"
            )
    end = None if stop is None else vocabulary.number(stop)
    return [vocabulary.number(symbol) for symbol in begun], end


class Numberizer:
    """Words and their numbers, in alphabetical order; others are ``unk``.

    ``words``: a vocabulary, or any iterable of words.  Its attributes: ``w``, the list
    of the words; ``n``, their numbers; ``unk``, the number of ``unk``, which is added
    where it is not among the words: ``len()`` counts it.  Raises TypeError for words
    that have no order among them.

    Penne's release of 2015, module ``lm``; ``Vocabulary`` keeps any order, and
    numbers whole sequences.

    >>> numberizer = Numberizer(["to", "be"])
    >>> numberizer.w, len(numberizer)
    (['<unk>', 'be', 'to'], 3)
    >>> numberizer.numberize("to"), numberizer.numberize("not")
    (2, 0)
    >>> numberizer.denumberize(2)
    'to'
    """

    def __init__(self, words: Iterable[Any], unk: Symbol = "<unk>"):
        self.vocabulary = Vocabulary(sorted({*words, unk}), unknown=unk)
        self.w = list(self.vocabulary)
        self.n = {word: number for number, word in enumerate(self.w)}
        self.unk = self.n[unk]

    def __len__(self) -> int:
        return len(self.w)

    def numberize(self, word: Symbol) -> int:
        """The number of a word."""
        return self.vocabulary.number(word)

    def denumberize(self, number: int) -> Any:
        """The word of a number; raises IndexError for one outside [0, len)."""
        return self.vocabulary.denumberize([number])[0]


def make_vocab(
    data: Iterable[Iterable[Any]],
    size: int | None = None,
    special: Sequence[Symbol] = ("<s>", "</s>", "<unk>"),
) -> Vocabulary:
    """The symbols of sentences: first the special ones, then the others, the more
    frequent first, and of equally frequent ones what comes first.

    ``data``: sentences, as ``read_data`` or ``sentences`` give them; of strings the
    symbols are characters.  ``size``: how many symbols at most, special ones included;
    None for all.  ``"<unk>"``, where it is among the special ones, stands for every
    symbol outside.

    Raises ValueError for a size that leaves no room for the special symbols.  Penne's
    release of 2015, module ``lm``, where the result was a set.

    >>> vocab = make_vocab([["to", "be", "</s>"], ["to", "see", "</s>"]], size=4)
    >>> list(vocab)
    ['<s>', '</s>', '<unk>', 'to']
    >>> vocab.numberize(["<s>", "to", "see"])
    array([0, 3, 2])
    """
    kept = dict.fromkeys(special)
    if size is not None and size < max(len(kept), 1):
        raise ValueError(
            f"make_vocab: size counts the special symbols, {len(kept)} of them, got "
            f"{size}; give a larger size or fewer in special="
        )
    counts = Counter(chain.from_iterable(data))
    for symbol in kept:
        counts.pop(symbol, None)
    room = None if size is None else size - len(kept)
    found = (symbol for symbol, _ in counts.most_common(room))
    return Vocabulary([*kept, *found], unknown="<unk>" if "<unk>" in kept else None)
