"""Running a program on the rows of one graph, with NumPy.

This module imports ``program``, ``adjoint``, ``rewriting``, ``order``, ``layout`` and
``lowering``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .adjoint import Adjoint, reachable
from .collect import Source
from .layout import Layout
from .lowering import added, batch_of, cross, lookup
from .order import Block, blocks
from .program import LOSS, SEGMENTS, Builder, Instruction
from .rewriting import pack_products, resolved, turn_weights
from .structure import Shape

Array = np.ndarray[Any, Any]


class Program:
    """Everything about a computation that does not depend on where rows are.

    ``wanted``: kinds and slots whose arrays are asked for; ``wrt``: numbers of leaves
    of which the gradients of the first wanted are asked for as well.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        wanted: Sequence[Source],
        wrt: Sequence[int] | None,
    ):
        builder = Builder(shapes)
        self.shapes = shapes  # keeps alive what a key knows by its id
        self.spaces = builder.spaces
        outputs = [builder.output(source) for source in wanted]
        outputs = resolved(outputs)
        gradients: list[Instruction] = []
        self.reached: list[int] = []
        if wrt is not None:
            pack_products(reachable(outputs))
            leaves = {k: builder.leaves[k] for k in wrt if k in builder.leaves}
            found = Adjoint(_one_row(outputs[0]), list(leaves.values())).found
            self.reached = [k for k, leaf in leaves.items() if leaf in found]
            gradients = resolved([found[leaves[k]] for k in self.reached])
            turn_weights(reachable(gradients))
        self.outputs, self.gradients = outputs, gradients
        self.blocks = blocks([*outputs, *gradients])
        self.order = [x for block in self.blocks for x in block.instructions]
        for number, x in enumerate(self.order):
            x.number = number
        self._collect_indices()
        self._prepare()

    def _collect_indices(self) -> None:
        self.indices: set[Any] = set()
        self.cut: set[Any] = set()
        self.picks: set[Any] = set()
        for block in self.blocks:
            for x in block.instructions:
                if x.index is None or x.op in ("leaf", "constant"):
                    continue
                if x.op in ("pick", "place"):
                    self.picks.add(x.index)
                    continue
                several = x.op == "take"
                found = x.index if several else [x.index]
                self.indices.update(found)
                if block.loop:
                    self.cut.update(found)

    def _prepare(self) -> None:
        """For each instruction its function, and what nobody needs after it."""
        last: dict[int, int] = {}
        for k, block in enumerate(self.blocks):
            for x in block.instructions:
                for y in x.inputs:
                    last[y.number] = k
        kept = {x.number for x in (*self.outputs, *self.gradients)}
        self.dead: list[list[int]] = [[] for _ in self.blocks]
        for number, k in last.items():
            if number not in kept:
                self.dead[k].append(number)
        self.batches: list[Any] = []
        for x in self.order:
            made = None if isinstance(x.op, str) else batch_of(x)
            if x.op in _MADE:
                made = _MADE[x.op](x)
            self.batches.append(made)


def _one_row(loss: Instruction) -> Instruction:
    """The loss alone, where it is a row of a space."""
    if loss.space is None:
        return loss
    return Instruction("pick", [loss], loss.type, index=LOSS)


_MADE: dict[Any, Callable[[Instruction], Any]] = {"cross": cross, "lookup": lookup}


