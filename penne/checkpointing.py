"""Memory for time: segments of a graph that are computed again when they are needed.

    backward of a segment:  forget what is inside, keep what goes in and comes out;
                            compute the inside again when its gradient is asked for

Chen, Xu, Zhang and Guestrin 2016, *Training deep nets with sublinear memory cost*: a
chain of n steps in sqrt(n) segments needs the memory of about 2 sqrt(n) steps, and one
more forward pass.

This module imports ``composite``, ``differentiate``, ``doorway``, ``dtypes``,
``graph``, ``modules``, ``opening``, ``operators``, ``settings``, ``signature``,
``symbols`` and ``tracing``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import wraps
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from .composite import BUNDLE, Slots, bundled, reapplied, seeds_of
from .differentiate import backpropagate
from .doorway import current
from .dtypes import INDEX, NUMBER, WEAK, ArrayType
from .graph import OPS, Constant, Expression, Op, Parameter, topological
from .modules import Module
from .opening import opened
from .operators import NUMPY
from .settings import Cache
from .signature import Shape, group
from .symbols import Symbol, watching
from .tracing import being_traced

Leaves = Sequence[Expression]
_segments = Cache("segments to recompute", 1 << 8)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f``, but so that what it computes on the way is forgotten and, for gradients,
    computed again; values and gradients, and what has one, are those of ``f``.

    ``f`` takes anything, and gives expressions, or tuples, lists and dicts of them.
    Whatever it uses is an input of the segment that it builds, also by closure:
    parameters get their gradients, a mask of dropout is drawn once and kept, and the
    state that ``f`` assigns to transducers comes out of the segment.  Segments may
    stand in segments.  Segments of the same steps and shapes are one op.

    A gradient that also asks for one of several outputs of a segment keeps what all
    segments compute, and computes nothing again.  A gradient of another gradient, for
    which such an output was not asked, takes it as fixed where it is computed again:
    ask for it in the first, ``gradient(loss, [w, y])``.

    >>> from penne import compute_gradients, compute_value, parameter, tanh
    >>> w = parameter([0.5])
    >>> @checkpoint
    ... def twice(x):
    ...     return tanh(w * tanh(w * x))
    >>> y = twice(twice(1.0))[0]
    >>> y
    <gather(recompute(parameter, recompute(...)), constant): () float32>
    >>> compute_value(y).round(3), compute_gradients(y)[w].round(3)
    (np.float32(0.056), array([0.424], dtype=float32))
    """

    if not callable(f):
        kind = type(f).__name__
        raise TypeError(f"checkpoint: takes a function, got {kind}; write a def of it")

    @wraps(f)
    def checkpointed(*args: Any, **keywords: Any) -> Any:
        mark = Symbol(ArrayType((), INDEX, WEAK)).serial
        result = f(*args, **keywords)
        with watching.within(False):
            states = dict(_states(mark))
            found = [x for y in (result, states) for x in _expressions(y, mark)]
            known = _computed(list(dict.fromkeys(found)), mark)
            for (_, name), (held, value) in states.items():
                new = _replaced(value, known)
                if name in held and held[name] is value:  # else another thread went on
                    held[name] = new
            return _replaced(result, known)

    return checkpointed


def _states(mark: int) -> Iterator[tuple[Any, Any]]:
    """What transducers hold that was built after ``mark``, by whatever thread."""
    for reference in Module.live.valuerefs():
        part = reference()
        for name, value in list(vars(part).items()) if part is not None else ():
            if any(True for _ in _expressions(value, mark)):
                yield (id(part), name), (vars(part), value)


def _expressions(value: Any, mark: int) -> Iterator[Expression]:
    """The computed expressions in a structure that were built after ``mark``."""
    if isinstance(value, Expression):
        if value.op is not None and value.serial > mark:
            yield value
    elif isinstance(value, dict):
        for x in value.values():
            yield from _expressions(x, mark)
    elif isinstance(value, (tuple, list)):
        for x in value:
            yield from _expressions(x, mark)


