"""The fast wing: the same graphs, sooner.

Nodes of one kind run as one batch, whatever the lengths of sequences and the shapes of
trees: nothing is padded, nothing waits for a compiler.  Nothing outside this package
imports it but the doorway in ``compute``.
"""

from collections.abc import Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

from ..checkpointing import RECOMPUTE
from ..composite import Composite
from ..compute import PLAIN, Nodes, Plain, Values
from ..differentiate import check_reached, differentiate
from ..doorway import executor, plain
from ..faults import check_numbers, take_notes
from ..graph import Expression, Op, Parameter
from ..loops import Loop
from ..settings import Cache, Setting
from . import alone, buffers, paying, rules, store, strangers, threads
from .collect import Collected
from .explaining import Explanation, explained
from .instructions import Irregular
from .outline import Outline, little
from .ragged import taken_apart
from .recipe import Evaluation, Plan, Recipe

LEAST_NODES = 30  # a smaller graph runs as by ``plain``
MOST_KINDS = 0.7  # as does one with more kinds than this part of its nodes; 1: none
IRREGULAR = 0.2  # that part where kinds wait for each other, level by level
MANY_KINDS, MIXED = 20, 0.2  # more kinds, and part of the nodes, are many and dear
WAYS = (True, True), (True, False), (False, False)  # regular, with arrays taken apart
DEAR = 7  # so many steps, times the square of kinds, take as long as to make a plan
AGAIN = 3  # times that a graph is seen before one with few nodes gets a plan
_op = attrgetter("op")
_seen = Cache("graphs seen", 1 << 6)
_segments = Cache("cells with segments to recompute", 1 << 10)
_counts = {"evaluations": 0, "batched": 0, "nodes": 0, "kinds": 0}
_recipes: "WeakKeyDictionary[Expression, Recipe | None]" = WeakKeyDictionary()


class Fast(Plain):
    """The executor that batches; a graph with little to batch runs as by ``plain``."""

    def evaluate(self, wanted: Nodes, values: Values, keep: bool) -> None:
        """As ``Plain.evaluate``."""
        order = little(wanted, values, LEAST_NODES)
        if order is not None:
            _counts["evaluations"] += 1
            self.carry_out(order, wanted, values, keep)
            return
        outline = Outline(wanted, values)
        recipe = _recipe(outline, wanted, keep, False)
        if recipe is None:
            order = [x for x in outline.ordered() if x not in values]
            self.carry_out(order, wanted, values, keep)
            return
        done = _run(recipe, wanted, values)
        if keep:
            values.update(done.drawn)
        else:
            values.update((x, done.drawn[x]) for x in wanted if x in done.drawn)
        values.update(done.asked())
        values.update(done.later(values))

    def computed(self, x: Any, arrays: Sequence[Any]) -> Any:
        """As ``Plain.computed``."""
        if type(x.op) is Composite:
            return alone.computed(x, arrays)
        return super().computed(x, arrays)

    def gradients(
        self, loss: Expression, sparse: bool, values: Values | None
    ) -> tuple[Any, dict[Any, Any]]:
        """As ``Plain.gradients``."""
        if (
            values
            or not isinstance(loss, Expression)
            or loss.shape
            or not loss.floating
        ):
            return super().gradients(loss, sparse, values)
        recipe = _recipes.get(loss) if values is None else None
        if recipe is None:
            recipe = _recipe(Outline([loss]), [loss], values is not None, True)
            if recipe is None:
                return PLAIN.gradients(loss, sparse, values)
            known = recipe.plan.unreached
            for k, x in enumerate(recipe.leaves):
                missing = isinstance(x, Parameter) and x not in recipe.reached
                if missing and k not in known:
                    check_reached(loss, x)
                    known[k] = True
            if values is None:
                recipe.forget()
                _recipes[loss] = recipe
        done = _run(recipe, [loss], {})
        value, found = done.value(), done.gradients(sparse)
        if recipe.plan.doubtful:
            found = _truly_reached(loss, recipe, found)
        arrays = [getattr(g, "values", g) for g in found.values()]
        check_numbers(loss, [value, *arrays], done.drawn)
        if values is not None:
            values.update(done.drawn)
            values.update(done.asked())
            values.update(done.later(values))
        return value, found

    def descend(self, trainer: Any, g: Any, step: Any, arrays: Sequence[Any]) -> bool:
        """As ``Plain.descend``."""
        if rules.descended(trainer, g, step, arrays):
            return False
        return super().descend(trainer, g, step, arrays)


