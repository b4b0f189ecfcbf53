"""Arrays as long as their sentence: taken apart, so that all sentences are one batch.

Attention stacks what it may look at.  Its scores are as many as there are words, and so
are its weights: nodes of sentences of other lengths would be of other types, thus of
other kinds, and every set of lengths would have a program of its own.  Here such an
array is its rows along the axis that differs, each of length 1 there.  What is done to
all of them alike is done to rows; what sums over them is a sum of rows, of a wide kind.
So the lengths are data, as the places of rows are.

This module imports ``composite``, ``dtypes``, ``graph``, ``settings``, ``signature``,
``symbols`` and ``collect``.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from math import prod
from operator import attrgetter
from typing import Any, NamedTuple

from ..composite import NOTHING, PROJECT, Composite, Several, Slots
from ..dtypes import ArrayType, shared
from ..graph import OPS, Expression, Op, Parameter
from ..settings import Cache
from ..signature import Shape, signature
from ..symbols import Symbol
from .collect import (
    ADD_ALL,
    LOGSUMEXP,
    STACK,
    Apart,
    Cells,
    Kind,
    is_one,
    plain_type,
)

ASUM, TRANSPOSE = OPS["asum"], OPS["transpose"]
JOIN, RESHAPE = OPS["concatenate"], OPS["reshape"]
PRODUCTS = {
    OPS[name] for name in ("vecvec", "vecmat", "matvec", "matmat", "outer", "crossprod")
}
FOLDS = {ASUM: ADD_ALL, LOGSUMEXP: LOGSUMEXP}  # over the rows, by what is done there
Axis = int | None
_class = attrgetter("__class__")
_op = attrgetter("op")
_type = attrgetter("type")
_known = Cache("ops on rows of arrays", 1 << 10)
_rows = Cache("types of rows of arrays", 1 << 12)


class Done(NamedTuple):
    """What an op does to rows, with these params: to each, which gives a row, or with
    ``fold`` what is to be summed by it; of which type; and along which axis these are
    rows, by slot where there are several."""

    type: ArrayType
    axis: Any
    params: Any
    fold: Op | None = None


def taken_apart(
    order: Sequence[Expression], wanted: Sequence[Expression]
) -> Apart | None:
    """The arrays of several lengths in a graph, arguments first, and the kinds of their
    rows; None where there are none, or something else is done with them."""
    stacks = [x for x in order if x.op is STACK]
    if len({len(x.args) for x in stacks}) < 2:
        return None
    found = _Found(order, set(filter(_is_stack_of_rows, stacks)), set(wanted))
    if not found.groups:
        return None
    kinds = [kind for xs in found.groups.values() for kind in _of_rows(xs, found)]
    return Apart(found.stacks.union(found.rows), kinds)


def _is_stack_of_rows(x: Expression) -> bool:
    """Whether a stack is made of rows that are computed, all of one type."""
    types = set(map(plain_type, set(map(_type, x.args))))
    axis = -1 - len(x.args[0].type.shape)
    return len(types) == 1 and x.params["axis"] == axis and None not in map(_op, x.args)


class _Found:
    """The arrays of a graph that can be taken apart.

    ``stacks``: those that are no more than their arguments.  ``axes``: of each array
    its axis of rows; of a node of several slots, by slot.  ``lengths``: how many rows
    there are.  ``rows``: of each other node what is done to rows; ``groups``: those
    that do the same to rows of the same type.
    """

    def __init__(
        self,
        order: Sequence[Expression],
        stacks: set[Expression],
        wanted: set[Expression],
    ):
        self.axes: dict[Expression, Any] = {}
        self.lengths: dict[Expression, int] = {}
        self.rows: dict[Expression, Done] = {}
        self.part: dict[Expression, Expression] = {}  # a stack that it is made of
        self.seen: dict[Any, tuple[Done | None, Any]] = {}
        self.keys: dict[Expression, Any] = {}  # what nodes that do the same share
        axes, whole = self.axes, set[Expression]()  # these must be one array each
        for x in order:
            if not axes.keys().isdisjoint(x.args):
                self._take_apart(x, wanted, whole)
            elif x in stacks:
                axes[x], self.part[x] = x.params["axis"], x
                self.lengths[x] = len(x.args)
                if x in wanted:
                    whole.add(x)
        self._drop(whole)
        self.stacks = {x for x in stacks if x in self.axes}
        self.groups: dict[Any, list[Expression]] = defaultdict(list)
        for x in self.rows:
            self.groups[self.keys[x]].append(x)

    def _take_apart(
        self, x: Expression, wanted: set[Expression], whole: set[Expression]
    ) -> None:
        """What x does to rows; or, where that is not possible, that all it meets is
        ``whole``."""
        taken = [a for a in x.args if a in self.axes]
        done, key = self._done(x)
        mine = self._joined(taken)
        alike = len({self.lengths[a] for a in taken}) == 1
        if done is None or not alike or (done.fold is None and x in wanted):
            whole.add(mine)
            return
        self.part[x], self.lengths[x] = mine, self.lengths[taken[0]]
        if x.op is not PROJECT:
            self.rows[x], self.keys[x] = done, key
        if done.fold is None:
            self.axes[x] = done.axis

    def _drop(self, whole: set[Expression]) -> None:
        """Forget all that meets what must be whole."""
        whole = set(map(self._first, whole))
        for x in [x for x in self.part if self._first(x) in whole]:
            self.axes.pop(x, None)
            self.rows.pop(x, None)

    def _first(self, x: Expression) -> Expression:
        """The stack that stands for all that x meets."""
        while self.part[x] is not x:
            x = self.part[x]
        return x

    def _joined(self, arrays: Sequence[Expression]) -> Expression:
        """The same, of all these arrays."""
        first, *rest = map(self._first, arrays)
        for x in rest:
            self.part[x] = first
        return first

    def _done(self, x: Expression) -> tuple[Done | None, Any]:
        """What x does to the rows of its arguments; and what it has in common with
        nodes whose rows are of one kind."""
        axes = tuple([self.axes.get(a) for a in x.args])
        key = x.op, id(x.params) if x.params else 0, axes, *map(_type, x.args)
        known = self.seen.get(key)
        if known is None:
            rows = tuple([_row(a.type, k) for a, k in zip(x.args, axes)])
            done = self._tried(x, axes, rows)
            alike = x.op, id(done and done.params), axes, *map(plain_type, rows)
            known = self.seen[key] = done, alike
        if Parameter in map(_class, x.args):
            learnt = [a for a in x.args if a.__class__ is Parameter]
            return known[0], (*known[1], *learnt)
        return known

    def _tried(
        self, x: Expression, axes: tuple[Any, ...], rows: tuple[ArrayType, ...]
    ) -> Done | None:
        assert x.op is not None
        if x.op is PROJECT:
            axis = axes[0][x.params["slot"]]
            return None if axis is None else Done(x.type, axis, x.params)
        if any(isinstance(axis, tuple) for axis in axes):
            return None
        return _rowwise(x.op, x.params, rows, axes)

    def row(self, x: Expression) -> ArrayType:
        """The type of a row of x."""
        return _row(x.type, self.axes[x])


def _row(type: ArrayType, axis: Axis) -> ArrayType:
    """The type of a row of an array, or of what is no array of rows itself."""
    if axis is None or isinstance(axis, tuple):
        return type
    key = type, axis
    found: ArrayType | None = _rows.get(key)
    if found is None:
        shape = list(type.shape)
        shape[axis] = 1
        found = _rows[key] = ArrayType(tuple(shape), type.dtype, type.strength)
    return found


def _rowwise(
    op: Op, params: Any, types: tuple[ArrayType, ...], axes: tuple[Axis, ...]
) -> Done | None:
    """What ``op`` does to arguments of which some are rows."""
    key = op, id(params) if params else 0, types, axes
    found = _known.get(key)
    if found is None or (params and found[0] is not params):
        found = _known[key] = params, _derived(op, params, types, axes)
    return found[1]  # type: ignore[no-any-return]


def _derived(
    op: Op, params: Any, types: tuple[ArrayType, ...], axes: tuple[Axis, ...]
) -> Done | None:
    if isinstance(op, Several):
        return _body(op, types, axes) if isinstance(op, Composite) else None
    where = _where(op, params, [t.shape for t in types], axes) if op.batch else None
    if where is None:
        return None
    axis, fold = where
    if op is RESHAPE:
        params = _short(op, params, axis)
    symbols = list(map(Symbol, types))
    try:
        y = _summand(op, fold, params)(*symbols, **params)
    except (TypeError, ValueError):  # what is no row has a length, too
        return None
    if list(y.args) != symbols or (
        fold is None and y.shape[axis : axis + 1 or None] != (1,)
    ):
        return None
    return Done(y.type, axis, params, fold)


def _short(op: Op, params: Any, axis: int) -> Any:
    """The params that make one row where others make all."""
    shape = list(params["shape"])
    shape[axis] = 1
    return shared(op, {**params, "shape": tuple(shape)})


def _body(
    op: Composite, types: Sequence[ArrayType], axes: Sequence[Axis]
) -> Done | None:
    """The same for each step of a composite op."""
    slots, where = list(types), list(axes)
    for inner, places, params in op.steps:
        if isinstance(inner, Several) or inner is PROJECT:
            return None
        given = tuple([slots[k] for k in places])
        if all(where[k] is None for k in places):
            type = inner(*map(Symbol, given), **params).type
            done: Done | None = Done(type, None, params)
        else:
            done = _rowwise(inner, params, given, tuple([where[k] for k in places]))
        if done is None or done.fold is not None or done.params is not params:
            return None
        slots.append(done.type)
        where.append(done.axis)
    return Done(Slots(tuple(slots)), tuple(where), NOTHING)


def _where(
    op: Op, params: Any, shapes: Sequence[Shape], axes: Sequence[Axis]
) -> tuple[int, Op | None] | None:
    """The axis of the result along which there are rows, or how they are summed."""
    known = signature(op.signature, shapes, **params)
    found: set[Any] = set()
    for shape, core, axis in zip(shapes, known.inputs, axes):
        if axis is None:
            continue
        inside = axis + len(core)
        if inside < 0:  # a leading axis, which each op obeys
            found.add((inside - len(known.output), None))
        elif op in PRODUCTS:
            found.add(_multiplied(core[inside], known.output))
        else:
            found.add(_moved(op, params, shape, axis))
    return found.pop() if len(found) == 1 else None


def _multiplied(name: str, output: Sequence[str]) -> tuple[int, Op | None]:
    """The same for the axis of this name of a factor."""
    if name not in output:
        return 0, ADD_ALL
    return output.index(name) - len(output), None


def _moved(
    op: Op, params: Any, shape: Shape, axis: int
) -> tuple[int, Op | None] | None:
    """The same for an op that moves axes, or sums over some; None for others."""
    if op is TRANSPOSE:
        order = params["axes"]
        return order.index(axis) - len(order), None
    if op is JOIN and axis != params["axis"]:
        return axis, None
    if op is RESHAPE:
        return _reshaped(shape, axis, params["shape"])
    if op not in FOLDS:
        return None
    if axis in params["axis"]:
        return 0, FOLDS[op]
    gone = 0 if params["keepdims"] else sum(k > axis for k in params["axis"])
    return axis + gone, None


def _reshaped(shape: Shape, axis: int, new: Shape) -> tuple[int, None] | None:
    """The axis that one becomes, if it stays one: where as many numbers come before it,
    and after it."""
    place = len(shape) + axis
    before, after = prod(shape[:place]), prod(shape[place + 1 :])
    for k in range(len(new)):
        if prod(new[:k]) == before and prod(new[k + 1 :]) == after:
            return k - len(new), None
    return None


# --- kinds ----------------------------------------------------------------------------


def _of_rows(nodes: list[Expression], found: _Found) -> Iterator[Kind]:
    """The kind of the rows of nodes that do the same; and of their sums, if it is one
    of what is summed."""
    done = found.rows[nodes[0]]
    lengths = tuple([found.lengths[x] for x in nodes])
    rows = nodes if done.fold is None else [_part(x, done.type) for x in nodes]
    # what was made of a sum over rows waits for all of them: its rows are others
    apart = any(a in found.rows and a not in found.axes for x in nodes for a in x.args)
    columns: list[Sequence[Expression]] = []
    for column in zip(*(x.args for x in nodes)):
        if column[0] in found.axes:
            row = found.row(column[0])
            columns.append(Cells(column, lengths, row, found.stacks, not apart))
        elif is_one(column):
            columns.append([column[0]] * sum(lengths))
        else:
            columns.append(list(chain.from_iterable(map(repeat, column, lengths))))
    kind = Kind(rows, columns)
    kind.lengths, kind.type, kind.params = lengths, plain_type(done.type), done.params
    kind.op = _summand(kind.op, done.fold, kind.params)
    yield kind
    if done.fold is not None:
        total = Kind(nodes, [Cells(rows, lengths, done.type, set(), True)])
        total.op, total.params, total.wide = done.fold, {}, lengths
        total.apart = True
        yield total


def _summand(op: Op, fold: Op | None, params: Any) -> Op:
    """The op that makes of a row what is summed: of one number itself."""
    return ASUM if fold is LOGSUMEXP and len(params["axis"]) == 1 else op


def _part(x: Expression, type: ArrayType) -> Expression:
    """What stands for the rows of which x is the sum."""
    made = Expression(x.op, x.args, x.params, type)
    made.serial = x.serial
    return made
