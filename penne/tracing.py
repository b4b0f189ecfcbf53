"""``@cell``: a Python function of expressions becomes one op.

The author promises that the function depends on its arguments alone and, where it is
a method such as ``step``, on the state that it reads and assigns.  The promise is
checked once for each combination of kinds of arguments and state: the function runs
for real, then on symbols, and both graphs must be the same.  From then on a call
builds one node instead of many.

This module imports ``composite``, ``dtypes``, ``exchanges``, ``forms``, ``graph``,
``loops``, ``modules``, ``ops.selection``, ``places``, ``randomness``, ``settings`` and
``symbols``.
"""

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from pathlib import Path
from traceback import extract_tb
from typing import Any, NamedTuple
from weakref import finalize, ref

import numpy as np

from .composite import NOTHING, Body, projected, projection
from .dtypes import INDEX, NUMBER, WEAK, ArrayType
from .exchanges import Found, Held, reading
from .forms import EXPRESSION, closed, opened, static
from .graph import Constant, Expression, Parameter, topological
from .loops import Repeat
from .modules import Module, ModuleType
from .ops.selection import check_within, note_limits
from .places import recording
from .randomness import Random
from .settings import Switch
from .symbols import Symbol, watching

Place = tuple[dict[str, Any], str]
_NOTHING = ArrayType((), INDEX, WEAK)
MOST_PLANS = 256  # kinds of calls remembered for each kind of state of an owner
MOST_STATES = 16  # kinds of state remembered for each owner
PROMISE = "make it a function of its arguments and state alone"
being_traced: Switch[bool] = Switch("a function being traced", False)


class Plan(NamedTuple):
    """How a call of known kinds is built."""

    body: Body
    fresh: tuple[tuple[int, Random], ...]
    limits: tuple[tuple[int, int, int], ...]
    assigned: tuple[tuple[dict[str, Any], str, int], ...]
    form: Any
    flat: bool  # whether that is a tuple of expressions
    outputs: tuple[int, ...]  # which of those made they are
    made: tuple[Any, ...]  # for each slot used what its projection is
    repeat: Repeat | None  # how it is built again and again, if it can be

    def applied(self, inputs: list[Expression]) -> Any:
        """A call as one node: the state is assigned, the outputs are returned."""
        if self.limits:
            self.check(inputs)
        body = self.body
        captured = _captured(self) if self.fresh else body.captured
        node = Expression(body.op, (*inputs, *captured), NOTHING, body.type)
        found = [projected(node, made) for made in self.made]
        for d, name, k in self.assigned:
            d[name] = found[k]
        if self.form is EXPRESSION:
            return found[self.outputs[0]]
        given = [found[k] for k in self.outputs]
        return tuple(given) if self.flat else closed(self.form, iter(given))

    def check(self, inputs: Sequence[Expression]) -> None:
        """IndexError for a symbol, or an array of them, that is out of range."""
        for k, low, high in self.limits:
            index = inputs[k]
            if isinstance(index, Constant):
                check_within("symbol or index", index.value, low, high)
            elif isinstance(index, Symbol):
                note_limits(index, low, high)


class Growing(Plan):
    """A plan that assigns new state, so that the state is to be looked at again."""

    def applied(self, inputs: list[Expression]) -> Any:
        """As a plan is."""
        ModuleType.changes += 1
        return super().applied(inputs)


class State:
    """Where the state of an owner stands, the plans that belong to it, and what the
    modules held that these plans were made of."""

    def __init__(self, owner: Any):
        self.owner = (lambda: None) if owner is None else ref(owner)
        self.stamp: int | None = ModuleType.changes
        self.places: list[Place] = []
        self.plans: dict[Any, Plan] = {}
        static: list[Any] = []
        for path, part in transducers(owner).items():
            for name, value in part._changed().items():
                if isinstance(value, Expression):
                    self.places.append((vars(part), name))
                else:
                    static.append((path, name, type(value), value))
        self.static = tuple(static)
        self.held = Held()

    def key(self) -> Any:
        """What two states must share to share plans."""
        return tuple((id(d), name) for d, name in self.places), self.static

    def look(self) -> None:
        """Forget the plans if what they were made of has been exchanged; while a
        function is traced, that is asked at each call, and each is noted for it."""
        now = ModuleType.changes
        if self.stamp != now and not self.held.is_same():
            self.forget()
        self.held.again()
        self.stamp = None if Held.blocks else now

    def forget(self) -> None:
        """No plan is known, nor what it was made of."""
        self.plans.clear()
        self.held = Held()


def transducers(owner: Any) -> dict[str, Any]:
    """The transducers that ``owner`` is made of, by path; none for what is none."""
    return owner.transducers() if hasattr(owner, "transducers") else {}


