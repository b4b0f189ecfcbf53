"""What a text costs a model, in nats and bits.

This module imports ``compute``, ``counts``, ``graph``, ``ops``, ``ops.selection``,
``recurrent``, ``recurrent.structure``, ``recurrent.transducer``, ``grouping`` and
``running``.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..compute import compute_values
from ..counts import check_counts
from ..graph import Expression
from ..ops import mean, take_along_axis
from ..ops.selection import check_within
from ..recurrent import Transducer
from ..recurrent.structure import joined
from ..recurrent.transducer import check_transducers
from .grouping import numbers_in_a_row, stateful_batches
from .running import Array, check_logarithms, evaluating


def chunk_loss(model: Transducer, inputs: Any, targets: Any) -> Expression:
    """-(1/n) sum log p(target): the mean surprise of ``model``, in nats a symbol.

    ``inputs``, ``targets``: ints, (T) or (T, B); n = T or T B.  The model goes on
    from its state, so call ``model.start()`` before a new sequence, and
    ``model.detach(values)`` between chunks to end the history there (truncated
    back-propagation: Williams and Peng 1990)::

        values = {}
        trainer.receive(chunk_loss(model, inputs, targets), values)
        model.detach(values)

    What the model gives is taken for log p, at each symbol (V) or (B, V), as of a last
    ``Layer(..., f=logsoftmax)``.  Raises ValueError where inputs and targets differ in
    shape or are empty, or where outputs are not (T, V) or (T, B, V); IndexError for a
    symbol outside [0, V).

    >>> from penne import Map, compute_value
    >>> guess = Map(lambda symbol: np.log([0.5, 0.25, 0.25]))
    >>> compute_value(chunk_loss(guess, [0, 0], [0, 1]) / np.log(2))
    np.float64(1.5)
    """
    return _surprise(_read(model, inputs, targets), targets)


def _surprise(logp: Expression, targets: Any) -> Expression:
    return -mean(take_along_axis(logp, np.asarray(targets)[..., None], -1))


def _read(model: Transducer, inputs: Any, targets: Any) -> Expression:
    """What the model gives for inputs, (T, V) or (T, B, V), if it fits the targets."""
    check_transducers("chunk_loss", model)
    inputs, targets = np.asarray(inputs), np.asarray(targets)
    if inputs.shape != targets.shape or not targets.shape or not targets.size:
        raise ValueError(
            "chunk_loss: takes inputs and targets of one shape, (T) or (T, B), "
            f"got {inputs.shape} and {targets.shape}"
        )
    symbols: Iterable[Any] = inputs if inputs.ndim > 1 else inputs.tolist()
    if not model.causal:
        model.step(inputs[0])  # which says what to write
    logp = joined(model.read(symbols).outputs)
    if logp.shape[:-1] != targets.shape:
        raise ValueError(
            f"chunk_loss: for targets {targets.shape} outputs are "
            f"{'(T, B, V)' if targets.ndim > 1 else '(T, V)'}, got {logp.shape}; give "
            "targets (T), or a model that takes a batch at each step"
        )
    check_within("chunk_loss: target", targets, 0, logp.shape[-1])
    return logp


def bits_per_character(
    model: Transducer, numbers: Any, streams: int = 8, length: int = 200
) -> float:
    """-(1/n) sum log2 p(symbol | all before it): what each symbol costs, in bits.

    The sequence is read as ``streams`` parallel ones, each from the first state, in
    chunks of ``length`` steps: more streams are faster and judge a little too
    strictly, as each begins without a past; ``length`` bounds the memory and leaves
    the result as it is.  ``streams=1`` reads symbol by symbol, (T); more take a model
    that gives (B, V) for B symbols.  Dropouts are off; the model's state stays as it
    was.

    Raises ValueError for fewer than 2 symbols, for streams or a length that are no ints
    >= 1, and for a model whose outputs are no logarithms of probabilities; TypeError
    for a text, and for a model that is no transducer.

    >>> from penne import Map
    >>> guess = Map(lambda symbols: np.full((len(symbols), 4), np.log(0.25)))
    >>> bits_per_character(guess, [0, 1, 2, 3, 0, 1, 2, 3, 0])
    2.0
    """
    check_counts("bits_per_character", streams=streams, length=length)
    numbers = numbers_in_a_row("bits_per_character", numbers)
    if len(numbers) < 2:
        raise ValueError(
            f"bits_per_character: takes at least 2 symbols, got {len(numbers)}"
        )
    nats, count = 0.0, 0
    with evaluating("bits_per_character", model):
        for inputs, targets in _chunks(numbers, streams, length):
            logp = _read(model, inputs, targets)
            loss = _surprise(logp, targets)
            values = compute_values([loss, logp])
            check_logarithms("bits_per_character", values[logp])
            model.detach(values)
            nats += float(values[loss]) * targets.size
            count += targets.size
    return nats / count / float(np.log(2))


def _chunks(numbers: Array, streams: int, length: int) -> Iterator[tuple[Array, Array]]:
    """Pairs of inputs and targets, (T, B), or (T) where one stream is asked for."""
    last = len(numbers) - 1
    width = min(streams, last)
    side = 0 if streams == 1 else slice(None)
    for inputs, targets in stateful_batches(numbers, width, min(length, last // width)):
        yield inputs[:, side], targets[:, side]
