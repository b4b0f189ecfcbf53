"""Compiled kernels: chains of elementwise steps, and recursions over levels.

A ``Chain`` says what is computed at each place of ``rows`` x ``width``; ``bulk`` makes
one function of it, which passes over memory once for each reduction that something
needs.  A ``Loop`` says what happens in each level of a recursion (rows are gathered,
multiplied by weights, run through chains, scattered); ``loop`` makes one function of
all of it.  The text of a kernel depends on what is described, never on sizes, so one
kernel serves all lengths.

This module imports ``settings``, ``store`` and ``vectors``.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..settings import Cache
from . import vectors
from .store import function, stored

FULL, ROW, FEATURE, SCALAR, PACKED = range(5)
AXES = (2, 1, 1, 0, 1)  # of arrays of each class
_kernels = Cache("kernels", 512)


class Input(NamedTuple):
    """An array that a chain reads: its class and dtype."""

    kind: int
    dtype: str


class Step(NamedTuple):
    """One op on values, which are numbered: the inputs first, then earlier steps."""

    op: str
    args: tuple[int, ...]
    kind: int
    dtype: str


class Chain(NamedTuple):
    """Steps over rows x width.

    The class of a value is FULL (rows, width), ROW (rows, one number each), FEATURE
    (width, shared by all rows) or SCALAR (one number).  A reduction makes ROW of FULL
    and SCALAR of FEATURE; of any other step the class is that of all args together.
    ``outputs``: which values are written to arrays.
    """

    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]

    def value(self, k: int) -> Input:
        """The class and dtype of one value."""
        count = len(self.inputs)
        return self.inputs[k] if k < count else Input(*self.steps[k - count][2:])

    def arrays(self) -> tuple[Input, ...]:
        """The class and dtype of each input, then of each output."""
        return (*self.inputs, *self.written())

    def written(self) -> tuple[Input, ...]:
        """The class and dtype of each output."""
        return tuple(map(self.value, self.outputs))


class Gather(NamedTuple):
    """target[n] = source[index[n]] for the nodes n of a level, all rows of a node.

    ``places`` numbers the index array; where that is negative, the target stays.
    """

    target: int
    source: int
    places: int


class Scatter(NamedTuple):
    """target[index[n]] += source[n] for the nodes n of a level, all rows of a node.

    ``places`` numbers the index array; duplicates add up, a negative index is
    passed over.
    """

    target: int
    source: int
    places: int


class Dot(NamedTuple):
    """target[r] = source[r] @ weight for the rows r of a level; the weight is PACKED,
    as ``packing`` does it."""

    target: int
    source: int
    weight: int


class Apply(NamedTuple):
    """A chain over the rows of a level.

    ``inputs`` and ``outputs`` number the loop's arrays; ``starts`` numbers the places
    in ``at`` of the first column of each FULL or FEATURE array, inputs then outputs;
    -1 for an array that starts at column 0.
    """

    chain: Chain
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    starts: tuple[int, ...]


Item = Gather | Scatter | Dot | Apply


class Loop(NamedTuple):
    """What happens in each level of a recursion, one item after the other.

    ``arrays``: the class and dtype of each array, PACKED being a weight.  ``indices``:
    how many index arrays there are.
    """

    arrays: tuple[Input, ...]
    indices: int
    items: tuple[Item, ...]


# --- ops ------------------------------------------------------------------------------

_ARITHMETIC = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "square": "{0} * {0}",
    "absolute": "abs({0})",
    "sign": "where({0} > {T}(0), {T}(1), where({0} < {T}(0), {T}(-1), {0}))",
    "sqrt": "np.sqrt({0})",
    "power": "power({0}, {1})",
    "rectify": "where({0} <= {T}(0), {T}(0), {0})",
    "maximum": "larger({0}, {1})",
    "minimum": "smaller({0}, {1})",
    "clip": "smaller(larger({0}, {1}), {2})",
    "where": "where({0}, {1}, {2})",
    "detach": "{0}",
    "astype": "{0}",
    "finite": "where(abs({0}) < {T}(np.inf), {0}, {T}(0))",
    "width": "{T}(width)",
}
_VECTOR = ("exp", "expm1", "tanh", "sigmoid", "log", "log1p", "softplus")
_ARITHMETIC.update({name: f"{name}_{{t}}({{0}})" for name in _VECTOR})
_OF_BOOLS = {
    "add": "{0} | {1}",
    "multiply": "{0} & {1}",
    "maximum": "{0} | {1}",
    "minimum": "{0} & {1}",
    "clip": "({0} | {1}) & {2}",
    **dict.fromkeys(("absolute", "rectify", "detach", "astype"), "{0}"),
    "where": "where({0}, {1}, {2})",
}
_COMPARISONS = {
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
}
_LOGIC = {
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_not": "not {0}",
}
_REDUCTIONS = {"asum", "amax"}
_COMPOUND = {"amin", "mean", "logsumexp", "vecvec", "add_all"}
_FLOATING = {*_VECTOR, "divide", "sqrt", "power", "mean", "logsumexp"}
_COSTLY = {*_VECTOR, "divide", "sqrt", "power"}
_TYPES = {"float32": "np.float32", "float64": "np.float64", "int64": "np.int64"}
_TYPES["bool"] = "np.bool_"
_INTERNAL = {"finite", "width"}
OPS = frozenset(
    {*_ARITHMETIC, *_COMPARISONS, *_LOGIC, *_REDUCTIONS, *_COMPOUND} - _INTERNAL
)
REDUCTIONS = frozenset({"asum", "amax", "amin", "mean", "logsumexp", "vecvec"})


def supports(op: str, dtypes: Iterable[str], dtype: str) -> bool:
    """Whether a chain can have a step of this op from args of ``dtypes`` to ``dtype``.

    The dtypes are bool, int64, float32 and float64.  Powers, exponentials, quotients
    and the like are floating, extremes along an axis are of numbers.
    """
    if op not in OPS or not {*dtypes, dtype} <= set(_TYPES):
        return False
    if op in _COMPARISONS or op in _LOGIC:
        return dtype == "bool"
    if op in _FLOATING:
        return dtype.startswith("float")
    if dtype == "bool":
        return op in _OF_BOOLS or op == "add_all"
    return True


_HELPERS = '''\
@reordered
def plus(a, b):
    """A sum that may be taken in any order."""
    return a + b


@inlined
def larger(a, b):
    """The larger number, or NaN."""
    return where((a >= b) | (a != a), a, b)


@inlined
def smaller(a, b):
    """The smaller number, or NaN."""
    return where((a <= b) | (a != a), a, b)


@inlined
def power(x, p):
    """x to the power p."""
    return x * x if p == 2 else x**p


@inlined
def order_float32(x):
    """An integer that grows with x and is largest for NaN."""
    i = np.float32(where(x != x, np.float32(np.nan), x)).view(np.int32)
    return np.int32(i ^ np.int32((i >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@inlined
def ordered_float32(i):
    """The number that stands at this place."""
    i = np.int32(i ^ np.int32((i >> np.int32(31)) & np.int32(0x7FFFFFFF)))
    return np.int32(i).view(np.float32)


@inlined
def order_float64(x):
    """An integer that grows with x and is largest for NaN."""
    i = np.float64(where(x != x, np.float64(np.nan), x)).view(np.int64)
    return np.int64(i ^ ((i >> np.int64(63)) & np.int64(0x7FFFFFFFFFFFFFFF)))


@inlined
def ordered_float64(i):
    """The number that stands at this place."""
    i = np.int64(i ^ ((i >> np.int64(63)) & np.int64(0x7FFFFFFFFFFFFFFF)))
    return np.int64(i).view(np.float64)


@inlined
def order_int64(x):
    """x, which is its own place."""
    return x


@inlined
def ordered_int64(x):
    """x, which is its own place."""
    return x


@njit
def gather_rows(target, source, index, first, last, low, high, block):
    """target[n] = source[index[n]] for nodes n; nothing where the index is negative."""
    width = target.shape[1]
    for n in range(first, last):
        m = index[n]
        for q in range(low, high if m >= 0 else low):
            to, of = target[n * block + q], source[m * block + q]
            for j in range(width):
                to[j] = of[j]


@njit
def gather_numbers(target, source, index, first, last, low, high, block):
    """target[n] = source[index[n]] for nodes n; nothing where the index is negative."""
    for n in range(first, last):
        m = index[n]
        for q in range(low, high if m >= 0 else low):
            target[n * block + q] = source[m * block + q]


@njit
def scatter_rows(target, source, index, first, last, low, high, block):
    """target[index[n]] += source[n] for nodes n; nothing where it is negative."""
    width = target.shape[1]
    for n in range(first, last):
        m = index[n]
        for q in range(low, high if m >= 0 else low):
            to, of = target[m * block + q], source[n * block + q]
            for j in range(width):
                to[j] += of[j]


@njit
def scatter_numbers(target, source, index, first, last, low, high, block):
    """target[index[n]] += source[n] for nodes n; nothing where it is negative."""
    for n in range(first, last):
        m = index[n]
        for q in range(low, high if m >= 0 else low):
            target[m * block + q] += source[n * block + q]


@njit
def multiply_rows(tile, target, source, packed, first, last):
    """target[r] = source[r] @ weight for rows r, by tiles of about as many rows."""
    width, panel = target.shape[1], WIDTH // target.itemsize
    tiles = (last - first + ROWS - 1) // ROWS
    for column in range(0, width, panel):
        r = first
        for k in range(tiles, 0, -1):
            rows = (last - r + k - 1) // k
            used = min(panel, width - column)
            multiply_tile(tile, target, source, packed, r, rows, column, used)
            r += rows
'''


def _pasted(body: str) -> str:
    """A module's text: ``body`` after all the functions that it calls."""
    helpers, needed = [], set(re.findall(r"\w+", body))
    for text in reversed(_HELPERS.strip().split("\n\n\n")):
        name = text.split("def ")[1].split("(")[0]
        if name in needed:
            needed.update(re.findall(r"\w+", text))
            helpers.append(text)
    parts = [vectors.source(needed), *reversed(helpers), body]
    return "\n\n\n".join(part for part in parts if part) + "\n"


