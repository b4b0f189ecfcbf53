"""One model in many states at once: a row for each hypothesis of a search.

A transducer's state is whatever its methods assign, so nothing says which of its arrays
have a row for each hypothesis and which are shared by all, as what an encoder found is.
It is found out: graphs are lazy and know their shapes, so a step that was never seen
before is built twice more, for two rows and for three, and never evaluated.  What then
has 2 and 3 along its first axis has rows, then and later; what has one shape is shared,
as long as no step assigns it anew.

This module imports ``compute``, ``graph``, ``recurrent``, ``recurrent.structure`` and
``running``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compute import compute_values
from ..graph import Expression, constant
from ..recurrent import Transducer
from ..recurrent.structure import leaves as things_in
from ..recurrent.structure import mapped
from .running import Array, Inputs

Leaf = tuple[str, int, int, Any]  # where a thing in a state stands, and the thing
Place = tuple[str, int, int, int]  # that, and how many axes it has


class Branches:
    """The state of a model for B hypotheses, and steps of all of them at once.

    Made of a model in its first state, which is that of one hypothesis; ``step`` then
    takes a symbol for each, and ``keep`` says from which each of the next goes on.
    """

    def __init__(self, asked: str, model: Transducer, inputs: Inputs):
        self.asked = asked
        self.model = model
        self.inputs = inputs
        self._state = model.state
        self._rows: list[bool] = [False] * len(_leaves(self._state))
        self._seen: dict[Place, bool] = {}  # whether there are rows

    def step(self, symbols: Array) -> Array:
        """The outputs for B symbols, (B, V), of float64.

        Raises ValueError where the state or the outputs have no rows for hypotheses,
        FloatingPointError for NaN.
        """
        before, rows = self._state, self._rows
        output = self._stepped(symbols)
        after = self.model.state
        leaves = _leaves(after)
        if self._is_known(leaves, len(symbols)):
            self._rows = [self._seen[_place(leaf)] for leaf in leaves]
        else:
            self._rows = self._found(before, rows, symbols)
        expressions = [x for *_, x in leaves if isinstance(x, Expression)]
        values = compute_values([output, *expressions])
        self._state = mapped(
            lambda x: constant(values[x]) if _has_history(x) else x, after
        )
        return self._checked(np.asarray(values[output], np.float64), symbols)

    def keep(self, parents: Sequence[int] | Array) -> None:
        """Hypothesis k of the next step goes on from hypothesis ``parents[k]``."""
        self._state = self.model.state = _gathered(self._state, self._rows, parents)

    def _stepped(self, symbols: Array) -> Expression:
        inputs = symbols if self.inputs is None else self.inputs(symbols)
        return constant(self.model.step(inputs))

    def _is_known(self, leaves: list[Leaf], size: int) -> bool:
        """Whether everything in a state is as it was seen before: with rows, or
        shared and untouched by the step."""
        before = zip(_leaves(self._state), self._rows)
        shared = {leaf[:2]: leaf[3] for leaf, has_rows in before if not has_rows}
        for leaf in leaves:
            path, k, _, x = leaf
            has_rows = self._seen.get(_place(leaf))
            if has_rows is None or (has_rows and len(x) != size):
                return False
            if np.ndim(x) and not has_rows and not _is_same(x, shared.get((path, k))):
                return False
        return True

    def _found(
        self, before: dict[str, Any], rows: list[bool], symbols: Array
    ) -> list[bool]:
        """Which of the things in the state have rows after a step for ``symbols``."""
        seen = []
        for size in (2, 3):
            self.model.state = _gathered(before, rows, [0] * size)
            self._stepped(np.repeat(symbols[:1], size))
            seen.append(_leaves(self.model.state))
        if [leaf[:3] for leaf in seen[0]] != [leaf[:3] for leaf in seen[1]]:
            raise ValueError(
                f"{self.asked}: the model's state holds lists as long as the batch; "
                "keep what belongs to a hypothesis in arrays, a row for each"
            )
        return [self._has_rows(*pair) for pair in zip(*seen)]

    def _has_rows(self, two: Leaf, three: Leaf) -> bool:
        a, b = np.shape(two[3]), np.shape(three[3])
        has_rows = a[:1] == (2,) and b[:1] == (3,) and a[1:] == b[1:]
        if not has_rows and a != b:
            raise ValueError(
                f"{self.asked}: {two[0]!r} in the model's state has shape {a} for 2 "
                f"hypotheses and {b} for 3; a batch comes first, (B, ...)"
            )
        self._seen[_place(two)] = has_rows
        return has_rows

    def _checked(self, logp: Array, symbols: Array) -> Array:
        if logp.ndim == 1:
            logp = np.broadcast_to(logp, (len(symbols), *logp.shape))
        if logp.ndim != 2 or len(logp) != len(symbols):
            raise ValueError(
                f"{self.asked}: for {len(symbols)} symbols the model gives an output "
                f"(B, V), got {logp.shape}"
            )
        if np.isnan(logp).any():
            wrong = symbols[np.isnan(logp).any(axis=1)][0]
            raise FloatingPointError(
                f"{self.asked}: the model gives NaN after symbol {wrong}"
            )
        return logp


def _leaves(state: dict[str, Any]) -> list[Leaf]:
    """What a state holds, at any depth: the attribute, which thing in it, of how many,
    and the thing."""
    found: list[Leaf] = []
    for path, value in state.items():
        things = things_in(value)
        found += [(path, k, len(things), x) for k, x in enumerate(things)]
    return found


def _place(leaf: Leaf) -> Place:
    return (*leaf[:3], np.ndim(leaf[3]))


def _gathered(
    state: dict[str, Any], rows: list[bool], parents: Sequence[int] | Array
) -> dict[str, Any]:
    """The state with row ``parents[k]`` as its row k, wherever there are rows."""
    following = iter(rows)

    def taken(x: Any) -> Any:
        if not next(following):
            return x
        if isinstance(x, Expression):
            return constant(np.asarray(x.value)[parents])  # type: ignore[attr-defined]  # a constant
        return x[parents]

    return {path: mapped(taken, value) for path, value in state.items()}


def _has_history(x: Any) -> bool:
    return isinstance(x, Expression) and bool(x.args)


def _is_same(x: Any, y: Any) -> bool:
    """Whether x is y; of arrays, which states copy, whether they are equal."""
    both = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
    return x is y or (both and np.array_equal(x, y))
