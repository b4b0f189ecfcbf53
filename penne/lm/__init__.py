"""Language models: reading, vocabularies, batches, losses, sampling, beam search.

A *model* here is any transducer from symbols, as ints, to the logarithms of the
probabilities of the symbol that comes next, (V)::

    Stack(LSTM(-V, 128), Map(Layer(128, V, f=logsoftmax)))

What reads or runs a model leaves its state as it was, but for ``chunk_loss``, which
is there to carry it on.  A text of any size is read in blocks, each from a new start,
for its streams are elsewhere; one too short for a batch, as the last may be, is left
out::

    for block in batches(characters("book.txt"), 1_000_000):
        if len(block) > 32 * 50:
            numbers = vocabulary.numberize(block)
            model.start()
            for inputs, targets in stateful_batches(numbers, 32, 50):
                ...
"""

from .beam import Hypothesis, beam_search
from .grouping import batches, ngrams, pack_batch, stateful_batches, unpack_batch
from .losses import bits_per_character, chunk_loss
from .reading import (
    characters,
    lines,
    read_data,
    read_text,
    sentences,
    stream_text,
    words,
)
from .sampling import sample, sharpen
from .vocabulary import Numberizer, Vocabulary, make_vocab

__all__ = [
    "Hypothesis",
    "Numberizer",
    "Vocabulary",
    "batches",
    "beam_search",
    "bits_per_character",
    "characters",
    "chunk_loss",
    "lines",
    "make_vocab",
    "ngrams",
    "pack_batch",
    "read_data",
    "read_text",
    "sample",
    "sentences",
    "sharpen",
    "stateful_batches",
    "stream_text",
    "unpack_batch",
    "words",
]
