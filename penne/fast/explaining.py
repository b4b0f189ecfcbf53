"""What the fast executor makes of a graph, in words.

This module imports ``composite``, ``graph``, ``buffers``, ``store``, ``collect``,
``deciding``, ``instructions``, ``outline``, ``program``, ``ragged``, ``recipe`` and
``recursions``.
"""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

from ..composite import Slots
from ..graph import Expression
from . import buffers, store
from .collect import Collected, Kind
from .deciding import why_not
from .instructions import Irregular
from .outline import Outline
from .program import Program, Recursion
from .ragged import taken_apart
from .recipe import Plan, Recipe
from .recursions import shares

MOST_LINES = 30


class Explanation(str):
    """A text that shows itself as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def explain(loss: Expression) -> Explanation:
    """How a loss and its gradients are computed: what runs with what, what runs alone
    and why, recursions, kernels, the time of each part, and memory.

    >>> from penne import constant
    >>> explain(constant(1.0) + 1)
    1 node of 1 kind, 1 of them alone: too few to batch, computed op by op
    """
    if not isinstance(loss, Expression):
        kind = type(loss).__name__
        raise TypeError(f"explain: takes a loss, one expression, got {kind}: {loss!r}")
    began = perf_counter()
    outline = Outline([loss])
    order = outline.ordered()
    graph = Collected(order, {}, [loss], apart=taken_apart(order, [loss]))
    collected = perf_counter()
    if why := why_not(graph, True):
        return Explanation(f"{_summary(graph)}: {why}")
    try:
        recipe = Recipe(Plan(graph, outline.place, [loss], False, True), outline.nodes)
    except Irregular as error:
        why = why_not(Collected(order, {}, [loss], False), False)
        how = why or "with fewer batches"
        return Explanation(f"{_summary(graph)}: irregular, {how} ({error})")
    scheduled = perf_counter()
    recipe.run({})
    times = began, collected, scheduled, perf_counter()
    return Explanation("\n".join(_lines(graph, recipe, times)))


def _summary(graph: Collected) -> str:
    alone = sum(len(kind.nodes) == 1 for kind in graph.kinds)
    kinds = len(graph.kinds)
    return (
        f"{_some(graph.count, 'node')} of {_some(kinds, 'kind')}, {alone} of them alone"
    )


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _lines(graph: Collected, recipe: Recipe, times: Any) -> Iterator[str]:
    program = recipe.program
    count = sum(each.count for each in recipe.plan.programs)
    yield f"{_summary(graph)}; {_some(count, 'instruction')}"
    parts = zip(("collecting", "scheduling", "computing"), times, times[1:])
    yield ", ".join(f"{part} {(b - a) * 1e3:.1f} ms" for part, a, b in parts)
    kinds = sorted(graph.kinds, key=lambda kind: -len(kind.nodes))
    for kind in kinds[:MOST_LINES]:
        yield f"  {_kind(kind)}"
    if len(kinds) > MOST_LINES:
        yield f"  and {_some(len(kinds) - MOST_LINES, 'smaller kind')}"
    for loop in program.loops:
        yield _loop(loop, recipe, program)
    yield from _advice(graph, recipe)
    yield _kernels(program)
    yield f"buffers kept: {buffers.held() / 2**20:.1f} MiB"


def _kind(kind: Kind) -> str:
    name = kind.op.name
    if kind.wide is not None:
        return f"{len(kind.nodes):,} x {name} of {sum(kind.wide):,} rows"
    shape = "" if isinstance(kind.type, Slots) else kind.type.shape
    why = "" if len(kind.nodes) > 1 else " (alone: there is one like it)"
    why = why if kind.op.batch else " (one by one: the op says batch=False)"
    return f"{len(kind.nodes):,} x {name}{shape}{why}"


def _loop(loop: Recursion, recipe: Recipe, program: Program) -> str:
    which = "forward" if loop.ascending else "backward"
    how = "one kernel" if id(loop) in program.kernels else "NumPy"
    if loop.kernel is None:
        how = "level by level"
    elif id(loop) in program.kernels:
        count = len(shares(recipe.layout, loop, loop.kernel))
        how += f" in {count} threads" if count > 1 else ""
    length = recipe.layout.lengths[loop.order[0].space]
    return (
        f"recursion, {which}: {_some(len(loop.order), 'instruction')}, {length:,} rows "
        f"in {_some(recipe.layout.count(loop.order), 'level')}; {how}"
    )


def _advice(graph: Collected, recipe: Recipe) -> Iterator[str]:
    """What a decorator would save."""
    if recipe.plan.divided:
        steps = max(len(kind.nodes) for kind in graph.kinds)
        yield (
            f"an undecorated step was found, of {recipe.plan.divided} nodes, about "
            f"{steps:,} times: @penne.cell would build one node for each"
        )


def _kernels(program: Program) -> str:
    if not store.available():
        return "kernels: none, numba is not installed; pip install penne-nn[fast]"
    made = store.stats()
    known = f"{made['compiled']} compiled and {made['loaded']} loaded in this process"
    account = program.account
    wanted = _some(len(account.kernels), "kernel")
    if program.kernels or not account.kernels:
        return f"kernels: {wanted}; {known}"
    return (
        f"kernels: {wanted}, not yet compiled (that will pay after about "
        f"{account.price:.0f} s of work; so far {account.spent:.1f} s); {known}"
    )
