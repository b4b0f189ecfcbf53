"""Data cut into what a trainer takes: batches, n-grams, streams side by side.

A *stream* (an iterator) is read as it is asked for, and gives a stream; anything else
gives a list.  This module imports ``counts``.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import Any

import numpy as np

from ..counts import check_counts, is_count

Array = np.ndarray[Any, Any]


def batches(data: Iterable[Any], batch_size: int) -> Iterable[list[Any]]:
    """Lists of ``batch_size`` examples each, in their order; the last may be shorter.

    Of a list, or other data that can be read again, a list; of a stream, a stream.
    Sentences of similar length come together if they are sorted before:
    ``batches(sorted(data, key=len), 32)``.

    Raises ValueError for a ``batch_size`` that is no int >= 1.  The documentation of
    Penne, on minibatching.

    >>> batches("abcde", 2)
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    check_counts("batches", batch_size=batch_size)
    examples = iter(data)
    found = iter(lambda: list(islice(examples, batch_size)), [])
    return found if isinstance(data, Iterator) else list(found)


def ngrams(
    data: Iterable[Sequence[Any]], n: int, start: Any = "<s>"
) -> Iterable[list[Any]]:
    """Every symbol of every sentence with the n-1 symbols before it: lists of n.

    Before its first symbol stands ``start``, n-1 times.  Of a list of sentences, a
    list; of a stream, a stream.

    Raises ValueError for an n that is no int >= 1.  Penne's release of 2015, module
    ``lm``.

    >>> ngrams([["to", "be", "</s>"]], 2)
    [['<s>', 'to'], ['to', 'be'], ['be', '</s>']]
    """
    check_counts("ngrams", n=n)
    found = (
        padded[k : k + n]
        for padded in ([start] * (n - 1) + list(sentence) for sentence in data)
        for k in range(len(padded) - n + 1)
    )
    return found if isinstance(data, Iterator) else list(found)


def pack_batch(
    batch: Iterable[Iterable[Any]], fillvalue: Any = None
) -> list[list[Any]]:
    """B sequences as a list over time of lists of B symbols: a batch for each step.

    Where a sequence has ended stands ``fillvalue``.  penne needs none of this to
    batch sequences of any lengths; it is the one way to step all at once by hand.
    The documentation of Penne, on minibatching.

    >>> pack_batch([[1, 2, 3], [4]], fillvalue=0)
    [[1, 4], [2, 0], [3, 0]]
    """
    return [list(step) for step in zip_longest(*batch, fillvalue=fillvalue)]


def unpack_batch(
    packed: Iterable[Sequence[Any]],
    fillvalue: Any = None,
    lengths: Iterable[int] | None = None,
) -> list[list[Any]]:
    """B sequences from a list over time of B things each: what ``pack_batch`` undoes.

    ``packed``: lists, or arrays or expressions with B along their first axis, as the
    outputs of a transducer are.  Without ``lengths`` every sequence loses the
    ``fillvalue`` at its end; with them each is cut to its length, which is right also
    for what ends with the fillvalue by itself, and for outputs.

    Raises ValueError where steps differ in B, or lengths in number or reach.

    >>> unpack_batch([[1, 4], [2, 0], [3, 0]], fillvalue=0)
    [[1, 2, 3], [4]]
    >>> unpack_batch([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], lengths=[3, 1])
    [[0.1, 0.2, 0.3], [0.4]]
    """
    steps = list(packed)
    sizes = {len(step) for step in steps}
    if len(sizes) > 1:
        raise ValueError(
            f"unpack_batch: every step has one batch size, got {sorted(sizes)}"
        )
    ends = None if lengths is None else list(lengths)
    size = sizes.pop() if sizes else len(ends or ())
    sequences = [[step[k] for step in steps] for k in range(size)]
    if ends is None:
        return [_unfilled(sequence, fillvalue) for sequence in sequences]
    if len(ends) != size or not all(is_count(n, 0) and n <= len(steps) for n in ends):
        raise ValueError(
            f"unpack_batch: lengths are {size} ints from 0 to {len(steps)}, got {ends}"
        )
    return [sequence[:n] for sequence, n in zip(sequences, ends)]


def _unfilled(sequence: list[Any], fillvalue: Any) -> list[Any]:
    end = len(sequence)
    while end and (
        sequence[end - 1] is fillvalue
        or (fillvalue is not None and sequence[end - 1] == fillvalue)
    ):
        end -= 1
    return sequence[:end]


def stateful_batches(
    numbers: Any, batch_size: int, length: int
) -> list[tuple[Array, Array]]:
    """A long sequence, cut so that one chunk of a batch goes on where the last ended.

    The sequence, (n), is cut into ``batch_size`` streams of (n-1) // batch_size
    steps, read side by side, and these into chunks of ``length`` steps: the last may
    be shorter; what is left over at the very end, fewer than ``batch_size``, is not
    used.  Each chunk is a pair (inputs, targets) of views, (T, batch_size): row t of
    ``inputs`` is a batch of symbols and row t of ``targets`` what follows each.

    Raises ValueError for a sequence shorter than one chunk of a batch and for sizes
    that are no ints >= 1, TypeError for a text or a stream.

    >>> for inputs, targets in stateful_batches([0, 1, 2, 3, 4, 5, 6], 2, 2):
    ...     print(inputs.tolist(), targets.tolist())
    [[0, 3], [1, 4]] [[1, 4], [2, 5]]
    [[2, 5]] [[3, 6]]
    """
    check_counts("stateful_batches", batch_size=batch_size, length=length)
    numbers = numbers_in_a_row("stateful_batches", numbers)
    if len(numbers) < batch_size * length + 1:
        raise ValueError(
            f"stateful_batches: a batch of {batch_size} streams and {length} steps "
            f"takes at least {batch_size * length + 1} symbols, got {len(numbers)}; "
            "give a longer sequence, or a smaller batch_size or length"
        )
    steps = (len(numbers) - 1) // batch_size
    used = steps * batch_size
    inputs = numbers[:used].reshape(batch_size, steps).T
    targets = numbers[1 : used + 1].reshape(batch_size, steps).T
    starts = range(0, steps, length)
    return [(inputs[i : i + length], targets[i : i + length]) for i in starts]


def numbers_in_a_row(asked: str, numbers: Any) -> Array:
    """An array of one axis, (n), or the error that says what to write."""
    row = np.asarray(numbers)
    if row.ndim == 1:
        return row
    kind = type(numbers).__name__
    error, got = (ValueError, f"shape {row.shape}") if row.ndim else (TypeError, kind)
    raise error(
        f"{asked}: takes the numbers of symbols, (n), got {got}; "
        "write vocabulary.numberize(text)"
    )