class Cell:
    """``@cell``: a function of expressions, or a method such as ``step``, as one op.

    The author promises that it is a function of its arguments and, for a method, of
    the state that it reads and assigns; layers and parameters may come by ``self``, as
    arguments or by closure.  Arguments: expressions, arrays, numbers and lists of ints
    (inputs), tuples and lists of them, and anything else that is hashable (static:
    another value is another trace).  What is assigned to an attribute of a module, or
    of its class, is seen, whichever way the function came by the module; a list changed
    in place is not, nor is a global variable.  A call gives its arguments by position.

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
        self.states: dict[int, dict[Any, State]] = {}  # by the id of the owner
        self.current: dict[int, State] = {}

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
        plan, inputs = self.planned(owner, args)
        return plan.applied(inputs)

    def planned(
        self, owner: Any, args: tuple[Any, ...]
    ) -> tuple[Plan, list[Expression]]:
        """The plan for a call, and what it is to be applied to: arguments, state."""
        state = self.current.get(id(owner))
        if (
            state is None
            or state.stamp != ModuleType.changes
            or state.owner() is not owner
        ):
            state = self._state(owner)
        inputs: list[Expression] = []
        form = opened(args, inputs)
        for d, name in state.places:
            inputs.append(d[name])
        types = [t if (t := x.type).floating else (t, _is_known(x)) for x in inputs]
        key = (form, *types)
        try:
            plan = state.plans.get(key)
        except TypeError:
            wrong = "an argument is neither expressions nor hashable"
            raise self.broken(wrong) from None
        if plan is None:
            if len(state.plans) >= MOST_PLANS:
                state.forget()
            plan = state.plans[key] = Trace(self, owner, state).plan(form, inputs)
        return plan, inputs

    def _state(self, owner: Any) -> State:
        """The plans for the state as it stands now, looked at afresh."""
        if owner is not None and not isinstance(owner, Module):
            kind = f"self is {type(owner).__name__}, which is no Module"
            raise self.broken(f"{kind}; derive its class from Module or Transducer")
        fresh = State(owner)
        if id(owner) not in self.states and owner is not None:
            finalize(owner, self._forget, id(owner))
        known = self.states.setdefault(id(owner), {})
        if len(known) >= MOST_STATES:
            known.clear()
        try:
            state = known.setdefault(fresh.key(), fresh)
        except TypeError:
            raise self._unhashable(owner, fresh) from None
        state.look()
        self.current[id(owner)] = state
        return state

    def _unhashable(self, owner: Any, state: State) -> TypeError:
        """The error for a state that is no key."""
        found = {f"{path}.{n}".strip("."): x for path, n, _, x in state.static}
        name, value = next(x for x in found.items() if not _is_hashable(x[1]))
        if isinstance(value, np.ndarray):
            what = f"{type(owner).__name__}: the state {name} is an array"
            return TypeError(f"{what}; write {name} = constant(...)")
        wrong = f"the state {name}, a {type(value).__name__}, is neither an expression"
        own = "keep each expression in an attribute of its own"
        return self.broken(f"{wrong} nor hashable", own)

    def _forget(self, owner: int) -> None:
        self.states.pop(owner, None)
        self.current.pop(owner, None)

    def broken(
        self, wrong: str, instead: str = PROMISE, line: int | None = None
    ) -> TypeError:
        """The error that says which promise is not kept, where, and what to do."""
        code = self.function.__code__
        where = f"{Path(code.co_filename).name}, line {line or code.co_firstlineno}"
        told = f"take @penne.cell away, or {instead}"
        return TypeError(f"cell {self.__qualname__} ({where}): {wrong}; {told}")


def _is_known(x: Expression) -> bool:
    """Whether x is a constant, or stands for one to come."""
    if isinstance(x, Constant):
        return True
    return isinstance(x, Symbol) and x.limits is not None


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


cell = Cell


class Trace:
    """One run of a function for real and one on symbols, compared."""

    def __init__(self, cell: Cell, owner: Any, state: State):
        self.cell, self.state = cell, state
        self.parts = list(transducers(owner).values())
        self.before = [dict(vars(part)) for part in self.parts]
        self.prefix = () if owner is None else (owner,)
        self.watched = watching.value  # as within a cell that is traced itself
        self.read: Found = {}

    def plan(self, form: Any, inputs: list[Expression]) -> Plan:
        """The plan for inputs of this form and these types, or TypeError."""
        symbols = [Symbol(x.type, _is_known(x)) for x in inputs]
        with being_traced.within(True), watching.within(False):
            plan = self._compared(form, inputs, symbols)
        self.state.held.note(m for m, _ in self.read.values())
        return plan

    def _compared(
        self, form: Any, inputs: list[Expression], symbols: list[Any]
    ) -> Plan:
        first = symbols[0].serial if symbols else Symbol(_NOTHING).serial
        try:
            real = self._run_for_real(form, inputs)
            self._put_back()
            for (d, name), symbol in zip(self.state.places, self._own(symbols)):
                d[name] = symbol
            with recording(Trace._run.__code__):
                traced = self._run_on_symbols(form, symbols)
        finally:
            self._put_back()
            wrong = self._taken_back(symbols, first)
        if wrong is not None:
            raise self.cell.broken(wrong)
        self._check_same(traced, real, dict(zip(symbols, inputs)))
        return self._made(traced, symbols, first)

    def _own(self, inputs: list[Any]) -> list[Any]:
        """The inputs that are state: the last."""
        return inputs[len(inputs) - len(self.state.places) :]

    def _run(self, form: Any, inputs: list[Any], watched: bool) -> "Run":
        count = len(inputs) - len(self.state.places)
        args = closed(form, iter(inputs[:count]))
        held = [dict(vars(part)) for part in self.parts]
        with watching.within(watched), reading(self.read):
            result = self.cell.function(*self.prefix, *args)
        outputs: list[Expression] = []
        result_form = opened(result, outputs)
        return Run(result_form, outputs, self._assigned(held))

    def _run_for_real(self, form: Any, inputs: list[Expression]) -> "Run":
        try:
            return self._run(form, inputs, self.watched)
        except Exception as error:
            if any(x.type.strength == NUMBER for x in inputs):
                error.add_note(
                    f"cell {self.cell.__qualname__}: a number that it is given is an "
                    "expression, as another one may follow; what the graph depends on "
                    "comes by self, by closure, or as a str"
                )
            raise

    def _run_on_symbols(self, form: Any, symbols: list[Any]) -> "Run":
        try:
            return self._run(form, symbols, watched=True)
        except Exception as error:
            own = self.cell.function.__code__.co_filename
            frames = extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in frames if frame.filename == own]
            line = lines[-1] if lines else None
            raise self.cell.broken(f"{error}", line=line) from error

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

    def _taken_back(self, symbols: list[Symbol], first: int) -> str | None:
        """Takes symbols out of the attributes of modules other than the owner's
        transducers; says what was wrong where there were any."""
        own, wrong = set(map(id, self.parts)), None
        for other, before in self.read.values():
            for name, value in [] if id(other) in own else list(vars(other).items()):
                if not isinstance(value, Expression) or value.serial < first:
                    continue
                if not set(symbols).isdisjoint(topological([value])):
                    del vars(other)[name]
                    vars(other).update({k: x for k, x in before.items() if k == name})
                    what = f"it assigns {name} of {type(other).__name__}"
                    wrong = f"{what}; a step moves its own transducer's state alone"
        return wrong

    def _check_same(self, traced: "Run", real: "Run", given: dict[Any, Any]) -> None:
        """The graph on symbols is that of the real run."""
        if traced.form != real.form:
            raise self._another_kind(traced.form, real.form)
        if traced.assigned.keys() != real.assigned.keys():
            raise self.cell.broken("a second run assigned other attributes")
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

    def _another_kind(self, one: Any, other: Any) -> TypeError:
        """The error for results that differ in more than their expressions."""
        for x, y in zip(static(one), static(other)):
            if x != y:
                wrong = f"its result has a {type(y).__name__}, each time another"
                return self.cell.broken(wrong, "return expressions, tuples or lists")
        return self.cell.broken("a second run gave another kind of result")

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
        slots = [body.places[x] for x in wanted]
        used = list(dict.fromkeys(slots))
        places = [used.index(slot) for slot in slots]
        outputs, left = places[: len(run.outputs)], places[len(run.outputs) :]
        assigned = tuple((d, n, k) for (d, n, _), k in zip(run.assigned.values(), left))
        grows = any((id(d), n) not in self.state.key()[0] for d, n, _ in assigned)
        made = tuple(projection(body.op, body.type, slot) for slot in used)
        repeat = None if fresh else self._repeat(body, run, symbols)
        form = run.form
        flat = isinstance(form, tuple) and all(part is EXPRESSION for part in form)
        order = tuple(outputs)
        kind = Growing if grows else Plan
        return kind(body, fresh, limits, assigned, form, flat, order, made, repeat)

    def _repeat(self, body: Body, run: "Run", symbols: list[Any]) -> Repeat | None:
        """How the step is taken again on the state that it leaves: one expression in,
        one out, and a state of the types that it had."""
        places = {(id(d), name): k for k, (d, name) in enumerate(self.state.places)}
        one = run.form is EXPRESSION and len(symbols) == 1 + len(places)
        if not one or not places.keys() >= run.assigned.keys():
            return None
        made = [body.places[x] for x in run.everything()]
        given = tuple(dict.fromkeys(made))
        if min(given) < body.op.count:
            return None
        carried: list[int | None] = [None] * len(places)
        same = True
        for place, slot in zip(run.assigned, made[1:]):
            new, old = body.type.parts[slot], symbols[1 + places[place]].type
            if (new.shape, new.dtype) != (old.shape, old.dtype):
                return None
            same = same and new is old
            carried[places[place]] = given.index(slot)
        weak = any(body.type.parts[slot].strength == WEAK for slot in given)
        if weak and not same:  # from weak states comes something else than from strong
            return None
        return Repeat(body.op, given, tuple(carried))


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


def _captured(plan: Plan) -> tuple[Expression, ...]:
    """The leaves of the body, random ones anew for each call."""
    leaves = list(plan.body.captured)
    for k, x in plan.fresh:
        leaves[k] = Random(x.draw, x.rest, x.shape, x.dtype, x.rng)
    return tuple(leaves)
