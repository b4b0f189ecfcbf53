"""Rules of trainers as kernels: all that is done to one number of a parameter at once.

A rule is written for arrays, in place, with NumPy.  Here one that is elementwise is
given stand-ins for its arrays, which write down what NumPy is asked for: that is a
chain, written over what it reads.  The numbers in it are inputs, found anew when the
rate, t, or what the rule has read of its trainer is another, which is asked before each
update; so the kernel is the same for all of them.

This module imports ``optimize.trainer``, ``settings``, ``kernels``, ``store``,
``chains``, ``formulas`` and ``paying``.
"""

from collections.abc import Sequence
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, NoneType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..optimize.trainer import Step as Given
from ..settings import Cache
from . import kernels, store
from .chains import FULL, SCALAR, Chain, Input, Step
from .formulas import supports
from .paying import Account

CALL, PLACE = 1e-6, 3e-10  # seconds, about, of a call of NumPy, and for each number
NUMBERS = {int, float, bool}
FUNCTIONS = FunctionType, BuiltinFunctionType, np.ufunc
LASTING = np.generic, str, NoneType, np.dtype, type, Enum, *FUNCTIONS
_rules = Cache("rules of trainers", 1 << 7)
_told: "WeakKeyDictionary[Any, Known]" = WeakKeyDictionary()


class Rule:
    """A rule as a chain of the gradient and of the arrays that it changes, and its
    kernel, once that pays."""

    def __init__(self, chain: Chain):
        self.chain, self.account = chain, Account([chain])
        self.kernel = kernels.bulk(chain) if self.account.at_once() else None

    def due(self, size: int) -> Any:
        """The kernel if it is there, or pays now, for arrays of this size."""
        cost = len(self.chain.steps) * (CALL + PLACE * size)
        if self.kernel is None and self.account.due(cost):
            self.kernel = kernels.bulk(self.chain)
        return self.kernel


class Told(NamedTuple):
    """What a trainer's rule is, and the numbers that it takes beside the arrays."""

    rule: Rule
    numbers: list[Any]


def descended(trainer: Any, g: Any, step: Given, arrays: Sequence[Any]) -> bool:
    """Whether a kernel has carried out the rule; else nothing has changed."""
    if not store.available():
        return False
    found = told(trainer, step, g.dtype, len(arrays))
    if found is None or not _flat(g, arrays):
        return False
    kernel = found.rule.due(g.size)
    if kernel is None:
        return False
    given = [x.reshape(1, -1) for x in (g, *arrays)]
    at = np.zeros(len(given), np.int64)
    kernel(0, 1, g.size, at, *given, *found.numbers)
    return True


def _flat(g: Any, arrays: Sequence[Any]) -> bool:
    """Whether a kernel can go through them place by place."""
    return g.flags.c_contiguous and all(
        x.flags.c_contiguous and x.dtype == g.dtype for x in arrays
    )


def _rule(chain: Chain) -> Rule:
    """The one rule of a chain."""
    found: Rule | None = _rules.get(chain)
    if found is None:
        found = _rules[chain] = Rule(chain)
    return found


# --- what a rule says -----------------------------------------------------------------


class Untold(Exception):
    """What a rule does is no chain."""


class Record:
    """What is written down: values are inputs, numbers and steps, as they come."""

    def __init__(self, dtype: np.dtype[Any], count: int):
        self.dtype, self.count = dtype, count
        self.numbers: list[Any] = []
        self.steps: list[tuple[str, list[tuple[int, int]]]] = []

    def step(self, ufunc: Any, given: Sequence[Any]) -> tuple[int, int]:
        """The value of one more step."""
        name = self.dtype.name
        if not supports(ufunc.__name__, [name], name):
            raise Untold(ufunc.__name__)
        self.steps.append((ufunc.__name__, [self._value(x) for x in given]))
        return 2, len(self.steps) - 1

    def _value(self, x: Any) -> tuple[int, int]:
        if isinstance(x, Stand):
            return x.value
        if type(x) not in (int, float) and getattr(x, "dtype", None) != self.dtype:
            raise Untold("a number of another dtype")
        if np.ndim(x):
            raise Untold("an array that it was not given")
        self.numbers.append(np.array(x, self.dtype))
        return 1, len(self.numbers) - 1

    def chain(self, arrays: Sequence["Stand"]) -> Chain:
        """All of it, where ``arrays`` are what is changed."""
        first = 0, self.count, self.count + len(self.numbers)

        def number(value: tuple[int, int]) -> int:
            return first[value[0]] + value[1]

        name = self.dtype.name
        inputs = [Input(FULL, name)] * self.count
        inputs += [Input(SCALAR, name)] * len(self.numbers)
        steps = [
            Step(op, tuple(map(number, args)), FULL, name) for op, args in self.steps
        ]
        changed = [(k, x) for k, x in enumerate(arrays, 1) if x.value != (0, k)]
        outputs = tuple(number(x.value) for _, x in changed)
        return Chain(tuple(inputs), tuple(steps), outputs, tuple(k for k, _ in changed))


