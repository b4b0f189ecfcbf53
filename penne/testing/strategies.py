"""Strategies of hypothesis: arrays, expressions, transducers, texts, trees.

This module imports hypothesis.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..graph import Op
from ..signature import Signature, signature
from .tables.rows import Argument

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
    known = Signature(op.signature)
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
