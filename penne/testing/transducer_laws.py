"""The laws of transducers.

This module imports ``compute``, ``doorway``, ``files``, ``graph``, ``layers``, ``ops``,
``randomness``, ``recurrent``, ``settings``, ``batched``, ``gradients`` and ``laws``.
"""

import copy
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..compute import Values, compute_gradients
from ..doorway import current, plain
from ..files import load, save
from ..graph import Expression, Parameter
from ..layers import insizes
from ..ops import asum
from ..randomness import training
from ..recurrent import Map, Stack, Transducer
from ..settings import default_dtype
from .batched import batching
from .gradients import NothingChecked, check_gradient, floating
from .laws import Broken, Law, Report, close, examine, made_by, same

Array = np.ndarray[Any, Any]
HALVES = st.integers(-4, 4).map(lambda n: n / 2)


class Subject(NamedTuple):
    """A transducer and the strategy of its inputs: ``inputs(batch)`` makes one step's
    input with these leading axes."""

    transducer: Any
    inputs: Callable[[tuple[int, ...]], st.SearchStrategy[Any]]


class Text(NamedTuple):
    """A sequence of inputs."""

    inputs: list[Any]


class Cut(NamedTuple):
    """A sequence, other inputs, and the place where one gives way to the other."""

    inputs: list[Any]
    others: list[Any]
    place: int


class Texts(NamedTuple):
    """Sequences of one length: a batch."""

    sequences: list[list[Any]]


# --- inputs ---------------------------------------------------------------------------


def step_inputs(insize: Any) -> Callable[[tuple[int, ...]], st.SearchStrategy[Any]]:
    """A strategy of inputs for ``insize``, as ``Layer`` takes it, given a batch."""
    sizes = insizes(insize)

    def one(n: Any, batch: tuple[int, ...]) -> st.SearchStrategy[Any]:
        if n == "diag":
            raise ValueError('check_transducer: insize is n or -n, not "diag"')
        if n > 0:
            return hnp.arrays(np.float64, (*batch, n), elements=HALVES)
        symbols = st.integers(0, -n - 1)
        return symbols if not batch else hnp.arrays(np.int64, batch, elements=symbols)

    @cache
    def made(batch: tuple[int, ...]) -> st.SearchStrategy[Any]:
        parts = [one(n, batch) for n in sizes]
        return parts[0] if len(parts) == 1 else st.tuples(*parts)

    return made


def texts(subject: Subject, least: int = 0) -> st.SearchStrategy[Text]:
    """Sequences of ``least`` to 4 inputs."""
    return st.builds(Text, st.lists(subject.inputs(()), min_size=least, max_size=4))


@st.composite
def cuts(draw: Any, subject: Subject) -> Cut:
    """Two sequences of one length and a place in them."""
    both = st.tuples(subject.inputs(()), subject.inputs(()))
    place = draw(st.integers(0, 3))
    one, two = zip(*draw(st.lists(both, min_size=1, max_size=4)))
    return Cut(list(one), list(two), min(place, len(one) - 1))


@st.composite
def batches(draw: Any, subject: Subject) -> Texts:
    """One to three sequences of one length."""
    count = draw(st.integers(1, 3))
    step = st.tuples(*[subject.inputs(())] * count)
    steps = draw(st.lists(step, min_size=1, max_size=3))
    return Texts([list(sequence) for sequence in zip(*steps)])


def stacked(sequences: list[list[Any]]) -> list[Any]:
    """Sequences as one sequence of batches."""

    def joined(parts: Any) -> Any:
        if isinstance(parts[0], tuple):
            return tuple(map(joined, zip(*parts)))
        return np.stack(parts)

    return [joined(step) for step in zip(*sequences)]


# --- outputs --------------------------------------------------------------------------


def arrays(outputs: Any) -> list[Array]:
    """Every array in what ``transduce`` gave, in order."""
    found = _leaves(outputs)
    expressions = [y for y in found if isinstance(y, Expression)]
    values: Values = {}
    current().evaluate(expressions, values, False)  # all at once: they share much
    return [np.asarray(values[y] if isinstance(y, Expression) else y) for y in found]


