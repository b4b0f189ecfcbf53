"""The executor that batches.

A graph that is met gets a plan, once it is worth while to make one; graphs that are
alike share it.  This module imports ``calls``, ``composite``, ``compute``,
``differentiate``, ``faults``, ``graph``, ``loops``, ``settings``, ``alone``,
``paying``, ``rules``, ``strangers``, ``collect``, ``deciding``, ``instructions``,
``outline``, ``ragged`` and ``recipe``.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

from ..calls import check_loss
from ..composite import Composite
from ..compute import PLAIN, Plain, Values
from ..differentiate import check_reached, differentiate
from ..faults import check_numbers, take_notes
from ..graph import Expression, Nodes, Parameter
from ..loops import Loop
from ..settings import Cache
from . import alone, paying, rules, strangers
from .collect import Collected
from .deciding import (
    AGAIN,
    every_size,
    is_cheap,
    is_little,
    is_mixed,
    is_small,
    least_nodes,
    pays_by_level,
    recomputes,
)
from .instructions import Irregular
from .outline import Outline, little
from .ragged import taken_apart
from .recipe import Evaluation, Plan, Recipe

WAYS = (True, True), (True, False), (False, False)  # regular, with arrays taken apart
_op = attrgetter("op")
_seen = Cache("graphs seen", 1 << 6)
counts = {"evaluations": 0, "batched": 0, "nodes": 0, "kinds": 0}
_recipes: "WeakKeyDictionary[Expression, Recipe]" = WeakKeyDictionary()


class Fast(Plain):
    """The executor that batches; a graph with little to batch runs as by ``plain``."""

    def evaluate(self, wanted: Nodes, values: Values, keep: bool) -> None:
        """As ``Plain.evaluate``."""
        order = little(wanted, values, least_nodes())
        if order is not None:
            counts["evaluations"] += 1
            self.carry_out(order, wanted, values, keep)
            return
        outline = Outline(wanted, values)
        recipe = _recipe(outline, wanted, keep, False)
        if recipe is None:
            order = [x for x in outline.ordered() if x not in values]
            self.carry_out(order, wanted, values, keep)
            return
        done = _run(recipe, wanted, values)
        done.enter(values, None if keep else wanted)

    def computed(self, x: Any, arrays: Sequence[Any]) -> Any:
        """As ``Plain.computed``."""
        if type(x.op) is Composite:
            return alone.computed(x, arrays)
        return super().computed(x, arrays)

    def gradients(
        self, loss: Expression, sparse: bool, values: Values | None
    ) -> tuple[Any, dict[Any, Any]]:
        """As ``Plain.gradients``."""
        check_loss("gradient", loss)
        if values:
            return super().gradients(loss, sparse, values)
        recipe = _recipes.get(loss) if values is None else None
        if recipe is None:
            recipe = _gradient_recipe(loss, values is not None)
            if recipe is None:
                return PLAIN.gradients(loss, sparse, values)
        done = _run(recipe, [loss], {})
        value, found = done.value(), done.gradients(sparse)
        if recipe.plan.doubtful:
            found = _truly_reached(loss, recipe, found)
        arrays = [getattr(g, "values", g) for g in found.values()]
        check_numbers(loss, [value, *arrays], done.drawn)
        if values is not None:
            done.enter(values, None)
        return value, found

    def descend(self, trainer: Any, g: Any, step: Any, arrays: Sequence[Any]) -> bool:
        """As ``Plain.descend``."""
        if rules.descended(trainer, g, step, arrays):
            return False
        return super().descend(trainer, g, step, arrays)


FAST = Fast()


def _gradient_recipe(loss: Expression, keep: bool) -> Recipe | None:
    """The recipe for a loss and its gradients, which is known from then on unless all
    that the loss is made of is to be kept; None where there is little to batch."""
    recipe = _recipe(Outline([loss]), [loss], keep, True)
    if recipe is None:
        return None
    known = recipe.plan.unreached
    for k, x in enumerate(recipe.leaves):
        missing = isinstance(x, Parameter) and x not in recipe.reached
        if missing and k not in known:
            check_reached(loss, x)
            known[k] = True
    if not keep:
        recipe.forget()
        _recipes[loss] = recipe
    return recipe


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
            is_cheap(outline.nodes, len(self.ops)) or self._goes_on(strangers.in_vain)
        ):
            return None
        try:
            self.plan = self._made(outline, wanted, keep, gradients, again)
            self.refused = self.plan is None
        except strangers.Stranger:
            pass
        strangers.in_vain.tried(self.ops, self.plan is None)
        return self.plan

    def _goes_on(self, streak: strangers.Streak) -> bool:
        """Whether this graph is taken to be as those of the same ops before it."""
        return not every_size.value and streak.goes_on(self.ops)

    def _made(
        self, outline: Outline, wanted: Nodes, keep: bool, gradients: bool, again: bool
    ) -> Plan | None:
        for graph, regular in self._graphs(outline, wanted, keep, again):
            asked = [x for x in wanted if x in graph.where]
            sure = again or not is_mixed(graph, regular)
            plan = None
            with suppress(Irregular):
                plan = Plan(graph, outline.place, asked, keep, gradients, regular, sure)
            if regular:
                strangers.irregular.tried(self.ops, plan is None)
            if plan is not None:
                return plan
        return None

    def _graphs(
        self, outline: Outline, wanted: Nodes, keep: bool, again: bool
    ) -> Iterator[tuple[Collected, bool]]:
        """The graph in each way in which it may pay to batch it; whether a regular one.

        Raises Stranger where it may once it has come again."""
        order, asked_for = outline.ordered(), None if keep else wanted
        apart = None if keep or outline.known else taken_apart(order, wanted)
        for regular, divided in WAYS if apart else WAYS[1:]:
            if regular and not again and self._goes_on(strangers.irregular):
                continue
            parts = apart if divided else None
            graph = Collected(order, outline.known, asked_for, regular, parts)
            if graph.where.keys().isdisjoint(wanted) or recomputes(graph):
                return
            if not regular and not pays_by_level(graph):
                return
            kinds = len(graph.kinds)
            if not again and (is_little(graph) or is_cheap(outline.nodes, kinds)):
                raise strangers.Stranger
            yield graph, regular


def _recipe(
    outline: Outline, wanted: Nodes, keep: bool, gradients: bool
) -> Recipe | None:
    """The recipe for a graph, or None where there is little to batch."""
    counts["evaluations"] += 1
    if gradients and is_small(outline.nodes):
        return None
    key = outline.key(), keep, gradients, every_size.value
    seen = _seen.get(key)
    if seen is None:
        seen = _seen[key] = Seen(outline)
    plan = seen.planned(outline, wanted, keep, gradients)
    if plan is None:
        return None
    nodes, kinds = plan.size
    counts["batched"] += 1
    counts["nodes"] += nodes
    counts["kinds"] += kinds
    return Recipe(plan, outline.nodes)
