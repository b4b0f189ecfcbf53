"""The text of a chain: a Python function that passes over memory once for each
reduction that something needs.

This module imports ``chains``, ``formulas`` and ``simple_steps``.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from .chains import FEATURE, FULL, ROW, SCALAR, Chain
from .formulas import (
    ARITHMETIC,
    COMPARISONS,
    COSTLY,
    LOGIC,
    OF_BOOLS,
    ONE_PASS,
    TYPES,
)
from .simple_steps import Lowered, Value


class Writer:
    """The text of a chain's function.

    What does not depend on the row comes once, then the rest for each row.  Within
    each part, reductions divide the steps into phases; the wide steps of a phase are
    one loop.  A wide value of an earlier phase is computed again if it is cheap, else
    kept: in the output's row, or in a row of its own.
    """

    def __init__(self, chain: Chain, name: str, alone: bool):
        self.chain, self.name, self.alone = chain, name, alone
        self.lowered = Lowered(chain)
        self.values, self.lines = self.lowered.values, list[str]()
        self.phase = [0] * len(self.values)
        self.loops: dict[tuple[bool, int], list[int]] = {}
        self._set_phases()
        self.kept = self._kept()

    def _set_phases(self) -> None:
        for k, v in enumerate(self.values):
            within = [a for a in v.args if self.values[a].once == v.once]
            reduces = v.op in ONE_PASS
            self.phase[k] = max((self.phase[a] for a in within), default=0) + reduces

    def sinks(self, once: bool, phase: int) -> list[int]:
        """The wide values that a loop must compute, without those only kept."""
        found = []
        for k in sorted(self.lowered.live):
            v = self.values[k]
            if v.op in ONE_PASS and v.once == once and self.phase[k] == phase + 1:
                found.append(v.args[0])
        for k in self.lowered.outputs:
            v = self.values[k]
            if v.wide and v.once == once and self.phase[k] == phase:
                found.append(k)
        return found

    def _kept(self) -> set[int]:
        """The wide values that outlive their loop."""
        kept: set[int] = set()
        for once in (False, True):
            for phase in reversed(range(self.phases(once))):
                work = self.sinks(once, phase) + self._of(kept, once, phase)
                known = set(work)
                while work:
                    args = set(self.values[work.pop()].args) - known
                    known |= args
                    out = {a for a in args if self._outlives(a, once, phase)}
                    work += [a for a in args - out if self.values[a].wide]
                    kept |= out
        return kept

    def _of(self, numbers: Iterable[int], once: bool, phase: int) -> list[int]:
        """Those of the values that belong to one phase."""
        values, phases = self.values, self.phase
        mine = (k for k in numbers if values[k].once == once and phases[k] == phase)
        return sorted(mine)

    def _outlives(self, k: int, once: bool, phase: int) -> bool:
        """Whether a wide step, used in this loop, was better kept from another."""
        v = self.values[k]
        if not v.wide or v.op is None:
            return False
        if v.once != once:
            return True
        return self.phase[k] < phase and v.op in COSTLY

    def phases(self, once: bool) -> int:
        """How many phases a part has."""
        mine = [self.phase[k] for k in self.lowered.live if self.values[k].once == once]
        return max(mine, default=-1) + 1

    def text(self) -> str:
        """The text of the function."""
        arrays = self.chain.arrays()
        names = [f"x{k}" for k in range(len(self.chain.inputs))]
        names += [f"y{k}" for k in range(len(self.chain.written()))]
        starts = [f"s_{n}" for n, x in zip(names, arrays) if x.kind in (FULL, FEATURE)]
        given = ["first", "last", "width", *names]
        given[3:3] = ["at"] if self.alone else starts
        self.lines = [f"def {self.name}({', '.join(given)}):", "    widened()"]
        if self.alone:
            self.lines += [f"    {s} = at[{k}]" for k, s in enumerate(starts)]
        self._part(True, "    ")
        self.lines.append("    for r in range(first, last):")
        self._part(False, " " * 8)
        if self.lines[-1].startswith("    for r"):
            self.lines.pop()
        return "\n".join(["" if self.alone else "@njit", *self.lines]).strip()

    def _part(self, once: bool, indent: str) -> None:
        self.indent = indent
        self._open(once)
        for phase in range(self.phases(once)):
            self._narrow(once, phase)
            self._loop(once, phase)

    def write(self, line: str, deeper: int = 0) -> None:
        """One more line."""
        self.lines.append(self.indent + "    " * deeper + line)

    def _open(self, once: bool) -> None:
        """Name the rows and numbers that this part reads or writes."""
        for k in range(len(self.chain.inputs)):
            v = self.values[k]
            if v.once == once and k in self.lowered.live:
                self.write(self._read(f"i{k}", f"v{k}", f"x{k}", v.kind))
        for k, place in enumerate(self.lowered.outputs):
            v = self.values[place]
            if v.wide and v.once == once:
                self.write(self._output(k, v.kind))
        if once:
            for k in sorted(self.kept - set(self.lowered.outputs)):
                self.write(f"k{k} = np.empty(width, {TYPES[self.values[k].dtype]})")

    def _output(self, k: int, kind: int) -> str:
        if not self.chain.over:
            return self._read(f"o{k}", "", f"y{k}", kind)
        place = self.chain.over[k]
        if place in self.lowered.live:  # one name, or LLVM would not know it is one row
            return f"o{k} = i{place}"
        return self._read(f"o{k}", "", f"x{place}", kind)

    def _read(self, row: str, number: str, array: str, kind: int) -> str:
        start = f"s_{array}"
        return {
            FULL: f"{row} = {array}[r, {start} : {start} + width]",
            FEATURE: f"{row} = {array}[{start} : {start} + width]",
            ROW: f"{number} = {array}[r]",
            SCALAR: f"{number} = {array}[()]",
        }[kind]

    def _narrow(self, once: bool, phase: int) -> None:
        """The numbers that are known once the loops before this phase have run."""
        for k in sorted(self.lowered.live):
            v = self.values[k]
            if v.wide or v.once != once or self.phase[k] != phase:
                continue
            if v.op is not None and v.op not in ONE_PASS:
                self.write(f"v{k} = {self._expression(v)}")
            for n, place in enumerate(self.lowered.outputs):
                if place == k:
                    self.write(f"y{n}[{'()' if once else 'r'}] = v{k}")

    def _loop(self, once: bool, phase: int) -> None:
        """The wide steps of a phase, as one loop over the width."""
        live = self._of(self.lowered.live, once, phase + 1)
        totals = [k for k in live if self.values[k].op in ONE_PASS]
        body = _Body(self, once, phase)
        for k in self.sinks(once, phase) + self._of(self.kept, once, phase):
            body.need(k)
        if not body.lines:
            return
        for k in totals:
            self.write(f"a{k} = {self._start(self.values[k])}")
        self.write("for j in range(width):")
        for line in [*body.lines, *map(self._total, totals), *body.stores()]:
            self.write(line, 1)
        for k in totals:
            whole = self.values[k].op == "asum"
            made = f"a{k}" if whole else f"ordered_{self.values[k].dtype}(a{k})"
            self.write(f"v{k} = {made}")

    def _start(self, v: Value) -> str:
        if v.op == "asum":
            return f"{TYPES[v.dtype]}(0)"
        if v.dtype == "int64":
            return "np.int64(-(1 << 63))"
        return f"order_{v.dtype}({TYPES[v.dtype]}(-np.inf))"

    def _total(self, k: int) -> str:
        """One more term of a reduction."""
        v = self.values[k]
        term = self.cast(v.args[0], v.dtype)
        if v.op == "asum":
            return f"a{k} = plus(a{k}, {term})"
        return f"a{k} = larger(a{k}, order_{v.dtype}({term}))"

    def cast(self, k: int, dtype: str) -> str:
        """A value as one of another dtype."""
        here = self.values[k].dtype
        if here == dtype:
            return f"v{k}"
        return f"(v{k} != 0)" if dtype == "bool" else f"{TYPES[dtype]}(v{k})"

    def _expression(self, v: Value) -> str:
        """What a step computes, of its args' numbers."""
        assert v.op is not None
        given = [self.values[a].dtype for a in v.args]
        if v.op in LOGIC:
            return LOGIC[v.op].format(*[self.cast(a, "bool") for a in v.args])
        if v.op in COMPARISONS:
            common = np.result_type(*given).name
            return COMPARISONS[v.op].format(*[self.cast(a, common) for a in v.args])
        dtypes = [v.dtype] * len(given)
        if v.op == "where":
            dtypes[0] = "bool"
        table = OF_BOOLS if v.dtype == "bool" else ARITHMETIC
        args = [self.cast(a, dtype) for a, dtype in zip(v.args, dtypes)]
        return table[v.op].format(*args, t=v.dtype, T=TYPES[v.dtype])