def _replaced(value: Any, known: Mapping[Expression, Expression]) -> Any:
    """A structure with other expressions in the places of those that are known: of the
    same kind, also of a subclass, with all that it holds besides."""
    if isinstance(value, Expression):
        with watching.within(False):
            return known.get(value, value)
    if isinstance(value, tuple):
        made = tuple.__new__(type(value), [_replaced(x, known) for x in value])
        getattr(made, "__dict__", {}).update(getattr(value, "__dict__", {}))
        return made
    if isinstance(value, (dict, list)):
        copied: Any = copy(value)
        places = list(value) if isinstance(value, dict) else range(len(value))
        for k in places:
            copied[k] = _replaced(value[k], known)
        return copied
    return value


def _computed(outputs: Leaves, mark: int) -> dict[Expression, Expression]:
    """For each output the expression that a segment gives instead."""
    found: dict[Expression, Expression] = {}
    for some in _alike(outputs):
        inputs, segment = _segment(some, mark)
        found.update(zip(some, _parts(segment.applied(inputs), some)))
    return found


# --- several expressions as one -------------------------------------------------------


def _alike(outputs: Leaves) -> list[list[Expression]]:
    """The outputs by dtype: those of one can stand in one vector."""
    groups: dict[Any, list[Expression]] = {}
    for x in outputs:
        groups.setdefault((x.dtype, x.type.strength), []).append(x)
    return list(groups.values())


def _joined(parts: Leaves) -> Expression:
    """One expression, or all numbers of several as one vector."""
    if len(parts) == 1:
        return parts[0]
    rows = [NUMPY["reshape"](x, (-1,)) for x in parts]
    return OPS["concatenate"](*rows, axis=0)


def _parts(joined: Expression, like: Leaves) -> list[Expression]:
    """What ``_joined`` has put together, with the shapes of ``like``."""
    if len(like) == 1:
        return [joined]
    starts = accumulate((x.size for x in like), initial=0)
    return [
        PART(joined, place=k, start=start, shape=x.shape)
        for k, (start, x) in enumerate(zip(starts, like))
    ]


class _Part(Op):
    """The op that gives one of several arrays that are joined in one vector."""

    picks = True

    def opened(self, args: Sequence[Any], params: Any, type: ArrayType) -> Any:
        """As ``Op.opened``."""
        row = args[0].args[params["place"]]
        whole = row.args[0] if row.op is OPS["reshape"] else row
        return whole if whole.shape == params["shape"] else row


def _part(joined: Any, *, place: int, start: int, shape: Shape) -> Any:
    row = joined[..., start : start + prod(shape)]
    return row.reshape((*joined.shape[:-1], *shape))


def _part_gradient(
    g: Expression, y: Expression, joined: Expression, *, place: int, **_: Any
) -> tuple[Expression]:
    return (bundled({place: NUMPY["reshape"](g, (-1,))}, joined.type),)


PART = _Part(
    _part,
    lambda *shapes, place, start, shape: f"(n)->{group(*shape)}",
    gradient=_part_gradient,
)
PART.__qualname__ = "PART"


# --- segments -------------------------------------------------------------------------


