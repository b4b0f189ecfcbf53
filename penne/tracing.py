"""``@cell``: a Python function of expressions becomes one op.

The author promises that the function depends on its arguments alone and, where it is
a method such as ``step``, on the state that it reads and assigns.  The promise is
checked once for each combination of kinds of arguments and state: the function runs
for real, then on symbols, and both graphs must be the same.  From then on a call
builds one node instead of many.

This module imports ``composite``, ``graph``, ``modules``, ``places`` and
``randomness``.
"""

from collections.abc import Callable, Iterator
from functools import partial, update_wrapper
from pathlib import Path
from traceback import extract_tb
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from .composite import Body, Symbol, projected, projection, watching
from .dtypes import INDEX, WEAK, ArrayType
from .graph import Constant, Expression, Parameter, constant, literal, topological
from .modules import Module, is_computed
from .ops.selection import note_limits
from .places import recording
from .randomness import Random
from .settings import current_dtype

Place = tuple[dict[str, Any], str]
_NOTHING = ArrayType((), INDEX, WEAK)
MOST_PLANS = 256  # kinds of calls remembered for each kind of state of an owner
MOST_STATES = 16  # kinds of state remembered for each owner
EXPRESSION = object()  # stands in a form for the next expression


class Plan(NamedTuple):
    """How a call of known kinds is built."""

    body: Body
    fresh: tuple[tuple[int, Random], ...]
    limits: tuple[tuple[int, int, int], ...]
    assigned: tuple[tuple[dict[str, Any], str, int], ...]
    form: Any
    slots: tuple[int, ...]
    made: tuple[tuple[int, Any], ...]  # for each slot used what its projection is


class State:
    """Where the state of an owner stands, and the plans that belong to it."""

    def __init__(self, owner: Any):
        self.stamp = Module.changes
        self.places: list[Place] = []
        self.plans: dict[Any, Plan] = {}
        static: list[Any] = []
        for path, part in transducers(owner).items():
            for name, value in part._changed().items():
                if isinstance(value, Expression):
                    self.places.append((vars(part), name))
                else:
                    static.append((path, name, value))
        self.static = tuple(static)
        self.made_of = [] if owner is None else _made_of(owner, static)

    def key(self) -> Any:
        """What two states must share to share plans."""
        places = tuple((id(d), name) for d, name in self.places)
        return places, self.static, tuple(map(id, self.made_of))


def _made_of(owner: Module, static: list[Any]) -> list[Any]:
    """Everything that ``owner`` holds but for its state; not itself, which what is
    kept for it would keep alive."""
    state = {id(value) for _, _, value in static}
    held = (part for _, part in owner.parts() if part is not owner)
    return [x for x in held if not is_computed(x) and id(x) not in state]


def transducers(owner: Any) -> dict[str, Any]:
    """The transducers that ``owner`` is made of, by path; none for what is none."""
    return owner.transducers() if hasattr(owner, "transducers") else {}


