"""What a call gives an op, its arrays and its static parameters by name; and what the
rule of an op gives for a gradient, of what can be a loss.

This module imports ``operators``.
"""

from collections.abc import Sequence
from typing import Any

from .operators import Operators

INTERNAL = "ndim"  # a static parameter that an op finds out itself


def bound(op: Any, args: tuple[Any, ...], given: dict[str, Any]) -> tuple[Any, Any]:
    """Array arguments, and static parameters by name, of one call of an op.

    Raises TypeError where there are too few or too many of either.
    """
    if len(args) == op.arity and not op.keywords and not given:
        return args, given
    if op.variadic:
        listed = bool(args) and isinstance(args[0], (list, tuple))
        arrays, rest = (tuple(args[0]), args[1:]) if listed else (args, ())
    else:
        arrays, rest = args[: op.arity], args[op.arity :]
    named = [k for k in op.keywords if k != INTERNAL]
    params = {**op.defaults, **dict(zip(named, rest)), **given}
    enough = len(arrays) >= max(1, op.arity) and len(rest) <= len(named)
    if not enough or set(params) != set(op.keywords):
        seen = [f"{len(arrays) + len(rest)} arguments", *given]
        raise TypeError(f"{op.name}: takes {op.takes}, got {', '.join(seen)}")
    return arrays, {k: _static(op, k, v) for k, v in params.items()}


def _static(op: Any, name: str, value: Any) -> Any:
    """A static parameter: something that can be part of a key."""
    if isinstance(value, (list, tuple)):
        return tuple(_static(op, name, v) for v in value)
    if isinstance(value, Operators) or type(value).__hash__ is None:
        wrong = f"{name} is static, got {type(value).__name__}"
        raise TypeError(f"{op.name}: {wrong}; make it an argument of the signature")
    return value


def check_loss(name: str, loss: Any) -> None:
    """TypeError for a loss that is no expression; ValueError for one of several numbers
    and for one of ints or bools."""
    built = isinstance(loss, Operators)
    if not built:
        raise TypeError(f"{name}: the loss is no expression, got {loss!r}")
    if loss.shape != ():
        raise ValueError(f"{name}: the loss is no scalar, {loss!r}; write asum(loss)")
    if not loss.floating:
        wrong = f"the loss is of {loss.dtype}, which has no gradient, {loss!r}"
        raise ValueError(f"{name}: {wrong}; compute it of floats alone")


def parts_of(g: Any, y: Any) -> Sequence[Any]:
    """What the gradient g of y means for each argument, by the rule of its op.

    Raises ValueError where the rule does not give an expression or None for each.
    """
    found = y.op.gradient(g, y, *y.args, **y.params)
    if isinstance(found, (tuple, list)) and len(found) == len(y.args):
        for part in found:
            if part is not None and not isinstance(part, Operators):
                break
        else:
            return found
    each = f"an expression or None for each of {len(y.args)} arguments"
    raise ValueError(f"{y.op.name}: its gradient is a tuple, {each}, got {found!r}")
