"""Leading axes for code that knows none: it is called once for each of them.

This module imports ``dtypes`` and ``signature``.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .dtypes import Rule, dtype_rule, promoted_dtype
from .signature import Shape, Signature, Text, broadcast_shapes, signature

Array = np.ndarray[Any, Any]


def prepared(
    forward: Callable[..., Any], text: Text, rules: dict[str, Any]
) -> Callable[..., Any]:
    """``forward`` as an op needs it, and ``rules`` with a dtype rule for a dtype.

    Raises TypeError, ValueError where ``text`` is no signature of it.
    """
    _check(forward, text)
    rules["dtype"] = dtype_rule(rules.get("dtype", promoted_dtype))
    if rules.get("batch", True):
        return forward
    return looped(forward, text, rules["dtype"])


def _check(forward: Any, text: Any) -> None:
    """What is wrong with a signature is said where the op is made."""
    named = isinstance(text, str)
    if not callable(forward) or not (named or callable(text)):
        wrong = f"signature {text!r} and function {forward!r}"
        raise TypeError(f'op: got {wrong}; write @op("(n)->(n)") above a function')
    if not named:
        return
    count = len(signature(text).inputs)
    kinds = inspect.signature(forward).parameters.values()
    names = [p.name for p in kinds if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(names) != count and not any(p.kind is p.VAR_POSITIONAL for p in kinds):
        raise ValueError(
            f"{forward.__name__}: its signature {text} has {count} arguments, the "
            f"function {len(names)}, {', '.join(names)}; put static ones behind *"
        )


def looped(
    forward: Callable[..., Any], text: Text, dtype: Rule
) -> Callable[..., Array]:
    """``forward``, a function of core axes alone, on arrays with leading axes too.

    Its results are cast to the dtype of the rule ``dtype``.  Raises ValueError where
    one has not the shape that the signature says.
    """

    @wraps(forward)
    def called(*arrays: Array, **params: Any) -> Array:
        shapes = [np.shape(a) for a in arrays]
        known = signature(text, shapes, **params)
        kind = dtype([a.dtype for a in arrays], params)
        whole = np.empty(known.infer(forward.__name__, shapes), kind)
        loop, wide = _spread(arrays, shapes, known)
        for at in np.ndindex(loop):
            part = np.asarray(forward(*(a[at] for a in wide), **params))
            if part.shape != whole[at].shape:
                wrong = f"gave shape {part.shape}, not {whole[at].shape}"
                raise known.error(forward.__name__, wrong, shapes)
            whole[at] = part
        return whole

    return called


def _spread(
    arrays: Sequence[Array], shapes: Sequence[Shape], known: Signature
) -> tuple[Shape, list[Array]]:
    """The leading axes that arrays broadcast to, and the arrays with all of them."""
    splits = [len(s) - len(core) for s, core in zip(shapes, known.inputs)]
    loop = broadcast_shapes([s[:k] for s, k in zip(shapes, splits)])
    return loop, [
        np.broadcast_to(a, loop + s[k:]) for a, s, k in zip(arrays, shapes, splits)
    ]
