"""Beam search: the likeliest texts of a model.

This module imports ``recurrent``, and of ``lm`` what runs models and numbers symbols.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..counts import check_counts, check_numbers
from ..recurrent import Transducer
from .branching import Branches
from .running import Array, Inputs, State, check_logarithms, check_size, evaluating
from .vocabulary import Symbol, Vocabulary, limits


class Hypothesis(NamedTuple):
    """A text, the logarithm of its probability, its score, and whether it has come to
    its end by itself: ``logp`` is then that of the stop symbol too."""

    symbols: list[Any]
    logp: float
    score: float
    finished: bool


def beam_search(
    model: Transducer,
    vocabulary: Vocabulary,
    length: int,
    *,
    start: Sequence[Symbol],
    stop: Symbol | None = None,
    beam: int = 8,
    n_best: int = 1,
    length_penalty: float = 0.0,
    state: State = None,
    inputs: Inputs = None,
) -> list[Hypothesis]:
    """The ``n_best`` best of what ``sample`` could write, the best one first.

    A hypothesis is a text that ends with ``stop``, which is no part of ``symbols``, or
    that has ``length`` symbols.  Its score is::

        log p(Y | start) / |Y|**length_penalty

    where Y is what was drawn, stop included, and |Y| its length: 0 asks for the
    likeliest text, 1 for the best mean of log p a symbol, which does not favour short
    texts.  Wu et al. 2016, *Google's Neural Machine Translation System*, section 7.

    Of the hypotheses that are not at their end the ``beam`` likeliest go on, all of
    them in one batched step.  Those at their end take no place from them and none is
    dropped but for ``n_best`` better ones; the search ends once what goes on can no
    longer be better.  So with a beam no narrower than there are texts the result is
    that of an exhaustive search.  Equal scores go by the order of the symbols'
    numbers, so the result is always the same.  Texts without any probability are not
    found: there may be fewer than ``n_best``.

    ``start``: symbols to begin with, at least one, no part of the result.  ``state``,
    ``inputs``: for a model that takes more than symbols, as for ``sample``; ``inputs``
    gets the symbols of all hypotheses, an array of ints (B), and finds ``model.state``
    with a row for each (at the first step the first state itself).  What does not
    change from step to step, as the outputs of an encoder, is best evaluated before:
    ``constant(compute_value(outputs))``.

    The model's state may be anything that it assigns: arrays with a row for each
    hypothesis, also in tuples, lists and dicts, and arrays and other things that all
    share.  Afterwards it is what it was.

    Raises ValueError for an option out of its range, for a model whose outputs are no
    logarithms of probabilities or have no row for each symbol, and where no text has a
    probability; TypeError for a model that is no transducer, a vocabulary that is none
    and a penalty that is no number; IndexError for a start or stop outside the
    vocabulary; FloatingPointError where the model gives NaN.

    >>> from math import exp
    >>> from penne import Map
    >>> p = np.array([[0.5, 0.4, 0.1], [0.1, 0.1, 0.8], [1.0, 0.0, 0.0]])
    >>> chain = Map(lambda k: np.log(p[k] + 1e-9))
    >>> symbols = Vocabulary(["a", "b", "."])
    >>> found = beam_search(chain, symbols, 3, start="a", stop=".", n_best=2)
    >>> [("".join(text), round(exp(logp), 2)) for text, logp, *_ in found]
    [('b', 0.32), ('ab', 0.16)]
    """
    check_counts("beam_search", length=length, beam=beam, n_best=n_best)
    check_numbers("beam_search", length_penalty=length_penalty)
    if not np.isfinite(length_penalty):
        raise ValueError(
            f"beam_search: length_penalty is a finite number, got {length_penalty}; "
            "0 is none"
        )
    begun, end = limits("beam_search", vocabulary, start, stop)
    if not begun:
        raise ValueError("beam_search: start is at least one symbol, got none")
    with evaluating("beam_search", model, state):
        branches = Branches("beam_search", model, inputs)
        for number in begun[:-1]:
            branches.step(np.array([number]))
            branches.keep([0])
        search = _Search(branches, len(vocabulary), end, length, length_penalty)
        found = search.best(np.array(begun[-1:]), beam, n_best)
    return [
        Hypothesis(vocabulary.denumberize(numbers), logp, -cost, finished)
        for cost, numbers, logp, finished in found
    ]


Ended = tuple[float, tuple[int, ...], float, bool]  # -score, numbers, log p, finished


class _Search:
    """A search in the numbers of symbols: a cost is a score with its sign turned."""

    def __init__(
        self, branches: Branches, size: int, end: int | None, length: int, power: float
    ):
        self.branches = branches
        self.size = size
        self.end = end
        self.length = length
        self.power = power

    def best(self, last: Array, beam: int, n_best: int) -> list[Ended]:
        """What has ended, the best first; ``last``: the symbol to begin with, (1)."""
        ended: list[Ended] = []
        texts, logp = np.zeros((1, 0), int), np.zeros(1)
        for drawn in range(1, self.length + 1):
            after = logp[:, None] + self._step(last)
            if self.end is not None:
                ended += self._ended(texts, after[:, self.end], drawn, True)
                after[:, self.end] = -np.inf
            kept = highest(after.ravel(), beam if drawn < self.length else n_best)
            parents, last = np.divmod(kept, self.size)
            texts = np.column_stack([texts[parents], last])
            logp = after.ravel()[kept]
            if drawn == self.length:
                ended += self._ended(texts, logp, drawn, False)
            ended = sorted(ended)[:n_best]
            if not self._can_improve(logp, drawn, ended, n_best):
                break
            self.branches.keep(parents)
        if not ended:
            raise ValueError("beam_search: the model gives no text a probability")
        return ended

    def _step(self, last: Array) -> Array:
        logp = self.branches.step(last)
        check_size("beam_search", logp, self.size)
        check_logarithms("beam_search", logp)
        return np.minimum(logp, 0.0)  # rounding may leave a little more

    def _ended(
        self, texts: Array, logp: Array, drawn: int, finished: bool
    ) -> list[Ended]:
        costs = -logp / drawn**self.power
        return [
            (cost, tuple(text), total, finished)
            for cost, text, total in zip(costs.tolist(), texts.tolist(), logp.tolist())
            if total > -np.inf
        ]

    def _can_improve(
        self, logp: Array, drawn: int, ended: list[Ended], n_best: int
    ) -> bool:
        """Whether what goes on may end with a score as good as the last of the best:
        its log p only falls, and is divided by no more than this."""
        if drawn == self.length or not len(logp):
            return False
        divisor = max((drawn + 1) ** self.power, self.length**self.power)
        return len(ended) < n_best or -logp.max() / divisor <= ended[-1][0]


def highest(scores: Array, k: int) -> Array:
    """Where the k highest of n scores stand, in the order of their places; of equal
    ones the first, and none that is -inf.

    >>> highest(np.array([0.0, 2.0, -np.inf, 2.0, 0.0]), 3)
    array([0, 1, 3])
    """
    found = np.arange(len(scores))
    if len(scores) > k:
        least = np.partition(scores, -k)[-k]
        above, level = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
        found = np.sort(np.concatenate([above, level[: k - len(above)]]))
    return found[scores[found] > -np.inf]
