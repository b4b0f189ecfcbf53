"""Steps that only some rows of a batch take.

A row that is masked keeps its state, and its output is what it was before (zeros before
the first).  What stands in the input of a masked row plays no part, not even NaN or a
symbol out of range.  This module imports ``graph``, ``ops``, ``randomness``,
``signature`` and ``structure``.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from ..graph import Constant, Expression
from ..ops import where
from ..randomness import Random
from ..signature import Shape
from .structure import copied, form, leaves, mapped

Mask = np.ndarray[Any, Any]
_ARRAYS = (Expression, np.ndarray)
_NUMBERS = (*_ARRAYS, int, float, np.number, np.bool_)
NOTHING = object()  # stands for the output before the first


class Reading(NamedTuple):
    """What a transducer made of a sequence: all outputs, and the last it gave."""

    outputs: list[Any]
    last: Any


def read_masked(r: Any, inps: Iterable[Any], masks: Sequence[Mask]) -> Reading:
    """One step of ``r`` for each input, taken by the rows where the mask is True."""
    held = Held(r)
    outputs: list[Any] = []
    last, given = NOTHING, list(inps)
    if not given:
        return Reading([], None)
    for inp, mask in zip(given, masks):
        if mask.all():
            last = r.step(inp)
        elif mask.any():
            last = held.step(inp, Rows(mask), last)
        outputs.append(last)
    if last is NOTHING:
        last = held.nothing(given[0], masks[0])
    nothing = mapped(zeros_like, next((y for y in outputs if y is not NOTHING), last))
    return Reading([nothing if y is NOTHING else y for y in outputs], last)


def repeated(outputs: Sequence[Any], masks: Sequence[Mask]) -> list[Any]:
    """Outputs of which masked rows repeat what stood there before."""
    found: list[Any] = []
    for y, mask in zip(outputs, masks):
        before = found[-1] if found else mapped(zeros_like, y)
        found.append(Rows(mask).chosen(y, before, "the output"))
    return found


class Rows:
    """The rows of one step: True where it is taken."""

    def __init__(self, mask: Mask):
        self.mask = mask
        self.shaped: dict[Shape, Expression] = {}

    def chosen(self, new: Any, old: Any, what: str, ranks: Any = ()) -> Any:
        """``new`` in the rows that take the step and ``old`` in the others.

        ``what``: its name in errors.  ``ranks``: the number of axes that each leaf has
        where it has no rows, as far as that is known.  Raises ValueError for what
        cannot be kept row by row.
        """
        try:
            if form(new) != form(old):
                raise ValueError(f"{_kind(old)} has become {_kind(new)}")
            known = len(ranks) == len(leaves(new))
            rest = zip(leaves(old), ranks if known else repeat(None))
            return mapped(lambda x: self._leaf(x, *next(rest)), new)
        except ValueError as error:
            raise ValueError(
                f"unroll: {what} cannot be kept in some rows and changed in others: "
                f"{error}; run each sequence by itself"
            ) from None

    def cleaned(self, inp: Any) -> Any:
        """An input with zeros in the rows that are masked."""
        if isinstance(inp, tuple):
            return tuple(self.cleaned(part) for part in inp)
        if isinstance(inp, Expression) and not isinstance(inp, Constant):
            return where(self._over(inp), inp, Constant(np.zeros((), inp.dtype)))
        array = np.asarray(inp.value if isinstance(inp, Constant) else inp)
        mask = self.mask.reshape(self._shape(array, None))
        cleaned = np.where(mask, array, np.zeros((), array.dtype))
        return Constant(cleaned) if isinstance(inp, Constant) else cleaned

    def _leaf(self, new: Any, old: Any, rank: int | None) -> Any:
        if new is old:
            return new
        if isinstance(new, _ARRAYS) and isinstance(old, _NUMBERS):
            if isinstance(new, Expression) or isinstance(old, Expression):
                return where(self._over(new, rank), new, old)
            return np.where(self.mask.reshape(self._shape(new, rank)), new, old)
        if type(new) is type(old) and new == old:
            return new
        raise ValueError(f"{_seen(old)} has become {_seen(new)}")

    def _over(self, x: Any, rank: int | None = None) -> Expression:
        """The mask as an expression that broadcasts over the rows of x."""
        shape = self._shape(x, rank)
        if shape not in self.shaped:
            self.shaped[shape] = Constant(self.mask.reshape(shape))
        return self.shaped[shape]

    def _shape(self, x: Any, rank: int | None) -> Shape:
        """The shape in which the mask broadcasts over the rows of x."""
        rows = self.mask.shape
        grown = rank is None or x.ndim >= rank + len(rows)
        if x.shape[: len(rows)] == rows and (grown or x.ndim > len(rows)):
            return rows + (1,) * (x.ndim - len(rows))
        if x.shape[: len(rows)] == rows:
            raise ValueError(f"shape {x.shape} may be that of all rows or of one")
        if grown or not x.ndim:
            raise ValueError(f"a mask of {rows} on shape {x.shape}")
        return rows + (1,) * x.ndim  # one for all: from now on each row has its own


class Held:
    """A transducer whose state is kept in the rows that take no step."""

    def __init__(self, r: Any):
        self.r = r
        self.parts = r.transducers()
        now = r.state
        r.start()
        self.ranks = {
            place: [np.ndim(x) for x in leaves(value)]
            for place, (_, value) in self._state().items()
        }
        r.state = now

    def step(self, inp: Any, rows: Rows, last: Any) -> Any:
        """One step of some rows; the output, ``last`` in the others."""
        before = self._state()
        y = self.r.step(rows.cleaned(inp))
        for place, (part, new) in self._state().items():
            what = f"the state {'.'.join(filter(None, place))}"
            if place not in before:
                raise ValueError(
                    f"unroll: {what} is set by step, not by start(); rows that do not "
                    "take the first step have none"
                )
            if place[1] in part.noise_state or isinstance(new, Random):
                continue  # what is drawn for all rows is of no row before its time
            kept = rows.chosen(new, before[place][1], what, self.ranks.get(place, ()))
            if kept is not new:
                setattr(part, place[1], kept)
        last = mapped(zeros_like, y) if last is NOTHING else last
        return rows.chosen(y, last, "the output")

    def nothing(self, inp: Any, mask: Mask) -> Any:
        """The output where no row takes a step: zeros, of the shape of a step's."""
        before = self.r.state
        y = self.r.step(Rows(mask).cleaned(inp))
        self.r.state = before
        return mapped(zeros_like, y)

    def _state(self) -> dict[tuple[str, str], tuple[Any, Any]]:
        """What is state now, with the transducer that has it, by path and name."""
        return {
            (path, name): (part, mapped(copied, value))
            for path, part in self.parts.items()
            for name, value in part._changed().items()
        }


def _kind(value: Any) -> str:
    known = isinstance(value, (tuple, list, dict, deque))
    return f"a {type(value).__name__}" + (f" of {len(value)}" if known else "")


def _seen(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return repr(value)


def zeros_like(y: Any, shape: Shape | None = None) -> Any:
    """Zeros of the dtype of y, of its shape or another; of what is no array, none."""
    if isinstance(y, (Expression, np.ndarray)):
        return Constant(np.zeros(y.shape if shape is None else shape, y.dtype))
    return type(y)()
