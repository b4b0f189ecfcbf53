"""Running a program on the rows of one graph.

With NumPy, instruction by instruction; or, where kernels have been compiled, a group of
elementwise instructions at once, and a recursion as one call.  This module imports
``programs``, ``layout``, ``lowering``, ``fusing``, ``packing``, ``sums`` and
``kernels``.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..rows import Grouping, Rows, sum_rows
from .buffers import empty
from .describing import Kernel
from .fusing import SLICE, Group
from .kernels import AXES, FULL, PACKED, SCALAR
from .layout import Layout
from .lowering import JOIN, added
from .packing import address, packed
from .program import Instruction
from .programs import Program, Recursion
from .sums import adding, numbered

Array = np.ndarray[Any, Any]
MOST_FIXED = 1 << 18  # bytes that are kept of arrays that are always the same
LARGE = 1 << 24  # multiplications of a level, from which several threads of BLAS win


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
        self.groupings: dict[Instruction, Grouping] = {}
        self.which: dict[Instruction, tuple[Array, Array]] = {}

    def run(self) -> None:
        """Compute everything."""
        program, values = self.program, self.values
        if program.steps is None:
            program.steps = [_step(item, program) for item in program.items]
        for x in program.given:
            values[x.number] = self._given(x)
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
        """Which of some symbols are equal."""
        if x not in self.groupings:
            symbols = self.values[x.number].reshape(-1)
            self.groupings[x] = Grouping.of(symbols, length)
        return self.groupings[x]

    def numbered(self, x: Instruction, length: int) -> tuple[Array, Array]:
        """The distinct ones of some symbols, and of each symbol which it is."""
        if x not in self.which:
            self.which[x] = numbered(self.values[x.number], length)
        return self.which[x]

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

    # --- groups

    def allocate(self, x: Instruction) -> None:
        """An empty array for x, or columns of one; if it is not there yet."""
        if self.values[x.number] is not None:
            return
        shape = (self.lengths[x.space], *x.type.shape)
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

    # --- recursions

    def recursion(self, recursion: Recursion) -> None:
        """Compute a recursion: by its kernel, or level by level."""
        kernels = self.program.kernels
        kernel, of = kernels.get(id(recursion)), recursion.kernel
        whole = kernel is not None and of is not None and self._is_small(recursion, of)
        if kernel is not None and not whole:
            self.program.compile_groups(recursion)
        compiled = whole or all(id(g) in kernels for g in recursion.groups)
        for x in recursion.arrays if compiled else recursion.order:
            self.allocate(x)
        for x in recursion.order:
            if x.op == "take":
                self._fill(x, recursion)
        if whole:
            assert kernel is not None
            assert of is not None
            self._call(recursion, of, kernel)
            return
        steps = [s for item in recursion.items for s in self._steps(item, recursion)]
        levels = range(self.layout.count(recursion.order))
        for level in levels if recursion.ascending else reversed(levels):
            for step in steps:
                step(level)

    def _is_small(self, recursion: Recursion, of: Kernel) -> bool:
        """Whether levels are such that one thread does as well as BLAS's."""
        space = recursion.order[0].space
        rows = self.lengths[space] * of.block / self.layout.levels
        return _threads() == 1 or rows * of.weight <= LARGE

    def _call(
        self, recursion: Recursion, of: Kernel, kernel: Callable[..., None]
    ) -> None:
        layout = self.layout
        bounds = layout.bounds[recursion.order[0].space]
        count = layout.count(recursion.order)
        starts, stops = bounds[:count], bounds[1 : count + 1]
        if not recursion.ascending:
            starts, stops = starts[::-1].copy(), stops[::-1].copy()
        arrays = [flat(self.values[x.number], kind) for x, kind in of.arrays]
        indices = [layout.full(key) for key in of.links]
        tile = address(of.dtype) if of.dtype else 0
        kernel(starts, stops, of.block, tile, of.at, of.widths, *indices, *arrays)

    def _fill(self, x: Instruction, recursion: Recursion) -> None:
        """The rows of a take that come from outside of the recursion."""
        out = self.values[x.number]
        for y, key in zip(x.inputs, x.index):
            if y not in recursion.inside:
                index = self.layout.indices[key]
                source = self.values[y.number]
                rows = y.space is None
                out[index.dst] = (
                    self.leaf_rows(y, key, source) if rows else source[index.src]
                )

    def leaf_rows(self, y: Instruction, key: Any, source: Any) -> Any:
        """The rows that come from a leaf, or from various constants."""
        if y.op != "various":
            return source
        rows = self.various[key[:2]]
        return np.array([r.at(y.params["slot"]) for r in rows]) if y.params else rows

    def _steps(self, item: Any, recursion: Recursion) -> list[Callable[[int], None]]:
        if isinstance(item, Group):
            kernel = self.program.kernels.get(id(item))
            if kernel is None:
                return [self._apply_step(x) for x in item.instructions]
            return [self._group_step(item, kernel)]
        if item.op in ("take", "spread"):
            return self._takes(item, recursion)
        if item.op == "scatter":
            return [self._scatter_step(item)]
        return [] if self._is_view(item) else [self._apply_step(item)]

    def _is_view(self, x: Instruction) -> bool:
        """Whether x is columns of its argument, or its arguments are of x."""
        places = self.program.places
        if x in places and x.op is SLICE:
            return True
        return any(y in places and places[y].base is x for y in x.inputs)

    def _takes(
        self, x: Instruction, recursion: Recursion
    ) -> list[Callable[[int], None]]:
        out = self.values[x.number]
        pairs = zip(x.inputs, x.index if x.op == "take" else [x.index])
        return [
            _moved(out, self.values[y.number], self.layout.cut(key))
            for y, key in pairs
            if y in recursion.inside
        ]

    def _scatter_step(self, x: Instruction) -> Callable[[int], None]:
        out, source = self.values[x.number], self.values[x.inputs[0].number]
        cuts = self.layout.cut(x.index)
        distinct = self.layout.indices[x.index].equal is None

        def step(level: int) -> None:
            cut = cuts[level]
            if cut is not None:
                dst, rows = cut
                alone = distinct or isinstance(rows, slice)
                equal = None if alone else Grouping.of(rows, len(out))
                added(out, rows, source[dst], equal)

        return step

    def _apply_step(self, x: Instruction) -> Callable[[int], None]:
        out, batch = self.values[x.number], self.program.batches[x.number]
        bounds = self.layout.bounds[x.space].tolist()
        inputs = [(self.values[y.number], y.space is None) for y in x.inputs]
        inputs = [(np.ascontiguousarray(v) if a else v, a) for v, a in inputs]

        def step(level: int) -> None:
            a, b = bounds[level], bounds[level + 1]
            if a < b:
                given = [v if alone else v[a:b] for v, alone in inputs]
                batch(*given, out=out[a:b])

        return step

    def _group_step(
        self, group: Group, kernel: Callable[..., None]
    ) -> Callable[[int], None]:
        arrays = [flat(self.values[k], c) for k, c in _sources(group, self.program)]
        bounds = (self.layout.bounds[group.domain[0]] * group.block).tolist()
        width, at = group.width, self.program.starts[id(group)]

        def step(level: int) -> None:
            kernel(bounds[level], bounds[level + 1], width, at, *arrays)

        return step