FAST = Fast()


def _run(recipe: Recipe, wanted: Nodes, known: Values) -> Evaluation:
    """A recipe carried out; an error says which op raised it."""
    try:
        return recipe.run(known)
    except Exception as error:
        take_notes(error, lambda: PLAIN.evaluate(wanted, dict(known), True))
        raise


def _truly_reached(
    loss: Expression, recipe: Recipe, found: dict[Any, Any]
) -> dict[Any, Any]:
    """Gradients without those of parameters that the loss does not reach, where others
    of their kind are reached: through an op that stops gradients for some nodes alone,
    or slots that only some nodes have a use for."""
    known = recipe.plan.unreached
    zero = [k for k, p in enumerate(recipe.leaves) if p in found and is_zero(found[p])]
    new = [k for k in zero if k not in known]
    if new:
        there = differentiate(loss, [recipe.leaves[k] for k in new])
        known.update((k, recipe.leaves[k] not in there) for k in new)
    missing = {recipe.leaves[k] for k in zero if known[k]}
    return {p: g for p, g in found.items() if p not in missing}


def is_zero(g: Any) -> bool:
    """Whether all numbers of a gradient are 0, which the first of them mostly tells."""
    array = getattr(g, "values", g)
    return not array.size or (array.item(0) == 0 and not array.any())


class Seen:
    """Graphs that are alike: the plan for them, once it is worth while to make one."""

    def __init__(self, outline: Outline):
        self.alive = outline.params()
        ops = set(map(_op, outline.nodes))
        self.ops = frozenset(op.step if isinstance(op, Loop) else op for op in ops)
        self.times = 0
        self.plan: Plan | None = None
        self.refused = False

    def planned(
        self, outline: Outline, wanted: Nodes, keep: bool, gradients: bool
    ) -> Plan | None:
        """The plan, or None where there is none yet, or never will be."""
        self.times += 1
        if self.plan is not None or self.refused:
            return self.plan
        again = self.times >= AGAIN or paying.asked()
        if not again and (
            is_cheap(outline.nodes, len(self.ops))
            or (MOST_KINDS < 1 and strangers.in_vain.goes_on(self.ops))
        ):
            return None
        try:
            self.plan = self._made(outline, wanted, keep, gradients, again)
            self.refused = self.plan is None
        except strangers.Stranger:
            pass
        strangers.in_vain.tried(self.ops, self.plan is None)
        return self.plan

    def _waits(self) -> bool:
        """Whether kinds wait for each other, as in the graphs of these ops before."""
        return MOST_KINDS < 1 and strangers.irregular.goes_on(self.ops)

    def _made(
        self, outline: Outline, wanted: Nodes, keep: bool, gradients: bool, again: bool
    ) -> Plan | None:
        order, asked_for = outline.ordered(), None if keep else wanted
        apart = None if keep or outline.known else taken_apart(order, wanted)
        for regular, rows in WAYS if apart else WAYS[1:]:
            if regular and not again and self._waits():
                continue
            graph = Collected(
                order, outline.known, asked_for, regular, apart if rows else None
            )
            asked = [x for x in wanted if x in graph.where]
            if not asked or recomputes(graph) or not (regular or even(graph)):
                break
            kinds = len(graph.kinds)
            if not again and (few(graph) or is_cheap(outline.nodes, kinds)):
                raise strangers.Stranger
            sure = again or not mixed(graph, MIXED if regular else MIXED / 4)
            plan = None
            with suppress(Irregular):
                plan = Plan(graph, outline.place, asked, keep, gradients, regular, sure)
            if regular:
                strangers.irregular.tried(self.ops, plan is None)
            if plan is not None:
                return plan
        return None