class Run:
    """One evaluation of a program."""

    def __init__(self, program: Program, layout: Layout, leaves: Any, various: Any):
        self.program, self.layout = program, layout
        self.leaves, self.various = leaves, various
        self.values: list[Any] = [None] * len(program.order)

    def run(self) -> None:
        """Compute everything."""
        values = self.values
        for block, dead in zip(self.program.blocks, self.program.dead):
            if block.loop:
                self._loop(block)
            else:
                (x,) = block.instructions
                values[x.number] = self._once(x)
            for number in dead:
                values[number] = None

    def _once(self, x: Instruction) -> Any:
        inputs = [self.values[y.number] for y in x.inputs]
        if isinstance(x.op, str) and x.op in _ONCE:
            return _ONCE[x.op](self, x, inputs)
        return self.program.batches[x.number](*inputs)

    # --- loops

    def _loop(self, block: Block) -> None:
        steps = [step for x in self._allocated(block) for step in self._steps(x)]
        taken = any(
            x.op == "take" or (x.op == "scatter" and x.index[2] is SEGMENTS)
            for x in block.instructions
        )
        levels = range(self.layout.levels)
        for level in levels if taken else reversed(levels):
            for step in steps:
                step(level)

    def _allocated(self, block: Block) -> list[Instruction]:
        lengths = self.layout.lengths
        for x in block.instructions:
            make = np.zeros if x.op == "scatter" else np.empty
            shape = (lengths[x.space], *x.type.shape)
            self.values[x.number] = make(shape, x.type.dtype)
        return block.instructions

    def _steps(self, x: Instruction) -> list[Callable[[int], None]]:
        if x.op in ("take", "spread"):
            return self._takes(x)
        if x.op == "scatter":
            return [self._scatter_step(x)]
        return [self._apply_step(x)]

    def _takes(self, x: Instruction) -> list[Callable[[int], None]]:
        out = self.values[x.number]
        steps: list[Callable[[int], None]] = []
        indices = x.index if x.op == "take" else [x.index]
        for y, key in zip(x.inputs, indices):
            source = self.values[y.number]
            if y.space is None or y.op == "various":
                index = self.layout.indices[key]
                out[index.dst] = self._leaf_rows(y, key, source)
                continue
            cuts = self.layout.cuts[key]
            if x.op == "spread":
                cuts = [cut and (cut[0], cut[1]) for cut in cuts]

            def step(level: int, cuts: Any = cuts, source: Any = source) -> None:
                cut = cuts[level]
                if cut is not None:
                    out[cut[0]] = source[cut[1]]

            steps.append(step)
        return steps

    def _leaf_rows(self, y: Instruction, key: Any, source: Any) -> Any:
        if y.op != "various":
            return source
        rows = self.various[key[:2]]
        return np.array([r.at(y.params["slot"]) for r in rows]) if y.params else rows

    def _scatter_step(self, x: Instruction) -> Callable[[int], None]:
        out, source = self.values[x.number], self.values[x.inputs[0].number]
        cuts = self.layout.cuts[x.index]
        distinct = self.layout.indices[x.index].distinct

        def step(level: int) -> None:
            cut = cuts[level]
            if cut is not None:
                added(out, cut[1], source[cut[0]], distinct)

        return step

    def _apply_step(self, x: Instruction) -> Callable[[int], None]:
        out, batch = self.values[x.number], self.program.batches[x.number]
        bounds = self.layout.bounds[x.space].tolist()
        inputs = [(self.values[y.number], y.space is None) for y in x.inputs]

        def step(level: int) -> None:
            a, b = bounds[level], bounds[level + 1]
            if a < b:
                given = [v if alone else v[a:b] for v, alone in inputs]
                batch(*given, out=out[a:b])

        return step


# --- instructions that run once -------------------------------------------------------


def _leaf(run: Run, x: Instruction, inputs: Any) -> Any:
    value = run.leaves[x.index]
    return value.at(x.params["slot"]) if x.params else value


def _take(run: Run, x: Instruction, inputs: Any) -> Any:
    n = run.layout.lengths[x.space]
    if len(inputs) == 1:
        (y,) = x.inputs
        if y.op == "various":
            index = run.layout.indices[x.index[0]]
            if index.dst == slice(0, n):
                return run._leaf_rows(y, x.index[0], None)
        elif y.space is None:
            return np.broadcast_to(inputs[0], (n, *x.type.shape))
        else:
            return inputs[0][run.layout.indices[x.index[0]].src]
    out = np.empty((n, *x.type.shape), x.type.dtype)
    for y, source, key in zip(x.inputs, inputs, x.index):
        index = run.layout.indices[key]
        apart = y.space is None
        out[index.dst] = run._leaf_rows(y, key, source) if apart else source[index.src]
    return out


def _scatter(run: Run, x: Instruction, inputs: Any) -> Any:
    n = run.layout.lengths[x.space]
    index = run.layout.indices[x.index]
    out = np.zeros((n, *x.type.shape), x.type.dtype)
    added(out, index.src, inputs[0][index.dst], index.distinct)
    return out


def _spread(run: Run, x: Instruction, inputs: Any) -> Any:
    return inputs[0][run.layout.indices[x.index].src]


def _pick(run: Run, x: Instruction, inputs: Any) -> Any:
    return inputs[0][run.layout.rows[x.index]]


def _place(run: Run, x: Instruction, inputs: Any) -> Any:
    out = np.zeros((run.layout.lengths[x.space], *x.type.shape), x.type.dtype)
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


_ONCE: dict[str, Callable[[Run, Instruction, Any], Any]] = {
    "leaf": _leaf,
    "various": lambda run, x, inputs: None,
    "constant": lambda run, x, inputs: x.index.value,
    "one": lambda run, x, inputs: np.ones(x.type.shape, x.type.dtype),
    "take": _take,
    "scatter": _scatter,
    "spread": _spread,
    "pick": _pick,
    "place": _place,
    "whole": _whole,
    "rows": _rows,
    "reshape": lambda run, x, inputs: inputs[0].reshape(x.type.shape),
    "dense": lambda run, x, inputs: inputs[0].dense(),
    "turned": lambda run, x, inputs: np.ascontiguousarray(inputs[0].T),
    "total": lambda run, x, inputs: inputs[0].sum(axis=0),
    "gathered": lambda run, x, inputs: inputs[0][run.layout.indices[x.index].dst].sum(
        axis=0
    ),
}
