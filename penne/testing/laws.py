"""Laws, the search for the smallest input that breaks one, and what is reported.

This module imports hypothesis.
"""

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException, Unsatisfiable, UnsatisfiedAssumption

from ..graph import Expression

ROUNDING = {"float64": 1e-13, "float32": 4e-6, "float16": 1e-2}  # part of a number


class Broken(AssertionError):
    """What was seen where a law does not hold."""


class Law(NamedTuple):
    """What holds for every subject of a kind that it ``applies`` to: a name, the
    sentence, a strategy for inputs made for a subject, and a check that raises where it
    does not hold, given a copy of an input to do with as it likes."""

    name: str
    says: str
    cases: Callable[[Any], st.SearchStrategy[Any]]
    check: Callable[[Any, Any], None]
    applies: Callable[[Any], Any] = lambda subject: True


@dataclass(frozen=True)
class Outcome:
    """What came of one law for one subject; ``broken`` is the sentence, or "" where it
    holds or, with no ``cases``, says nothing of this subject."""

    subject: str
    law: str
    cases: int
    seconds: float
    broken: str = ""

    @property
    def verdict(self) -> str:
        """In a word."""
        return "BROKEN" if self.broken else "holds" if self.cases else "does not apply"


class Report(list[Outcome]):
    """Outcomes; as text, one line for each."""

    def __str__(self) -> str:
        wide = max((len(f"{o.subject}  {o.law}") for o in self), default=0)
        return "\n".join(
            f"{o.subject}  {o.law}".ljust(wide)
            + f"  {o.cases:5d} inputs  {o.verdict}"
            + (f"\n  {o.broken}" if o.broken else "")
            for o in self
        )

    @property
    def broken(self) -> list[str]:
        """The sentences of the laws that do not hold."""
        return [o.broken for o in self if o.broken]

    def checked(self) -> "Report":
        """This report, or an AssertionError of all that is broken."""
        if self.broken:
            raise Broken("\n\n".join(self.broken))
        return self


def examine(
    name: str,
    subject: Any,
    laws: Iterable[Law],
    examples: int,
    without: Iterable[str] = (),
) -> Report:
    """Each law but those named in ``without``, on up to ``examples`` inputs."""
    if examples < 1:
        raise ValueError(f"examples: at least 1 is tried, got {examples}")
    laws = list(laws)
    without = {without} if isinstance(without, str) else set(without)
    unknown = without - {law.name for law in laws}
    if unknown:
        known = ", ".join(law.name for law in laws)
        raise ValueError(f"without: no law {sorted(unknown)[0]!r} here; {known}")
    found = {
        outcome.law: outcome
        for some in alike(law for law in laws if law.name not in without)
        for outcome in together(name, subject, some, examples)
    }
    return Report(found[law.name] for law in laws if law.name in found)


def alike(laws: Iterable[Law]) -> list[list[Law]]:
    """Laws that are tried on the same inputs, side by side."""
    found: dict[Any, list[Law]] = {}
    for law in laws:
        found.setdefault(law.cases, []).append(law)
    return list(found.values())


def together(
    name: str, subject: Any, laws: list[Law], examples: int
) -> Iterable[Outcome]:
    """Laws that are ``alike``: each input is drawn once for all of them.  Where one is
    broken, each is tried by itself."""
    asked = [law for law in laws if law.applies(subject)]
    if len(asked) > 1:
        whole = tried(name, subject, _joined(asked), examples, shrink=False)
        if not whole.broken:
            part = replace(whole, seconds=whole.seconds / len(asked))
            none = Outcome(name, "", 0, 0.0)
            return [replace(part if x in asked else none, law=x.name) for x in laws]
    return [tried(name, subject, law, examples) for law in laws]


def _joined(laws: list[Law]) -> Law:
    def check(subject: Any, case: Any) -> None:
        for law in laws:
            law.check(subject, copy.deepcopy(case))

    return Law("all of these", "all of these hold", laws[0].cases, check)


def tried(
    name: str, subject: Any, law: Law, examples: int, shrink: bool = True
) -> Outcome:
    """One law, tried on many inputs; where one breaks it, on ever smaller ones."""
    if not law.applies(subject):
        return Outcome(name, law.name, 0, 0.0)
    seen = _Seen(subject, law)

    def run(case: Any) -> None:  # short: hypothesis reads its source, twice for a law
        seen.tried_on(case)

    test = _quiet(examples, shrink)(given(law.cases(subject))(run))
    start = time.perf_counter()
    try:
        test()
    except Unsatisfiable:
        pass  # this law says nothing of this subject
    except (HypothesisException, Exception) as error:
        return Outcome(
            name, law.name, seen.count, time.perf_counter() - start,
            seen.sentence(name, error),
        )  # fmt: skip
    return Outcome(name, law.name, seen.count, time.perf_counter() - start)


