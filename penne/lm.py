"""Language models: reading, vocabularies, batches, losses, sampling.

A *model* here is any transducer from symbols, as ints, to the logarithms of the
probabilities of the symbol that comes next, (V)::

    Stack(LSTM(-V, 128), Map(Layer(128, V, f=logsoftmax)))

What reads or runs a model leaves its state as it was, but for ``chunk_loss``, which
is there to carry it on.  This module imports ``ops``, ``compute``, ``layers`` and
``recurrent``.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .compute import compute_values
from .graph import Expression, constant
from .ops import mean, stack, take_along_axis
from .randomness import training
from .recurrent import Transducer
from .settings import generator

Symbol = Hashable
Array = np.ndarray[Any, Any]


def read_text(path: str | PathLike[str]) -> str:
    """The text of a UTF-8 file, every line end as ``\\n``, no byte order mark.

    Raises OSError (FileNotFoundError and kin) for a file that cannot be read,
    ValueError for one that is empty or, saying where, not UTF-8.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"read_text: cannot read {path}: {reason}") from None
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"read_text: {path} is not UTF-8, byte {error.start} is "
            f"0x{raw[error.start]:02x} ({error.reason}); convert it to UTF-8 first"
        ) from None
    if not text:
        raise ValueError(f"read_text: {path} is empty; give a file with a text in it")
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Vocabulary:
    """Symbols and their numbers 0, 1, ..., V-1.

    ``symbols``: a text, whose characters are put in order, or any other iterable of
    hashable symbols, which keep the order of their first appearance.  ``unknown``:
    the symbol that stands for all others, added at the end where it is not among
    them; None for none.

    Raises IndexError for a symbol that is not in it, unless there is an ``unknown``;
    and for a number outside [0, V).  Raises ValueError where there are no symbols.

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
        self.symbols: tuple[Any, ...] = tuple(dict.fromkeys([*first, *extra]))
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


def stateful_batches(
    numbers: Any, batch_size: int, length: int
) -> list[tuple[Array, Array]]:
    """A long sequence, cut so that one chunk of a batch goes on where the last ended.

    The sequence, (n), is cut into ``batch_size`` streams of (n-1) // batch_size
    steps, read side by side, and these into chunks of ``length`` steps: the last may
    be shorter; what is left over at the very end, fewer than ``batch_size``, is not
    used.  Each chunk is a pair (inputs, targets) of views, (T, batch_size): row t of
    ``inputs`` is a batch of symbols and row t of ``targets`` what follows each.

    Raises ValueError for a sequence shorter than one chunk of a batch.

    >>> for inputs, targets in stateful_batches([0, 1, 2, 3, 4, 5, 6], 2, 2):
    ...     print(inputs.tolist(), targets.tolist())
    [[0, 3], [1, 4]] [[1, 4], [2, 5]]
    [[2, 5]] [[3, 6]]
    """
    for name, size in (("batch_size", batch_size), ("length", length)):
        if size < 1:
            raise ValueError(f"stateful_batches: {name} is at least 1, got {size}")
    numbers = np.asarray(numbers)
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


def chunk_loss(model: Transducer, inputs: Any, targets: Any) -> Expression:
    """-(1/n) sum log p(target): the mean surprise of ``model``, in nats a symbol.

    ``inputs``, ``targets``: ints, (T) or (T, B); n = T or T B.  The model goes on
    from its state, so call ``model.start()`` before a new sequence, and
    ``model.detach(values)`` between chunks to end the history there (truncated
    back-propagation: Williams and Peng 1990)::

        values = {}
        trainer.receive(chunk_loss(model, inputs, targets), values)
        model.detach(values)

    Raises ValueError where inputs and targets differ in shape or are empty,
    IndexError for a symbol outside [0, V).

    >>> from penne import Map, compute_value
    >>> guess = Map(lambda symbol: np.log([0.5, 0.25, 0.25]))
    >>> compute_value(chunk_loss(guess, [0, 0], [0, 1]) / np.log(2))
    np.float64(1.5)
    """
    inputs, targets = np.asarray(inputs), np.asarray(targets)
    if inputs.shape != targets.shape or not targets.size:
        raise ValueError(
            "chunk_loss: takes inputs and targets of one shape, (T) or (T, B), "
            f"got {inputs.shape} and {targets.shape}"
        )
    symbols: Iterable[Any] = inputs if inputs.ndim > 1 else inputs.tolist()
    logp = stack([model.step(symbol) for symbol in symbols])
    outside = (targets < 0) | (targets >= logp.shape[-1])
    if outside.any():
        wrong = targets[outside].flat[0]
        raise IndexError(f"chunk_loss: target {wrong} is outside [0, {logp.shape[-1]})")
    return -mean(take_along_axis(logp, targets[..., None], -1))


@contextmanager
def _evaluating(model: Transducer) -> Iterator[None]:
    """The model started, dropouts off; afterwards its state is what it was."""
    before = model.state
    try:
        with training(False):
            model.start()
            yield
    finally:
        model.state = before


def bits_per_character(
    model: Transducer, numbers: Any, streams: int = 8, length: int = 200
) -> float:
    """-(1/n) sum log2 p(symbol | all before it): what each symbol costs, in bits.

    The sequence is read as ``streams`` parallel ones, each from the first state, in
    chunks of ``length`` steps: more streams are faster and judge a little too
    strictly, as each begins without a past; ``length`` bounds the memory and leaves
    the result as it is.  Dropouts are off; the model's state stays as it was.

    Raises ValueError for fewer than 2 symbols.

    >>> from penne import Map
    >>> guess = Map(lambda symbols: np.full((len(symbols), 4), np.log(0.25)))
    >>> bits_per_character(guess, [0, 1, 2, 3, 0, 1, 2, 3, 0])
    2.0
    """
    numbers = np.asarray(numbers)
    if len(numbers) < 2:
        raise ValueError(
            f"bits_per_character: takes at least 2 symbols, got {len(numbers)}"
        )
    streams = min(streams, len(numbers) - 1)
    length = min(length, (len(numbers) - 1) // streams)
    nats, count = 0.0, 0
    with _evaluating(model):
        for inputs, targets in stateful_batches(numbers, streams, length):
            loss = chunk_loss(model, inputs, targets)
            values = compute_values(loss)
            model.detach(values)
            nats += float(values[loss]) * targets.size
            count += targets.size
    return nats / count / float(np.log(2))


def sample(
    model: Transducer,
    vocabulary: Vocabulary,
    length: int,
    *,
    start: Sequence[Symbol] = (),
    stop: Symbol | None = None,
    temperature: float = 1.0,
    rng: np.random.Generator | int | None = None,
) -> list[Any]:
    """At most ``length`` symbols, each drawn with p**(1/temperature) / Z.

    ``start``: symbols that are read first and are no part of the result; without any,
    the first symbol is drawn evenly.  ``stop``: a symbol at which to end, no part of
    the result.  ``temperature``: 1 for what the model thinks, below 1 for what it is
    surer of, 0 for the likeliest symbol each time.  Time and memory for a symbol do not
    grow with what went before; the model's state stays as it was.

    Drawn as argmax(log p + temperature * gumbel noise): Maddison, Tarlow and Minka
    2014, *A\\* Sampling*, section 2.

    Raises ValueError for a temperature below 0 or infinite, IndexError for a start or
    stop outside the vocabulary, FloatingPointError where the model gives NaN.

    >>> from penne import Map, Stack
    >>> onwards = Map(lambda k: np.log(np.eye(3)[(k + 1) % 3] + 1e-9))
    >>> sample(onwards, Vocabulary("abc"), 5, start="a", temperature=0)
    ['b', 'c', 'a', 'b', 'c']
    """
    if not 0 <= temperature < np.inf:
        raise ValueError(f"sample: temperature is a number >= 0, got {temperature}")
    rng = generator(rng)
    end = None if stop is None else vocabulary.number(stop)
    numbers = vocabulary.numberize(start).tolist()
    begun = len(numbers)
    with _evaluating(model):
        logp = np.zeros(len(vocabulary))
        for number in numbers:
            logp = _stepped(model, number)
        while len(numbers) < begun + length:
            noise = temperature * rng.gumbel(size=len(vocabulary))
            number = int(np.argmax(logp + noise))
            if number == end:
                break
            numbers.append(number)
            logp = _stepped(model, number)
    return vocabulary.denumberize(numbers[begun:])


def _stepped(model: Transducer, number: int) -> Array:
    """The value of one step's output; what lies before it is forgotten."""
    output = constant(model.step(number))
    values = compute_values(output)
    model.detach(values)
    logp: Array = np.asarray(values[output], np.float64)
    if np.isnan(logp).any():
        raise FloatingPointError(f"sample: the model gives NaN after symbol {number}")
    return logp
