"""Running a recursion: by its kernel, whose rows threads share, or level by level.

This module imports ``rows``, ``threads``, ``chains``, ``describing``, ``fusing``,
``instructions``, ``layout``, ``lowering``, ``packing`` and ``program``.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ..rows import Grouping
from . import threads
from .chains import AXES, FULL, PACKED, SCALAR
from .describing import Kernel
from .fusing import SLICE, Group, is_joined
from .instructions import Instruction
from .layout import Layout
from .lowering import added
from .packing import address, packed
from .program import Program, Recursion

Array = np.ndarray[Any, Any]
Step = Callable[[int], None]  # of a level
Levels = Iterable[int]
Share = tuple[tuple[Array, Array], tuple[int, int]]
LEAST_ROWS = 4  # of a node that are for one thread


def prepared(recursion: Recursion, program: Program) -> Callable[[Any], None]:
    """What computes a recursion in a run of its program."""
    kernel = program.kernels.get(id(recursion))
    takes = [_filling(x, recursion) for x in recursion.takes]
    if kernel is not None:
        assert recursion.kernel is not None
        arrays = program.rooms(recursion.arrays)
        rest = _called(recursion, recursion.kernel, kernel)
    else:
        compiled = all(id(g) in program.kernels for g in recursion.groups)
        arrays = recursion.arrays if compiled else recursion.order
        rest = partial(_by_levels, recursion=recursion)

    def recur(run: Any) -> None:
        for x in arrays:
            run.allocate(x)
        for take in takes:
            take(run)
        rest(run)

    return recur


def _filling(x: Instruction, recursion: Recursion) -> Callable[[Any], None]:
    """What finds the rows of a take that come from outside of the recursion."""
    outside = [
        (y, key) for y, key in zip(x.inputs, x.index) if y not in recursion.inside
    ]

    def fill(run: Any) -> None:
        out = run.values[x.number]
        for y, key in outside:
            index = run.layout.indices[key]
            source = run.values[y.number]
            rows = y.space is None
            out[index.dst] = (
                run.leaf_rows(y, key, source) if rows else source[index.src]
            )

    return fill


# --- by its kernel --------------------------------------------------------------------


def _called(
    recursion: Recursion, of: Kernel, kernel: Callable[..., None]
) -> Callable[[Any], None]:
    arrays = [(x.number, kind) for x, kind in of.arrays]
    tile = address(of.dtype) if of.dtype else 0
    sizes = of.block, tile, of.at, of.widths

    def call(run: Any) -> None:
        layout, values = run.layout, run.values
        indices = [layout.full(key) for key in of.links]
        given = *sizes, *indices, *[flat(values[k], kind) for k, kind in arrays]
        threads.together(
            [
                partial(kernel, *levels, *share, *given)
                for levels, share in shares(layout, recursion, of)
            ]
        )

    return call


def shares(layout: Layout, recursion: Recursion, of: Kernel) -> list[Share]:
    """What each thread computes: in which levels which nodes, and which of their rows.

    Nodes that do not meet are for different threads, or else each node's rows are."""
    key = recursion, threads.count()
    if key not in layout.shares:
        layout.shares[key] = list(_shares(layout, recursion, of))
    return layout.shares[key]


