"""The laws of trainers.

This module imports ``doorway``, ``files``, ``graph``, ``layers``, ``modules``, ``ops``,
``optimize.trainer``, ``settings`` and ``laws``.
"""

import tempfile
from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from ..doorway import plain
from ..files import load, save
from ..graph import Expression, constant, parameter
from ..layers import Layer
from ..modules import Module
from ..ops import add, asum, one_hot, tanh
from ..optimize.trainer import Trainer
from ..settings import default_dtype
from .laws import Broken, Law, Report, close, examine, made_by, same

Array = np.ndarray[Any, Any]
MOST_STEPS = 3000  # to come near the optimum of a quadratic
NEAR = 0.05  # of the distance at the start
WHOLE = st.integers(-3, 3).map(float)


class Subject(NamedTuple):
    """What makes a trainer, and its paper's algorithm, where that is known."""

    make: Callable[[], Any]
    paper: Callable[..., Any] | None


class Slopes(NamedTuple):
    """The gradients that a vector gets, one at each step."""

    gradients: list[list[float]]


class Run(NamedTuple):
    """Texts for a small network, one for each step, and after how many it is saved."""

    texts: list[list[int]]
    saved: int


class Optimum(NamedTuple):
    """Where the quadratic is least; the start is 0."""

    at: list[float]


slopes = st.builds(
    Slopes,
    st.lists(
        st.one_of(st.just([0.0, 0.0]), st.lists(WHOLE, min_size=2, max_size=2)),
        min_size=1,
        max_size=5,
    ),
)
texts = st.lists(st.integers(0, 4), min_size=1, max_size=3)
runs = st.lists(texts, min_size=1, max_size=4).flatmap(
    lambda found: st.builds(Run, st.just(found), st.integers(0, len(found) - 1))
)
optima = st.sampled_from([[1.0, 0.0], [0.0, 1.0], [-2.0, 1.0]]).map(Optimum)


class Network(Module):
    """Two layers, made in either order; the first looks symbols up."""

    def __init__(self, backwards: bool = False):
        if backwards:
            self.second = Layer(3, 2, rng=2)
        self.first = Layer(-5, 3, rng=1)
        if not backwards:
            self.second = Layer(3, 2, rng=2)

    def loss(self, text: list[int], dense: bool = False) -> Expression:
        """A number that depends on every parameter, and on rows looked up."""
        W, b = self.first.weights[0], self.parameters()["first.bias"]
        rows = [one_hot(i, 5) @ W if dense else W[i] for i in text]
        hidden = [tanh(row + b) for row in rows]
        return reduce(add, [asum(self.second(h) ** 2) for h in hidden], asum(b**2))

    def values(self) -> dict[str, Array]:
        """The parameters' values now."""
        return {path: p.value.copy() for path, p in self.names().items()}


# --- laws -----------------------------------------------------------------------------


STARTS = [  # what is trained with a vector's gradients: of every rank, of both dtypes
    np.array([1.0, -2.0]),
    np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]]),
    np.array(2.0),
    np.array([1.0, -2.0], np.float32),
]


def _zero(subject: Subject, case: Slopes) -> None:
    """With a paper, what it says at every step; without, at the first."""
    steps = case.gradients if subject.paper else [[0.0, 0.0]]
    for start in STARTS:
        trainer, p = subject.make(), parameter(start)
        what = f"the parameter of shape {p.shape} and {p.dtype}"
        twin, memory = p.value.copy(), {}
        for t, (one, two) in enumerate(steps, 1):
            g = np.resize(np.array([one, two], p.dtype), p.shape)
            memory["p"] = twin
            if subject.paper:
                twin = twin - subject.paper(g, memory, t)
            elif trainer.decoupled:
                twin = twin * (1 - trainer._rate(0) * trainer.weight_decay)
            trainer.receive(asum(p * constant(g)))
            close(p.value, twin, f"{what} after step {t}", p.dtype)


def _resumes(subject: Subject, case: Run) -> None:
    whole, trainer = Network(), subject.make()
    _train(whole, trainer, case.texts)
    part, other = Network(), subject.make()
    _train(part, other, case.texts[: case.saved])
    again, third = Network(), subject.make()
    with tempfile.TemporaryDirectory() as folder:
        save(part, Path(folder) / "state.npz", trainer=other)
        load(Path(folder) / "state.npz", again, trainer=third)
    _train(again, third, case.texts[case.saved :])
    _equal(again, whole, same, "resumed and in one go")


