"""What a call gives an op: its arrays, and its static parameters by name.

This module imports nothing of penne.
"""

from typing import Any

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
    return arrays, {k: _static(v) for k, v in params.items()}


def _static(value: Any) -> Any:
    return tuple(map(_static, value)) if isinstance(value, (list, tuple)) else value
