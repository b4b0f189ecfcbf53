"""Strategies of hypothesis for what penne computes with.

``arrays`` for a signature · ``expressions``, ``graphs``: random well-typed graphs ·
``cells``, ``stacks``, ``transducers`` · ``ragged`` batches · ``trees`` · ``words``,
``corpora``, ``vocabularies``.  What is wrong with arguments is said when a strategy is
made, and what they draw shrinks to what is small: zeros, short texts, one op.

This module imports hypothesis, ``graphs`` and ``registry``.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..graph import Expression, Op
from ..layers import insizes
from ..lm import Vocabulary
from ..ops import tanh
from ..recurrent import Map, Stack
from ..signature import signature
from .graphs import HALVES, graphs
from .registry import TRANSDUCERS, every_class, is_cell
from .tables.rows import Argument, into

__all__ = [
    "arguments",
    "arrays",
    "cells",
    "corpora",
    "expressions",
    "graphs",
    "numbers",
    "ragged",
    "shapes_of",
    "stacks",
    "transducers",
    "trees",
    "vocabularies",
    "words",
]

Array = np.ndarray[Any, Any]
T = TypeVar("T")
DOMAINS = {
    "real", "positive", "negative", "nonzero", "unit", "over 1", "over -1", "bool",
}  # fmt: skip


def arguments(
    op: Op, domains: str | Sequence[str] = "real"
) -> st.SearchStrategy[tuple[list[Argument], dict[str, Any]]]:
    """Calls of ``op`` by its signature: arguments to be made, and no params."""
    if not isinstance(op.signature, str):
        raise ValueError(
            f"{op.name}: its signature is a function of shapes; give calls="
        )
    known = signature(op.signature)
    count = len(known.inputs)
    each = [domains] * count if isinstance(domains, str) else list(domains)
    wrong = [d for d in each if d not in DOMAINS]
    if wrong or len(each) != count:
        raise ValueError(
            f"{op.name}: domains is one of {', '.join(sorted(DOMAINS))}, or {count} of "
            f"them, got {domains!r}"
        )
    shapes = shapes_of(op.signature)
    return shapes.map(lambda s: ([*map(Argument, s, each)], {}))


def shapes_of(
    text: str, *, max_side: int = 3, min_side: int = 0, max_leading: int = 2
) -> st.SearchStrategy[tuple[tuple[int, ...], ...]]:
    """Shapes of arguments that fit a signature, leading axes that broadcast too."""
    known = signature(text)
    names = sorted({n for core in known.inputs for n in core if not n.isdigit()})
    if min_side < 0 or max_side < min_side or max_leading < 0:
        raise ValueError(
            "strategies: 0 <= min_side <= max_side and 0 <= max_leading, got "
            f"{min_side}, {max_side}, {max_leading}"
        )

    @st.composite
    def shapes(draw: Any) -> tuple[tuple[int, ...], ...]:
        sizes = {n: draw(st.integers(min_side, max_side)) for n in names}
        loops = draw(
            hnp.mutually_broadcastable_shapes(
                num_shapes=len(known.inputs),
                max_dims=max_leading,
                min_side=min_side,
                max_side=max_side,
            )
        ).input_shapes
        cores = [tuple(int(sizes.get(n, n)) for n in core) for core in known.inputs]
        return tuple(loop + core for loop, core in zip(loops, cores))

    return shapes()


# --- arrays ---------------------------------------------------------------------------


def arrays(
    text: str,
    *,
    domains: str | Sequence[str] = "real",
    dtype: Any = np.float64,
    max_side: int = 3,
    min_side: int = 0,
    max_leading: int = 2,
) -> st.SearchStrategy[tuple[Array, ...]]:
    """Arrays that fit a signature, whose numbers are halves that shrink to 0.

    Raises ValueError, where this is called, for a domain or sizes that there are not.

    >>> arrays("(n),(n,m)->(m)").example()  # doctest: +SKIP
    (array([0.5]), array([[-1.0, 0.0]]))
    """
    count = len(signature(text).inputs)
    each = [domains] * count if isinstance(domains, str) else list(domains)
    if len(each) != count or not set(each) <= DOMAINS:
        raise ValueError(
            f"arrays: domains is one of {', '.join(sorted(DOMAINS))}, or {count} of "
            f"them, got {domains!r}"
        )
    sizes = {"max_side": max_side, "min_side": min_side, "max_leading": max_leading}
    kind = np.dtype(dtype)
    if kind.kind != "f":
        raise ValueError(f"arrays: dtype is floating, got {kind}")

    def filled(shapes: Any) -> st.SearchStrategy[tuple[Array, ...]]:
        return st.tuples(*(numbers(s, d, kind) for s, d in zip(shapes, each)))

    return shapes_of(text, **sizes).flatmap(filled)


def numbers(
    shape: tuple[int, ...], domain: str = "real", dtype: Any = np.float64
) -> st.SearchStrategy[Array]:
    """Arrays of one shape with numbers of a domain."""
    if domain == "bool":
        return hnp.arrays(bool, shape)
    halves = hnp.arrays(np.float64, shape, elements=HALVES)
    return halves.map(lambda x: into(domain, x).astype(dtype))


# --- expressions ----------------------------------------------------------------------


def expressions(
    *, max_ops: int = 6, smooth: bool = False
) -> st.SearchStrategy[Expression]:
    """Random well-typed graphs of penne's ops, over float64 parameters.

    ``smooth``: of ops with a gradient alone.  ``graphs`` gives their values too.
    """
    return graphs(max_ops=max_ops, smooth=smooth).map(lambda graph: graph.expression)


# --- transducers ----------------------------------------------------------------------


def cells(insize: Any = 3, *, max_size: int = 3) -> st.SearchStrategy[Any]:
    """Penne's cells for ``insize`` as of ``Layer``, of 1 to ``max_size`` units."""
    insizes(insize)
    if max_size < 1:
        raise ValueError(f"cells: max_size is at least 1, got {max_size}")
    kinds = [made for made in every_class() if is_cell(made)]
    sizes, seeds = st.integers(1, max_size), st.integers(0, 9)
    return st.one_of(
        [st.builds(made, st.just(insize), sizes, rng=seeds) for made in kinds]
    )