@cache
def _threads() -> int:
    """How many threads BLAS has, as far as that can be known."""
    libraries = "OPENBLAS", "MKL", "OMP"
    said = [os.environ.get(f"{name}_NUM_THREADS", "") for name in libraries]
    count = next((int(n) for n in said if n.isdigit()), 0)
    return count or os.cpu_count() or 1


# --- items ----------------------------------------------------------------------------

Ready = Callable[[Run], None]


def _step(item: Any, program: Program) -> Ready:
    """What computes an item of a program, with all that is known before it runs."""
    if isinstance(item, Recursion):
        return lambda run: run.recursion(item)
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


def _bulk(group: Group, program: Program, kernel: Callable[..., None]) -> Ready:
    """A group by its kernel."""
    sources, outputs = _sources(group, program), group.outputs
    space, block, width = group.domain[0], group.block, group.width
    start = program.starts[id(group)]

    def bulk(run: Run) -> None:
        values = run.values
        for x in outputs:
            run.allocate(x)
        arrays = [flat(values[k], kind) for k, kind in sources]
        kernel(0, run.lengths[space] * block, width, start, *arrays)

    return bulk


def _sources(group: Group, program: Program) -> list[tuple[int, int]]:
    """The numbers of the whole arrays of a group, with their classes."""
    place, found = program.places, []
    for x, (kind, _) in zip((*group.inputs, *group.outputs), group.chain.arrays()):
        base = place[x].base if x in place else x
        found.append((base.number, kind))
    return found


def _moved(out: Array, source: Array, cuts: Any) -> Callable[[int], None]:
    def step(level: int) -> None:
        cut = cuts[level]
        if cut is not None:
            out[cut[0]] = source[cut[1]]

    return step


def flat(array: Any, kind: int) -> Array:
    """An array as kernels take one of its class."""
    array = np.asarray(array)
    if kind == PACKED:
        return packed(array)
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    if array.ndim == AXES[kind]:
        return array
    if kind == FULL:
        return array.reshape(prod(array.shape[:-1]), array.shape[-1])
    return array.reshape(-1 if kind != SCALAR else ())


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
            return inputs[0][run.layout.indices[x.index[0]].src]
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


def _spread(run: Run, x: Instruction, inputs: Any) -> Any:
    return inputs[0][run.layout.indices[x.index].src]


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
    rows = run.inverse[x.inputs[1]]
    out = empty((*rows.shape, *inputs[0].shape[1:]), x.type.dtype)
    return np.take(inputs[0], rows, axis=0, out=out, mode="clip")


def _collapse(run: Run, x: Instruction, inputs: Any) -> Any:
    g, inverse = inputs[0], run.inverse[x.inputs[1]].reshape(-1)
    if run.adds(x, x.type.shape):
        return run.added(x, inverse, run.lengths[x.space])
    rows = g.reshape(len(inverse), *x.type.shape)
    return sum_rows(inverse, rows, run.lengths[x.space])[1]


def _columns(run: Run, x: Instruction, inputs: Any) -> Any:
    """Columns of rows."""
    (rows,), ((start, stop, _),) = inputs, x.params["steps"]
    return rows._replace(values=rows.values[:, start:stop], shape=x.type.shape)


_ONCE: dict[str, Callable[[Run, Instruction, Any], Any]] = {
    "take": _take,
    "scatter": _scatter,
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
