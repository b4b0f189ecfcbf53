"""Where the rows of a graph are: the data that a program runs on.

Rows of a recursion stand in the order of their levels, so that a level is a slice;
within a level longest chains come first, so that what the next level takes is mostly a
slice too.  This module imports ``rows``, ``collect``, ``instructions`` and
``structure``.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from ..rows import Grouping
from .collect import ROW, ROWS, SLOT, Source, source_of
from .instructions import SEGMENTS, Instruction, Irregular
from .structure import ANY, LEAF, VARIOUS, Structure, segments

Array = np.ndarray[Any, Any]
_serial = attrgetter("serial")
_OPEN = -2  # the level of a row whose needs are being looked at


class Index(NamedTuple):
    """Rows ``src`` of a source and the rows ``dst``, ascending, for which they are
    taken; each a slice or an array of integers.  ``equal``: which rows are taken more
    than once, None if none is.
    """

    dst: Any
    src: Any
    equal: Grouping | None


class Layout:
    """Of one graph: lengths of spaces, orders of their rows, levels and indices."""

    def __init__(self, structure: Structure, program: Any, loss: int):
        self.structure, self.loss = structure, loss
        self.spaces = program.spaces
        self.lengths = self._lengths()
        self.natural: dict[Any, tuple[Array | None, Array]] = {}
        self.place: dict[int, Array] = {}  # of a row of the graph, in its space
        self.bounds: dict[int, Array] = {}  # of a space, where its levels start
        self.depth: dict[int, int] = {}  # of a space, how many levels it has
        self.apart: dict[int, Array] = {}  # and, by thread, where they start and stop
        self.counts: dict[Instruction, int] = {}  # of a recursion, by its first one
        taken = [link for loop in program.loops for link in _links(loop.order)]
        if taken:
            self._level(taken, program.loops)
        self.various: dict[tuple[int, int], Array] = {}  # orders of constants
        self.indices = {i: self._index(*i) for i in program.indices}
        self.rows = {i: self._row(*i) for i in program.picks}
        self.cuts: dict[Any, Any] = {}
        self.spans: dict[int, dict[int, tuple[int, int]]] = {}  # by space and level
        self.between = {i: self._between(i[0], i[2])[0] for i in program.cut}
        self.whole: dict[Any, Array] = {}
        self.groups: dict[Any, tuple[Array, Array]] = {}
        self.shares: dict[Any, Any] = {}  # of recursions, what is for which thread
        self.fixed: dict[int, Any] | None = None  # arrays that are always the same
        del self.structure, self.natural

    def _lengths(self) -> dict[int | None, int]:
        s, found = self.structure, dict[int | None, int]({None: 1})
        for k, shape in enumerate(s.shapes):
            found[self.spaces[k]] = s.counts[k]
            if shape.wide:
                found[self.spaces[len(s.shapes) + k]] = len(s.rows[k][0])
        return found

    # --- indices in the order of the graph

    def _rows(self, k: int, j: int, source: Source | None) -> tuple[Any, Array]:
        """For which rows of a column (None for all) a source gives which rows."""
        key = k, j, source
        if key not in self.natural:
            self.natural[key] = self._found_rows(k, j, source)
        return self.natural[key]

    def _found_rows(self, k: int, j: int, source: Source | None) -> tuple[Any, Array]:
        s = self.structure
        if source is SEGMENTS:
            return None, np.array(segments(s.graph.kinds[k]))
        codes = s.rows[k][j]
        if source.kind == LEAF:
            wanted = ANY if source.slot == VARIOUS else -1 - source.slot
            return (codes == wanted).nonzero()[0], np.zeros(0, np.intp)
        if len(s.shapes[k].columns[j].sources) == 1:
            return None, codes & ROWS
        kind = source.kind << SLOT | source.slot + 1
        dst = (codes >> ROW == kind).nonzero()[0]
        return dst, codes[dst] & ROWS

    # --- levels

    def _level(self, links: "list[Link]", loops: Sequence[Any]) -> None:
        """Put the rows of all spaces in recursions in the order of their levels; and
        those of a level in order of the threads that they are for."""
        edges = []
        for link in links:
            dst, src = self._rows(*link.index)
            dst = np.arange(len(src)) if dst is None else dst
            below = (dst, src) if link.taken else (src, dst)
            edges.append((link.above, link.below, *below))
        kinds = {link.index[0] for link in links}
        serial = partial(self._serial, kinds)
        depth, root = _depths(self.lengths, edges, serial)
        levels = 1 + max(int(d.max(initial=0)) for d in depth.values())
        for space, level in depth.items():
            self.depth[space] = 1 + int(level.max(initial=0))
            size = np.bincount(root[space], minlength=1)[root[space]]
            rows, thread = np.arange(len(level)), self._threads(space, loops)
            order = np.lexsort((rows, root[space], -size, thread, level))
            if not np.array_equal(order, rows):
                place = np.empty_like(order)
                place[order] = rows
                self.place[space] = place
            counts = np.zeros((levels, 1 + int(thread.max(initial=0))), np.int64)
            np.add.at(counts, (level, thread), 1)
            ends = np.cumsum(counts).reshape(counts.shape)
            self.bounds[space] = np.concatenate([[0], ends[:, -1]])
            if counts.shape[1] > 1:
                self.apart[space] = np.stack([(ends - counts).T, ends.T], axis=1)

    def _serial(self, kinds: Iterable[int], space: int) -> Array:
        """For each row of a space when what needs others, of ``kinds``, was built."""
        found = np.zeros(self.lengths[space], np.int64)
        for k in kinds:
            if self.spaces[k] == space:
                kind = self.structure.graph.kinds[k]
                serials = np.fromiter(map(_serial, kind.nodes), np.int64)
                rows = serials if kind.lengths is None else serials.repeat(kind.lengths)
                np.maximum(found, rows, out=found)
        return found

    def _threads(self, space: int, loops: Sequence[Any]) -> Array:
        """For which thread each row of a space is: those that meet are for the same."""
        length = self.lengths[space]
        mine = [x.kernel for x in loops if x.kernel and x.kernel.space == space]
        parts = max((kernel.parts(length) for kernel in mine), default=1)
        keys = {key for kernel in mine for key in kernel.links}
        within = all(self._between(k, s) == (space, space) for k, _, s in keys)
        if parts > 1 and within:
            label, size = _together(length, [self._rows(*key) for key in keys])
            if len(size) >= parts:
                return _dealt(size, parts)[label]
        return np.zeros(length, np.int64)

    # --- indices in the order of the spaces

    def _index(self, k: int, j: int, source: Source | None) -> Index:
        dst, src = self._rows(k, j, source)
        mine, theirs = self._between(k, source)
        if theirs in self.place and len(src):
            src = self.place[theirs][src]
        if mine in self.place:
            new = self.place[mine] if dst is None else self.place[mine][dst]
            order = np.argsort(new)
            if source == (LEAF, VARIOUS):
                self.various[k, j] = order
            src = src[order] if len(src) else src
            dst = None if dst is None else new[order]
        whole = slice(0, self.lengths[mine]) if dst is None else _slice(dst)
        rows, equal = _slice(src), None
        if not isinstance(rows, slice) and len(src):
            equal = Grouping.of(src, len(src))
            equal = None if len(equal.first) == len(src) else equal
        return Index(whole, rows, equal)

    def _row(self, k: int, j: int, source: Source | None) -> int:
        """The row that a shared argument is."""
        if source is None:
            code, kind = self.loss, source_of(self.loss).kind
        else:
            code, kind = int(self.structure.rows[k][j][0]), source.kind
        row = code & ROWS
        place = self.place.get(self.spaces[kind])
        return row if place is None else int(place[row])

    def count(self, order: Sequence[Instruction]) -> int:
        """How many levels a recursion has."""
        found = self.counts.get(order[0])
        if found is None:
            found = self.counts[order[0]] = max(self.depth[x.space] for x in order)
        return found

    def full(self, key: Any) -> Array:
        """An index as kernels take it: for each row which row, or -1."""
        if key not in self.whole:
            index = self.indices[key]
            rows = np.full(self.lengths[self.between[key]], -1)
            src = index.src
            wide = isinstance(src, slice)
            rows[index.dst] = np.arange(src.start, src.stop) if wide else src
            self.whole[key] = rows
        return self.whole[key]

    def grouped(self, key: Any, count: int) -> tuple[Array, Array]:
        """Rows in the order of the ``count`` that they are taken for, and where those
        of each start."""
        if key not in self.groups:
            which = self.full(key)
            order = which.argsort(kind="stable")
            first = np.searchsorted(which[order], np.arange(count + 1))
            self.groups[key] = order, first
        return self.groups[key]

    def _between(self, k: int, source: Source | None) -> tuple[int, int | None]:
        """The space of a column and that of its source."""
        shapes = self.structure.shapes
        mine = self.spaces[len(shapes) + k if shapes[k].wide else k]
        if source is SEGMENTS:
            return mine, self.spaces[k]
        return mine, None if source.kind == LEAF else self.spaces[source.kind]

    def span(self, space: int) -> dict[int, tuple[int, int]]:
        """By level where its rows start and stop, if there are any."""
        if space not in self.spans:
            edges = enumerate(pairwise(self.bounds[space].tolist()))
            self.spans[space] = {k: (a, b) for k, (a, b) in edges if b > a}
        return self.spans[space]

    def cut(self, key: Any) -> dict[int, tuple[Any, Any]]:
        """An index by level, where there are rows."""
        if key not in self.cuts:
            self.cuts[key] = self._cut(key)
        return self.cuts[key]

    def _cut(self, key: Any) -> dict[int, tuple[Any, Any]]:
        index = self.indices[key]
        bounds = self.bounds[self.between[key]]
        if isinstance(index.dst, slice):
            first, stop = index.dst.start, index.dst.stop
            cuts = np.clip(bounds - first, 0, stop - first)
        else:
            cuts = np.searchsorted(index.dst, bounds)
        return {
            level: (_part(index.dst, a, b), _part(index.src, a, b))
            for level, (a, b) in enumerate(pairwise(cuts.tolist()))
            if b > a
        }


class Link(NamedTuple):
    """That rows of the space ``above`` need rows of ``below`` of an earlier level."""

    above: int
    below: int
    index: Any
    taken: bool


def _links(order: Sequence[Instruction]) -> Iterable[Link]:
    mine = set(order)
    for x in order:
        if x.op == "take":
            for y, index in zip(x.inputs, x.index):
                if y in mine:
                    yield Link(x.space, y.space, index, True)
        elif x.op in ("scatter", "logsum") and x.index[2] is SEGMENTS:
            yield Link(x.space, x.inputs[0].space, x.index, False)


def _depths(
    lengths: dict[Any, int], edges: Sequence[Any], serial: Callable[[int], Array]
) -> tuple[Any, Any]:
    """For each space the level of each row, and the row at which its chain starts;
    ``serial`` tells of the rows of a space which were built first."""
    spaces = sorted({space for edge in edges for space in edge[:2]})
    first = dict(zip(spaces, np.cumsum([0] + [lengths[s] for s in spaces]).tolist()))
    count = sum(lengths[s] for s in spaces)
    needs: list[list[int]] = [[] for _ in range(count)]
    for above, below, dst, src in _different(edges):
        for d, s in zip((dst + first[above]).tolist(), (src + first[below]).tolist()):
            needs[d].append(s)
    order: Iterable[int] = range(count)  # of one space, older rows come first
    if len(spaces) > 1:
        built = np.concatenate([*map(serial, spaces)])
        order = built.argsort(kind="stable").tolist()
    depth, root = _levelled(needs, order)
    cut = [(s, first[s], first[s] + lengths[s]) for s in spaces]
    levels, roots = np.array(depth), np.array(root)
    return {s: levels[a:b] for s, a, b in cut}, {s: roots[a:b] for s, a, b in cut}


def _different(edges: Sequence[Any]) -> list[Any]:
    """Edges without those that say the same, as those of h and c do."""
    found: dict[Any, Any] = {}
    for above, below, dst, src in edges:
        found[above, below, dst.tobytes(), src.tobytes()] = above, below, dst, src
    return list(found.values())


def _levelled(
    needs: list[list[int]], order: Iterable[int]
) -> tuple[list[int], list[int]]:
    """The length of the longest way to each row, and where it starts; in ``order``,
    most rows come after those that they need."""
    depth, root = [-1] * len(needs), list(range(len(needs)))
    known = depth.__getitem__
    for row in order:
        below = needs[row]
        if not below:
            depth[row] = 0
            continue
        alone = len(below) == 1
        best = below[0] if alone else max(below, key=known)
        if depth[best] >= 0 and (alone or min(map(known, below)) >= 0):
            depth[row], root[row] = depth[best] + 1, root[best]
    for row, level in enumerate(depth):
        if level < 0:
            _descend(row, needs, depth, root)
    return depth, root


def _descend(
    start: int, needs: list[list[int]], depth: list[int], root: list[int]
) -> None:
    """The levels of a row and of all it needs."""
    stack = [start]
    while stack:
        row = stack[-1]
        missing = [s for s in needs[row] if depth[s] < 0]
        if depth[row] >= 0 or not missing:
            stack.pop()
            if depth[row] < 0:
                best = max(needs[row], key=depth.__getitem__)
                depth[row], root[row] = depth[best] + 1, root[best]
        elif depth[row] == _OPEN:
            raise Irregular("rows that need each other")
        else:
            depth[row] = _OPEN
            stack.extend(missing)


def _together(length: int, links: Sequence[Any]) -> tuple[Array, Array]:
    """Which rows meet: for each the number of its set, and how large each set is."""
    label = np.arange(length)
    pairs = [(np.arange(length) if dst is None else dst, src) for dst, src in links]
    above, below = (np.concatenate(rows) for rows in zip(*pairs))
    while (label[above] != label[below]).any():
        least = np.minimum(label[above], label[below])
        np.minimum.at(label, label[above], least)
        np.minimum.at(label, label[below], least)
        label = label[label]
    sets = np.unique(label, return_inverse=True, return_counts=True)
    return sets[1], sets[2]


def _dealt(size: Array, parts: int) -> Array:
    """For which of ``parts`` each set is: the largest first, to who has least."""
    total, part = [0] * parts, np.empty_like(size)
    for k in np.argsort(-size, kind="stable").tolist():
        part[k] = least = total.index(min(total))
        total[least] += int(size[k])
    return part


def _slice(rows: Array) -> Any:
    """Rows as a slice where they lie side by side."""
    n = len(rows)
    if n and rows[-1] - rows[0] == n - 1 and (n < 3 or (np.diff(rows) == 1).all()):
        return slice(int(rows[0]), int(rows[0]) + n)
    return rows


def _part(rows: Any, a: int, b: int) -> Any:
    if isinstance(rows, slice):
        return slice(rows.start + a, rows.start + b)
    return _slice(rows[a:b])
