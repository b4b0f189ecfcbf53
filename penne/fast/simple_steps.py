"""A chain as simple steps: compound ops taken apart, without what no output needs.

This module imports ``chains`` and ``formulas``.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .chains import FEATURE, FULL, ROW, SCALAR, Chain, Step
from .formulas import COMPOUND, REDUCTIONS


class Value(NamedTuple):
    """A value of a lowered chain: an input (op ``None``) or a step."""

    op: str | None
    args: tuple[int, ...]
    kind: int
    dtype: str

    @property
    def wide(self) -> bool:
        """Whether there is a number for each place of the width."""
        return self.kind in (FULL, FEATURE)

    @property
    def once(self) -> bool:
        """Whether it is the same for all rows."""
        return self.kind in (FEATURE, SCALAR)


class Lowered:
    """A chain with its compound ops taken apart, without what no output needs."""

    def __init__(self, chain: Chain):
        self.values = [Value(None, (), *x) for x in chain.inputs]
        self.place = list(range(len(self.values)))
        for step in chain.steps:
            args = [self.place[k] for k in step.args]
            self.place.append(self._lower(step, args))
        self.outputs = [self.place[k] for k in chain.outputs]
        self.live = self._live()

    def _live(self) -> set[int]:
        live = set(self.outputs)
        for k in reversed(range(len(self.values))):
            if k in live:
                live.update(self.values[k].args)
        return live

    def add(self, op: str, args: Iterable[int], kind: int, dtype: str) -> int:
        """One more simple step; the number of its value."""
        self.values.append(Value(op, tuple(args), kind, dtype))
        return len(self.values) - 1

    def _lower(self, step: Step, args: list[int]) -> int:
        kind = self._kind(args)
        if step.op in REDUCTIONS:
            assert kind in (FULL, FEATURE), f"{step.op} of no axis"
            kind = ROW if kind == FULL else SCALAR
        assert kind == step.kind, f"{step.op} makes {kind}, not {step.kind}"
        if step.op in COMPOUND:
            lower: Any = getattr(self, f"_{step.op}")
            made: int = lower(args, self._kind(args), step.kind, step.dtype)
            return made
        one = step.op == "power" and self.values[args[1]].kind == SCALAR
        op = "power_of_one" if one else step.op
        return self.add(op, args, step.kind, step.dtype)

    def _kind(self, args: list[int]) -> int:
        """The class of several values together."""
        values = [self.values[k] for k in args]
        wide = any(v.wide for v in values)
        if all(v.once for v in values):
            return FEATURE if wide else SCALAR
        return FULL if wide else ROW

    def _add_all(self, args: list[int], kind: int, made: int, dtype: str) -> int:
        """A sum from left to right, each in the dtype of what it adds, as NumPy's."""
        total = args[0]
        for k in args[1:]:
            dtypes = self.values[total].dtype, self.values[k].dtype
            common = np.result_type(*dtypes).name
            total = self.add("add", (total, k), self._kind([total, k]), common)
        return self.add("astype", [total], kind, dtype)

    def _amin(self, args: list[int], kind: int, made: int, dtype: str) -> int:
        """The largest of what falls as x grows; of ints -x would overflow."""
        turned = "invert" if dtype == "int64" else "negative"
        x = self.add(turned, args, kind, dtype)
        return self.add(turned, [self.add("amax", [x], made, dtype)], made, dtype)

    def _mean(self, args: list[int], kind: int, made: int, dtype: str) -> int:
        total = self.add("asum", args, made, dtype)
        return self.add(
            "divide", (total, self.add("width", (), SCALAR, dtype)), made, dtype
        )

    def _vecvec(self, args: list[int], kind: int, made: int, dtype: str) -> int:
        x = self.add("multiply", args, kind, dtype)
        return self.add("asum", [x], made, dtype)

    def _logsumexp(self, args: list[int], kind: int, made: int, dtype: str) -> int:
        top = self.add("amax", args, made, dtype)
        top = self.add("finite", [top], made, dtype)
        x = self.add("subtract", (args[0], top), kind, dtype)
        x = self.add("exp", [x], kind, dtype)
        x = self.add("asum", [x], made, dtype)
        x = self.add("log", [x], made, dtype)
        return self.add("add", (x, top), made, dtype)