# --- chains as simple steps -----------------------------------------------------------


class _Value(NamedTuple):
    """A value of a lowered chain: an input (op ``None``) or a step."""

    op: str | None
    args: tuple[int, ...]
    kind: int
    dtype: str

    @property
    def wide(self) -> bool:
        return self.kind in (FULL, FEATURE)

    @property
    def once(self) -> bool:
        return self.kind in (FEATURE, SCALAR)


class _Lowered:
    """A chain with its compound ops taken apart, without what no output needs."""

    def __init__(self, chain: Chain):
        self.values = [_Value(None, (), *x) for x in chain.inputs]
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
        self.values.append(_Value(op, tuple(args), kind, dtype))
        return len(self.values) - 1

    def _lower(self, step: Step, args: list[int]) -> int:
        kind = self._kind(args)
        if step.op in REDUCTIONS:
            assert kind in (FULL, FEATURE), f"{step.op} of no axis"
            kind = ROW if kind == FULL else SCALAR
        assert kind == step.kind, f"{step.op} makes {kind}, not {step.kind}"
        if step.op in _COMPOUND:
            lower: Any = getattr(self, f"_{step.op}")
            made: int = lower(args, self._kind(args), step.kind, step.dtype)
            return made
        return self.add(step.op, args, step.kind, step.dtype)

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
        x = self.add("negative", args, kind, dtype)
        return self.add("negative", [self.add("amax", [x], made, dtype)], made, dtype)

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


