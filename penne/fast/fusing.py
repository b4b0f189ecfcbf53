"""Elementwise instructions of one space, fused: what one kernel can compute.

A group is a run of instructions over one domain, rows x width, none of which waits for
anything else that waits for the group; the rows of an array that is in no space are all
its own.  Slices of an array and blocks of one that is joined are columns of that
array.  This module imports ``graph``, ``chains``, ``formulas``, ``instructions`` and
``order``.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..graph import OPS
from .chains import FEATURE, FULL, ROW, SCALAR, Chain, Input, Step
from .formulas import supports
from .instructions import Instruction
from .order import Block

SLICE, JOIN, RESHAPE = OPS["slice_axes"], OPS["concatenate"], OPS["reshape"]
_REDUCING = {OPS[name] for name in ("asum", "amax", "amin", "logsumexp")}
PRODUCTS = OPS["vecmat"], OPS["matmat"]
_VECVEC = OPS["vecvec"]

# a space, the rows of a row of it, the width; in no space, all rows
Domain = tuple[int | None, tuple[int, ...], int]
# an item, the instructions in it, and what they need
Node = tuple[Any, list[Instruction], list[Instruction]]


class Place(NamedTuple):
    """Where an instruction's array is: in which one's, from which column."""

    base: Instruction
    start: int


class Group(NamedTuple):
    """Fused instructions: as a chain, with the arrays that it reads and writes."""

    instructions: list[Instruction]
    domain: Domain
    chain: Chain
    inputs: list[Instruction]
    outputs: list[Instruction]

    @property
    def block(self) -> int:
        """How many rows of the domain a row of the space is."""
        return prod(self.domain[1])

    @property
    def width(self) -> int:
        """The width of the domain."""
        return self.domain[2]


def places(order: Iterable[Instruction]) -> dict[Instruction, Place]:
    """The instructions whose arrays are columns of another's; a single column is
    none of these, as kernels take what gives one number a row without columns; nor is
    the part of a join that is a factor of a product, which kernels take whole."""
    order = list(order)
    found: dict[Instruction, Place] = {}
    factors = {x.inputs[0] for x in order if x.op in PRODUCTS}
    for y in order:
        if y.op is SLICE and y.space is not None and y.params["steps"] and _is_block(y):
            base, start = found.get(y.inputs[0], Place(y.inputs[0], 0))
            found[y] = Place(base, start + y.params["steps"][-1][0])
    for y in order:
        if y.op is JOIN and y.space is not None and y.params["axis"] == -1:
            if factors.isdisjoint(y.inputs):
                _place_parts(y, found)
    return found


def is_joined(x: Any, found: Mapping[Instruction, Place]) -> bool:
    """Whether x joins what is computed in its array already."""
    return any(y in found and found[y].base is x for y in getattr(x, "inputs", ()))


def _is_block(y: Instruction) -> bool:
    shape, steps = y.inputs[0].type.shape, y.params["steps"]
    rest = zip(steps[-2::-1], shape[-2::-1])
    whole = all(s == (0, n, 1) for s, n in rest)
    return steps[-1][2] == 1 and whole and y.type.shape[-1] > 1


def _place_parts(y: Instruction, found: dict[Instruction, Place]) -> None:
    """The parts of a join, where they can be computed in place."""
    parts = y.inputs
    alone = len(set(parts)) == len(parts) and not any(x in found for x in parts)
    if not alone or not all(_is_part(x, y) for x in parts):
        return
    start = 0
    for x in parts:
        found[x] = Place(y, start)
        start += x.type.shape[-1]


def _is_part(x: Instruction, y: Instruction) -> bool:
    return x.space == y.space and is_elementwise(x) and x.type.shape[-1] > 1


def is_elementwise(x: Instruction) -> bool:
    """Whether kernels know the op."""
    if isinstance(x.op, str):
        return False
    name = "detach" if x.op is RESHAPE else x.op.name
    dtypes = [named(y.type.dtype) for y in x.inputs]
    return supports(name, dtypes, named(x.type.dtype))


@cache
def named(dtype: np.dtype[Any]) -> str:
    """Its name, which NumPy puts together each time."""
    return dtype.name


# --- domains --------------------------------------------------------------------------


def domains(order: Sequence[Instruction]) -> dict[Instruction, Domain]:
    """The domain of each instruction that can be part of a group; what gives one
    number a row belongs to the domain of its arguments."""
    found: dict[Instruction, Domain] = {}
    for x in order:
        if is_elementwise(x):
            domain = _domain(x, found)
            if domain is not None and step_of(x, domain) is not None:
                found[x] = domain
    return found


def _domain(x: Instruction, known: Mapping[Instruction, Domain]) -> Domain | None:
    shape = x.inputs[0].type.shape if _reduces(x) else x.type.shape
    if shape and shape[-1] > 1:
        return x.space, shape[:-1], shape[-1]
    return next((known[y] for y in x.inputs if y in known), None)


def _reduces(x: Instruction) -> bool:
    if x.op in _REDUCING:
        axis = x.params["axis"]
        return axis in (-1, (-1,)) and x.type.dtype == x.inputs[0].type.dtype
    return x.op is _VECVEC


def kind_of(x: Instruction, y: Instruction, domain: Domain) -> int | None:
    """The class of the argument x of y; None where kernels have none for it."""
    space, rows, width = domain
    shape = x.type.shape
    if x.space is None and space is not None:
        return _shared(shape, y, domain)
    if shape == (*rows, width):
        return FULL
    if shape == (*rows, 1):
        return ROW
    if shape == rows and (not rows or y.type.shape == rows or y.op is RESHAPE):
        return ROW
    return _shared(shape, y, domain) if space is None else None


def _shared(shape: tuple[int, ...], y: Instruction, domain: Domain) -> int | None:
    """The class of an argument that is the same for all rows."""
    _, rows, width = domain
    if prod(shape) == 1:
        return SCALAR
    whole = prod(shape) == width == shape[-1]
    return FEATURE if whole and y.type.shape == (*rows, width) else None


def step_of(x: Instruction, domain: Domain) -> tuple[str, list[int], int] | None:
    """The op, the classes of arguments and that of the result, or None."""
    kinds = [kind_of(y, x, domain) for y in x.inputs]
    mine = kind_of(x, x, domain)
    if (
        mine is None
        or None in kinds
        or (FULL not in (*kinds, mine) and ROW not in kinds)
    ):
        return None
    name: str = x.op.name
    if x.op is RESHAPE:
        name = "detach"
        if mine != ROW or kinds != [ROW]:
            return None
    elif x.op in _REDUCING or x.op is _VECVEC:
        if not _reduces(x) or mine != ROW or FULL not in kinds:
            return None
    elif (FULL in kinds or FEATURE in kinds) != (mine == FULL):
        return None
    return name, [k for k in kinds if k is not None], mine


def drawn_in(
    parts: Sequence[Block], users: Mapping[Any, Any], kept: Container[Instruction]
) -> list[Block]:
    """Blocks, with elementwise instructions that only one recursion uses made a part
    of it: its kernel computes them on its way, and they need no arrays."""
    found: list[Block | None] = list(parts)
    for k, loop in enumerate(parts):
        if loop.loop:
            inside = _Inside(loop, users)
            for j in reversed(range(k)):
                block = found[j]
                if block is None or block.loop:
                    continue
                (x,) = block.instructions
                if x not in kept and inside.draws(x):
                    found[j] = None
            found[k] = Block([*reversed(inside.drawn), *loop.instructions], True)
    return [block for block in found if block is not None]


class _Inside:
    """What a recursion is made of, as it grows."""

    def __init__(self, loop: Block, users: Mapping[Any, Any]):
        self.users, self.members = users, set(loop.instructions)
        self.domain = domains(loop.instructions)
        self.drawn: list[Instruction] = []

    def draws(self, x: Instruction) -> bool:
        """Make x a member, if all its users are, and of one domain that x fits in."""
        users = self.users.get(x, ())
        if not users or not self.members.issuperset(users) or not is_elementwise(x):
            return False
        (domain, *others) = {self.domain.get(y) for y in users}
        if domain is None or others or step_of(x, domain) is None:
            return False
        shape = x.inputs[0].type.shape if _reduces(x) else x.type.shape
        if x.space != domain[0] or shape != (*domain[1], domain[2]):
            return False
        self.members.add(x)
        self.domain[x] = domain
        self.drawn.append(x)
        return True


# --- groups ---------------------------------------------------------------------------


def stages(nodes: Iterable[Node], domain: Mapping[Any, Domain]) -> dict[Any, int]:
    """By stage and domain the instructions are groups: within a stage none waits for
    another domain, or for what is in none."""
    stage: dict[Any, int] = {}
    for item, members, needs in nodes:
        mine, found = domain.get(item), 0
        for y in needs:
            if y in stage:
                found = max(found, stage[y] + (domain.get(y) != mine))
        for x in members:
            stage[x] = found
    return stage


def later(
    nodes: Sequence[Node], domain: Mapping[Any, Domain], stage: dict[Any, int]
) -> None:
    """Move what can wait to the stage of those of its domain that use it first."""
    latest: dict[Any, int] = {}
    for item, members, needs in reversed(nodes):
        mine = domain.get(item)
        if mine is not None and item in latest:
            stage[item] = max(stage[item], latest[item])
        for y in needs:
            if y in stage and y in domain:
                bound = stage[members[0]] - (domain[y] != mine)
                latest[y] = min(latest.get(y, bound), bound)


def arranged(
    nodes: Sequence[Node],
    least: int,
    kept: Callable[[Instruction, set[Instruction]], bool],
) -> list[Any]:
    """The items of nodes in order, fused where there are at ``least`` so many.

    ``kept``: whether the array of one of a set is needed outside of it."""
    singles = [x for x, _, _ in nodes if isinstance(x, Instruction)]
    domain = domains(singles)
    stage = stages(nodes, domain)
    later(nodes, domain, stage)
    found: dict[Any, list[Any]] = {}
    for item, _, _ in sorted(nodes, key=lambda node: stage[node[1][0]]):
        mine = domain.get(item)
        key = item if mine is None else (stage[item], mine)
        found.setdefault(key, []).append(item)
    made: list[Any] = []
    for items in found.values():
        if items[0] in domain and len(items) >= least:
            made.append(group(items, domain[items[0]], kept))
        else:
            made += items
    return made


def group(
    instructions: list[Instruction],
    domain: Domain,
    kept: Callable[[Instruction, set[Instruction]], bool],
) -> Group:
    """A group of instructions, in order."""
    mine = set(instructions)
    inputs: dict[Instruction, Input] = {}
    for x in instructions:
        for y in x.inputs:
            if y not in mine and y not in inputs:
                kind = kind_of(y, x, domain)
                assert kind is not None
                inputs[y] = Input(kind, named(y.type.dtype))
    numbers = {x: k for k, x in enumerate([*inputs, *instructions])}
    steps = []
    for x in instructions:
        made = step_of(x, domain)
        assert made is not None
        args = tuple(numbers[y] for y in x.inputs)
        steps.append(Step(made[0], args, made[2], named(x.type.dtype)))
    outputs = [x for x in instructions if kept(x, mine)]
    chain = Chain(
        tuple(inputs.values()), tuple(steps), tuple(numbers[x] for x in outputs)
    )
    return Group(instructions, domain, chain, list(inputs), outputs)