def _shares(layout: Layout, recursion: Recursion, of: Kernel) -> Iterator[Share]:
    count = layout.count(recursion.order)
    apart = layout.apart.get(of.space)
    if apart is not None and threads.count() > 1:
        for bounds in apart:
            yield _levels(bounds[:, :count], recursion), (0, of.block)
        return
    bounds = layout.bounds[of.space][: count + 1]
    parts = min(of.parts(layout.lengths[of.space]), of.block // LEAST_ROWS)
    if parts <= 1:
        yield _levels(np.array([bounds[:-1], bounds[1:]]), recursion), (0, of.block)
        return
    nodes = np.arange(bounds[-1])  # each a level of its own, as its rows are not whole
    levels = _levels(np.array([nodes, nodes + 1]), recursion)
    for share in threads.shares(of.block, parts):
        yield levels, share


def _levels(bounds: Array, recursion: Recursion) -> tuple[Array, Array]:
    """Where levels start and stop, in the order in which they are computed."""
    step = 1 if recursion.ascending else -1
    starts, stops = np.ascontiguousarray(bounds[:, ::step])
    return starts, stops


def flat(array: Any, kind: int) -> Array:
    """An array as kernels take one of its class."""
    if kind == PACKED:
        return packed(array)
    if type(array) is not np.ndarray or not array.flags.c_contiguous:
        array = np.asarray(array, order="C")
    if array.ndim == AXES[kind]:
        return array
    if kind == FULL:
        return array.reshape(prod(array.shape[:-1]), array.shape[-1])
    return array.reshape(-1 if kind != SCALAR else ())


# --- level by level -------------------------------------------------------------------


def _by_levels(run: Any, recursion: Recursion) -> None:
    steps: list[list[Step]] = [[] for _ in range(run.layout.count(recursion.order))]
    for item in recursion.items:
        for step, levels in _steps(run, item, recursion):
            for level in levels:
                steps[level].append(step)
    levels = range(len(steps))
    for level in levels if recursion.ascending else reversed(levels):
        for step in steps[level]:
            step(level)


def _steps(run: Any, item: Any, recursion: Recursion) -> list[tuple[Step, Levels]]:
    """What computes an item, each with the levels where there is something to do."""
    program = run.program
    if isinstance(item, Group):
        kernel = program.kernels.get(id(item))
        if kernel is None:
            return [_apply_step(run, x) for x in item.instructions]
        return [_group_step(run, item, kernel)]
    if item.op in ("take", "spread"):
        return _takes(run, item, recursion)
    if item.op == "scatter":
        return [_scatter_step(run, item)]
    if item.op == "logsum":
        return [_logsum_step(run, item)]
    return [] if _is_view(item, program) else [_apply_step(run, item)]


def _is_view(x: Instruction, program: Program) -> bool:
    """Whether x is columns of its argument, or its arguments are of x."""
    places = program.places
    if x in places and x.op is SLICE:
        return True
    return is_joined(x, places)


def _takes(run: Any, x: Instruction, recursion: Recursion) -> list[tuple[Step, Levels]]:
    out = run.values[x.number]
    pairs = zip(x.inputs, x.index if x.op == "take" else [x.index])
    return [
        _moved(out, run.values[y.number], run.layout.cut(key))
        for y, key in pairs
        if y in recursion.inside
    ]


def _moved(out: Array, source: Array, cuts: Any) -> tuple[Step, Levels]:
    def step(level: int) -> None:
        dst, src = cuts[level]
        out[dst] = source[src]

    return step, cuts


def _scatter_step(run: Any, x: Instruction) -> tuple[Step, Levels]:
    out, source = run.values[x.number], run.values[x.inputs[0].number]
    cuts = run.layout.cut(x.index)
    distinct = run.layout.indices[x.index].equal is None

    def step(level: int) -> None:
        dst, rows = cuts[level]
        alone = distinct or isinstance(rows, slice)
        equal = None if alone else Grouping.of(rows, len(out))
        added(out, rows, source[dst], equal)

    return step, cuts


def _logsum_step(run: Any, x: Instruction) -> tuple[Step, Levels]:
    out, source = run.values[x.number], run.values[x.inputs[0].number]
    spans = run.layout.span(x.space)
    order, first = run.layout.grouped(x.index, len(out))

    def step(level: int) -> None:
        a, b = spans[level]
        rows = order[first[a] : first[b]]
        found = Grouping(rows, first[a:b] - first[a], np.arange(a, b))
        out[a:b] = found.logsums(source)

    return step, spans


def _apply_step(run: Any, x: Instruction) -> tuple[Step, Levels]:
    out, batch = run.values[x.number], run.program.batches[x.number]
    spans = run.layout.span(x.space)
    inputs = [(run.values[y.number], y.space is None) for y in x.inputs]
    inputs = [(np.ascontiguousarray(v) if a else v, a) for v, a in inputs]

    def step(level: int) -> None:
        a, b = spans[level]
        given = [v if alone else v[a:b] for v, alone in inputs]
        batch(*given, out=out[a:b])

    return step, spans


def _group_step(
    run: Any, group: Group, kernel: Callable[..., None]
) -> tuple[Step, Levels]:
    program, block = run.program, group.block
    arrays = [flat(run.values[k], c) for k, c in whole_arrays(group, program)]
    spans = run.layout.span(group.domain[0])
    width, at = group.width, program.starts[id(group)]

    def step(level: int) -> None:
        a, b = spans[level]
        kernel(a * block, b * block, width, at, *arrays)

    return step, spans


def whole_arrays(group: Group, program: Program) -> list[tuple[int, int]]:
    """The numbers of the whole arrays of a group, with their classes."""
    place, found = program.places, []
    for x, (kind, _) in zip((*group.inputs, *group.outputs), group.chain.arrays()):
        base = place[x].base if x in place else x
        found.append((base.number, kind))
    return found
