"""Expressions as pictures: graphs in the DOT language of Graphviz, as text.

    to_dot(loss, module)  ->  write it to a file; ``dot -Tsvg`` draws it

What stands many times in a row, in the order in which it was built, is drawn once: a
chain of 50 steps is one box "x 50", and a dashed edge to itself; so is a loop.

This module imports ``composite``, ``counts``, ``dtypes``, ``graph``, ``loops``,
``modules``, ``places`` and ``repeats``.
"""

from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any

from .composite import PROJECT, Slots
from .counts import check_counts
from .dtypes import ArrayType
from .graph import Constant, Expression, Parameter, topological
from .loops import Loop
from .modules import Module
from .places import place_of
from .repeats import Repeat, folded


def to_dot(x: Expression, module: Module | None = None, *, least: int = 3) -> str:
    """The graph of x in the DOT language: boxes are ops, ellipses leaves; parameters
    have the names that they have in ``module``.

    Steps that stand ``least`` times or more in a row are drawn once, with "x n"; a
    dashed edge comes from the step before.  Where ``debug()`` recorded the line that
    built an expression, it is the tooltip.  The same graph gives the same text.

    Raises TypeError for what is no expression and no module, ValueError for ``least``
    below 2.

    >>> from penne import parameter, tanh
    >>> print(to_dot(tanh(parameter([1.0, 2.0]))))
    digraph penne {
      rankdir=BT; node [shape=box];
      p0 [shape=ellipse, label="parameter\\n(2,) float32"];
      n1 [label="tanh\\n(2,) float32", peripheries=2];
      p0 -> n1;
    }
    """
    if not isinstance(x, Expression):
        raise TypeError(f"to_dot: takes an expression, got {type(x).__name__}")
    if not isinstance(module, (Module, NoneType)):
        raise TypeError(
            "to_dot: takes names from a module, got "
            f"{type(module).__name__}; write to_dot(x, module, least=3)"
        )
    check_counts("to_dot", 2, least=least)
    return "\n".join(_Drawing(x, module, least).lines())


class _Drawing:
    """A graph folded: who stands for whom, and what is drawn."""

    def __init__(self, x: Expression, module: Module | None, least: int):
        named = {} if module is None else module.names()
        self.names: dict[Expression, str] = {p: name for name, p in named.items()}
        order = topological([x])
        self.root = _maker(x)
        self.nodes = [y for y in order if y.op is not None and y.op is not PROJECT]
        self.items = folded([key(y) for y in self.nodes], least)
        self.first = stands_for(self.items, len(self.nodes))
        self.place = {y: k for k, y in enumerate(self.nodes)}
        self.outputs: dict[int, dict[str, None]] = {}
        for y in order:
            if y.op is PROJECT:
                place = self.first[self.place[y.args[0]]]
                self.outputs.setdefault(place, {})[_type(y)] = None
        self.leaves: dict[Any, list[Expression]] = {}
        self.ids: dict[Any, int] = {}
        self.edges: dict[str, None] = {}
        for k, y in enumerate(self.nodes):
            for j, a in enumerate(y.args):
                self._edge(k, j, _maker(a))
            if isinstance(y.op, Loop) and y.op.recurs:
                self._edge(k, 0, y)
        if x.op is None:
            self._leaf(0, 0, x)

    def _edge(self, k: int, j: int, a: Expression) -> None:
        to = self.first[k]
        if a.op is None:
            self.edges[f"{self._leaf(to, j, a)} -> n{to + 1};"] = None
            return
        source = self.first[self.place[a]]
        style = " [style=dashed, constraint=false]" if source >= to else ""
        self.edges[f"n{source + 1} -> n{to + 1}{style};"] = None

    def _leaf(self, to: int, j: int, a: Expression) -> str:
        """The name of the ellipse of a leaf: one for each parameter; other leaves that
        have the same part are one."""
        kind = a if isinstance(a, Parameter) else (to, j, type(a), looks(a.type))
        same = self.leaves.setdefault(kind, [])
        if not same or same[-1] is not a:
            same.append(a)
        return f"p{self.ids.setdefault(kind, len(self.ids))}"

    def lines(self) -> Iterator[str]:
        """The text."""
        yield "digraph penne {"
        yield "  rankdir=BT; node [shape=box];"
        for k, same in enumerate(self.leaves.values()):
            yield f"  p{k} [shape=ellipse, label={quoted(self._leaf_text(same))}];"
        yield from self._items(self.items, "  ")
        for edge in self.edges:
            yield f"  {edge}"
        yield "}"

    def _leaf_text(self, same: Sequence[Expression]) -> str:
        x = same[0]
        times = len(set(same))
        name = self.names.get(x, type(x).__name__.lower())
        if times == 1 and not x.shape and type(x) is Constant:
            return f"{x.value}"
        return f"{name}\n{_type(x)}" + (f"\nx {times}" if times > 1 else "")

    def _items(self, items: Sequence[Any], indent: str) -> Iterator[str]:
        for item in items:
            if not isinstance(item, Repeat):
                yield indent + self._box(item)
            elif len(item.inside) == 1:
                yield from self._items(item.inside, indent)
            else:
                yield f"{indent}subgraph cluster{item.start}_{item.length} {{"
                yield f"{indent}  label={quoted(f'x {item.times}')};"
                yield from self._items(item.inside, indent + "  ")
                yield f"{indent}}}"

    def _box(self, k: int) -> str:
        y = self.nodes[k]
        assert y.op is not None
        shapes = self.outputs.get(k) or {}
        types = list(shapes) if isinstance(y.type, Slots) else [_type(y)]
        times = _times(self.items, k) * y.op.times
        text = "\n".join([y.op.name, *types, *([f"x {times}"] if times > 1 else [])])
        more = f", tooltip={quoted(str(place_of(y)))}" if place_of(y) else ""
        more += ", peripheries=2" if self.first[self.place[self.root]] == k else ""
        return f"n{k + 1} [label={quoted(text)}{more}];"


def _times(items: Sequence[Any], k: int) -> int:
    """How often the box of place k stands there, where no frame around it says so."""
    for item in items:
        if isinstance(item, Repeat) and item.start <= k < item.start + item.length:
            inner = _times(item.inside, k)
            return inner * item.times if len(item.inside) == 1 else inner
    return 1


def key(x: Expression) -> Any:
    """What two nodes share that may stand for each other: op, params, type, the
    parameters among their arguments."""
    params: Any = tuple(map(repr, x.params.items()))
    if x.op is PROJECT and isinstance(x.args[0].op, Loop):
        params = x.args[0].op.time(x.params["slot"])[1]
    held = tuple(a if isinstance(a, Parameter) else None for a in x.args)
    return x.op, params, looks(x.type), held


def looks(type: ArrayType) -> Any:
    """A type as far as one sees it: shapes and dtypes, of all slots."""
    if isinstance(type, Slots):
        return tuple(map(looks, type.parts))
    return type.shape, type.dtype


def stands_for(items: Sequence[Any], n: int) -> list[int]:
    """For each of n places the first that it repeats."""
    first = list(range(n))

    def fill(items: Sequence[Any]) -> None:
        for item in items:
            if isinstance(item, Repeat):
                fill(item.inside)
                for k in range(item.start + item.length, item.stop):
                    first[k] = first[item.start + (k - item.start) % item.length]

    fill(items)
    return first


def _maker(x: Expression) -> Expression:
    """The node that computes x: of a slot, the composite one."""
    return x.args[0] if x.op is PROJECT else x


def _type(x: Expression) -> str:
    return f"{x.shape} {x.dtype}"


def quoted(text: str) -> str:
    """A string of the DOT language."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
