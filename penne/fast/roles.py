"""Kinds of a recursion told apart by the part that they play in a step.

An undecorated ``step`` makes several nodes of one kind, such as the sums of all gates.
As one kind they would wait for each other, level by level.  A step that has run N
times has made the k-th of them N times, always in the same order: so they are kinds of
N rows each, aligned.  Where first steps make fewer, those of the others are told by
what they are given.

This module imports ``graph``, ``collect``, ``components``, ``first_steps`` and
``structure``.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..graph import Expression, Op, Parameter
from .collect import ROW, SLOT, Collected, Kind, plain_type
from .components import components
from .first_steps import LEAST_STEPS
from .structure import LEAF, Structure, sources


def told_apart(graph: Collected, structure: Structure) -> list[Kind] | None:
    """The kinds with those of recursions divided, or None where there is nothing to
    divide."""
    recursions: dict[int, list[int]] = defaultdict(list)
    needs = list(map(sources, structure.shapes))
    for k, part in enumerate(components(needs)):
        recursions[part].append(k)
    divided: dict[int, list[Kind]] = {}
    for kinds in recursions.values():
        if len(kinds) > 1:
            _divide(graph, structure, kinds, divided)
    if not divided:
        return None
    return [x for k, kind in enumerate(graph.kinds) for x in divided.get(k, [kind])]


def _divide(
    graph: Collected,
    structure: Structure,
    kinds: list[int],
    divided: dict[int, list[Kind]],
) -> None:
    """Divide the kinds of a recursion by its number of steps: the rows of the kinds
    with weights, each of which a step has once, but for those of first steps alone."""
    single = [k for k in kinds if graph.kinds[k].lengths is None]
    pinned = [structure.counts[k] for k in single if _has_weights(structure, k)]
    most = max(pinned, default=0)
    steps = min((count for count in pinned if 2 * count > most), default=0)
    if steps < LEAST_STEPS:
        return
    ops = {graph.kinds[k].op for k in kinds}
    for k in single:
        kind, count = graph.kinds[k], structure.counts[k]
        if kind.wide is not None or any(x.op is not kind.op for x in kind.nodes):
            continue  # what its first step computes is in other slots
        each, rest = divmod(count, steps)
        parts = None
        if rest <= each and (each > 1 or rest):
            found = list(_parts(kind, each, rest))
            parts = found if all(_is_one_role(x, ops) for x in found[rest:]) else None
        if parts is None and count > steps:
            parts = _by_sources(structure, k, kind, steps, kinds)
        if parts is not None:
            divided[k] = parts


def _by_sources(
    structure: Structure, k: int, kind: Kind, steps: int, recursion: Sequence[int]
) -> list[Kind] | None:
    """The nodes by the kinds that their arguments are of, if those that take part in
    the recursion are as many as its steps: the others are those of first steps."""
    codes = [c for c in structure.rows[k] if len(c) == structure.counts[k]]
    if not codes:
        return None
    found = np.stack([np.maximum(c >> ROW + SLOT, -1) for c in codes])
    sources, which = np.unique(found, axis=1, return_inverse=True)
    which = which.reshape(-1)
    counts = np.bincount(which)
    inside = np.isin(sources, recursion).any(axis=0)
    if len(counts) == 1 or not (counts[inside] == steps).all() or not inside.any():
        return None
    groups = [(which == g).nonzero()[0].tolist() for g in range(len(counts))]
    return [_kind(kind, rows) for rows in sorted(groups)]


def _has_weights(structure: Structure, k: int) -> bool:
    shared = [c.sources[0] for c in structure.shapes[k].columns if c.shared]
    leaves = [structure.leaves[s.slot] for s in shared if s.kind == LEAF]
    return any(isinstance(x, Parameter) for x in leaves)


def _parts(kind: Kind, each: int, rest: int) -> Iterator[Kind]:
    """The nodes before the first whole step, then those of each role."""
    for k in range(rest):
        yield _kind(kind, [k])
    for k in range(each):
        yield _kind(kind, range(rest + k, len(kind.nodes), each))


def _kind(kind: Kind, rows: Sequence[int]) -> Kind:
    columns = [[column[r] for r in rows] for column in kind.arguments]
    part = Kind([kind.nodes[r] for r in rows], columns)
    if kind.types is not None:
        part.type = _type(kind.type, part.nodes)
        part.types = list(map(_type, kind.types, part.arguments))
    return part


def _type(type: Any, column: Sequence[Expression]) -> Any:
    """That of a column, or of nodes, unless all are what another was taken for."""
    types = {plain_type(x.type) for x in column}
    return type if type in types else types.pop()


def _is_one_role(kind: Kind, ops: set[Op]) -> bool:
    """Whether each argument comes from one op of the recursion, or from elsewhere."""
    return all(len({x.op for x in c} & ops) <= 1 for c in kind.arguments)