# --- the text of a chain --------------------------------------------------------------


class _Writer:
    """The text of a chain's function.

    What does not depend on the row comes once, then the rest for each row.  Within
    each part, reductions divide the steps into phases; the wide steps of a phase are
    one loop.  A wide value of an earlier phase is computed again if it is cheap, else
    kept: in the output's row, or in a row of its own.
    """

    def __init__(self, chain: Chain, name: str, alone: bool):
        self.chain, self.name, self.alone = chain, name, alone
        self.lowered = _Lowered(chain)
        self.values, self.lines = self.lowered.values, list[str]()
        self.phase = [0] * len(self.values)
        self.loops: dict[tuple[bool, int], list[int]] = {}
        self._set_phases()
        self.kept = self._kept()

    def _set_phases(self) -> None:
        for k, v in enumerate(self.values):
            within = [a for a in v.args if self.values[a].once == v.once]
            reduces = v.op in _REDUCTIONS
            self.phase[k] = max((self.phase[a] for a in within), default=0) + reduces

    def sinks(self, once: bool, phase: int) -> list[int]:
        """The wide values that a loop must compute, without those only kept."""
        found = []
        for k in sorted(self.lowered.live):
            v = self.values[k]
            if v.op in _REDUCTIONS and v.once == once and self.phase[k] == phase + 1:
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
        return self.phase[k] < phase and v.op in _COSTLY

    def phases(self, once: bool) -> int:
        """How many phases a part has."""
        mine = [self.phase[k] for k in self.lowered.live if self.values[k].once == once]
        return max(mine, default=-1) + 1

    def text(self) -> str:
        """The text of the function."""
        arrays = self.chain.arrays()
        names = [f"x{k}" for k in range(len(self.chain.inputs))]
        names += [f"y{k}" for k in range(len(self.chain.outputs))]
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
                self.write(self._read(f"o{k}", "", f"y{k}", v.kind))
        if once:
            for k in sorted(self.kept - set(self.lowered.outputs)):
                self.write(f"k{k} = np.empty(width, {_TYPES[self.values[k].dtype]})")

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
            if v.op is not None and v.op not in _REDUCTIONS:
                self.write(f"v{k} = {self._expression(v)}")
            for n, place in enumerate(self.lowered.outputs):
                if place == k:
                    self.write(f"y{n}[{'()' if once else 'r'}] = v{k}")

    def _loop(self, once: bool, phase: int) -> None:
        """The wide steps of a phase, as one loop over the width."""
        live = self._of(self.lowered.live, once, phase + 1)
        totals = [k for k in live if self.values[k].op in _REDUCTIONS]
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

    def _start(self, v: _Value) -> str:
        if v.op == "asum":
            return f"{_TYPES[v.dtype]}(0)"
        if v.dtype == "int64":
            return "np.int64(-(1 << 63))"
        return f"order_{v.dtype}({_TYPES[v.dtype]}(-np.inf))"

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
        return f"(v{k} != 0)" if dtype == "bool" else f"{_TYPES[dtype]}(v{k})"

    def _expression(self, v: _Value) -> str:
        """What a step computes, of its args' numbers."""
        assert v.op is not None
        given = [self.values[a].dtype for a in v.args]
        if v.op in _LOGIC:
            return _LOGIC[v.op].format(*[self.cast(a, "bool") for a in v.args])
        if v.op in _COMPARISONS:
            common = np.result_type(*given).name
            return _COMPARISONS[v.op].format(*[self.cast(a, common) for a in v.args])
        dtypes = [v.dtype] * len(given)
        if v.op == "where":
            dtypes[0] = "bool"
        table = _OF_BOOLS if v.dtype == "bool" else _ARITHMETIC
        args = [self.cast(a, dtype) for a, dtype in zip(v.args, dtypes)]
        return table[v.op].format(*args, t=v.dtype, T=_TYPES[v.dtype])