def _leaves(outputs: Any) -> list[Any]:
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, (list, tuple)):
        return [y for part in outputs for y in _leaves(part)]
    return [outputs]


def each(outputs: Iterable[Any]) -> list[list[Array]]:
    """The arrays of each step's outputs."""
    outputs = list(outputs)
    found = iter(arrays(outputs))
    return [list(islice(found, len(_leaves(y)))) for y in outputs]


def run(r: Any, inputs: list[Any]) -> list[list[Array]]:
    """For each step from the state r is in, its outputs' arrays."""
    return each([r.step(x) for x in inputs])


def from_start(r: Any, inputs: list[Any]) -> list[list[Array]]:
    """For each step from the start, its outputs' arrays; of one that reads ahead, and
    so cannot step, as ``transduce`` gives them."""
    if not r.causal:
        return each(r.transduce(list(inputs)))
    r.start()
    return run(r, inputs)


def causal(subject: Subject) -> bool:
    """Whether it can step."""
    return bool(subject.transducer.causal)


def agree(found: Any, expected: Any, what: str, equal: Any = same) -> None:
    """Broken where the arrays of two runs differ."""
    if len(found) != len(expected):
        raise Broken(f"{what}: {len(found)} outputs and not {len(expected)}")
    for k, (ys, zs) in enumerate(zip(found, expected)):
        for y, z in zip(ys, zs, strict=True):
            equal(y, z, f"{what}, output {k}")


# --- laws -----------------------------------------------------------------------------


def _steps(subject: Subject, case: Text) -> None:
    r = subject.transducer
    with plain():
        found = each(r.transduce(list(case.inputs)))
        agree(found, from_start(r, case.inputs), "transduce against start and steps")


def _causality(subject: Subject, case: Cut) -> None:
    r, k = subject.transducer, case.place
    mixed = case.inputs[:k] + case.others[k:]
    with plain():
        one, two = r.transduce(list(case.inputs)), r.transduce(list(mixed))
        what = f"input {k} was changed"
        agree(each(two[:k]), each(one[:k]), what)


def _batches(subject: Subject, case: Texts) -> None:
    r = subject.transducer
    together = from_start(r, stacked(case.sequences))
    for b, inputs in enumerate(case.sequences):
        alone = from_start(r, inputs)
        for k, (ys, zs) in enumerate(zip(together, alone)):
            for y, z in zip(ys, zs):
                part = y[b] if y.ndim > z.ndim else y
                close(part, z, f"example {b} of the batch and alone, output {k}")


def _forgets(subject: Subject, case: Cut) -> None:
    r = subject.transducer
    with plain():
        fresh = from_start(r, case.inputs)
        from_start(r, case.others[: case.place + 1])
        agree(from_start(r, case.inputs), fresh, "after another sequence")


def _resumes(subject: Subject, case: Cut) -> None:
    r, k = subject.transducer, case.place
    with plain():
        r.start()
        run(r, case.inputs[:k])
        state = r.state
        expected = run(r, case.inputs[k:])
        from_start(r, case.others)
        r.state = state
        what = f"taken back to its state after {k} steps"
        agree(run(r, case.inputs[k:]), expected, what)


def _composes(subject: Subject, case: Text) -> None:
    r = subject.transducer
    with plain():
        alone = from_start(r, case.inputs)
        for stack in (Stack(r), Stack(Stack(), r), Stack(Map(_itself), Stack(r))):
            found = each(stack.transduce(list(case.inputs)))
            agree(found, alone, "in a stack with what changes nothing")
        after = each(_twice(y) for y in r.transduce(list(case.inputs)))
        nested = Stack(Stack(r, Map(_twice)), Map(_itself))
        for stack in (Stack(r, Map(_twice)), nested):
            found = each(stack.transduce(list(case.inputs)))
            agree(found, after, "Stack(r, Map(f)) against f of each output")


