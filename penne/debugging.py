"""Looking into an evaluation: its values step by step; gradients by name.

This module imports ``calls``, ``composite``, ``compute``, ``differentiate``,
``drawing``, ``graph``, ``modules``, ``places`` and ``repeats``.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

import numpy as np

from .calls import check_loss
from .composite import PROJECT, Slots
from .compute import compute_values
from .differentiate import backpropagate
from .drawing import key, looks
from .graph import Constant, Expression, Parameter, topological
from .modules import Module, check_module
from .places import place_of
from .repeats import Repeat, folded

Array = np.ndarray[Any, Any]


def trace_values(x: Expression, file: TextIO | None = None) -> None:
    """Evaluate x and print every step, the leaves and then the ops in the order in
    which they were built: number, op and arguments, shape, dtype, a summary of the
    values and, where ``debug()`` recorded it, the line that built it.

    What stands three times or more in a row is printed once; a step that first makes
    NaN or infinity of numbers is always printed.  ``file``: where to, standard output
    by default.

    >>> from penne import constant, log
    >>> trace_values(log(constant([1.0, 2.0])) * constant([3.0, 4.0]))
    %0  constant  (2,) float64  min 1 mean 1.5 max 2
    %1  constant  (2,) float64  min 3 mean 3.5 max 4
    %2  log(%0)  (2,) float64  min 0 mean 0.3466 max 0.6931
    %3  multiply(%2, %1)  (2,) float64  min 0 mean 1.386 max 2.773
    """
    values = compute_values(x)
    order = [y for y in topological([x]) if not isinstance(y.type, Slots)]
    steps = sorted(order, key=lambda y: y.op is not None)  # stable: leaves first
    out = sys.stdout if file is None else file
    for line in _Steps(steps, values).lines():
        print(line, file=out)


class _Steps:
    """The steps of an evaluation, numbered and folded."""

    def __init__(self, steps: Sequence[Expression], values: Mapping[Expression, Any]):
        self.steps, self.values = steps, values
        self.number = {y: k for k, y in enumerate(steps)}
        self.finite = {y: bool(np.all(np.isfinite(values[y]))) for y in steps}
        self.items = folded([self._key(k, y) for k, y in enumerate(steps)])

    def _key(self, k: int, y: Expression) -> Any:
        if not self.finite[y] and all(self.finite[a] for a in _arguments(y)):
            return k  # like no other
        if y.op is None:
            return y if isinstance(y, Parameter) else (type(y), looks(y.type))
        return (y.args[0].op, *key(y)) if y.op is PROJECT else key(y)

    def lines(self) -> Iterator[str]:
        """What is printed."""
        yield from self._items(self.items)

    def _items(self, items: Sequence[Any]) -> Iterator[str]:
        for item in items:
            if isinstance(item, Repeat):
                yield from self._items(item.inside)
                yield self._rest(item)
            else:
                yield self._step(self.steps[item])

    def _rest(self, item: Repeat) -> str:
        rest = self.steps[item.start + item.length : item.stop]
        what = f"these {item.length} steps" if item.length > 1 else "this step"
        values = np.concatenate([np.ravel(self.values[y]).astype(float) for y in rest])
        return f"    and {item.times - 1} times more {what}: {summary(values)}"

    def _step(self, y: Expression) -> str:
        numbers = ", ".join(f"%{self.number[a]}" for a in _arguments(y))
        text = f"%{self.number[y]}  {_name(y)}{f'({numbers})' if numbers else ''}"
        text += f"  {y.shape} {y.dtype}  {summary(self.values[y])}"
        place = place_of(y)
        return f"{text}  {place}" if place else text


def _arguments(y: Expression) -> Sequence[Expression]:
    """What y is computed from; of a slot, what its composite op is given."""
    args = y.args[0].args if y.op is PROJECT else y.args
    return [a for a in args if not isinstance(a.type, Slots)]


def _name(y: Expression) -> str:
    if y.op is None:
        return type(y).__name__.lower()
    if y.op is not PROJECT:
        return y.op.name
    made = y.args[0]
    return f"{made.op.name}[{made.op.label(y.params['slot'])}]"  # type: ignore[union-attr]  # it has one


def summary(value: Any) -> str:
    """An array in a few words: least, mean, largest; how many are not finite."""
    array = np.asarray(value)
    if not array.size:
        return "empty"
    if not array.ndim:
        return f"{array.item():.4g}" if array.dtype.kind == "f" else f"{array}"
    numbers = array[np.isfinite(array)].astype(float)
    parts = [f"NaN {n}" for n in [np.isnan(array).sum()] if n]
    parts += [f"inf {n}" for n in [np.isinf(array).sum()] if n]
    if numbers.size:
        least, mean, most = numbers.min(), numbers.mean(), numbers.max()
        parts.insert(0, f"min {least:.4g} mean {mean:.4g} max {most:.4g}")
    return " ".join(parts)


# --- gradients by name ----------------------------------------------------------------


class Row(NamedTuple):
    """One parameter: the largest of its numbers and of its gradient, in size; of how
    many units, along the last axis, no gradient arrives; what is the matter."""

    name: str
    shape: tuple[int, ...]
    value: float
    gradient: float
    dead_units: int
    state: str


class Report:
    """What ``report_gradients`` found: ``rows``, and names by state; prints itself as
    a table."""

    def __init__(self, rows: Sequence[Row]):
        self.rows = list(rows)

    def named(self, state: str) -> list[str]:
        """The names of the parameters in this state: "unused", "dead", ..."""
        return [row.name for row in self.rows if row.state == state]

    def __str__(self) -> str:
        head = ("parameter", "shape", "max |value|", "max |gradient|", "dead", "")
        table = [head, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*table)]
        lines = ("  ".join(c.ljust(n) for c, n in zip(row, widths)) for row in table)
        return "\n".join(line.rstrip() for line in lines)

    __repr__ = __str__


def _cells(row: Row) -> tuple[str, ...]:
    units = row.shape[-1] if row.shape else 1
    dead = f"{row.dead_units} of {units}" if row.dead_units else ""
    sizes = f"{row.value:.3g}", f"{row.gradient:.3g}"
    return row.name, str(row.shape), *sizes, dead, row.state


def report_gradients(
    loss: Expression, module: Module, *, exploding: float = 1e3
) -> Report:
    """How the gradients of a scalar loss are, parameter by parameter, by name.

    The state of a parameter is "unused" (the loss does not reach it), "stopped" (only
    through what is constant to gradients, as ``detach`` or ``argmax``), "NaN" or "inf"
    (some number of the gradient), "exploding" (one is larger than ``exploding``),
    "dead" (all are zero), or "".  A unit, of the last axis, is dead if all that arrives
    at it is zero.  No error is raised for NaN.

    Raises TypeError for what is no module, ValueError where the loss is no scalar.

    >>> from penne import Layer, asum
    >>> both = Module()
    >>> both.used, both.unused = Layer(2, 1, f=None), Layer(2, 1)
    >>> report_gradients(asum(both.used([1.0, 0.0])), both).named("unused")
    ['unused.bias', 'unused.weights.0']
    """
    check_module("report_gradients", module, "write report_gradients(loss, module)")
    check_loss("report_gradients", loss)
    names = module.names()
    used = set(topological([loss]))
    one = Constant(np.ones((), loss.dtype), loss.type.strength)
    found = backpropagate({loss: one}, [p for p in names.values() if p in used])
    values = compute_values(list(found.values()))
    rows = []
    for name, p in names.items():
        g = values[found[p]] if p in found else None
        state = _state(g, exploding) if g is not None else ""
        if g is None:
            state = "stopped" if p in used else "unused"
        rows.append(_row(name, p, g, state))
    return Report(rows)


def _row(name: str, p: Parameter, g: Array | None, state: str) -> Row:
    g = np.zeros(p.shape) if g is None else np.asarray(g)
    units = np.any(g != 0, axis=tuple(range(g.ndim - 1)))
    dead = int(np.size(units) - np.count_nonzero(units))
    return Row(name, p.shape, _largest(p.value), _largest(g), dead, state)


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array))) if np.size(array) else 0.0


def _state(g: Array, exploding: float) -> str:
    if np.isnan(g).any():
        return "NaN"
    if np.isinf(g).any():
        return "inf"
    if not np.any(g):
        return "dead"
    return "exploding" if _largest(g) > exploding else ""
