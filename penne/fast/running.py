"""Running a program on the rows of one graph.

With NumPy, instruction by instruction; or, where kernels have been compiled, a group of
elementwise instructions at once.  This module imports ``rows``, ``threads``,
``buffers``, ``chains``, ``fusing``, ``instructions``, ``layout``, ``lowering``,
``program``, ``recursions`` and ``sums``.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ..rows import Grouping, Rows, compact, sum_rows
from . import threads
from .buffers import empty
from .chains import FULL, ROW
from .fusing import Group, is_joined
from .instructions import Instruction
from .layout import Layout
from .lowering import JOIN, added, logsummed, taken
from .program import Program, Recursion
from .recursions import flat, prepared, whole_arrays
from .sums import adding, numbered

Array = np.ndarray[Any, Any]
MOST_FIXED = 1 << 18  # bytes that are kept of arrays that are always the same


class Run:
    """One evaluation of a program: ``values`` are the arrays, by number.

    ``rest``: that of the program which goes on with all rows as one array, its last
    leaf, and gives their gradient.
    """

    def __init__(
        self,
        program: Program,
        layout: Layout,
        leaves: Any,
        various: Any,
        rest: "Run | None" = None,
    ):
        self.program, self.layout, self.rest = program, layout, rest
        self.leaves, self.various = leaves, various
        self.values: list[Any] = [None] * program.count
        self.lengths = dict(layout.lengths)
        self.inverse: dict[Instruction, Array] = {}
        self.groupings: dict[tuple[Instruction, int], Grouping] = {}
        self.which: dict[tuple[Instruction, int], tuple[Array, Array]] = {}

    def run(self) -> None:
        """Compute everything."""
        program, values = self.program, self.values
        if program.steps is None:
            program.steps = [_step(item, program) for item in program.items]
        for x in program.given:
            values[x.number] = self._given(x)
        with threads.team() if program.kernels else nullcontext():
            fixed = self.layout.fixed
            if fixed is None:
                self._run(0, program.fixed)
                self._fix()
            else:
                for number, array in fixed.items():
                    values[number] = array
            self._run(program.fixed, len(program.steps))
        program.has_run(self.layout)

    def _run(self, first: int, last: int) -> None:
        """Compute some of the items."""
        program, values = self.program, self.values
        steps: list[Callable[..., None]] = program.steps  # type: ignore[assignment]  # they are made
        for step, dead in zip(steps[first:last], program.dead[first:last]):
            step(self)
            for number in dead:
                values[number] = None

    def _fix(self) -> None:
        """Keep, if it is not much, what will be the same in each evaluation."""
        found = {n: np.asarray(self.values[n]) for n in self.program.lasting}
        if sum(array.nbytes for array in found.values()) <= MOST_FIXED:
            for array in found.values():
                array.flags.writeable = False
            self.layout.fixed = found

    def _given(self, x: Instruction) -> Any:
        """The value of a leaf, or of a constant."""
        if x.op == "leaf":
            value = self.leaves[x.index]
            return value.at(x.params["slot"]) if x.params else value
        if x.op == "one":
            return np.ones(x.type.shape, x.type.dtype)
        return x.index.value if x.op == "constant" else None

    def grouping(self, x: Instruction, length: int) -> Grouping:
        """Which of some symbols, rows of so many, are equal."""
        key = x, length  # negative ones are from the end
        if key not in self.groupings:
            symbols = self.values[x.number].reshape(-1)
            self.groupings[key] = Grouping.of(symbols, length)
        return self.groupings[key]

    def numbered(self, x: Instruction, length: int) -> tuple[Array, Array]:
        """The distinct ones of some symbols, and of each symbol which it is."""
        key = x, length
        if key not in self.which:
            self.which[key] = numbered(self.values[x.number], length)
        return self.which[key]

    def adds(self, x: Instruction, shape: Sequence[int]) -> bool:
        """Whether there is a kernel for sums of such rows of the first input."""
        kind = x.inputs[0].type.dtype
        return bool(self.program.kernels) and len(shape) == 1 and kind.char in "fd"

    def added(self, x: Instruction, where: Array, count: int) -> Array:
        """The sums of the rows of the first input that have the same number."""
        y = x.inputs[0]
        base, start = self.program.places.get(y, (y, 0))
        rows = flat(self.values[base.number], FULL)
        out = empty((count, y.type.shape[-1]), y.type.dtype)
        out.fill(0)
        adding(y.type.dtype.name)(out, rows, where, start)
        return out

    def leaf_rows(self, y: Instruction, key: Any, source: Any) -> Any:
        """The rows that come from a leaf, or from various constants."""
        if y.op != "various":
            return source
        rows = self.various[key[:2]]
        return np.array([r.at(y.params["slot"]) for r in rows]) if y.params else rows

    def allocate(self, x: Instruction) -> None:
        """An empty array for x, or columns of one; if it is not there yet."""
        if self.values[x.number] is not None:
            return
        shape: tuple[int, ...] = x.type.shape
        if x.space is not None:
            shape = self.lengths[x.space], *shape
        place = self.program.places.get(x)
        if place is None:
            made = self.values[x.number] = empty(shape, x.type.dtype)
            if x.op == "scatter":
                made.fill(0)
            return
        self.allocate(place.base)
        whole = self.values[place.base.number]
        stop = place.start + x.type.shape[-1]
        self.values[x.number] = whole[..., place.start : stop]


# --- items ----------------------------------------------------------------------------

Ready = Callable[[Run], None]


def _step(item: Any, program: Program) -> Ready:
    """What computes an item of a program, with all that is known before it runs."""
    if isinstance(item, Recursion):
        return prepared(item, program)
    if program.kernels and is_joined(item, program.places):
        return _nothing
    if isinstance(item, Group):
        kernel = program.kernels.get(id(item))
        if kernel is not None:
            return _bulk(item, program, kernel)
        steps = [_once(x, program) for x in item.instructions]

        def each(run: Run) -> None:
            for step in steps:
                step(run)

        return each
    return _once(item, program)


def _nothing(run: Run) -> None:
    """What is there already."""


def _once(x: Instruction, program: Program) -> Ready:
    """One instruction, for all rows at once."""
    number, inputs = x.number, [y.number for y in x.inputs]
    if isinstance(x.op, str) and x.op in _ONCE:
        made = _ONCE[x.op]

        def once(run: Run) -> None:
            values = run.values
            values[number] = made(run, x, [values[k] for k in inputs])

        return once
    batch, space = program.batches[number], x.space
    if _is_awaited(x, program):

        def in_place(run: Run) -> None:
            run.allocate(x)
            values = run.values
            batch(*[values[k] for k in inputs], out=values[number])

        return in_place
    if space is None or not program.direct[number]:

        def new(run: Run) -> None:
            values = run.values
            values[number] = batch(*[values[k] for k in inputs])

        return new
    shape, dtype = x.type.shape, x.type.dtype

    def into(run: Run) -> None:
        values, out = run.values, empty((run.lengths[space], *shape), dtype)
        values[number] = batch(*[values[k] for k in inputs], out=out)

    return into


def _is_awaited(x: Instruction, program: Program) -> bool:
    """Whether x is part of a join that takes it to be in its array already."""
    base = program.places[x].base if x in program.places else x
    joined = base is not x and is_joined(base, program.places)
    return joined and bool(program.kernels or base in program.recursion)


def _bulk(group: Group, program: Program, kernel: Callable[..., None]) -> Ready:
    """A group by its kernel."""
    sources = whole_arrays(group, program)
    outputs = program.rooms(group.outputs)
    space, block, width = group.domain[0], group.block, group.width
    start, work = program.starts[id(group)], width * len(group.chain.steps)
    work *= threads.STEP * all(x.kind in (FULL, ROW) for x in group.chain.written())

    def bulk(run: Run) -> None:
        values = run.values
        for x in outputs:
            run.allocate(x)
        arrays = [flat(values[k], kind) for k, kind in sources]
        rows = run.lengths[space] * block
        parts = threads.parts(rows * work)
        if parts <= 1:
            kernel(0, rows, width, start, *arrays)
            return
        shares = threads.shares(rows, parts)
        threads.together([partial(kernel, *s, width, start, *arrays) for s in shares])

    return bulk


# --- instructions that run once -------------------------------------------------------


def _take(run: Run, x: Instruction, inputs: Any) -> Any:
    n = run.lengths[x.space]
    if len(inputs) == 1:
        (y,) = x.inputs
        if y.op == "various":
            index = run.layout.indices[x.index[0]]
            if index.dst == slice(0, n):
                return run.leaf_rows(y, x.index[0], None)
        elif y.space is None:
            return np.broadcast_to(inputs[0], (n, *x.type.shape))
        else:
            return taken(inputs[0], run.layout.indices[x.index[0]].src)
    out = empty((n, *x.type.shape), x.type.dtype)
    for y, source, key in zip(x.inputs, inputs, x.index):
        index = run.layout.indices[key]
        apart = y.space is None
        out[index.dst] = run.leaf_rows(y, key, source) if apart else source[index.src]
    return out


def _scatter(run: Run, x: Instruction, inputs: Any) -> Any:
    n = run.lengths[x.space]
    index = run.layout.indices[x.index]
    out = empty((n, *x.type.shape), x.type.dtype)
    out.fill(0)
    added(out, index.src, inputs[0][index.dst], index.equal)
    return out


def _logsum(run: Run, x: Instruction, inputs: Any) -> Any:
    index, rows = run.layout.indices[x.index], inputs[0]
    out = empty((run.lengths[x.space], *x.type.shape), x.type.dtype)
    logsummed(out, index.src, rows[index.dst], index.equal)
    return out


def _spread(run: Run, x: Instruction, inputs: Any) -> Any:
    return taken(inputs[0], run.layout.indices[x.index].src)


def _pick(run: Run, x: Instruction, inputs: Any) -> Any:
    return inputs[0][run.layout.rows[x.index]]


def _place(run: Run, x: Instruction, inputs: Any) -> Any:
    out = np.zeros((run.lengths[x.space], *x.type.shape), x.type.dtype)
    out[run.layout.rows[x.index]] = inputs[0]
    return out


def _whole(run: Run, x: Instruction, inputs: Any) -> Any:
    place = run.layout.place.get(x.inputs[0].space)
    return inputs[0] if place is None else inputs[0][place]


def _rows(run: Run, x: Instruction, inputs: Any) -> Any:
    place = run.layout.place.get(x.space)
    if place is None:
        return inputs[0]
    out = np.empty_like(inputs[0])
    out[place] = inputs[0]
    return out


def _rest(run: Run, x: Instruction, inputs: Any) -> Any:
    """What another program makes of all rows, and what that means for them."""
    rest = run.rest
    assert rest is not None
    rows, leaves = _whole(run, x, inputs), rest.leaves
    shape = rows.shape
    whole = rows.reshape(shape[0] * shape[1], *shape[2:]) if x.index is JOIN else rows
    rest.leaves = [*leaves, whole]
    rest.run()
    rest.leaves = leaves
    if not rest.program.gradients:
        return None
    number = rest.program.gradients[-1].number
    g, rest.values[number] = rest.values[number], None
    g = g.dense() if isinstance(g, Rows) else g
    return _rows(run, x, [g.reshape(shape)])


def _total(run: Run, x: Instruction, inputs: Any) -> Any:
    """The sum over rows, and over all axes before those of the result."""
    rows, shape = inputs[0], x.type.shape
    if rows.ndim > 1 + len(shape):
        rows = rows.reshape(prod(rows.shape[: rows.ndim - len(shape)]), *shape)
    if rows.ndim == 2 and len(rows) >= 64 and rows.dtype.char in "fd":
        return np.ones(len(rows), rows.dtype) @ rows
    return np.add.reduce(rows, axis=0)


def _dots(run: Run, x: Instruction, inputs: Any) -> Any:
    """The sums over rows of products, one for each column."""
    a, b = (y.reshape(prod(y.shape[:-1]), y.shape[-1]) for y in inputs)
    return np.einsum("ij,ij->j", a, b)


def _gathered(run: Run, x: Instruction, inputs: Any) -> Any:
    """The total over some rows."""
    return _total(run, x, [inputs[0][run.layout.indices[x.index].dst]])


def _lookup(run: Run, x: Instruction, inputs: Any) -> Any:
    shape = x.params["shape"]
    if len(inputs) > 2:
        return Rows.summed(inputs, shape)
    if run.adds(x, shape[1:]):
        distinct, which = run.numbered(x.inputs[1], shape[0])
        return Rows(distinct, run.added(x, which, len(distinct)), shape)
    grouping = run.grouping(x.inputs[1], shape[0])
    rows = inputs[0].reshape(len(grouping.order), *shape[1:])
    return Rows(grouping.distinct, grouping.sums(rows), shape)


def _distinct(run: Run, x: Instruction, inputs: Any) -> Any:
    symbols, inverse = np.unique(inputs[0], return_inverse=True)
    run.lengths[x.space] = len(symbols)
    run.inverse[x] = inverse.reshape(np.shape(inputs[0]))
    return symbols


def _expand(run: Run, x: Instruction, inputs: Any) -> Any:
    return taken(inputs[0], run.inverse[x.inputs[1]])


def _collapse(run: Run, x: Instruction, inputs: Any) -> Any:
    g, inverse = inputs[0], run.inverse[x.inputs[1]].reshape(-1)
    if run.adds(x, x.type.shape):
        return run.added(x, inverse, run.lengths[x.space])
    rows = g.reshape(len(inverse), *x.type.shape)
    return sum_rows(inverse, rows, run.lengths[x.space])[1]


def _columns(run: Run, x: Instruction, inputs: Any) -> Any:
    """Columns of rows."""
    (rows,), ((start, stop, _),) = inputs, x.params["steps"]
    values = compact(rows.values[:, start:stop])
    return Rows(rows.indices, values, x.type.shape)


_ONCE: dict[str, Callable[[Run, Instruction, Any], Any]] = {
    "take": _take,
    "scatter": _scatter,
    "logsum": _logsum,
    "spread": _spread,
    "pick": _pick,
    "place": _place,
    "whole": _whole,
    "rest": _rest,
    "rows": _rows,
    "reshape": lambda run, x, inputs: inputs[0].reshape(x.type.shape),
    "distinct": _distinct,
    "expand": _expand,
    "collapse": _collapse,
    "dense": lambda run, x, inputs: inputs[0].dense(),
    "turned": lambda run, x, inputs: inputs[0].T,
    "total": _total,
    "dots": _dots,
    "lookup": _lookup,
    "columns": _columns,
    "gathered": _gathered,
}