def _itself(x: Any) -> Any:
    return x


def _twice(y: Any) -> Any:
    if isinstance(y, (list, tuple)):
        return [_twice(part) for part in y]
    return y * 2.0 if isinstance(y, Expression) and y.floating else y


def _executors(subject: Subject, case: Texts) -> None:
    r, found = subject.transducer, []
    for way in (plain, batching):
        with way():
            outputs = r.transduce(stacked(case.sequences))
            parts = [r.transduce(list(inputs)) for inputs in case.sequences]
            loss = _loss([outputs, *parts])
            gradients = compute_gradients(loss) if loss is not None else {}
            found.append((arrays([outputs, *parts]), gradients))
    (ys, one), (zs, two) = found
    for k, (y, z) in enumerate(zip(ys, zs, strict=True)):
        close(z, y, f"batched and op by op, output {k}")
    for path, p in r.parameters().items():
        if (p in one) != (p in two):
            raise Broken(f"only one executor finds a gradient of {path}")
        if p in one:
            close(two[p], one[p], f"batched and op by op, the gradient of {path}")


def _loss(outputs: Any) -> Expression | None:
    """A number made of all outputs that are floating, or None."""
    terms = [asum(y * y) for y in floating(outputs)]
    return sum(terms[1:], terms[0]) if terms else None


def _gradient(subject: Subject, case: Text) -> None:
    r, single = subject.transducer, _is_float32(subject.transducer)
    given = _parameters(case.inputs, np.float32 if single else np.float64)

    def outputs(*given: Any) -> Any:
        return r.transduce(_filled(case.inputs, iter(given)) if given else case.inputs)

    outputs.__name__ = type(r).__name__
    try:
        found = floating(outputs(*given))
    except TypeError:  # it takes numbers, as others take symbols
        found, given = floating(outputs()), []
    assume(found and (given or r.parameters()))
    try:
        check_gradient(outputs, *given, order=1, projections=2, float32=single)
    except NothingChecked:
        assume(False)


def _parameters(inputs: Any, dtype: Any) -> list[Parameter]:
    """A parameter for each floating array of inputs."""
    if isinstance(inputs, (list, tuple)):
        return [p for x in inputs for p in _parameters(x, dtype)]
    array = np.asarray(inputs)
    return [Parameter(array.astype(dtype))] if array.dtype.kind == "f" else []


def _filled(inputs: Any, given: Iterator[Any]) -> Any:
    """Inputs with what is given in place of their floating arrays."""
    if isinstance(inputs, (list, tuple)):
        return type(inputs)([_filled(x, given) for x in inputs])
    return next(given) if np.asarray(inputs).dtype.kind == "f" else inputs


def _is_float32(r: Any) -> bool:
    return any(p.dtype == np.float32 for p in r.parameters().values())


def _saved(subject: Subject, case: Text) -> None:
    r = subject.transducer
    with plain(), tempfile.TemporaryDirectory() as folder:
        expected = from_start(r, case.inputs)
        path = Path(folder) / "parameters.npz"
        save(r, path)
        before = {p: p.value.copy() for p in r.parameters().values()}
        try:
            for p in before:
                p.value = p.value + 1
            load(path, r)
            agree(from_start(r, case.inputs), expected, "after save and load")
        finally:
            for p, value in before.items():
                p.value = value


def _copies(
    subject: Subject, case: Cut, copied: Callable[[Any], Any], shares: bool = False
) -> None:
    r, k = subject.transducer, case.place if subject.transducer.causal else 0
    with plain():
        expected = from_start(r, case.inputs)
        r.start()
        run(r, case.inputs[:k])
        one, two = copied(r), copied(r)
        agree(from_start(two, case.inputs), expected, f"copied after {k} steps")
        if r.causal:
            rest = case.inputs[k:], expected[k:]
            for which, x in (("the original", r), ("another copy", one)):
                agree(run(x, rest[0]), rest[1], f"{which} goes on after a copy ran")
    theirs, mine = ({*x.parameters().values()} for x in (one, r))
    if shares and theirs != mine:
        raise Broken("the copy has other parameters than its original")
    if not shares and theirs & mine:
        raise Broken("the copy shares parameters with its original")
    states = sorted(one.state), sorted(r.state)
    if states[0] != states[1]:
        raise Broken("the copy has the state {}, its original {}".format(*states))