class Cell:
    """``@cell``: a function of expressions, or a method such as ``step``, as one op.

    The author promises that it is a function of its arguments and, for a method, of
    the state that it reads and assigns; layers and parameters may come by ``self`` or
    by closure.  Arguments: expressions, arrays, ints and lists of ints (inputs), tuples
    and lists of them, and anything hashable (static: another value is another trace).
    Parameters and layers exchanged by assignment to an attribute are seen; a list
    changed in place is not.

    Raises TypeError, naming the line, where the promise is seen to be broken.

    >>> from penne import Layer, compute_value
    >>> both = Layer([2, 2], 2, init=lambda rng, shape, *rest: np.ones(shape))
    >>> join = cell(lambda a, b: both(a, b))
    >>> join([1.0, 0.0], [0.0, 0.0]).shape
    (2,)
    """

    def __init__(self, function: Callable[..., Any]):
        if not hasattr(function, "__code__"):
            kind = type(function).__name__
            raise TypeError(f"cell: takes a function, got {kind}; write a def of it")
        update_wrapper(self, function)
        self.__name__, self.__qualname__ = function.__name__, function.__qualname__
        self.function = function
        self.alone = State(None)
        self.states: WeakKeyDictionary[Any, dict[Any, State]] = WeakKeyDictionary()
        self.current: WeakKeyDictionary[Any, State] = WeakKeyDictionary()

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else partial(self.called, owner)

    def __call__(self, *args: Any) -> Any:
        """The outputs, as projections of one node."""
        owned = bool(args) and isinstance(args[0], Module)  # as in LSTM.step(self, x)
        return self.called(*args) if owned else self.called(None, *args)

    def __reduce__(self) -> str:
        return self.__qualname__

    def called(self, owner: Any, *args: Any) -> Any:
        """One call, with the state of ``owner``."""
        state = self.alone if owner is None else self.current.get(owner)
        if state is None or (state.stamp != Module.changes and owner is not None):
            state = self._state(owner)
        inputs: list[Expression] = []
        form = tuple([_opened(a, inputs) for a in args])
        for d, name in state.places:
            inputs.append(d[name])
        key = (form, *[x.type if x.type.floating else _index_key(x) for x in inputs])
        try:
            plan = state.plans.get(key)
        except TypeError:
            wrong = "an argument is neither expressions nor hashable"
            raise self.broken(wrong) from None
        if plan is None:
            if len(state.plans) >= MOST_PLANS:
                state.plans.clear()
            plan = state.plans[key] = Trace(self, owner, state).plan(form, inputs)
        return _applied(plan, inputs)

    def _state(self, owner: Any) -> State:
        """The plans for the state as it stands now, looked at afresh."""
        fresh = State(owner)
        known = self.states.setdefault(owner, {})
        if len(known) >= MOST_STATES:
            known.clear()
        try:
            state = known.setdefault(fresh.key(), fresh)
        except TypeError:
            names = ", ".join(name for _, name, _ in fresh.static)
            wrong = f"the state {names} is neither expressions nor hashable"
            raise self.broken(wrong) from None
        state.stamp = Module.changes
        self.current[owner] = state
        return state

    def broken(self, wrong: str, line: int | None = None) -> TypeError:
        """The error that says which promise is not kept, where, and what to do."""
        code = self.function.__code__
        where = f"{Path(code.co_filename).name}, line {line or code.co_firstlineno}"
        return TypeError(
            f"cell {self.__qualname__} ({where}): {wrong}; take @penne.cell away, or "
            "make it a function of its arguments and state alone"
        )


def _index_key(x: Expression) -> Any:
    return x.type, _is_known(x)


def _is_known(x: Expression) -> bool:
    """Whether x is a constant, or stands for one to come."""
    known = isinstance(x, Symbol) and x.limits is not None
    return known or isinstance(x, Constant)


cell = Cell


