"""Gradients of what has no rule: central differences through an op's own forward."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Expression, Op, op
from ..signature import Shape, group, signature

Array = np.ndarray[Any, Any]
_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)

__all__ = ["numerical"]


def numerical(
    g: Expression, y: Expression, *args: Expression, **params: Any
) -> list[Expression | None]:
    """A gradient rule for any op, ``@op(signature, gradient=numerical)``: central
    differences, a stop-gap.

    For each number along the core axes of an argument forward runs twice, in float64,
    whatever the number of leading axes.  Right to about 10 digits, the gradient of the
    gradient to about 5.

    >>> import numpy as np
    >>> from penne import compute_gradients, op, parameter
    >>> @op("(n)->()", gradient=numerical)
    ... def length(x):
    ...     return np.sqrt(np.sum(x * x, axis=-1))
    >>> x = parameter([3.0, 4.0])
    >>> compute_gradients(length(x))[x].round(4)
    array([0.6, 0.8], dtype=float32)
    """
    given = tuple(params.items())
    return [
        slope(g, *args, of=y.op, wrt=k, given=given) if a.floating else None
        for k, a in enumerate(args)
    ]


Given = tuple[tuple[str, Any], ...]


def _slope_signature(_: Shape, *shapes: Shape, of: Op, wrt: int, given: Given) -> str:
    known = signature(of.signature, shapes, **dict(given))
    groups = [group(*core) for core in (known.output, *known.inputs)]
    return f"{','.join(groups)}->{groups[1 + wrt]}"


@op(
    _slope_signature,
    gradient=lambda g, y, *args, **params: numerical(g, y, *args, **params),
    dtype=lambda dtypes, params: dtypes[1 + params["wrt"]],
    meet=slice(0, 0),
)
def slope(g: Array, *arrays: Array, of: Op, wrt: int, given: Given) -> Array:
    """What g, the gradient of the result of the op ``of``, means for its argument
    ``wrt``: g times (f(x + d) - f(x - d)) / 2d, for each number of x."""
    shapes = [np.shape(a) for a in (g, *arrays)]
    text = _slope_signature(*shapes, of=of, wrt=wrt, given=given)
    core = [len(names) for names in signature(text).inputs]
    result = np.empty(signature(text).infer("slope", shapes), arrays[wrt].dtype)
    exact = [np.asarray(a, np.float64) if a.dtype.kind == "f" else a for a in arrays]
    out = tuple(range(-core[0], 0))

    def value(x: Array) -> Array:
        return np.asarray(of.forward(*exact[:wrt], x, *exact[wrt + 1 :], **dict(given)))

    for at in np.ndindex(result.shape[result.ndim - core[1 + wrt] :]):
        change = _difference(value, exact[wrt], (..., *at), core[0])
        result[(..., *at)] = np.sum(g * change, axis=out)
    return result


def _difference(value: Callable[[Array], Array], x: Array, at: Any, out: int) -> Array:
    """(f(x + d) - f(x - d)) / 2d, where d stands at one place of the core axes."""
    high, low = x.copy(), x.copy()
    step = _STEP * np.maximum(1.0, np.abs(x[at]))
    high[at] += step
    low[at] -= step
    width = np.asarray(high[at] - low[at])
    return (value(high) - value(low)) / width.reshape(width.shape + (1,) * out)
