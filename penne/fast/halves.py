"""A graph cut in two where all its rows are joined.

A loss of arrays joins the outputs of all steps and goes on with that one array, whose
shape says how many steps there were.  What comes before does not know it: so it is a
structure of its own, the same for all lengths; what comes after is a small one.  This
module imports ``structure`` and ``collect``.
"""

from collections.abc import Iterator
from copy import copy

from .collect import CONCATENATE, STACK, Source
from .structure import LEAF, KindShape, Structure


def halves(structure: Structure, loss: int) -> tuple[Structure, Structure] | None:
    """What gives the rows, the type of its last shape being None; and what makes the
    kind ``loss`` of them, once they are joined, as of one more leaf.  None where the
    graph is not so."""
    shapes = structure.shapes
    joins = [k for k, s in enumerate(shapes) if s.wide and s.op in (STACK, CONCATENATE)]
    if len(joins) != 1 or joins[0] >= loss:
        return None
    (join,) = joins
    before, after = shapes[:join], shapes[join + 1 :]
    whole = shapes[join]
    if not all(map(_is_single, after)):
        return None
    needs = {s.kind for shape in shapes[: join + 1] for s in _sources(shape)}
    above = {s.kind for shape in after for s in _sources(shape)}
    if max(needs) >= join or min(above - {LEAF}, default=-1) < join:
        return None
    leaf = Source(LEAF, len(structure.leaves))
    rows = whole._replace(params={}, type=None)
    rest = [_moved(shape, join, leaf) for shape in after]
    return _part(structure, 0, [*before, rows]), _part(structure, join + 1, rest)


def _is_single(shape: KindShape) -> bool:
    return not shape.wide and all(column.shared for column in shape.columns)


def _sources(shape: KindShape) -> Iterator[Source]:
    for column in shape.columns:
        yield from column.sources


def _moved(shape: KindShape, join: int, leaf: Source) -> KindShape:
    """A shape, with the kinds after the join numbered from 0."""

    def moved(source: Source) -> Source:
        if source.kind == join:
            return leaf
        kind = source.kind if source.kind == LEAF else source.kind - join - 1
        return source._replace(kind=kind)

    columns = [c._replace(sources=tuple(map(moved, c.sources))) for c in shape.columns]
    return shape._replace(columns=tuple(columns))


def _part(structure: Structure, first: int, shapes: list[KindShape]) -> Structure:
    """Some of the kinds."""
    part, rows = copy(structure), slice(first, first + len(shapes))
    part.shapes, part.counts = shapes, structure.counts[rows]
    part.rows = structure.rows[rows]
    return part