class Trace:
    """One run of a function for real and one on symbols, compared."""

    def __init__(self, cell: Cell, owner: Any, state: State):
        self.cell, self.state = cell, state
        self.parts = list(transducers(owner).values())
        self.before = [dict(vars(part)) for part in self.parts]
        self.prefix = () if owner is None else (owner,)

    def plan(self, form: Any, inputs: list[Expression]) -> Plan:
        """The plan for inputs of this form and these types, or TypeError."""
        symbols = [Symbol(x.type, _is_known(x)) for x in inputs]
        try:
            real = self._run(form, inputs)
            self._put_back()
            first = symbols[0].serial if symbols else Symbol(_NOTHING).serial
            for (d, name), symbol in zip(self.state.places, self._own(symbols)):
                d[name] = symbol
            with watching.within(True), recording(Trace._run.__code__):
                traced = self._run_on_symbols(form, symbols)
            self._check_others(symbols, first)
        finally:
            self._put_back()
        self._check_same(traced, real, dict(zip(symbols, inputs)))
        return self._made(traced, symbols, first)

    def _own(self, inputs: list[Any]) -> list[Any]:
        """The inputs that are state: the last."""
        return inputs[len(inputs) - len(self.state.places) :]

    def _run(self, form: Any, inputs: list[Any]) -> "Run":
        count = len(inputs) - len(self.state.places)
        args = _closed(form, iter(inputs[:count]))
        held = [dict(vars(part)) for part in self.parts]
        result = self.cell.function(*self.prefix, *args)
        outputs: list[Expression] = []
        result_form = _opened(result, outputs)
        return Run(result_form, outputs, self._assigned(held))

    def _run_on_symbols(self, form: Any, symbols: list[Any]) -> "Run":
        try:
            return self._run(form, symbols)
        except Exception as error:
            own = self.cell.function.__code__.co_filename
            frames = extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in frames if frame.filename == own]
            raise self.cell.broken(f"{error}", lines[-1] if lines else None) from error

    def _put_back(self) -> None:
        for part, before in zip(self.parts, self.before):
            vars(part).clear()
            vars(part).update(before)

    def _assigned(self, held: list[dict[str, Any]]) -> dict[Any, Any]:
        """What has been assigned to attributes since ``held``."""
        found = {}
        for part, before in zip(self.parts, held):
            for name, value in vars(part).items():
                if name not in before or value is not before[name]:
                    if not isinstance(value, Expression):
                        wrong = f"it assigns self.{name}, which is no expression"
                        raise self.cell.broken(wrong)
                    found[id(vars(part)), name] = (vars(part), name, value)
        return found

    def _check_others(self, symbols: list[Symbol], first: int) -> None:
        """No transducer but those of the owner has got what was made of symbols."""
        own = set(map(id, self.parts))
        for reference in Module.live.valuerefs():
            other = reference()
            if other is None or id(other) in own:
                continue
            for name, value in list(vars(other).items()):
                if isinstance(value, Expression) and value.serial >= first:
                    if not set(symbols).isdisjoint(topological([value])):
                        kind = type(other).__name__
                        wrong = f"it assigns {name} of another transducer, {kind}"
                        raise self.cell.broken(wrong)

    def _check_same(self, traced: "Run", real: "Run", given: dict[Any, Any]) -> None:
        """The graph on symbols is that of the real run."""
        if traced.form != real.form or traced.assigned.keys() != real.assigned.keys():
            raise self.cell.broken("a second run gave another kind of result")
        pairs = list(zip(traced.everything(), real.everything()))
        seen = set()
        while pairs:
            mine, theirs = pairs.pop()
            if (mine, theirs) in seen:
                continue
            seen.add((mine, theirs))
            if not _alike(mine, theirs, given):
                name = theirs.op.name if theirs.op else repr(theirs)
                raise self.cell.broken(f"a second run built another graph, at {name}")
            pairs.extend(zip(mine.args, theirs.args))

    def _made(self, run: "Run", symbols: list[Any], first: int) -> Plan:
        wanted = run.everything()
        name = self.cell.__qualname__.rpartition("<locals>.")[2]
        body = Body.of(name, symbols, wanted)
        for x in topological(wanted, dict.fromkeys(symbols)):
            if x.op is not None and x.serial < first:
                wrong = f"it uses {x!r}, computed outside; make it an argument"
                raise self.cell.broken(wrong)
        fresh = tuple(
            (k, x)
            for k, x in enumerate(body.captured)
            if isinstance(x, Random) and x.serial > first
        )
        limits = tuple(
            (k, max(low for low, _ in x.limits), min(high for _, high in x.limits))
            for k, x in enumerate(symbols)
            if x.limits
        )
        assigned = tuple((d, n, body.places[x]) for d, n, x in run.assigned.values())
        if any((id(d), n) not in self.state.key()[0] for d, n, _ in assigned):
            Module.changes += 1  # the state has grown: look at it again
        slots = tuple(body.places[x] for x in run.outputs)
        used = dict.fromkeys((*slots, *(slot for *_, slot in assigned)))
        made = tuple((slot, projection(body.op, body.type, slot)) for slot in used)
        return Plan(body, fresh, limits, assigned, run.form, slots, made)