class Input(Expression):
    """A leaf of a segment, whose value is given for each evaluation."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return Input, (None, (), {}, self.type)


class Segment:
    """A graph over leaves of its own, one output: what ``recompute`` evaluates.

    ``sought``: the inputs whose gradients are mostly asked for, by dtype; then the
    others.
    """

    def __init__(self, inputs: Leaves, output: Expression, sought: Sequence[bool]):
        self.inputs, self.output, self.sought = inputs, output, sought
        self.params = {"segment": self}
        self.derivatives: dict[Any, tuple[Any, ...]] = {}

    def __deepcopy__(self, memo: Any) -> "Segment":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Segment, (self.inputs, self.output, self.sought)

    def applied(self, args: Leaves) -> Expression:
        """The node that computes the segment on ``args``."""
        return Expression(RECOMPUTE, tuple(args), self.params, self.output.type)

    def resized(self, shapes: Sequence[Shape]) -> "Segment":
        """The same segment on inputs of other shapes."""
        if all(x.shape == shape for x, shape in zip(self.inputs, shapes)):
            return self
        known = {
            x: _leaf(x, ArrayType(shape, x.dtype, x.type.strength))
            for x, shape in zip(self.inputs, shapes)
        }
        inputs = list(known.values())
        for x in topological([self.output], set(self.inputs)):
            given = [known.get(a, a) for a in x.args]
            known[x] = reapplied(x.op, given, x.params) if x.op else x
        return Segment(inputs, known[self.output], self.sought)

    def groups(self) -> list[tuple[int, ...]]:
        """The inputs that a gradient can be asked of, in groups of one dtype."""
        found: dict[Any, list[int]] = {}
        for k, (x, sought) in enumerate(zip(self.inputs, self.sought)):
            if x.floating:
                key = x.dtype, x.type.strength, sought
                found.setdefault(key, []).append(k)
        return [tuple(places) for places in found.values()]

    def derivative(
        self, wrt: tuple[int, ...], seeded: tuple[int, ...] | None
    ) -> tuple[Any, ...]:
        """The inputs that are reached, of ``wrt``; a segment from the gradient of the
        output, or of those ``seeded`` of the rows joined in it, and the inputs, to
        theirs; and the gradients themselves."""
        key = wrt, seeded
        if key not in self.derivatives:
            y = self.output
            outputs = [y] if seeded is None else [y.args[k] for k in seeded]
            seeds = {x: Input(None, (), {}, x.type) for x in outputs}
            inputs = {k: self.inputs[k] for k in wrt}
            found = backpropagate(seeds, list(inputs.values()))
            reached = [k for k, x in inputs.items() if x in found]
            parts = [found[self.inputs[k]] for k in reached]
            made = None
            if parts:
                leaves = [*seeds.values(), *self.inputs]
                sought = *[True] * len(seeds), *self.sought
                made = Segment(leaves, _joined(parts), sought)
            self.derivatives[key] = reached, made, parts
        return self.derivatives[key]


def _segment(outputs: Leaves, mark: int) -> tuple[Leaves, Segment]:
    """What is between ``mark`` and ``outputs``: what goes in, and the segment."""
    output = _joined(outputs)
    order = _since([output], mark)
    fixed = [x for x in order if _is_fixed(x)]  # made now or at an earlier use
    inner = [*fixed, *(x for x in order if _is_inside(x, mark))]
    inputs: list[Expression] = []  # in the order of their use
    places: dict[Expression, int] = {}
    steps: list[Any] = []
    for x in inner:
        given = []
        for a in x.args:
            place = places.get(a)
            if place is None:
                inputs.append(a)
                place = -len(inputs)
                if not _is_symbol(a):
                    places[a] = place
            given.append(place)
        places[x] = len(steps)
        steps.append((x.op, tuple(given), x.params, x.type) if x.op else x)
    return inputs, _shared(inputs, steps)


def _shared(inputs: Leaves, steps: Sequence[Any]) -> Segment:
    """The one segment of these steps over inputs of these kinds."""
    kinds = tuple((x.type, _is_learnt(x), _is_sought(x)) for x in inputs)
    content = (
        (*step[:2], tuple(step[2].items()), step[3]) if type(step) is tuple else step
        for step in steps
    )
    key = kinds, tuple(content)
    found = _segments.get(key)
    if found is None:
        found = _segments[key] = _copied(inputs, steps)
    return found


def _copied(inputs: Leaves, steps: Sequence[Any]) -> Segment:
    """A segment of its own: it keeps neither arrays nor what the user may forget."""
    leaves = [_leaf(x, x.type) for x in inputs]
    made: list[Expression] = []
    for step in steps:
        if type(step) is tuple:
            op, places, params, of = step
            given = tuple([made[k] if k >= 0 else leaves[-k - 1] for k in places])
            made.append(Expression(op, given, params, of))
        else:
            made.append(step)
    return Segment(leaves, made[-1], tuple(map(_is_sought, inputs)))


def _leaf(x: Expression, type: ArrayType) -> Expression:
    """A leaf in the place of x; a parameter stays one, so that executors can tell."""
    if _is_learnt(x):
        return Parameter(np.broadcast_to(np.zeros((), type.dtype), type.shape))
    return Input(None, (), {}, type)


def _since(outputs: Leaves, mark: int) -> list[Expression]:
    """What ``outputs`` are made of since ``mark``, and what that was made of."""
    seen: set[Expression] = set()
    stack = list(outputs)
    while stack:
        x = stack.pop()
        if x not in seen:
            seen.add(x)
            if _is_inside(x, mark):
                stack.extend(x.args)
    return sorted(seen, key=lambda x: x.serial)


def _is_inside(x: Expression, mark: int) -> bool:
    """Whether x was computed since ``mark``; or is no array, and so no input."""
    return x.op is not None and (x.serial > mark or isinstance(x.type, Slots))


def _is_fixed(x: Expression) -> bool:
    """Whether x is a number that stands in the program."""
    return x.op is None and x.type.strength == NUMBER and x.floating


def _is_symbol(x: Expression) -> bool:
    """Whether x is an index or a symbol: equal ones are one leaf, but only in some
    segments, so each use is an input."""
    return isinstance(x, Constant) and x.dtype.kind == "i"


def _is_learnt(x: Expression) -> bool:
    """Whether x is a parameter, and known to be one: in a cell a parameter that is its
    state is a symbol for all that is known."""
    return isinstance(x, Parameter) and not being_traced.value


def _is_sought(x: Expression) -> bool:
    """Whether a gradient of x is likely to be asked for."""
    computed = isinstance(x, Symbol) and x.limits is None
    return computed or x.op is not None or _is_learnt(x)


# --- the op ---------------------------------------------------------------------------


def _recompute(*arrays: Any, segment: Segment) -> Any:
    """The output of a segment, by the executor in force, and nothing else of it."""
    values: dict[Expression, Any] = dict(zip(segment.inputs, arrays))
    current().evaluate([segment.output], values, False)
    return np.array(values[segment.output])[()]


def _gradient(
    g: Expression, y: Expression, *args: Expression, segment: Segment
) -> list[Expression | None]:
    """A segment that computes the inside again, and goes back through it."""
    result: list[Expression | None] = [None] * len(args)
    seeds = seeds_of(g) if g.op is BUNDLE else None
    seeded = None if seeds is None else tuple(seeds)
    given = [g] if seeds is None else seeds.values()
    with watching.within(False):
        for wrt in segment.groups():
            reached, made, parts = segment.derivative(wrt, seeded)
            if made is not None:
                joined = made.applied((*given, *args))
                for k, part in zip(reached, _parts(joined, parts)):
                    result[k] = part
    return result


def _text(*shapes: Shape, segment: Segment) -> str:
    """The signature: the op knows the shapes of all its arguments."""
    core = [group(*shape) for shape in (*shapes, segment.output.shape)]
    return f"{','.join(core[:-1])}->{core[-1]}"


class _Recompute(Op):
    """The op of all segments."""

    def opened(self, args: Sequence[Any], params: Any, type: ArrayType) -> Any:
        """As ``Op.opened``."""
        segment = params["segment"]
        return opened([segment.output], dict(zip(segment.inputs, args)))[0]


RECOMPUTE = _Recompute(
    _recompute,
    _text,
    gradient=_gradient,
    dtype=lambda dtypes, params: params["segment"].output.dtype,
    meet=slice(0, 0),
    normalize=lambda name, shapes, params: params["segment"].resized(shapes).params,
    batch=False,
)
RECOMPUTE.__qualname__ = "RECOMPUTE"
