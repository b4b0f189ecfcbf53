"""What went wrong in an evaluation, and where.

An error or a NaN is named by the op that made it: within a composite op too, and there
with the line of the step; with the user's own line where ``debug()`` recorded it.

This module imports ``calls``, ``differentiate``, ``doorway``, ``graph`` and ``places``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from math import isnan
from typing import Any, NamedTuple

import numpy as np

from .calls import check_loss
from .differentiate import differentiate
from .doorway import current
from .graph import Expression, Op, Parameter, topological
from .places import Place, place_of

Values = dict[Expression, Any]
FEW = 1 << 13  # up to so many numbers argmax is faster than max


class Fault(NamedTuple):
    """An op at fault, what it was given, and the line within a composite op."""

    op: Op
    arrays: Sequence[Any]
    inside: Place | None = None

    def seen(self) -> str:
        """The shapes that the op was given."""
        return " and ".join(str(np.shape(a)) for a in self.arrays)

    def where(self, x: Expression) -> str:
        """The line within the step, and that which built x, if they are known."""
        place = place_of(x)
        inside = f"; in the step at {self.inside}" if self.inside else ""
        return inside + (f"; built at {place}" if place else "")


def has_nan(array: Any) -> bool:
    """Whether a number of an array is NaN: then so is the largest."""
    if array.dtype.kind != "f" or not array.size:
        return False
    if array.size < FEW:
        return isnan(array.item(array.argmax()))
    return isnan(np.maximum.reduce(array, axis=None))


def differentiated(loss: Expression) -> dict[Any, Expression]:
    """The gradient of a loss for every parameter that it reaches, as expressions."""
    check_loss("gradient", loss)
    nodes = topological([loss])
    return differentiate(loss, [x for x in nodes if isinstance(x, Parameter)])


def check_numbers(loss: Expression, arrays: Iterable[Any], values: Values) -> None:
    """Raise FloatingPointError, naming the op at fault, where ``arrays``, a loss and
    its gradients, have NaN; ``values`` has those of the leaves."""
    if any(map(has_nan, arrays)):
        wanted = [loss, *differentiated(loss).values()]
        known = {x: value for x, value in values.items() if x.op is None}
        current().evaluate(wanted, known, True)
        raise nan_error(topological(wanted), known)


def nan_error(
    order: Sequence[Expression], values: Mapping[Expression, Any]
) -> FloatingPointError:
    """Names the first op of ``order`` that made NaN of arguments without one."""
    x = next(x for x in order if x.dtype.kind == "f" and has_nan(values[x]))
    if x.op is None:
        user = next((y for y in order if x in y.args), x)
        place = place_of(x) or place_of(user)
        where = f"; built at {place}" if place else ""
        return FloatingPointError(f"NaN in a leaf, {x!r}{where}")
    node = x.args[0]
    fault = Fault(x.op, tuple(values[a] for a in x.args))
    if hasattr(node.op, "applications"):  # x is a slot of a composite op
        fault = _first(node.op, tuple(values[a] for a in node.args))
    text = f"{fault.op.name}: NaN from arguments without NaN, got {fault.seen()}"
    return FloatingPointError(text + fault.where(x))


def _first(op: Any, arrays: Sequence[Any]) -> Fault:
    """The first op within a composite op that makes NaN of ``arrays``."""
    for inner, given, params, place in op.applications(arrays):
        if hasattr(inner, "applications"):
            found = _first(inner, given)
            if found.op is not inner:
                return found
        elif _makes_nan(inner.forward(*given, **params)):
            return Fault(inner, given, place)
    return Fault(op, arrays)


def _makes_nan(value: Any) -> bool:
    return value.dtype.kind == "f" and has_nan(value)


def note(error: Exception, x: Expression, values: Mapping[Expression, Any]) -> None:
    """Add to an error of ``forward`` which op it came of, and where that was built."""
    if x.op is None:
        return  # a leaf says itself what is wrong
    fault = Fault(x.op, tuple(values[a] for a in x.args))
    for node in fault.arrays:
        if hasattr(node, "op"):  # x is a slot, which had still to be computed
            fault = Fault(node.op, node.arrays)
    if hasattr(fault.op, "applications"):
        fault = _raising(fault.op, fault.arrays) or fault
    error.add_note(f"{fault.op.name}: of arguments {fault.seen()}{fault.where(x)}")


def _raising(op: Any, arrays: Sequence[Any]) -> Fault | None:
    """The first op within a composite op that raises an error on ``arrays``."""
    for inner, given, params, line in op.applications(arrays):
        try:
            inner.forward(*given, **params)
        except Exception:
            deeper = hasattr(inner, "applications") and _raising(inner, given)
            return deeper or Fault(inner, given, line)
    return None


def take_notes(error: Exception, evaluate: Callable[[], Any]) -> None:
    """Give an error raised where many nodes run as one the note that the plain
    executor gives it: ``evaluate`` runs by that one, random leaves drawn anew."""
    with suppress(Exception):
        try:
            evaluate()
        except type(error) as same:
            for text in getattr(same, "__notes__", ()):
                error.add_note(text)