class _Seen:
    """How many inputs there were, and the last that broke the law."""

    def __init__(self, subject: Any, law: Law):
        self.subject, self.law = subject, law
        self.count = 0
        self.case: Any = None
        self.error: Exception | None = None

    def tried_on(self, case: Any) -> None:
        """One input more."""
        self.count += 1
        try:
            self.law.check(self.subject, copy.deepcopy(case))
        except UnsatisfiedAssumption:
            self.count -= 1
            raise
        except Exception as error:
            self.case, self.error = case, error
            raise

    def sentence(self, name: str, error: Exception) -> str:
        wrong = self.error or error
        seen = str(wrong) or type(wrong).__name__
        if not isinstance(wrong, AssertionError):
            seen = f"{type(wrong).__name__}: {seen}"
        small = f" The smallest input found: {shown(self.case)}." if self.error else ""
        return f"{name} breaks the law that {self.law.says}: {seen.rstrip('.')}.{small}"


def _quiet(examples: int, shrink: bool) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
    )


def shown(thing: Any) -> str:
    """A case as text: arrays as nested lists, with their dtype where it is not
    float64."""
    if isinstance(thing, np.ndarray) and not thing.size:
        return f"[] of shape {thing.shape}"
    if isinstance(thing, (np.ndarray, np.generic)):
        text, kind = _numbers(thing.tolist()), thing.dtype.name
        return text if kind in ("float64", "int64", "bool") else f"{text} ({kind})"
    if isinstance(thing, (list, tuple)) and not hasattr(thing, "_fields"):
        inside = ", ".join(map(shown, thing))
        return f"[{inside}]" if isinstance(thing, list) else f"({inside})"
    if hasattr(thing, "_fields"):
        pairs = zip(thing._fields, thing)
        return ", ".join(f"{name} = {shown(x)}" for name, x in pairs if _says(x))
    if isinstance(thing, dict):
        return ", ".join(f"{name}={shown(x)}" for name, x in thing.items())
    return repr(thing) if not isinstance(thing, Expression) else str(thing)


def _says(x: Any) -> bool:
    return not (isinstance(x, (dict, set)) and not x)


def _numbers(numbers: Any) -> str:
    if isinstance(numbers, list):
        return f"[{', '.join(map(_numbers, numbers))}]"
    return f"{numbers:.6g}" if isinstance(numbers, float) else str(numbers)


def made_by(make: Any, kind: type, check: str, noun: str) -> Any:
    """What ``make()`` makes, a ``kind``; or TypeError."""
    if not callable(make):
        raise TypeError(
            f"{check}: takes a function that makes a {noun}, got "
            f"{type(make).__name__}; write lambda: before it"
        )
    try:
        made = make()
    except TypeError as error:
        if isinstance(make, type):
            own = f"{make.__name__}() is no {noun}; write lambda: {make.__name__}(...)"
            raise TypeError(f"{check}: {own}") from error
        raise
    if not isinstance(made, kind):
        raise TypeError(f"{check}: make() gives a {noun}, got {type(made).__name__}")
    return made


def same(found: Any, expected: Any, what: str) -> None:
    """Broken unless two arrays are the same to the bit; ``what`` says what they are."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape or found.dtype != expected.dtype:
        kinds = (f"{a.dtype} of shape {a.shape}" for a in (found, expected))
        raise Broken(f"{what}: {' and not '.join(kinds)}")
    if not np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"):
        raise Broken(f"{what}: {_where(found, expected)}")


def close(found: Any, expected: Any, what: str, dtype: Any = None) -> None:
    """Broken unless two arrays are equal to the rounding of the coarser dtype."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise Broken(f"{what}: shape {found.shape} and not {expected.shape}")
    if "f" not in found.dtype.kind + expected.dtype.kind:
        same(found.astype(expected.dtype), expected, what)
        return
    dtypes = [np.dtype(dtype or np.float64), found.dtype, expected.dtype]
    part = max(ROUNDING[d.name] for d in dtypes if d.kind == "f")
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    near = np.isclose(found, expected, rtol=part, atol=part * scale, equal_nan=True)
    if not near.all():
        raise Broken(f"{what}: {_where(found, expected, ~near)}")


def _where(found: Any, expected: Any, away: Any = None) -> str:
    away = (found != expected) if away is None else away
    at = tuple(int(i) for i in np.argwhere(away)[0]) if found.ndim else ()
    place = f" at {list(at)}" if at else ""
    short = [f"{x[at]:.10g}" for x in (found, expected)]
    if short[0] == short[1]:
        short = [str(x[at]) for x in (found, expected)]
    return f"{' and not '.join(short)}{place}"