@st.composite
def _stacks(draw: Any, insize: Any, max_layers: int, max_size: int) -> Any:
    layers: list[Any] = []
    for _ in range(draw(st.integers(1, max_layers))):
        layers.append(draw(cells(insize, max_size=max_size)))
        insize = layers[-1].outsize if hasattr(layers[-1], "outsize") else None
        if insize is None:
            insize = layers[-1].h0.shape[-1]
        if draw(st.booleans()):
            layers.append(Map(tanh))
    return Stack(*layers)


def stacks(
    insize: Any = 3, *, max_layers: int = 3, max_size: int = 3
) -> st.SearchStrategy[Any]:
    """Stacks of one to ``max_layers`` cells whose sizes fit, some followed by a Map."""
    insizes(insize)
    if max_layers < 1 or max_size < 1:
        raise ValueError(
            "stacks: max_layers and max_size are at least 1, got "
            f"{max_layers}, {max_size}"
        )
    return _stacks(insize, max_layers, max_size)


def transducers(insize: Any = 3) -> st.SearchStrategy[Any]:
    """Any of penne's transducers for ``insize``: of the registry, cells, stacks."""
    insizes(insize)
    rows = list(TRANSDUCERS.values())
    known = st.sampled_from(rows).map(lambda row: row.make(insize))
    return st.one_of(cells(insize), stacks(insize), known)


# --- texts and trees ------------------------------------------------------------------


def ragged(
    elements: st.SearchStrategy[T], *, max_batch: int = 4, max_length: int = 5
) -> st.SearchStrategy[list[list[T]]]:
    """Batches of sequences of unequal lengths, empty ones among them."""
    if not isinstance(elements, st.SearchStrategy):
        raise TypeError(f"ragged: elements is a strategy, got {elements!r}")
    if max_batch < 0 or max_length < 0:
        raise ValueError(f"ragged: sizes are at least 0, got {max_batch}, {max_length}")
    return st.lists(st.lists(elements, max_size=max_length), max_size=max_batch)


def trees(leaves: st.SearchStrategy[Any], *, max_leaves: int = 8) -> Any:
    """Binary trees: a leaf, or a pair of trees."""
    if not isinstance(leaves, st.SearchStrategy):
        raise TypeError(f"trees: leaves is a strategy, got {leaves!r}")
    if max_leaves < 1:
        raise ValueError(f"trees: max_leaves is at least 1, got {max_leaves}")
    return st.recursive(leaves, lambda t: st.tuples(t, t), max_leaves=max_leaves)


def words(*, alphabet: str = "abc", max_length: int = 4) -> st.SearchStrategy[str]:
    """Words over a small alphabet."""
    if not alphabet:
        raise ValueError("words: alphabet has at least one letter")
    if max_length < 1:
        raise ValueError(f"words: max_length is at least 1, got {max_length}")
    return st.text(alphabet, min_size=1, max_size=max_length)


def corpora(
    *, alphabet: str = "abc", max_lines: int = 5, max_words: int = 6
) -> st.SearchStrategy[list[list[str]]]:
    """Texts: lines of words."""
    if max_lines < 1 or max_words < 0:
        raise ValueError(
            f"corpora: at least 1 line of 0 words, got {max_lines}, {max_words}"
        )
    lines = st.lists(words(alphabet=alphabet), max_size=max_words)
    return st.lists(lines, min_size=1, max_size=max_lines)


def vocabularies(*, alphabet: str = "abc") -> st.SearchStrategy[Vocabulary]:
    """Vocabularies of words, some with a symbol for what is unknown."""
    some = st.lists(words(alphabet=alphabet), min_size=1, max_size=5, unique=True)
    return st.builds(Vocabulary, some, st.sampled_from([None, "<unknown>"]))
