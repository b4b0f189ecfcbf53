"""What a language model writes: symbols drawn one by one.

This module imports ``settings``, ``ops``, ``recurrent``, and of ``lm`` what counts,
numbers symbols and runs models.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..counts import check_counts, check_numbers, is_count
from ..ops.selection import check_within
from ..recurrent import Transducer
from ..settings import generator
from .running import Array, Inputs, State, evaluating, stepped
from .vocabulary import Symbol, Vocabulary, limits


def sharpen(
    logp: Any,
    *,
    seen: Iterable[int] = (),
    repetition_penalty: float = 1.0,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
) -> Array:
    """The distribution that is drawn from in place of p: its logarithms, (V).

    ``logp``: log p, (V), or numbers that differ from it by a constant.  In this order,
    each on what the one before it leaves, normalised at the end:

    1. ``repetition_penalty`` r > 0: p(k)**r for every symbol k in ``seen``.  Keskar et
       al. 2019, *CTRL*, section 4.1, divide the score of such a symbol by r; a score
       that is log p is never above 0, so what makes it less is to multiply.
    2. ``temperature`` t >= 0: p**(1/t) / Z; 0 leaves the likeliest symbol alone.
       Ackley, Hinton and Sejnowski 1985, *A Learning Algorithm for Boltzmann Machines*.
    3. ``top_k``: the k likeliest symbols alone; None for all.  Fan, Lewis and Dauphin
       2018, *Hierarchical Neural Story Generation*.
    4. ``top_p``: the nucleus alone, the fewest likeliest symbols that together have a
       probability of p or more.  Holtzman et al. 2020, *The Curious Case of Neural Text
       Degeneration*, section 3.1.

    Of equally likely symbols the one with the lower number is kept.  Raises ValueError
    for an option out of its range, and where no symbol has a probability; TypeError for
    one that is no number; IndexError for a symbol seen outside [0, V).

    >>> p = sharpen(np.log([0.5, 0.3, 0.2]), top_k=2)
    >>> np.exp(p).round(3)
    array([0.625, 0.375, 0.   ])
    >>> np.exp(sharpen(np.log([0.5, 0.25, 0.25]), seen=[0], repetition_penalty=2))
    array([0.33333333, 0.33333333, 0.33333333])
    """
    check_options("sharpen", repetition_penalty, temperature, top_k, top_p)
    logp = np.array(logp, np.float64)
    if logp.ndim != 1 or not logp.size:
        raise ValueError(f"sharpen: takes log p, (V), got shape {logp.shape}")
    logp = _normalised(logp)
    penalised = sorted(set(seen))
    check_within("sharpen: symbol", np.array(penalised), 0, len(logp))
    logp[penalised] *= repetition_penalty
    logp = _heated(logp, temperature)
    if top_k is not None:
        logp[_ranked(logp)[top_k:]] = -np.inf
    if top_p < 1:
        ranked = _ranked(logp)
        mass = np.cumsum(np.exp(_normalised(logp)[ranked]))
        logp[ranked[1:][mass[:-1] >= top_p]] = -np.inf
    return _normalised(logp)


def check_options(
    asked: str,
    repetition_penalty: float,
    temperature: float,
    top_k: int | None,
    top_p: float,
) -> None:
    """Raise ValueError for an option out of its range, TypeError for no number."""
    check_numbers(
        asked,
        repetition_penalty=repetition_penalty,
        temperature=temperature,
        top_p=top_p,
    )
    if not 0 < repetition_penalty < np.inf:
        raise ValueError(
            f"{asked}: repetition_penalty is a number > 0, got {repetition_penalty}; "
            "1 is none, above 1 holds repetitions back"
        )
    if not 0 <= temperature < np.inf:
        raise ValueError(f"{asked}: temperature is a number >= 0, got {temperature}")
    if top_k is not None and not is_count(top_k):
        raise ValueError(f"{asked}: top_k is an int >= 1 or None, got {top_k}")
    if not 0 < top_p <= 1:
        raise ValueError(f"{asked}: top_p is above 0 and at most 1, got {top_p}")


def _normalised(logp: Array) -> Array:
    """log p - log sum p."""
    highest = logp.max()
    if not np.isfinite(highest):
        raise ValueError(f"sharpen: no symbol has a probability, max log p {highest}")
    shifted: Array = logp - highest
    return shifted - np.log(np.exp(shifted).sum())


def _heated(logp: Array, temperature: float) -> Array:
    """log p**(1/temperature), up to a constant; its limit at 0."""
    shifted: Array = logp - logp.max()
    if temperature == 0:
        shifted = np.full_like(logp, -np.inf)
        shifted[np.argmax(logp)] = 0.0
        return shifted
    with np.errstate(over="ignore"):
        return shifted / temperature


def _ranked(logp: Array) -> Array:
    """Symbols, the likeliest first, of equal ones the lower number."""
    return np.argsort(-logp, kind="stable")


def sample(
    model: Transducer,
    vocabulary: Vocabulary,
    length: int,
    *,
    start: Sequence[Symbol] = (),
    stop: Symbol | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    repetition_penalty: float = 1.0,
    state: State = None,
    inputs: Inputs = None,
    rng: np.random.Generator | int | None = None,
) -> list[Any]:
    """At most ``length`` symbols, each drawn from what ``sharpen`` makes of the model.

    ``start``: symbols that are read first and are no part of the result; without any,
    the first symbol is drawn as if all were equally likely.  ``stop``: a symbol at
    which to end, no part of the result.  ``temperature``: 1 for what the model thinks,
    below 1 for what it is surer of, 0 for the likeliest symbol each time.  ``top_k``,
    ``top_p``: draw from the likeliest alone.  ``repetition_penalty``: above 1 holds
    back what was read or written before.  The formulas, their order and their sources
    stand at ``sharpen``.

    ``state``: where the model begins, a state as ``model.state`` gives it, for example
    one with what an encoder has found; None for ``model.start()``.  ``inputs``: a
    function from the last symbol to what the model takes, for more than symbols, as
    attention is: ``lambda symbol: (symbol, attend(model.h))``; it is asked at each
    step, when ``model.state`` is that before the step.

    Time and memory for a symbol do not grow with what went before; the model's state
    stays as it was.  Drawn as argmax(log p + gumbel noise): Maddison, Tarlow and Minka
    2014, *A\\* Sampling*, section 2.

    The model is run once for each symbol that another follows.

    Raises ValueError for an option out of its range and for a model whose outputs are
    not (V), TypeError for a model that is no transducer, a vocabulary that is none and
    an option that is no number, IndexError for a start or stop outside the vocabulary,
    FloatingPointError where the model gives NaN.

    >>> from penne import Map, Stack
    >>> onwards = Map(lambda k: np.log(np.eye(3)[(k + 1) % 3] + 1e-9))
    >>> sample(onwards, Vocabulary("abc"), 5, start="a", temperature=0)
    ['b', 'c', 'a', 'b', 'c']
    """
    options: dict[str, Any] = dict(
        repetition_penalty=repetition_penalty,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    check_options("sample", **options)
    check_counts("sample", 0, length=length)
    rng = generator(rng)
    text, end = limits("sample", vocabulary, start, stop)
    begun, read = len(text), 0
    with evaluating("sample", model, state):
        logp = np.zeros(len(vocabulary))
        while len(text) < begun + length:
            for number in text[read:]:
                logp = stepped("sample", model, number, inputs, len(vocabulary))
            read = len(text)
            seen = text if repetition_penalty != 1 else ()
            drawn = sharpen(logp, seen=seen, **options)
            number = int(np.argmax(drawn + rng.gumbel(size=len(drawn))))
            if number == end:
                break
            text.append(number)
    return vocabulary.denumberize(text[begun:])