class _Body:
    """The lines of one loop over the width."""

    def __init__(self, writer: _Writer, once: bool, phase: int):
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


# --- kernels --------------------------------------------------------------------------


def _numba_type(kind: int, dtype: str, written: bool) -> str:
    """The type of an array, as numba writes it; one that is read may be read-only."""
    dtype = "boolean" if dtype == "bool" else dtype
    return f"Array({dtype}, {AXES[kind]}, 'C', readonly={not written})"


_INDEX = "Array(int64, 1, 'C', readonly=True)"


def bulk(chain: Chain) -> Callable[..., None]:
    """The function ``f(first, last, width, at, *inputs, *outputs)`` of a chain.

    It runs the chain for rows first..last-1.  Arrays are C-contiguous, inputs may be
    read-only; FULL is 2-D, ROW and FEATURE 1-D, SCALAR 0-D.  ``at`` is an int64 array
    with, for each FULL or FEATURE array in order, the column where it starts: columns
    start..start+width-1 are read or written.  The caller sees to it that they exist,
    and that no output overlaps another array.  Arrays of other types, numbers of
    dimensions or layouts raise TypeError.
    """
    found: Callable[..., None] | None = _kernels.get(chain)
    if found is None:
        found = _kernels[chain] = function(*_bulk_source(chain))
    return found


def bulk_text(chain: Chain) -> str:
    """The source of a chain's kernel."""
    return _pasted(_Writer(chain, "kernel", alone=True).text())


