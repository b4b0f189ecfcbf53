"""Values of expressions.

An executor takes expressions in and gives arrays out.  ``Plain`` is the specification:
one op after the other, in the order in which they were built; ``doorway`` says which
one is in force.  This module imports ``doorway``, ``faults``, ``graph``,
``ops.selection``, ``rows`` and ``settings``.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from .doorway import current
from .faults import check_numbers, differentiated, note
from .graph import Expression, Nodes, Parameter, topological
from .ops.selection import is_lookup
from .rows import Rows
from .settings import uncollected

Values = dict[Expression, Any]
Gradients = dict[Parameter, Any]


class Plain:
    """The plain executor: every op by itself, arguments first."""

    def evaluate(self, wanted: Nodes, values: Values, keep: bool) -> None:
        """Enter into ``values`` everything that ``wanted`` need and it lacks; with
        ``keep`` false only the wanted need be there at the end."""
        self.carry_out(topological(wanted, values), wanted, values, keep)

    def carry_out(
        self, order: Nodes, wanted: Nodes, values: Values, keep: bool
    ) -> None:
        """As ``evaluate``, where ``order`` is what is lacking, arguments first."""
        # how many will still read a value: the caller too reads what is wanted
        uses = None if keep else Counter([*wanted, *(a for x in order for a in x.args)])
        for x in order:
            try:
                values[x] = self.computed(x, [values[a] for a in x.args])
            except Exception as error:
                note(error, x, values)
                raise
            if uses is not None:
                for a in x.args:
                    uses[a] -= 1
                    if not uses[a] and a.op is not None:  # a leaf's is no copy
                        del values[a]

    def computed(self, x: Any, arrays: Sequence[Any]) -> Any:
        """The value of an expression, of those of its arguments."""
        return x.value if x.op is None else x.op.forward(*arrays, **x.params)

    def gradients(
        self, loss: Expression, sparse: bool, values: Values | None
    ) -> tuple[Any, Gradients]:
        """The value of a loss, and its gradients for the parameters that it reaches:
        arrays, or ``Rows`` where ``sparse`` and a parameter is only looked up;
        ``values`` is extended with what the loss is made of."""
        gradients = differentiated(loss)
        # a lookup's gradient is not evaluated: its rows are, and where they belong
        rows = {g for g in gradients.values() if sparse and is_lookup(g)}
        apart = (g.args if g in rows else [g] for g in gradients.values())
        wanted = [loss, *chain.from_iterable(apart)]
        # a copy, as evaluate deletes what is not wanted
        known = {} if values is None else compute_values(loss, values).copy()
        self.evaluate(wanted, known, False)
        check_numbers(loss, [known[x] for x in wanted], known)
        for g in rows:
            known[g] = Rows.summed([known[a] for a in g.args], g.params["shape"])
        return known[loss], {p: known[g] for p, g in gradients.items()}

    def descend(self, trainer: Any, g: Any, step: Any, arrays: Sequence[Any]) -> bool:
        """Carry out a trainer's rule: change a parameter and what is remembered.
        Whether NumPy did it, so that its floating-point errors have been raised."""
        trainer._descend(g, step, *arrays)
        return True


PLAIN = Plain()


def compute_value(x: Expression) -> Any:
    """The value of x now: an array, or a NumPy number where x has no axes.

    The array of a parameter or a constant is its own, and so may be that of a reshape,
    a transpose or a slice of it: it changes with it, so copy what is to be kept.
    """
    values: Values = {}
    current().evaluate([x], values, False)
    return values[x][()]  # of an array without axes the number


def compute_values(
    x: Expression | Sequence[Expression], values: Values | None = None
) -> Values:
    """A mapping from x (or each of a list) and all it is made of to values.

    ``values``, from an earlier call, is extended and returned: what stands in it is
    believed, so a growing expression costs only its new part.

    >>> from penne import constant, exp
    >>> x = constant([0.0, 0.0])
    >>> compute_values(exp(x))[x]
    array([0., 0.])
    """
    values = {} if values is None else values
    wanted: list[Any] = list(x) if isinstance(x, (list, tuple)) else [x]
    current().evaluate(wanted, values, True)
    return values


def compute_gradients(loss: Expression) -> Gradients:
    """The gradient of a scalar loss for every parameter that it reaches.

    Raises ValueError where ``loss`` is no scalar or reaches a parameter only
    through an op that is constant to gradients; FloatingPointError, naming the
    first op at fault, where the loss or a gradient is NaN.
    """
    return {p: np.array(g) for p, g in compute_loss_and_gradients(loss)[1].items()}


@uncollected
def compute_loss_and_gradients(
    loss: Expression, *, sparse: bool = False, values: Values | None = None
) -> tuple[Any, Gradients]:
    """The value of a loss and its gradients; ``sparse`` gives ``Rows`` for a
    parameter that is only looked up; ``values`` is extended with what the loss is
    made of."""
    return current().gradients(loss, sparse, values)
