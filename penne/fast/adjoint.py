"""Reverse mode on programs: every gradient of a loss, as instructions.

The rules of the ops are traced once for types of rows.  A gradient that all rows share
is a total over them, and the total of outer products is one product; so no gradient of
a parameter is added up step by step.  This module imports ``calls``, ``differentiate``,
``dtypes``, ``graph``, ``settings``, ``signature``, ``symbols``, ``collect`` and
``instructions``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..calls import parts_of
from ..differentiate import fit
from ..dtypes import ArrayType
from ..graph import OPS, Constant, Expression, Op, literal, topological
from ..settings import Cache
from ..signature import Shape
from ..symbols import Symbol
from .collect import ADD_ALL
from .instructions import Instruction, apply, constant, users_of

OUTER, CROSSPROD, SCATTER_ADD = OPS["outer"], OPS["crossprod"], OPS["scatter_add"]
ASUM, EXP = OPS["asum"], OPS["exp"]
MAXIMUM, SUBTRACT, MULTIPLY = OPS["maximum"], OPS["subtract"], OPS["multiply"]
UNSLICE, JOIN, DETACH = OPS["unslice_axes"], OPS["concatenate"], OPS["detach"]
_rules = Cache("rules of gradients for programs", 1 << 12)


class Backward(NamedTuple):
    """The gradient of an op: steps over (g, y, *args), and where each part stands."""

    constants: list[Constant]
    steps: list[tuple[Op, tuple[int, ...], Any, ArrayType]]
    parts: list[int | None]


def rule(op: Op, params: Any, types: Sequence[ArrayType], type: ArrayType) -> Backward:
    """The gradient of ``op`` on arguments of these types."""
    key = op, id(params) if params else 0, type, *types
    found = _rules.get(key)
    if found is None or (params and found[0] is not params):
        found = _rules[key] = params, _traced(op, params, types, type)
    made: Backward = found[1]
    return made


def _traced(
    op: Op, params: Any, types: Sequence[ArrayType], type: ArrayType
) -> Backward:
    args = tuple(map(Symbol, types))
    y = Expression(op, args, params, type)
    symbols: list[Expression] = [Symbol(type), y, *args]
    assert op.gradient is not None
    pairs = list(zip(parts_of(symbols[0], y), symbols[2:]))
    fitted = [fit(p, x) if p is not None and x.floating else None for p, x in pairs]
    wanted = [p for p in fitted if p is not None]
    order = topological(wanted, dict.fromkeys(symbols))
    constants = [x for x in order if isinstance(x, Constant)]
    places = {x: k for k, x in enumerate([*symbols, *constants])}
    steps = []
    for x in order:
        if x.op is not None:
            given = tuple(places[a] for a in x.args)
            steps.append((x.op, given, x.params, x.type))
            places[x] = len(places)
    where = [None if p is None else places[p] for p in fitted]
    return Backward(constants, steps, where)


class Adjoint:
    """The gradients of one instruction, whose own is ``seed``, with respect to leaves.

    ``found``: by leaf, the instruction that gives its gradient; ``stops``: whether a
    rule gives none for something that is made of leaves.
    """

    def __init__(
        self, loss: Instruction, wrt: Sequence[Instruction], seed: Instruction
    ):
        order = reachable([loss])
        self.active = _active(order, wrt)
        self.found: dict[Instruction, Instruction] = {}
        self.stops = False
        self.sums: dict[Instruction, Instruction] = {}
        self.todo: list[Instruction] = []
        if loss in self.active:
            self.receive(loss, seed)
        while self.todo:
            self._pass_on(self.todo.pop())
        for x, total in self.sums.items():
            _settle(total, x.op == "leaf")
        self.found = {x: self.sums[x] for x in wrt if x in self.sums}

    def receive(self, x: Instruction, term: Instruction) -> None:
        """One term of the gradient of x."""
        if x not in self.active or not x.type.floating:
            return
        total = self.sums.get(x)
        if total is None:
            total = Instruction("sum", (), x.type, x.space)
            self.sums[x] = total
            self.todo.append(x)
        if x.space is None and term.space is not None:
            term = totalled(term)
        total.inputs.append(term)

    def _pass_on(self, y: Instruction) -> None:
        """What the gradient of y means for its inputs."""
        g = self.sums[y]
        if isinstance(y.op, str):
            for x, term in _MOVES.get(y.op, _nothing)(g, y):
                self.receive(x, term)
        elif y.op.gradient is not None:
            self._apply_rule(g, y)

    def _apply_rule(self, g: Instruction, y: Instruction) -> None:
        types = [x.type for x in y.inputs]
        made = rule(y.op, y.params, types, y.type)
        wanted = [
            part if part is not None and x in self.active else None
            for part, x in zip(made.parts, y.inputs)
        ]
        for part, x in zip(made.parts, y.inputs):
            if part is None and x in self.active and x.type.floating:
                self.stops = True
        slots: list[Instruction | None]
        slots = [g, y, *y.inputs, *map(constant, made.constants)]
        first = len(slots)
        needed = _needed(made, wanted, first)
        for k, (op, args, params, type) in enumerate(made.steps, first):
            given = [slots[a] for a in args] if k in needed else []
            slots.append(apply(op, given, type, params) if given else None)  # type: ignore[arg-type]  # what is needed is there
        for part, x in zip(wanted, y.inputs):
            if part is not None:
                term = slots[part]
                assert term is not None
                self.receive(x, term)


def _needed(made: Backward, wanted: Iterable[int | None], first: int) -> set[int]:
    """The steps of which some wanted part is made."""
    needed = {part for part in wanted if part is not None}
    for k in reversed(range(len(made.steps))):
        if k + first in needed:
            needed.update(made.steps[k][1])
    return needed


def reachable(roots: Iterable[Instruction]) -> list[Instruction]:
    """Everything that ``roots`` are made of; there may be cycles."""
    found, stack = dict.fromkeys(roots), list(roots)
    while stack:
        for x in stack.pop().inputs:
            if x not in found:
                found[x] = None
                stack.append(x)
    return list(found)


def _active(
    order: Sequence[Instruction], wrt: Sequence[Instruction]
) -> set[Instruction]:
    """What is made of ``wrt``, but for what ``detach`` cuts off."""
    users = users_of(order)
    active, stack = set(wrt), list(wrt)
    while stack:
        for y in users.get(stack.pop(), ()):
            if y not in active and y.op is not DETACH and y.type.floating:
                active.add(y)
                stack.append(y)
    return active


# --- between spaces -------------------------------------------------------------------

Terms = list[tuple[Instruction, Instruction]]


def _take_back(g: Instruction, y: Instruction) -> Terms:
    made = []
    for x, index in zip(y.inputs, y.index):
        if x.space is None and not x.inputs and x.op != "leaf":
            continue
        if x.space is None:
            term = Instruction("gathered", [g], x.type, index=index)
        else:
            term = Instruction("scatter", [g], x.type, x.space, index=index)
        made.append((x, term))
    return made


def _pick_back(g: Instruction, y: Instruction) -> Terms:
    (x,) = y.inputs
    if x.space is None:
        return [(x, g)]
    return [(x, Instruction("place", [g], x.type, x.space, index=y.index))]


def _scatter_back(g: Instruction, y: Instruction) -> Terms:
    (x,) = y.inputs
    return [(x, Instruction("spread", [g], x.type, x.space, index=y.index))]


def _logsum_back(g: Instruction, y: Instruction) -> Terms:
    (x,) = y.inputs
    total, part = (
        Instruction("spread", [z], x.type, x.space, index=y.index) for z in (y, g)
    )
    least = constant(literal(float(np.finfo(x.type.dtype).min), x.type.dtype))
    total = apply(MAXIMUM, [total, least], x.type)  # of nothing but -inf, no -inf
    share = apply(EXP, [apply(SUBTRACT, [x, total], x.type)], x.type)
    return [(x, apply(MULTIPLY, [part, share], x.type))]


def _whole_back(g: Instruction, y: Instruction) -> Terms:
    (x,) = y.inputs
    return [(x, Instruction("rows", [g], x.type, x.space))]


def _reshape_back(g: Instruction, y: Instruction) -> Terms:
    (x,) = y.inputs
    return [(x, Instruction("reshape", [g], x.type))]


def _expand_back(g: Instruction, y: Instruction) -> Terms:
    x, symbols = y.inputs
    return [(x, Instruction("collapse", [g, symbols], x.type, x.space))]


def _nothing(g: Instruction, y: Instruction) -> Terms:
    return []


_MOVES: dict[str, Callable[[Instruction, Instruction], Terms]] = {
    "take": _take_back,
    "pick": _pick_back,
    "scatter": _scatter_back,
    "logsum": _logsum_back,
    "whole": _whole_back,
    "reshape": _reshape_back,
    "expand": _expand_back,
}


# --- sums -----------------------------------------------------------------------------


def totalled(term: Instruction) -> Instruction:
    """The sum over rows: of outer products one product, of lookups one scatter."""
    apart = [x.space is None for x in term.inputs]
    if term.op is OUTER and term.inputs[0].type.shape and term.type.shape[:-2] == ():
        return _cross(term, apart, OUTER)
    if term.op is CROSSPROD and len(term.type.shape) == 2:
        return _cross(term, apart, CROSSPROD)
    single = term.op is SCATTER_ADD and len(term.inputs) == 2
    if single and not any(apart) and _is_plain(term):
        return Instruction("lookup", term.inputs, term.type, params=term.params)
    if term.op is ASUM and _sums_leading(term):
        return Instruction("total", term.inputs, term.type)
    return Instruction("total", [term], term.type)


def _sums_leading(term: Instruction) -> bool:
    """Whether all axes but those of the result are summed, and the result's last."""
    (x,) = term.inputs
    kept = len(term.type.shape)
    leading = tuple(range(-len(x.type.shape), -kept))
    same = x.type.dtype == term.type.dtype and x.type.shape[-kept:] == term.type.shape
    axes = tuple(sorted(term.params["axis"]))
    return kept > 0 and not term.params["keepdims"] and axes == leading and same