class Run(NamedTuple):
    """What one run of a function gave and assigned."""

    form: Any
    outputs: list[Expression]
    assigned: dict[Any, Any]

    def everything(self) -> list[Expression]:
        """The outputs, then what was assigned."""
        return [*self.outputs, *(value for *_, value in self.assigned.values())]


def _alike(mine: Expression, theirs: Expression, given: dict[Any, Any]) -> bool:
    """Whether a node on symbols is what the real node is, but for its arguments."""
    if isinstance(mine, Symbol):
        return given.get(mine) is theirs
    if mine.op is not None:
        same = mine.op is theirs.op and mine.params == theirs.params
        return same and len(mine.args) == len(theirs.args)
    if mine is theirs:
        return True
    if isinstance(mine, Random) and isinstance(theirs, Random):
        same = mine.rng is theirs.rng and type(mine.draw) is type(theirs.draw)
        return same and vars(mine.draw) == vars(theirs.draw)
    if isinstance(mine, Parameter) or not isinstance(mine, Constant):
        return False
    return (
        isinstance(theirs, Constant)
        and mine.type is theirs.type
        and np.array_equal(mine.value, theirs.value)
    )


def _opened(value: Any, found: list[Expression]) -> Any:
    """The form of ``value``: expressions, numbers and arrays are taken out of it."""
    if isinstance(value, Expression):
        found.append(value)
    elif type(value) is int or isinstance(value, np.integer):
        found.append(literal(int(value), INDEX))
    elif isinstance(value, float):
        found.append(literal(value, current_dtype()))
    elif isinstance(value, np.ndarray):
        found.append(constant(value))
    elif isinstance(value, tuple):
        return tuple([_opened(v, found) for v in value])
    elif isinstance(value, list):
        if any(isinstance(v, (Expression, tuple, list)) for v in value):
            return (list, *[_opened(v, found) for v in value])
        found.append(constant(np.asarray(value, None if value else INDEX)))
    else:
        return value
    return EXPRESSION


def _closed(form: Any, given: Iterator[Expression]) -> Any:
    """The value of a form, with ``given`` for its expressions."""
    if form is EXPRESSION:
        return next(given)
    if isinstance(form, tuple):
        if form and form[0] is list:
            return [_closed(part, given) for part in form[1:]]
        return tuple([_closed(part, given) for part in form])
    return form


def _applied(plan: Plan, inputs: list[Expression]) -> Any:
    """A call as one node: the state is assigned, the outputs are returned."""
    for k, low, high in plan.limits:
        _check_limits(inputs[k], low, high)
    body = plan.body
    node = Expression(body.op, (*inputs, *_captured(plan)), {}, body.type)
    found = {slot: projected(node, made) for slot, made in plan.made}
    for d, name, slot in plan.assigned:
        d[name] = found[slot]
    if plan.form is EXPRESSION:
        return found[plan.slots[0]]
    return _closed(plan.form, iter([found[slot] for slot in plan.slots]))


def _captured(plan: Plan) -> tuple[Expression, ...]:
    """The leaves of the body, random ones anew for each call."""
    if not plan.fresh:
        return plan.body.captured
    leaves = list(plan.body.captured)
    for k, x in plan.fresh:
        leaves[k] = Random(x.draw, x.rest, x.shape, x.dtype, x.rng)
    return tuple(leaves)


def _check_limits(index: Expression, low: int, high: int) -> None:
    if isinstance(index, Symbol):
        note_limits(index, low, high)
    elif isinstance(index, Constant):
        array = index.value
        if not array.ndim and low <= array.item() < high:
            return
        outside = (array < low) | (array >= high)
        if outside.any():
            wrong = np.asarray(array)[outside].flat[0]
            raise IndexError(f"symbol or index {wrong} is outside [{low}, {high})")
