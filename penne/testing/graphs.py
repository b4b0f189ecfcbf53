"""Random graphs of penne's ops, each with its value by NumPy and SciPy.

This module imports hypothesis, ``tables`` and ``graph``.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import ops
from ..graph import Expression, Parameter
from ..operators import OPS
from .tables import TABLE, Row
from .tables.rows import Argument, fill

Array = np.ndarray[Any, Any]
HALVES = st.integers(-4, 4).map(lambda n: n / 2)
LARGE = 4.0  # numbers beyond are brought back before they are used
NUMPY: dict[str, tuple[Any, Any]] = {  # into a domain: with expressions, with arrays
    "real": (lambda x: 2 * ops.tanh(x), lambda x: 2 * np.tanh(x)),
    "positive": (lambda x: ops.exp(ops.tanh(x)), lambda x: np.exp(np.tanh(x))),
    "negative": (lambda x: -ops.exp(ops.tanh(x)), lambda x: -np.exp(np.tanh(x))),
    "nonzero": (lambda x: 1.5 + ops.tanh(x), lambda x: 1.5 + np.tanh(x)),
    "unit": (lambda x: 0.5 + 0.4 * ops.tanh(x), lambda x: 0.5 + 0.4 * np.tanh(x)),
    "over 1": (lambda x: 2.2 + ops.tanh(x), lambda x: 2.2 + np.tanh(x)),
    "over -1": (lambda x: 0.9 * ops.tanh(x), lambda x: 0.9 * np.tanh(x)),
}


class Graph(NamedTuple):
    """A graph, its value as the references of the table of ops have it, and what it is
    made of: (op, its arguments' shapes, its params), in order."""

    expression: Expression
    value: Array
    made_of: list[tuple[str, list[tuple[int, ...]], dict[str, Any]]]


class _Node(NamedTuple):
    x: Expression
    value: Array


@cache
def usable(smooth: bool) -> list[Row]:
    """The rows that graphs are made of."""
    rows = [row for row in TABLE.values() if "f" in row.kinds]
    rows.remove(TABLE[OPS["slope"]])  # differences, which its row compares to eighths
    return [row for row in rows if row.smooth] if smooth else rows


@st.composite
def _graphs(draw: Any, smooth: bool, max_ops: int) -> Graph:
    rows = usable(smooth)
    nodes: list[_Node] = []
    made_of = []
    for _ in range(draw(st.integers(1, max_ops))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        arguments, params = draw(row.calls)
        given = [_argument(draw, a, nodes) for a in arguments]
        x = row.apply(*(node.x for node in given), **params)
        value = np.asarray(row.reference(*(node.value for node in given), **params))
        if x.floating and value.size and np.isfinite(value).all():
            nodes.append(_Node(x, value.astype(np.float64)))
            made_of.append((row.name, [a.shape for a in arguments], params))
    if not nodes:
        nodes.append(_leaf(draw, ()))
    return Graph(nodes[-1].x, nodes[-1].value, made_of)


def _argument(draw: Any, argument: Argument, nodes: list[_Node]) -> _Node:
    """An argument made of a node there is, or a new leaf."""
    if argument.static:
        rng = np.random.default_rng(draw(st.integers(0, 9)))
        (array,) = fill([argument], rng)
        return _Node(array, array)  # type: ignore[arg-type]  # arrays are constants
    shape = argument.shape
    fitting = [node for node in nodes if node.value.shape == shape]
    if fitting and draw(st.booleans()):
        node = draw(st.sampled_from(fitting))
    elif nodes and 0 not in shape and draw(st.booleans()):
        some, leaf = draw(st.sampled_from(nodes)), _leaf(draw, shape)
        node = _Node(ops.mean(some.x) * leaf.x, np.mean(some.value) * leaf.value)
    else:
        node = _leaf(draw, shape)
    large = np.abs(node.value).max(initial=0.0) > LARGE
    if argument.domain == "real" and not large:
        return node
    with_expressions, with_arrays = NUMPY[argument.domain]
    return _Node(with_expressions(node.x), with_arrays(node.value))


def _leaf(draw: Any, shape: tuple[int, ...]) -> _Node:
    array = draw(hnp.arrays(np.float64, shape, elements=HALVES))
    return _Node(Parameter(array.copy()), array)


def graphs(*, max_ops: int = 6, smooth: bool = False) -> st.SearchStrategy[Graph]:
    """Random graphs of up to ``max_ops`` ops and functions of the table, any of whose
    values feed others; ``smooth``: only of those with a gradient."""
    if max_ops < 1:
        raise ValueError(f"graphs: max_ops is at least 1, got {max_ops}")
    return _graphs(smooth, max_ops)
