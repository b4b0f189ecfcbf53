"""``scan``: a function over sequences, with what it returns handed on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..compute import Values, compute_values
from ..counts import is_count, is_int
from ..graph import Constant, Expression, constant
from .structure import joined, mapped


def scan(
    f: Callable[..., Any],
    sequences: Any = (),
    outputs_info: Any = (),
    non_sequences: Any = (),
    n_steps: int | None = None,
    until: Callable[..., Any] | None = None,
    *,
    values: Values | None = None,
) -> Any:
    """f, step by step, over ``sequences``; what it returns, along a first axis of time.

    At each step f takes, in this order, the step's element of each of ``sequences``;
    what it returned before, for each of ``outputs_info`` that is not None; and
    ``non_sequences``, the same at each step.  The result has the form of what f
    returns: an expression for one, a list or tuple for several.

    - ``sequences``: arrays or expressions, read along their first axis: as many steps
      as the shortest has; ``{"input": x, "taps": [-1, 0]}`` gives f, one after the
      other, x at these places from that of the step, which begins and ends so that
      all are there
    - ``outputs_info``: for each output of f, None where it is not handed on, or what
      stands for it before the first step; ``{"initial": x, "taps": [-2, -1]}`` hands
      on what it was two steps and one step before, where x, whose first axis is time,
      is what comes before the first step.  () for none at all
    - ``n_steps``: as many, from the beginning of the sequences, which may be none
    - ``until``: a function of the values of f's outputs at a step, which says whether
      that step is the last.  They are computed step by step, into ``values``, where
      that is given: ``compute_values(outputs, values)`` then computes nothing again,
      and what is random is what it was when the end was decided

    f may call ``scan``, and may be a ``@penne.cell``.  As ``scan`` of Theano (Bergstra
    et al. 2010), but for updates, which there are none of: what is random is drawn at
    evaluation; and a list of one output stays a list.

    Raises ValueError for sequences shorter than ``n_steps``, taps that reach outside
    or initial values that do not fill them, a number of outputs that is not that of
    ``outputs_info``, and where nothing says how many steps there are.

    >>> from penne import compute_value
    >>> powers = scan(lambda y, x: y * x, [], 1.0, 2.0, n_steps=4)
    >>> compute_value(powers)
    array([ 2.,  4.,  8., 16.])
    >>> taps = {"initial": [0.0, 1.0], "taps": [-2, -1]}
    >>> compute_value(scan(lambda a, b: a + b, outputs_info=[taps], n_steps=5))
    array([1., 2., 3., 5., 8.])
    >>> doubled = scan(lambda y: 2 * y, [], 1.0, n_steps=99, until=lambda y: y > 9)
    >>> compute_value(doubled)
    array([ 2.,  4.,  8., 16.])
    """
    read = [Taken.of(x) for x in _listed(sequences)]
    carried = [None if x is None else Carried.of(x) for x in _listed(outputs_info)]
    fixed = [constant(x) if _is_array(x) else x for x in _listed(non_sequences)]
    count = _steps(read, n_steps)
    loop = Loop(f, read, carried, fixed)
    if not count:
        return mapped(_none, loop.step(0))
    values = {} if values is None else values
    results = []
    for t in range(count):
        results.append(loop.step(t))
        if until is not None and _is_over(until, results[-1], values):
            break
    return _together(results)


class Taken(NamedTuple):
    """A sequence, and at which places from that of the step it is read."""

    array: Any
    taps: tuple[int, ...]

    @classmethod
    def of(cls, given: Any) -> "Taken":
        """What ``scan`` was given, or ValueError, TypeError."""
        x, taps = _tapped(given, "sequences", "input", 0)
        array = constant(x)
        if not array.ndim:
            raise ValueError("scan: a sequence has a first axis, of time; got a number")
        return cls(array.value if isinstance(array, Constant) else array, taps)

    @property
    def first(self) -> int:
        """Where the first step stands."""
        return max(0, -min(self.taps))

    @property
    def steps(self) -> int:
        """For how many steps all taps are there."""
        return max(0, len(self.array) - self.first - max(0, *self.taps))

    def at(self, t: int) -> list[Expression]:
        """What step t is given."""
        if not self.steps:  # there is no step: zeros, for what f makes of them
            zero = Constant(np.zeros(self.array.shape[1:], self.array.dtype))
            return [zero for _ in self.taps]
        return [constant(self.array[t + self.first + tap]) for tap in self.taps]


class Carried:
    """An output that is handed on: what it was, the latest last."""

    def __init__(self, before: list[Any], taps: tuple[int, ...]):
        self.before, self.taps = before, taps

    @classmethod
    def of(cls, given: Any) -> "Carried":
        """What ``scan`` was given, or ValueError, TypeError."""
        x, taps = _tapped(given, "outputs_info", "initial", -1)
        if max(taps) >= 0:
            raise ValueError(f"scan: taps of outputs are below 0, got {list(taps)}")
        x = constant(x)
        if taps == (-1,):
            return cls([x], taps)
        if x.shape[:1] != (-min(taps),):
            raise ValueError(
                f"scan: taps {list(taps)} of an output take an initial value with "
                f"{-min(taps)} along its first axis, got {x.shape}"
            )
        return cls([x[k] for k in range(-min(taps))], taps)

    def given(self) -> list[Any]:
        """What the next step is given."""
        return [self.before[tap] for tap in self.taps]

    def add(self, y: Any) -> None:
        """The output of a step."""
        self.before = [*self.before[1:], y]


class Loop(NamedTuple):
    """What all steps share."""

    f: Callable[..., Any]
    read: list[Taken]
    carried: list[Carried | None]
    fixed: list[Any]

    def step(self, t: int) -> Any:
        """One step: what f returns; what is carried moves on."""
        args = [x for taken in self.read for x in taken.at(t)]
        args += [y for some in self.carried if some for y in some.given()]
        result = self.f(*args, *self.fixed)
        if result is None:
            raise ValueError("scan: f returned None; have it return its outputs")
        outputs = list(result) if isinstance(result, (list, tuple)) else [result]
        if self.carried and len(outputs) != len(self.carried):
            raise ValueError(
                f"scan: f returned {len(outputs)} outputs for outputs_info of "
                f"{len(self.carried)}; write None for one that is not handed on"
            )
        for some, y in zip(self.carried, outputs):
            if some is not None:
                some.add(y)
        return mapped(constant, result)


def _tapped(
    given: Any, what: str, name: str, usual: int
) -> tuple[Any, tuple[int, ...]]:
    """What is read and at which taps."""
    if not isinstance(given, Mapping):
        return given, (usual,)
    unknown = given.keys() - {name, "taps"}
    if name not in given or unknown:
        raise ValueError(
            f"scan: one of {what} is an array or {{{name!r}: array, 'taps': ints}}, "
            f"got the keys {', '.join(map(repr, given)) or 'none'}"
        )
    taps = given.get("taps", (usual,))
    found = tuple(taps) if isinstance(taps, Sequence) else (taps,)
    if not found or not all(map(is_int, found)):
        raise ValueError(f"scan: taps are one or more ints, got {taps!r}")
    return given[name], found


def _listed(given: Any) -> list[Any]:
    """Arguments that may be one or several."""
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, float))


def _steps(read: Sequence[Taken], n_steps: int | None) -> int:
    """How many steps there are."""
    there = min((taken.steps for taken in read), default=None)
    if n_steps is None:
        if there is None:
            raise ValueError("scan: without sequences, n_steps says how many steps")
        return there
    if not is_count(n_steps, 0):
        raise ValueError(f"scan: n_steps is an int of at least 0, got {n_steps!r}")
    if there is not None and there < n_steps:
        raise ValueError(f"scan: the sequences have {there} steps, n_steps={n_steps}")
    return int(n_steps)


def _is_over(until: Callable[..., Any], result: Any, values: Values) -> bool:
    outputs = list(result) if isinstance(result, (list, tuple)) else [result]
    compute_values(outputs, values)
    over = until(*[values[y] for y in outputs])
    if isinstance(over, Expression) or np.ndim(over):
        shape = np.shape(over)
        kind = "an expression" if isinstance(over, Expression) else f"shape {shape}"
        raise ValueError(f"scan: until takes values and gives one bool, got {kind}")
    return bool(over)


def _together(results: list[Any]) -> Any:
    """The outputs of all steps, in the form of those of one."""
    if isinstance(results[0], list):
        return [joined(parts) for parts in zip(*results)]
    return joined(results)


def _none(y: Expression) -> Expression:
    return Constant(np.zeros((0, *y.shape), y.dtype))
