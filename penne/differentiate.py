"""Reverse-mode differentiation: gradients of expressions are expressions.

    gradient(loss, x):  d loss / d x,  of the shape and dtype of x

The rules stand with the ops.  What they leave out is done here, once: sums over
several uses, broadcasting undone, dtypes restored.  This module imports ``graph``,
``calls`` (and through its tables, the ops).
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, overload

import numpy as np

from .calls import check_loss, parts_of
from .graph import OPS, Constant, Expression, Nodes, Op, topological
from .opening import is_inside, is_opened, opened
from .operators import NUMPY
from .signature import Shape

Gradients = dict[Expression, Expression]


@overload
def gradient(loss: Expression, wrt: Expression) -> Expression: ...
@overload
def gradient(loss: Expression, wrt: Sequence[Expression]) -> list[Expression]: ...
def gradient(loss: Expression, wrt: Any) -> Any:
    """The gradient of a scalar ``loss``: an expression for an expression, a list for
    a list; zeros for what the loss does not reach.

    Raises ValueError where ``loss`` is no scalar or of no floating dtype, and where it
    reaches an x only through an op that is constant to gradients (a comparison,
    argmax, sign, an integer); TypeError for what is no expression and for an x of no
    floating dtype.

    >>> from penne import compute_value, parameter
    >>> x = parameter([3.0])
    >>> compute_value(gradient((x**2)[0], x))
    array([6.], dtype=float32)
    """
    targets = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    for x in targets:
        if not isinstance(x, Expression) or not x.floating:
            raise TypeError(f"gradient: takes floating expressions, got {x!r}")
    found = differentiate(loss, targets)
    result = [found[x] if x in found else _like(x, 0) for x in targets]
    return result if isinstance(wrt, (list, tuple)) else result[0]


def differentiate(loss: Expression, wrt: Nodes) -> Gradients:
    """The gradient of ``loss`` with respect to each of ``wrt`` that it reaches."""
    check_loss("gradient", loss)
    asked: Nodes = wrt
    # another output of its node may be made of x within, where no rule of it looks
    if any(is_inside(x) or is_opened(x) for x in wrt):
        loss, *asked = opened([loss, *wrt])
    found = backpropagate({loss: _like(loss, 1)}, asked)
    for x in (x for x in dict.fromkeys(asked) if x not in found):
        check_reached(loss, x)
    return {x: found[y] for x, y in zip(wrt, asked) if y in found}


def backpropagate(seeds: Mapping[Expression, Expression], wrt: Nodes) -> Gradients:
    """What ``seeds``, gradients of some expressions, mean for each of ``wrt``."""
    order, targets, found = topological(seeds), set(wrt), {}
    active = _depending(order, wrt)
    pending = {y: Pending(y) for y in seeds}
    for y, g in seeds.items():
        pending[y].receive(g)
    for y in reversed(order):
        if y not in pending or y not in active:
            continue
        g = pending.pop(y).total()
        if y in targets:
            found[y] = g
        if y.op is None or y.op.gradient is None:
            continue
        for x, part in zip(y.args, parts_of(g, y)):
            if part is not None and x in active and x.floating:
                if x not in pending:
                    pending[x] = Pending(x)
                pending[x].receive(part)
    return found


def _like(x: Expression, value: float) -> Constant:
    return Constant(np.full(x.shape, value, x.dtype), x.type.strength)


def check_reached(loss: Expression, x: Expression) -> None:
    """ValueError where ``loss`` reaches x, but only through constants to gradients;
    what a composite op takes and does not use is not reached.

    Goes down from the loss along arguments made of x; g is the gradient of y there, as
    ``backpropagate`` had it, until a rule is missing or gives None.  Of an int there is
    none: the op that made it of floats is the one to name.
    """
    (y,) = opened([loss], {x: x})
    g: Any = y
    active = _depending(topological([y]), [x])
    while y in active and y.op is not None:
        rule, a = y.op.gradient, next(a for a in y.args if a in active)
        if rule is None or a.floating:
            parts = zip(y.args, parts_of(g, y) if rule and y.floating else ())
            g = next((fit(p, a) for b, p in parts if b is a and p is not None), None)
        if g is None:
            raise ValueError(
                f"gradient: the loss reaches {x!r} only through {y.op.name}, which is "
                "constant to gradients; write detach(x) if that is meant"
            )
        y = a


def _depending(order: Nodes, wrt: Nodes) -> set[Expression]:
    """All that is made of ``wrt``, but for what ``detach`` cuts off."""
    active, detach = set(wrt), OPS["detach"]
    for x in order:
        if not active.isdisjoint(x.args) and x.op is not detach:
            active.add(x)
    return active


class Pending:
    """The terms of a gradient received so far."""

    __slots__ = ("of", "sums", "terms")

    def __init__(self, of: Expression):
        self.of = of
        self.sums: dict[Shape, list[Expression]] = {}
        self.terms: dict[Op, list[Expression]] = {}

    def receive(self, part: Expression) -> None:
        """Add a term; those of an op that knows a better sum stand apart, as lookups,
        which make one scatter_add, and outer products, one product of matrices."""
        op, shape = part.op, part.type.shape
        if op is not None and op.total is not None and shape == self.of.type.shape:
            self.terms.setdefault(op, []).append(part)
        else:
            same = self.sums.setdefault(shape, [])
            same.append(part)
            if len(same) == 16:  # an evaluation holds all terms of a sum at once
                same[:] = [OPS["add_all"](*same)]

    def total(self) -> Expression:
        """The sum of all terms, with the shape and dtype of what it belongs to."""
        parts = [OPS["add_all"](*s) if s[1:] else s[0] for s in self.sums.values()]
        for op, terms in self.terms.items():
            merged = op.total(terms) if op.total and len(terms) > 1 else None
            parts += terms if merged is None else [merged]
        return reduce(OPS["add"], [fit(part, self.of) for part in parts])


def fit(part: Expression, of: Expression) -> Expression:
    """``part`` with the shape and dtype of ``of``: broadcasting is undone."""
    shape = of.type.shape
    if part.type.shape != shape:
        extra = part.ndim - len(shape)
        if extra > 0:
            part = OPS["asum"](part, axis=tuple(range(extra)))
        pairs = enumerate(zip(part.shape[::-1], shape[::-1]), 1)
        wide = tuple(-k for k, (n, m) in pairs if m == 1 != n)
        if wide:
            part = OPS["asum"](part, axis=wide, keepdims=True)
        if part.shape != shape:
            part = NUMPY["broadcast_to"](part, shape)
    if part.type.dtype != of.type.dtype:
        part = OPS["astype"](part, dtype=of.dtype)
    return part
