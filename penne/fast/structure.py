"""The structure of a graph, which decides its program; and its rows, which do not.

Sentences of other lengths, trees of other shapes and other batches have the same
structure.  This module imports ``composite``, ``graph``, ``collect`` and
``components``.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from ..composite import Slots
from ..graph import Expression, Parameter
from .collect import (
    ROW,
    ROWS,
    SLOT,
    Cells,
    Collected,
    Column,
    Kind,
    Source,
    is_one,
    plain_type,
    source_of,
)
from .components import components

Codes = np.ndarray[Any, np.dtype[np.int64]]
LEAF = -1  # as the kind of a source
VARIOUS = -1  # as the number of a leaf: constants of many values
ANY = -(1 << 62)  # as a code: one of these


class KindShape(NamedTuple):
    """The structure of one kind."""

    op: Any
    params: Any
    type: Any
    wide: bool
    columns: tuple[Column, ...]


class Structure:
    """The kinds of a collected graph as structure, and their rows as data.

    ``rows[k][j]``: for column j of kind k its codes; of leaf number m, -1 - m; ``ANY``
    for one of various constants, which are ``various[k, j]``.  ``leaves``: by number.
    """

    def __init__(self, graph: Collected, regular: bool = True):
        self.graph = graph
        self.regular = regular
        self.counts = [kind.count for kind in graph.kinds]
        self.leaves: list[Expression] = []
        self.numbers: dict[Expression, int] = {}
        self.rows: list[list[Codes]] = []
        self.columns: dict[Hashable, tuple[int, int]] = {}
        self.various: dict[tuple[int, int], list[Expression]] = {}
        self.stacks: dict[Expression, Codes] = {}  # of those taken apart, their rows
        shapes = [self._shape(k, kind) for k, kind in enumerate(graph.kinds)]
        self.shapes = recursions_apart(shapes)

    def key(self) -> Hashable:
        """What decides the program."""
        return tuple(
            (s.op, id(s.params) if s.params else 0, *s[2:]) for s in self.shapes
        )

    def content(self) -> Hashable:
        """What decides, beside the key, where rows are."""
        wide = tuple(kind.wide for kind in self.graph.kinds if kind.wide)
        rows = tuple([c.tobytes() for columns in self.rows for c in columns])
        return tuple(self.counts), wide, rows

    def number(self, leaf: Expression) -> int:
        """The number of a leaf of which there is one for many nodes."""
        found = self.numbers.get(leaf)
        if found is None:
            found = self.numbers[leaf] = len(self.leaves)
            self.leaves.append(leaf)
        return found

    def _shape(self, k: int, kind: Kind) -> KindShape:
        self.rows.append([])
        wide = kind.wide is not None
        columns = [
            self._column((k, j), column, wide)
            for j, column in enumerate(kind.arguments)
        ]
        if kind.types is not None:
            columns = list(map(_lowered, columns, kind.types, kind.arguments))
        if not wide and all(column.shared for column in columns):
            self._equate(kind)
        return KindShape(kind.op, kind.params, kind.type, wide, tuple(columns))

    def _equate(self, kind: Kind) -> None:
        """Nodes of the same arguments are all the first of them."""
        if len(kind.nodes) > 1 and not isinstance(kind.type, Slots):
            where = self.graph.where
            where.update(dict.fromkeys(kind.nodes, where[kind.nodes[0]]))

    def _column(
        self, place: tuple[int, int], column: Sequence[Expression], wide: bool
    ) -> Column:
        first, rows = column[0], self.rows[place[0]]
        type = plain_type(first.type)
        where = self.graph.where.get
        if isinstance(column, Cells):
            codes = column.codes(self.graph.where, self.stacks)
            rows.append(codes)
            made = self._mixed(place, column, codes, column.type)
            return made if column.aligned else made._replace(aligned=False)
        if not wide and is_one(column):
            code = where(first)
            if code is None:
                rows.append(np.empty(0, np.int64))
                return Column(type, (Source(LEAF, self.number(first)),), True, False)
            if self.regular:
                rows.append(np.array([code]))
                return Column(type, (source_of(code),), True, False)
        codes = np.fromiter(map(where, column, repeat(ANY)), np.int64, len(column))
        rows.append(codes)
        made = self._mixed(place, column, codes, type)
        same = tuple(column) if codes.min(initial=0) == ANY else codes.tobytes()
        like = self.columns.setdefault(same, place)
        return made if like == place else made._replace(like=like)

    def _mixed(
        self,
        place: tuple[int, int],
        column: Sequence[Expression],
        codes: Codes,
        type: Any,
    ) -> Column:
        given = codes[codes >= 0] >> ROW
        sources = [source_of(code << ROW) for code in _distinct(given)]
        if len(given) == len(codes):
            return Column(type, tuple(sources), False, self._aligned(codes))
        leaves = [(r, column[r]) for r in (codes < 0).nonzero()[0].tolist()]
        distinct = dict.fromkeys(x for _, x in leaves)
        constants = {x for x in distinct if not isinstance(x, Parameter)}
        numbered = [x for x in distinct if x not in constants or len(constants) == 1]
        sources += [Source(LEAF, self.number(x)) for x in numbered]
        if len(constants) > 1:
            sources.append(Source(LEAF, VARIOUS))
            self.various[place] = [x for _, x in leaves if x in constants]
        if numbered:
            for r, x in leaves:
                if x in numbered:
                    codes[r] = -1 - self.numbers[x]
        return Column(type, tuple(sources), False, False)

    def _aligned(self, codes: Codes) -> bool:
        first, n = int(codes[0]), len(codes)
        kind = first >> ROW + SLOT
        if not self.regular or first & ROWS or self.counts[kind] != n:
            return False
        if self.graph.kinds[kind].apart:
            return False
        return np.array_equal(codes, np.arange(first, first + n))


def _distinct(numbers: Codes) -> list[int]:
    """The distinct ones, in order; mostly there is one."""
    if len(numbers) and numbers.min() == numbers.max():
        return [int(numbers[0])]
    return np.unique(numbers).tolist()  # type: ignore[no-any-return]  # of integers


def _lowered(column: Column, type: Any, given: Sequence[Expression]) -> Column:
    """A column of this type, which its leaves may be lower than."""
    leaf = next((plain_type(x.type) for x in given if x.op is None), type)
    return column._replace(type=type, low=None if leaf is type else leaf)


def sources(shape: KindShape) -> set[int]:
    """The kinds that a kind needs."""
    return {s.kind for c in shape.columns for s in c.sources if s.kind != LEAF}


def recursions_apart(shapes: list[KindShape]) -> list[KindShape]:
    """The shapes with no two recursions aligned: each has rows in levels of its own, of
    which there would be as many as of both."""
    needs = list(map(sources, shapes))
    part = components(needs)
    sizes = Counter(part)
    recursion: list[int | None] = [
        part[k] if sizes[part[k]] > 1 or k in needs[k] else None
        for k in range(len(shapes))
    ]
    if len(set(recursion)) < 3:
        return shapes
    found = []
    for k, shape in enumerate(shapes):
        columns = list(shape.columns)
        for j, column in enumerate(columns):
            if column.aligned:
                theirs = recursion[column.sources[0].kind]
                if recursion[k] is None:
                    recursion[k] = theirs
                elif theirs not in (None, recursion[k]):
                    columns[j] = column._replace(aligned=False)
        found.append(shape._replace(columns=tuple(columns)))
    return found


def segments(kind: Kind) -> list[int]:
    """Which node each row of a wide kind belongs to."""
    assert kind.wide is not None
    return [k for k, n in enumerate(kind.wide) for _ in range(n)]