LAWS = [
    Law("steps", "transduce is start and a step for each input", texts, _steps, causal),
    Law("causality", "an output depends on no later input", cuts, _causality, causal),
    Law("batches", "examples in a batch do not see each other", batches, _batches),
    Law("start", "start forgets what was before", cuts, _forgets),
    Law("state", "a state saved and restored resumes exactly", cuts, _resumes, causal),
    Law("composition", "a stack is the composition of its parts", texts, _composes),
    Law("executors", "both executors give the same numbers", batches, _executors),
    Law(
        "gradient",
        "its gradients are derivatives",
        lambda subject: texts(subject, least=1),
        _gradient,
    ),
    Law("saving", "its parameters survive saving", texts, _saved),
    Law(
        "copy",
        "a copy has a state of its own and the same parameters",
        cuts,
        lambda subject, case: _copies(subject, case, copy.copy, shares=True),
    ),
    Law(
        "deepcopy",
        "a deep copy gives the same outputs",
        cuts,
        lambda subject, case: _copies(subject, case, copy.deepcopy),
    ),
    Law(
        "pickle",
        "a pickle gives the same outputs",
        cuts,
        lambda subject, case: _copies(
            subject, case, lambda r: pickle.loads(pickle.dumps(r))
        ),
    ),
]


def check_transducer(
    make: Callable[[], Any],
    *,
    insize: Any = 3,
    inputs: Callable[[tuple[int, ...]], st.SearchStrategy[Any]] | None = None,
    without: Iterable[str] = (),
    examples: int = 20,
) -> Report:
    """Try the laws of transducers on what ``make()`` makes, with float64 parameters:

    ``steps``: transduce is start and a step for each input · ``causality``: an output
    depends on no later input · ``batches``: examples in a batch do not see each other
    · ``start`` forgets · ``state``: saved and restored, it resumes exactly ·
    ``composition``: a stack is the composition of its parts · ``executors``: both give
    the same numbers and gradients · ``gradient``: those of parameters, and of inputs
    if they are floating and may be expressions, are derivatives ·
    ``saving``: parameters survive it · ``copy``: has a state of its own, the same
    parameters · ``deepcopy``, ``pickle``: go on alike, with the same attributes as
    state and parameters of their own.

    ``insize``: what an input is, as ``Layer`` takes it: n for a vector, -n for a symbol
    below n, a list for tuples of them; or ``inputs(batch)``, a strategy that makes one
    input with the leading axes ``batch``.  ``without``: the names of laws that are not
    meant to hold.  Dropout is off.

    Returns a Report; raises AssertionError where laws are broken, for each a sentence
    with the smallest input found that breaks it.

    >>> from penne import Simple
    >>> report = check_transducer(lambda: Simple(3, 2, rng=0), examples=3)
    >>> len(report), report.broken
    (12, [])
    """
    report = transducer_report("", make, insize, inputs, without, examples)
    return report.checked()


def transducer_report(
    name: str,
    make: Callable[[], Any],
    insize: Any = 3,
    inputs: Any = None,
    without: Iterable[str] = (),
    examples: int = 20,
) -> Report:
    """The same as a report alone."""
    with default_dtype("float64"), training(False):
        made = made_by(make, Transducer, "check_transducer", "transducer")
        if inputs is not None and not callable(inputs):
            own = f"got {type(inputs).__name__}; write lambda batch: before it"
            raise TypeError(f"check_transducer: inputs(batch) is a strategy, {own}")
        subject = Subject(made, step_inputs(insize) if inputs is None else inputs)
        return examine(name or type(made).__name__, subject, LAWS, examples, without)
