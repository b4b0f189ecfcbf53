"""The order of a program: blocks that run once, and loops that run level by level.

The instructions that feed themselves through rows of other levels are the recursions of
the graph, and there are few.  Within a level, what a ``take`` reads and what a
``scatter`` adds to belongs to other levels.  This module imports ``adjoint``,
``components`` and ``instructions``.

After Cavs (Xu et al. 2018, *Cavs: An Efficient Runtime System for Dynamic Neural
Networks*) and Neubig, Goldberg and Dyer 2017, *On-the-fly Operation Batching in
Dynamic Computation Graphs*.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .adjoint import reachable
from .components import components
from .instructions import Instruction, Irregular

READING = ("take", "spread", "logsum")  # rows of other levels
CROSSING = (*READING, "scatter")


class Block(NamedTuple):
    """Instructions that run one after the other: once, or (a loop) for each level."""

    instructions: list[Instruction]
    loop: bool


def blocks(roots: Sequence[Instruction]) -> list[Block]:
    """All that ``roots`` need, in an order in which it can run."""
    order = reachable(roots)
    for k, x in enumerate(order):
        x.number = k
    needs = [{a.number for a in x.inputs} for x in order]
    parts: dict[int, list[Instruction]] = {}
    for x, part in zip(order, components(needs)):
        parts.setdefault(part, []).append(x)
    found = []
    for _, group in sorted(parts.items()):
        loop = len(group) > 1 or group[0] in group[0].inputs
        found.append(Block(_within(group) if loop else group, loop))
    return found


def _within(group: Sequence[Instruction]) -> list[Instruction]:
    """The instructions of a recursion in the order in which one level runs them."""
    place = {x: k for k, x in enumerate(group)}
    needs: list[set[int]] = []
    for x in group:
        if x.space is None or (isinstance(x.op, str) and x.op not in CROSSING):
            raise Irregular(f"{x} in a recursion")
        inside = [a for a in x.inputs if a in place]
        if x.op in READING:
            inside = []
        needs.append({place[a] for a in inside if a.op != "scatter"})
    order = components(needs)
    if len(set(order)) < len(group):
        raise Irregular("a recursion within a level")
    return [x for _, x in sorted(zip(order, group), key=lambda pair: pair[0])]
