"""A step that is taken again and again, as one op.

    slots:  the arguments; then for each time the node of the step, and those of its
            slots that are wanted of it: what it gives, and the state that it leaves

So a sequence that is read by a step of one op is one node, whatever its length.  Its
gradient is back-propagation through time (Werbos 1990), by the derivative of the step.

This module imports ``composite``, ``differentiate``, ``dtypes``, ``graph``, ``opening``
and ``settings``.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from .composite import (
    NOTHING,
    Application,
    Composite,
    Computed,
    Several,
    Slots,
    bundled,
    picked,
    project,
    seeds_of,
)
from .differentiate import Pending
from .dtypes import ArrayType
from .graph import Expression
from .opening import Opened
from .settings import Cache

_loops = Cache("loops", 1 << 12)


class Each(NamedTuple):
    """What is read is given one by one: so many arguments."""

    arguments: int


class Rows(NamedTuple):
    """What is read are the rows of one argument: a constant that nobody else has, so
    that no gradient of it is asked for."""

    arguments: int = 1


class Of(NamedTuple):
    """What is read are slots of a node of several outputs, evenly apart."""

    first: int
    apart: int
    arguments: int = 1


Source = Each | Rows | Of


class Repeat(NamedTuple):
    """How a step is taken again: of its slots those that are ``given``, first what is
    the output; for each part of the state which of these it becomes, or None where it
    stays."""

    step: Composite
    given: tuple[int, ...]
    carried: tuple[int | None, ...]


class Loop(Several):
    """The op of a step taken ``times`` times; make it by ``loop``.

    Arguments: what is read, as ``source`` says; the state; the rest of the step's.
    ``apart``: how far the same slot of two times in a row is apart.
    """

    def __init__(self, repeat: Repeat, times: int, source: Source):
        self.step, self.given, self.carried = repeat
        states = len(self.carried)
        self.first = source.arguments  # the first part of the state
        self.rest = self.first + states  # the first of the other arguments
        count = self.rest + self.step.count - 1 - states
        super().__init__(self.step.name, count, self.step.batch)
        self.times, self.source = times, source
        self.size = times * self.step.size
        self.apart = 1 + len(self.given)
        self.step.keep(self.given)
        self.keep(self.slot(time, 0) for time in range(times))
        self.keep(self.slot(times - 1, k) for k in range(len(self.given)))

    def __reduce__(self) -> Any:
        repeat = Repeat(self.step, self.given, self.carried)
        return loop, (repeat, self.times, self.source)

    def __call__(self, *args: Expression, **params: Any) -> Expression:
        """The node of this op on ``args``."""
        return Expression(self, args, NOTHING, self.type([a.type for a in args]))

    def type(self, types: Sequence[ArrayType]) -> Slots:
        """The type of a node on arguments of these types."""
        assert not isinstance(self.source, Rows) or types[0].shape
        if isinstance(self.source, Of):
            assert isinstance(types[0], Slots)
            read = types[0].parts[self.source.first]
        elif isinstance(self.source, Rows):
            read = ArrayType(types[0].shape[1:], types[0].dtype, types[0].strength)
        else:
            read = types[0]
        slots = self.step.body([read, *types[self.first :]])
        parts = tuple(x.type for x in slots)
        each = Slots(parts), *(parts[k] for k in self.given)
        return Slots((*types, *each * self.times))

    def slot(self, time: int, k: int) -> int:
        """The slot of the k-th that is given at a time; of the node itself for -1."""
        return self.count + time * self.apart + 1 + k

    @property
    def recurs(self) -> bool:
        """Whether a time depends on the one before."""
        return any(k is not None for k in self.carried)

    def label(self, slot: int) -> str:
        """The time, and, but for what a step gives, which part of the state."""
        time, k = self.time(slot)
        return f"{time}, {k}" if k else f"{time}"

    def time(self, slot: int) -> tuple[int, int]:
        """Which of those given, at which time, a slot is: the inverse of ``slot``."""
        time, k = divmod(slot - self.count, self.apart)
        return time, k - 1

    # --- values -----------------------------------------------------------------------

    def applications(self, arrays: Sequence[Any]) -> Iterator[Application]:
        """The step, time by time."""
        state, rest = list(arrays[self.first : self.rest]), arrays[self.rest :]
        for x in self._read(arrays):
            yield self.step, [x, *state, *rest], {}, None
            node = self.step.forward(x, *state, *rest)
            self._carry(state, [node.at(k) for k in self.given])

    def _read(self, arrays: Sequence[Any]) -> list[Any]:
        source = self.source
        if isinstance(source, Each):
            return list(arrays[: self.times])
        if isinstance(source, Rows):
            return list(arrays[0])
        places = range(self.times)
        return [arrays[0].at(source.first + k * source.apart) for k in places]

    def _carry(self, state: list[Any], given: Sequence[Any]) -> None:
        for place, k in enumerate(self.carried):
            if k is not None:
                state[place] = given[k]

    def forward(self, *arrays: Any) -> Computed:
        """The values of the slots that are kept."""
        kept, slots = self.kept, Computed([None] * self.slot(self.times, -1))
        slots.op, slots.arrays = self, arrays
        values = chain.from_iterable(self._taken(arrays, self.step.forward))
        for slot, value in enumerate(values, self.count):
            if slot in kept:
                slots[slot] = value
        return slots

    def opened(self, args: Sequence[Any], params: Any, type: ArrayType) -> Opened:
        """As ``Op.opened``."""
        assert isinstance(type, Slots)
        each = type.parts[self.count] if self.times else type
        found = self._taken(args, lambda *given: self.step.opened(given, params, each))
        return Opened([*args, *chain.from_iterable(found)])

    def _taken(
        self, args: Sequence[Any], take: Callable[..., Any]
    ) -> Iterator[list[Any]]:
        """For each time what ``take`` makes of the arguments of the step, and of its
        slots those that are given."""
        state, rest = list(args[self.first : self.rest]), args[self.rest :]
        for x in self._read(args):
            node = take(x, *state, *rest)
            given = [node.at(k) for k in self.given]
            self._carry(state, given)
            yield [node, *given]

    # --- gradients --------------------------------------------------------------------

    def gradient(self, g: Expression, y: Expression, *args: Expression) -> list[Any]:
        """Back-propagation through time, one derivative of the step for each."""
        seeds, found = seeds_of(g), [Pending(a) for a in args]
        states = range(self.first, self.rest)
        after: list[Expression | None] = [None] * len(states)
        read: dict[int, Expression] = {}
        for time in reversed(range(self.times)):
            own = self._seeds(time, y, seeds, after)
            if not own:
                continue
            step = [self._reads(time, args), *self._states(time, y, args)]
            inputs = [*step, *args[self.rest :]]
            node = project(y, self.slot(time, -1))
            parts = self.step.backward(own, node, inputs)
            if parts[0] is not None and step[0].floating:
                read[time] = parts[0]
            for place, part in enumerate(parts[1 : 1 + len(states)]):
                if self.carried[place] is not None:
                    after[place] = part
                elif part is not None:
                    found[self.first + place].receive(part)
            for place, part in enumerate(parts[1 + len(states) :], self.rest):
                if part is not None:
                    found[place].receive(part)
        for place, part in enumerate(after, self.first):
            if part is not None:
                found[place].receive(part)
        self._give_back(read, found, args)
        return [x.total() if x.sums or x.terms else None for x in found]

    def _seeds(
        self,
        time: int,
        y: Expression,
        seeds: dict[int, Expression],
        after: list[Expression | None],
    ) -> dict[int, Expression]:
        """The gradients of the slots of the step at a time; ``after``: those of the
        state that it leaves."""
        whole = seeds.get(self.slot(time, -1))
        own = {} if whole is None else seeds_of(whole)
        for k, slot in enumerate(self.given):
            place = self.slot(time, k)
            pending = Pending(picked(y, place))
            parts = [own.pop(slot, None), seeds.get(place)]
            for state, becomes in enumerate(self.carried):
                if becomes == k:
                    parts.append(after[state])
            for part in parts:
                if part is not None:
                    pending.receive(part)
            if pending.sums or pending.terms:
                own[slot] = pending.total()
        return own

    def _reads(self, time: int, args: Sequence[Expression]) -> Expression:
        """What is read at a time."""
        source = self.source
        if isinstance(source, Each):
            return args[time]
        if isinstance(source, Of):
            return project(args[0], source.first + time * source.apart)
        return args[0][time]

    def _states(
        self, time: int, y: Expression, args: Sequence[Expression]
    ) -> list[Expression]:
        """The state before a time."""
        before = args[self.first : self.rest]
        if not time:
            return list(before)
        return [
            x if k is None else project(y, self.slot(time - 1, k))
            for x, k in zip(before, self.carried)
        ]

    def _give_back(
        self,
        read: dict[int, Expression],
        found: list[Pending],
        args: Sequence[Expression],
    ) -> None:
        """Hand on the gradients of what was read at each time."""
        source = self.source
        if isinstance(source, Each):
            for time, part in read.items():
                found[time].receive(part)
        elif isinstance(source, Of) and read:
            slots = {source.first + k * source.apart: g for k, g in read.items()}
            found[0].receive(bundled(slots, args[0].type))


def loop(repeat: Repeat, times: int, source: Source) -> Loop:
    """The one op of these."""
    key = repeat, times, source
    found: Loop | None = _loops.get(key)
    if found is None:
        found = _loops[key] = Loop(repeat, times, source)
    return found