def _order(subject: Subject, case: Run) -> None:
    one, two = Network(), Network(backwards=True)
    for network in (one, two):
        _train(network, subject.make(), case.texts)
    _equal(two, one, close, "made in the other order and in this one")


def _sparse(subject: Subject, case: Run) -> None:
    sparse, dense = Network(), Network()
    _train(sparse, subject.make(), case.texts)
    _train(dense, subject.make(), case.texts, dense=True)
    _equal(sparse, dense, close, "rows looked up and one-hot products")


def _train(
    network: Network, trainer: Any, texts: list[list[int]], dense: bool = False
) -> None:
    for text in texts:
        trainer.receive(network.loss(text, dense))


def _equal(one: Network, two: Network, equal: Any, what: str) -> None:
    expected = two.values()
    for path, value in one.values().items():
        equal(value, expected[path], f"{what}, {path}")


def _optimum(subject: Subject, case: Optimum) -> None:
    trainer, at = subject.make(), np.array(case.at)
    p = parameter(np.zeros(2))
    loss = asum(constant(np.array([1.0, 2.0])) * (p - constant(at)) ** 2)
    near = 0
    for _ in range(MOST_STEPS):
        trainer.receive(loss)
        away = float(np.linalg.norm(p.value - at) / np.linalg.norm(at))
        near = near + 1 if away < NEAR else 0
        if near == 20:
            return
    raise Broken(
        f"after {MOST_STEPS} steps {away:.2g} of the distance is left (it is to stay "
        f"below {NEAR}); is the learning rate right?"
    )


def _without_l2(subject: Subject) -> bool:
    trainer = subject.make()
    return bool(subject.paper or trainer.decoupled or not trainer.weight_decay)


LAWS = [
    Law(
        "zero gradient",
        "a zero gradient moves nothing but what its paper says",
        lambda subject: slopes,
        _zero,
        _without_l2,
    ),
    Law(
        "resuming",
        "resuming from a saved state is bit for bit",
        lambda subject: runs,
        _resumes,
    ),
    Law(
        "order",
        "the order of parameters is irrelevant",
        lambda subject: runs,
        _order,
    ),
    Law(
        "sparse",
        "sparse and dense gradients agree",
        lambda subject: runs,
        _sparse,
        lambda subject: not subject.make().lazy,
    ),
    Law(
        "quadratic",
        "it reaches the optimum of a quadratic",
        lambda subject: optima,
        _optimum,
    ),
]


def check_trainer(
    make: Callable[[], Any],
    *,
    paper: Callable[..., Any] | None = None,
    without: Iterable[str] = (),
    examples: int = 10,
) -> Report:
    """Try the laws of trainers on what ``make()`` makes, a new one at each call:

    ``zero gradient``: a zero gradient moves nothing but what its paper says: with
    ``paper(g, memory, t)``, as in ``penne.testing.papers``, all steps are its; without
    one, a first gradient of zero moves nothing but by decoupled weight decay; of a
    number, a vector and a matrix each, and of a vector in float32 ·
    ``resuming`` from a saved state is bit for bit · ``order``: that of parameters is
    irrelevant · ``sparse``: rows looked up and products with one-hot vectors agree (not
    asked of ``lazy=True``) · ``quadratic``: it comes within 5 % of the distance to the
    optimum and stays there, in 3000 steps.

    ``without``: names of laws not to try.  Returns a Report; raises AssertionError
    where laws are broken, for each a sentence with the smallest input found that breaks
    it.

    >>> from penne import SGD
    >>> check_trainer(lambda: SGD(0.1), examples=3).broken
    []
    """
    return trainer_report("", make, paper, without, examples).checked()


def trainer_report(
    name: str,
    make: Callable[[], Any],
    paper: Callable[..., Any] | None = None,
    without: Iterable[str] = (),
    examples: int = 10,
) -> Report:
    """The same as a report alone."""
    made = made_by(make, Trainer, "check_trainer", "trainer")
    if made is make():
        raise ValueError("check_trainer: make() gives the same trainer twice")
    with default_dtype("float64"), plain():
        subject = Subject(make, paper)
        return examine(name or type(made).__name__, subject, LAWS, examples, without)