class _Body:
    """The lines of one loop over the width."""

    def __init__(self, writer: Writer, once: bool, phase: int):
        self.writer, self.once, self.phase = writer, once, phase
        self.lines: list[str] = []
        self.known: set[int] = set()

    def need(self, k: int) -> None:
        """Have the number of value k at place j."""
        v = self.writer.values[k]
        if k in self.known or not v.wide:
            return
        self.known.add(k)
        if v.op is None:
            self.lines.append(f"v{k} = i{k}[j]")
        elif k in self.writer.kept and not self._mine(k):
            self.lines.append(f"v{k} = {self._row(k)}[j]")
        else:
            for a in v.args:
                self.need(a)
            self.lines.append(f"v{k} = {self.writer._expression(v)}")

    def _mine(self, k: int) -> bool:
        """Whether this loop is where value k comes from."""
        v = self.writer.values[k]
        return v.once == self.once and self.writer.phase[k] == self.phase

    def _row(self, k: int) -> str:
        outputs = self.writer.lowered.outputs
        return f"o{outputs.index(k)}" if k in outputs else f"k{k}"

    def stores(self) -> Iterator[str]:
        """The lines that write outputs and what is kept."""
        for n, k in enumerate(self.writer.lowered.outputs):
            if self.writer.values[k].wide and self._mine(k):
                yield f"o{n}[j] = v{k}"
        for k in sorted(self.writer.kept - set(self.writer.lowered.outputs)):
            if self._mine(k):
                yield f"k{k}[j] = v{k}"