def _recipe(
    outline: Outline, wanted: Nodes, keep: bool, gradients: bool
) -> Recipe | None:
    """The recipe for a graph, or None where there is little to batch."""
    _counts["evaluations"] += 1
    if gradients and is_small(outline.nodes):
        return None
    key = outline.key(), keep, gradients, LEAST_NODES, MOST_KINDS
    seen = _seen.get(key)
    if seen is None:
        seen = _seen[key] = Seen(outline)
    plan = seen.planned(outline, wanted, keep, gradients)
    if plan is None:
        return None
    nodes, kinds = plan.size
    _counts["batched"] += 1
    _counts["nodes"] += nodes
    _counts["kinds"] += kinds
    return Recipe(plan, outline.nodes)


def is_small(nodes: Nodes) -> bool:
    """Whether there is little to do for gradients, seen at a glance.  To find them is
    the most part of it: a composite node counts as what it is made of."""
    if len(nodes) >= 8 * LEAST_NODES:
        return False
    steps = 0
    for x in nodes:
        if x.op is not None:
            steps += x.op.size
            if steps >= LEAST_NODES:
                return False
    return True


def is_cheap(nodes: Nodes, kinds: int) -> bool:
    """Whether it takes longer to plan so many kinds than to compute the nodes op by op:
    measured on random cells and trees, where to make a node was as two steps of it."""
    steps = DEAR * kinds**2
    if MOST_KINDS >= 1 or 2 * len(nodes) >= steps:
        return False
    return sum(2 + x.op.size for x in nodes if x.op is not None) < steps


def few(graph: Collected) -> bool:
    """Whether there is too little to batch."""
    count = graph.count
    return count < LEAST_NODES or len(graph.kinds) > MOST_KINDS * count


def mixed(graph: Collected, part: float) -> bool:
    """Whether there are so many kinds, beside this part of the nodes, that to make a
    program of them takes longer than to do without."""
    return MOST_KINDS < 1 and len(graph.kinds) > max(MANY_KINDS, part * graph.count)


def even(graph: Collected) -> bool:
    """Whether so many nodes are alike that it pays to batch an irregular graph too."""
    return MOST_KINDS >= 1 or len(graph.kinds) <= IRREGULAR * graph.count


def recomputes(graph: Collected) -> bool:
    """Whether there are segments to recompute, in cells too: these are batched inside,
    but must not be held in memory all at once."""
    return any(holds_segments(kind.op) for kind in graph.kinds)


def holds_segments(op: Op) -> bool:
    """Whether an op, or a step within it, computes a segment again."""
    if not isinstance(op, Composite):
        return op is RECOMPUTE
    found: bool | None = _segments.get(op)
    if found is None:
        found = _segments[op] = any(holds_segments(step) for step, _, _ in op.steps)
    return found


def explain(loss: Expression) -> Explanation:
    """How a loss and its gradients are computed: what runs with what, what runs alone
    and why, recursions, kernels, the time of each part, and memory.

    >>> from penne import constant
    >>> explain(constant(1.0) + 1)
    1 node of 1 kind, 1 of them alone: too few to batch, computed op by op
    """
    return explained(loss, _too_few)


def _too_few(graph: Collected, regular: bool) -> str:
    """Why a graph is not batched, if it is not."""
    if not regular:
        return "" if even(graph) else "too few to batch by level, computed op by op"
    if recomputes(graph):
        return "segments are computed again, so computed op by op, batched within"
    small = is_small(graph.order)
    if paying.asked() and not small:
        return ""
    until = f"computed op by op until it has come {AGAIN} times"
    if few(graph):
        until = "computed op by op" if small else until
        return f"too few to batch, {until}"
    dear = is_cheap(graph.order, len(graph.kinds))
    return f"a plan takes longer, {until}" if dear else ""


def enable() -> Setting[Any]:
    """Evaluate with the fast executor, for the process or in a ``with`` block."""
    return executor(FAST)


disable = plain


def stats() -> dict[str, Any]:
    """How many evaluations there were, how many of them were batched, and of those how
    many nodes ran as how many kinds; how many kernels were compiled, and how many
    loaded; the bytes of buffers kept; and what is missing."""
    kernels = {f"kernels {how}": n for how, n in store.stats().items()}
    there = {"numba": store.available(), "threadpoolctl": threads.available()}
    missing = [
        f"{x}: pip install penne-nn[fast]"
        for x, is_there in there.items()
        if not is_there
    ]
    return {**_counts, **kernels, "buffers": buffers.held(), "missing": missing}