class Stand(NDArrayOperatorsMixin):
    """What stands for an array: a place for values, one after the other."""

    def __init__(self, record: Record, value: tuple[int, int]):
        self.record, self.value, self.dtype = record, value, record.dtype

    def __array_ufunc__(
        self, ufunc: Any, method: str, *given: Any, out: Any = None, **more: Any
    ) -> "Stand":
        if method != "__call__" or more or ufunc.nout != 1:
            raise Untold(method)
        value = self.record.step(ufunc, given)
        if out is None:
            return Stand(self.record, value)
        target: Stand = out[0]
        target.value = value
        return target

    def _untold(self, *given: Any, **more: Any) -> Any:
        raise Untold("what is no elementwise function")

    __array__ = __array_function__ = __bool__ = __len__ = _untold


class Asked(Given):
    """What a rule may use, with stand-ins for the arrays; ``timed``: whether it asked
    for t."""

    __slots__ = ("time", "timed")

    def __init__(self, record: Record, step: Given):
        room: list[Any] = [Stand(record, (0, 0)) for _ in range(3)]
        self.a, self.b, self.g = room
        self.rate, self.time, self.timed = step.rate, step.t, False

    @property
    def t(self) -> int:  # type: ignore[override]  # it is known whether it is asked for
        """The count of this parameter's steps."""
        self.timed = True
        return self.time


def told(trainer: Any, step: Given, dtype: Any, count: int) -> Told | None:
    """What the rule of a trainer does to ``count`` arrays, or None if that is no chain
    or it does not say that it is elementwise."""
    if not hasattr(trainer._change, "elementwise") or dtype.char not in "fd":
        return None
    known = _told.get(trainer)
    if known is None or not known.holds(trainer, step, dtype):
        known = _told[trainer] = _known(trainer, step, dtype, count)
    return known.told


class Known(NamedTuple):
    """What a rule was told to be, and all that this depends on; ``time``: t, if it is
    asked for; ``read``: what is read of the trainer, as it was."""

    dtype: Any
    rate: float
    time: int | None
    read: dict[str, Any]
    told: Told | None

    def holds(self, trainer: Any, step: Given, dtype: Any) -> bool:
        """Whether all of it is as it was."""
        if self.rate != step.rate or self.dtype != dtype:
            return False
        if self.time is not None and self.time != step.t:
            return False
        try:
            for name, value in self.read.items():
                if frozen(getattr(trainer, name), trainer) != value:
                    return False
        except Exception:  # it is told again, or NumPy says what is wrong
            return False
        return True


def _known(trainer: Any, step: Given, dtype: Any, count: int) -> Known:
    """The rule of a trainer, run on what stands for it and its arrays."""
    record, kind = Record(dtype, count + 1), type(trainer)
    g, *arrays = (Stand(record, (0, k)) for k in range(count + 1))
    asked = Asked(record, step)
    read: dict[str, Any] = {}
    found = None
    try:
        kind._descend(Watched(trainer, read), g, asked, *arrays)
        found = Told(_rule(record.chain(arrays)), record.numbers)
    except Exception:  # by NumPy it will do, or say what is wrong
        pass
    return Known(dtype, step.rate, step.t if asked.timed else None, read, found)


# --- what a rule reads ----------------------------------------------------------------


class Watched:
    """Stands for a trainer in its rule: it has all that the trainer has, and what is
    read of it is entered, as it is now.  What changes the trainer is Untold, as it
    would be done twice."""

    __slots__ = ("_of", "_read")

    def __init__(self, of: Any, read: dict[str, Any]):
        object.__setattr__(self, "_of", of)
        object.__setattr__(self, "_read", read)

    def __getattribute__(self, name: str) -> Any:
        of, read = (object.__getattribute__(self, x) for x in Watched.__slots__)
        if name == "__class__":  # by which super() knows it
            return type(of)
        try:
            value = getattr(of, name)
        except AttributeError:
            read[name] = Untold  # which nothing is
            raise
        if name not in read:
            read[name] = frozen(value, of)
        own = type(value) is MethodType and value.__self__ is of
        return MethodType(value.__func__, self) if own else value

    def __setattr__(self, name: str, value: Any) -> None:
        raise Untold("a rule that changes its trainer")

    def __delattr__(self, name: str) -> None:
        raise Untold("a rule that changes its trainer")


def frozen(value: Any, owner: Any) -> Any:
    """What a value is now, whatever it will be when it is changed in place; a method of
    its ``owner`` is its function.  Raises Untold for what cannot be compared so."""
    kind = type(value)
    if kind is FunctionType and value.__closure__:
        raise Untold("a rule that depends on what a function holds")
    if kind in NUMBERS or isinstance(value, LASTING):
        return value
    if kind is MethodType and value.__self__ is owner:
        return value.__func__
    if isinstance(value, (list, tuple)):
        return kind, [frozen(x, None) for x in value]
    if kind is dict:
        return kind, [frozen(pair, None) for pair in value.items()]
    if kind is np.ndarray and not value.dtype.hasobject:
        return value.dtype, value.shape, value.tobytes()
    raise Untold(f"a rule that depends on a {kind.__name__}")