def _is_plain(term: Instruction) -> bool:
    return len(term.type.shape) == len(term.params["shape"])


def _cross(term: Instruction, apart: list[bool], op: Op) -> Instruction:
    """The total of a * b over rows; what all rows share stands outside of the sum."""
    a, b = term.inputs
    if apart[0]:
        return apply(op, [a, totalled(b)], term.type)
    if apart[1]:
        return apply(op, [totalled(a), b], term.type)
    return Instruction("cross", [a, b], term.type)


def _settle(total: Instruction, leaf: bool) -> None:
    """Make a sum what it is: blocks side by side, a sum of several, or a name."""
    if total.space is None:
        total.inputs = _looked_up(total.inputs, leaf)
    terms = total.inputs
    if len(terms) == 1:
        total.op = "same"
        return
    for axis in range(-len(total.type.shape), 0):
        blocks = _blocks(terms, total.type.shape, axis)
        if blocks is not None:
            total.op, total.inputs = JOIN, blocks
            total.params = {"axis": axis, "ndim": len(total.type.shape)}
            return
    total.op = ADD_ALL


def _looked_up(terms: list[Instruction], leaf: bool) -> list[Instruction]:
    """Gradients of lookups in one table as one, which is dense but alone for a leaf."""
    found = [t for t in terms if t.op == "lookup" or (leaf and _is_lookup(t))]
    if not found:
        return terms
    inputs = [x for t in found for x in t.inputs]
    made = Instruction("lookup", inputs, found[0].type, params=found[0].params)
    if leaf and len(found) == len(terms):
        return [made]
    rest = [t for t in terms if t not in found]
    return [*rest, Instruction("dense", [made], made.type)]


def _is_lookup(term: Instruction) -> bool:
    alone = term.op is SCATTER_ADD and term.space is None
    return alone and len(term.inputs) == 2 and _is_plain(term)


def _blocks(
    terms: list[Instruction], shape: Shape, axis: int
) -> list[Instruction] | None:
    """The gradients of slices along an axis, if these lie side by side and are all
    there is."""
    if any(t.op is not UNSLICE or len(t.params["steps"]) < -axis for t in terms):
        return None
    found = sorted((t.params["steps"][axis], k) for k, t in enumerate(terms))
    ends = [start for (start, _, _), _ in found] + [shape[axis]]
    for ((_, stop, step), k), after in zip(found, ends[1:]):
        every = [(0, n, 1) for n in shape[-len(terms[k].params["steps"]) :]]
        every[axis] = terms[k].params["steps"][axis]
        if step != 1 or stop != after or tuple(every) != terms[k].params["steps"]:
            return None
    if ends[0] != 0:
        return None
    return [terms[k].inputs[0] for _, k in found]