def _bulk_source(chain: Chain) -> tuple[str, str, str]:
    inputs = [_numba_type(*x, written=False) for x in chain.inputs]
    outputs = [_numba_type(*x, written=True) for x in chain.written()]
    types = ["int64", "int64", "int64", _INDEX, *inputs, *outputs]
    return bulk_text(chain), "kernel", ", ".join(types)


def is_loaded(kernel: Chain | Loop) -> bool:
    """Whether the machine code of a kernel is in memory."""
    return kernel in _kernels


def is_stored(kernel: Chain | Loop) -> bool:
    """Whether the machine code of a kernel is in memory or on disk."""
    if is_loaded(kernel):
        return True
    if isinstance(kernel, Loop):
        return stored(*_loop_source(kernel))
    return stored(*_bulk_source(kernel))


def loop(spec: Loop) -> Callable[..., None]:
    """The function of a recursion.

    ``f(starts, stops, low, high, block, tile, at, widths, *indices, *arrays)`` runs
    level after level, with the tiles for its products at the address ``tile``:
    level l has the nodes starts[l]..stops[l]-1, each with ``block`` rows, of which it
    computes those from ``low`` to ``high`` (node n has the rows n*block+low..
    n*block+high-1; where that is not all of them, a level has at most one node).
    starts, stops, at, widths and each of the
    indices are 1-D arrays of int64; widths[k] is the width of the k-th ``Apply``.
    FULL arrays are 2-D with a row for each row of a node, ROW arrays 1-D; FEATURE
    (1-D), SCALAR (0-D) and PACKED (1-D) arrays are whole, all C-contiguous.  Arrays
    that no item writes may be read-only.  What is written may be read by later items
    and levels; no array overlaps another, nor has an item the same array as both what
    it reads and what it writes, but for ``Gather`` and ``Scatter`` between different
    rows.  Rows are not bounded: the caller sees to it that all are inside.
    """
    found: Callable[..., None] | None = _kernels.get(spec)
    if found is None:
        found = _kernels[spec] = function(*_loop_source(spec))
    return found


def loop_text(spec: Loop) -> str:
    """The source of a loop's kernel."""
    chains = [item.chain for item in spec.items if isinstance(item, Apply)]
    names = {chain: f"chain{k}" for k, chain in enumerate(dict.fromkeys(chains))}
    given = ["starts", "stops", "low", "high", "block", "tile", "at", "widths"]
    given += [f"index{k}" for k in range(spec.indices)]
    given += [f"x{k}" for k in range(len(spec.arrays))]
    lines = [
        f"def kernel({', '.join(given)}):",
        "    for level in range(len(starts)):",
        "        a, b = starts[level], stops[level]",
        "        first, last = a * block + low, (b - 1) * block + high",
        *[f"        {call}" for call in _calls(spec, names)],
    ]
    texts = [_Writer(chain, name, alone=False).text() for chain, name in names.items()]
    return _pasted("\n\n\n".join([*texts, "\n".join(lines)]))


def _calls(spec: Loop, names: dict[Chain, str]) -> Iterator[str]:
    """The line that runs each item."""
    count = 0
    for item in spec.items:
        if isinstance(item, Apply):
            starts = ["0" if k < 0 else f"at[{k}]" for k in item.starts]
            each = [f"x{k}" for k in (*item.inputs, *item.outputs)]
            given = ", ".join([f"widths[{count}]", *starts, *each])
            yield f"{names[item.chain]}(first, last, {given})"
            count += 1
        elif isinstance(item, Dot):
            given = ", ".join(f"x{k}" for k in item)
            yield f"multiply_rows(tile, {given}, first, last)"
        else:
            verb = "gather" if isinstance(item, Gather) else "scatter"
            what = "rows" if spec.arrays[item.target].kind == FULL else "numbers"
            given = f"x{item.target}, x{item.source}, index{item.places}"
            yield f"{verb}_{what}({given}, a, b, low, high, block)"


def _loop_source(spec: Loop) -> tuple[str, str, str]:
    written: set[int] = set()
    for item in spec.items:
        written |= {*item.outputs} if isinstance(item, Apply) else {item.target}
    numbers = [_INDEX, _INDEX, *["int64"] * 4, _INDEX, _INDEX]
    types = [*numbers, *[_INDEX] * spec.indices]
    types += [_numba_type(*x, written=k in written) for k, x in enumerate(spec.arrays)]
    return loop_text(spec), "kernel", ", ".join(types)
