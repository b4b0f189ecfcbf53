"""Values of expressions, and the doorway through which another executor enters.

An executor takes expressions in and gives arrays out:

    executor(wanted, values, keep)

enters into the mapping ``values`` (expression -> array) everything that ``wanted``
need and it lacks; with ``keep`` false only the wanted ones need be there at the end.
``plain`` is the specification: one op after the other, in the order in which they
were built.  This module imports ``graph``, ``differentiate`` and ``rows``.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .differentiate import differentiate
from .graph import OPS, Expression, Parameter, topological
from .rows import Rows, sum_rows
from .settings import Switch, uncollected

Array = np.ndarray[Any, Any]
Values = dict[Expression, Any]
Executor = Callable[[Sequence[Expression], Values, bool], None]


def plain(wanted: Sequence[Expression], values: Values, keep: bool) -> None:
    """The plain executor: every op by itself, arguments first."""
    order = topological(wanted, values)
    uses = None if keep else Counter([*wanted, *(a for x in order for a in x.args)])
    for x in order:
        if x.op is None:
            values[x] = x.value  # type: ignore[attr-defined]  # every leaf has one
            continue
        values[x] = x.op.forward(*[values[a] for a in x.args], **x.params)
        if uses is not None:
            for a in x.args:
                uses[a] -= 1
                if not uses[a] and a.op is not None:
                    del values[a]


executor: Switch[Executor] = Switch("executor", plain)


def compute_value(x: Expression) -> Any:
    """The value of x now: an array, or a NumPy number where x has no axes."""
    return compute_values(x)[x]


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
    executor.value(wanted, values, True)
    return values


def compute_gradients(loss: Expression) -> dict[Parameter, Array]:
    """The gradient of a scalar loss for every parameter that it reaches.

    Raises ValueError where ``loss`` is no scalar or reaches a parameter only
    through an op that is constant to gradients; FloatingPointError, naming the
    first op at fault, where the loss or a gradient is NaN.
    """
    return {p: np.array(g) for p, g in compute_loss_and_gradients(loss)[1].items()}


@uncollected()
def compute_loss_and_gradients(
    loss: Expression, *, sparse: bool = False, values: Values | None = None
) -> tuple[Any, dict[Any, Any]]:
    """The value of a loss and its gradients; ``sparse`` gives ``Rows`` for a
    parameter that is only looked up; ``values`` is extended with what the loss is
    made of."""
    reached = [x for x in topological([loss]) if isinstance(x, Parameter)]
    gradients = differentiate(loss, reached)
    wanted = [loss]
    for g in gradients.values():
        wanted.extend(g.args if sparse and _is_lookup(g) else [g])
    known = {} if values is None else compute_values(loss, values).copy()
    executor.value(wanted, known, False)
    if any(x.floating and np.isnan(known[x]).any() for x in wanted):
        raise _nan_error(wanted, known)
    computed = ((p, _gradient_value(g, known, sparse)) for p, g in gradients.items())
    return known[loss], dict(computed)


def _is_lookup(g: Expression) -> bool:
    rows_alone = g.op is OPS["scatter_add"] and len(g.args) == 2
    return rows_alone and g.ndim == len(g.params["shape"])


def _gradient_value(g: Expression, values: Values, sparse: bool) -> Any:
    if not (sparse and _is_lookup(g)):
        return values[g]
    rows, indices = (values[a] for a in g.args)
    shape = g.params["shape"]
    flat = np.reshape(rows, (-1, *shape[1:]))
    return Rows(*sum_rows(np.reshape(indices, -1), flat, shape[0]), shape)


def _nan_error(wanted: Sequence[Expression], values: Values) -> FloatingPointError:
    """Names the first op that made NaN of arguments without one."""
    values = {x: value for x, value in values.items() if x.op is None}
    plain(wanted, values, True)
    for x in topological(wanted):
        if x.dtype.kind == "f" and np.isnan(values[x]).any():
            break
    if x.op is None:
        return FloatingPointError(f"NaN in a leaf, {x!r}")
    seen = " and ".join(str(a.shape) for a in x.args)
    return FloatingPointError(
        f"{x.op.name}: NaN from arguments without NaN, got {seen}"
    )
