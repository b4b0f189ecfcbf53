"""Penne's own ops, transducers and trainers, as the laws are tried on them.

A cell whose constructor begins with ``(insize, outsize)`` and takes ``rng=`` is found
by itself; any other transducer, and a trainer, has a line at the end of this file.

This module imports ``recurrent``, ``optimize``, ``papers`` and ``tables``.
"""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from .. import optimize, recurrent
from ..layers import Layer
from ..ops import tanh
from ..optimize.trainer import Trainer
from ..recurrent import GRU, LSTM, Map, Simple, Stack, Transducer
from . import papers


@dataclass(frozen=True)
class TransducerRow:
    """``make(insize)`` makes one; ``without``: the laws it is not meant to obey."""

    name: str
    make: Callable[[Any], Any]
    without: tuple[str, ...] = ()
    insizes: tuple[Any, ...] = (3, -5)


@dataclass(frozen=True)
class TrainerRow:
    """``make()`` makes one, with a rate for small problems; ``paper`` is its paper's
    algorithm, as in ``papers``, with the same settings."""

    name: str
    make: Callable[[], Any]
    paper: Callable[..., Any]


TRANSDUCERS: dict[str, TransducerRow] = {}
TRAINERS: dict[str, TrainerRow] = {}


def transducer(
    name: str, make: Callable[[Any], Any], without: tuple[str, ...] = ()
) -> None:
    """Enter a transducer."""
    TRANSDUCERS[name] = TransducerRow(name, make, without)


def trainer(make: Any, paper: Any, **settings: Any) -> None:
    """Enter a trainer with these settings, and its paper with ``rate`` of them."""
    name = make.__name__
    said = {"rate": settings["learning_rate"]} if "learning_rate" in settings else {}
    row = TrainerRow(name, partial(make, **settings), partial(paper, **said))
    TRAINERS[name] = row


def classes(package: Any, kind: type) -> Iterator[type]:
    """The public classes of a kind in a package's modules, but the kind itself."""
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = import_module(info.name)
        for name, thing in vars(module).items():
            own = isinstance(thing, type) and thing.__module__ == module.__name__
            if own and issubclass(thing, kind) and thing is not kind:
                if name == thing.__name__ and name[0] != "_":
                    yield thing


def is_cell(made: Any) -> bool:
    """Whether a class is made of ``(insize, outsize, ..., rng=)``."""
    takes = list(inspect.signature(made.__init__).parameters)[1:]
    return takes[:2] == ["insize", "outsize"] and "rng" in takes


def _cell(made: type) -> Callable[[Any], Any]:
    return lambda insize: made(insize, 3, rng=0)


for found in classes(recurrent, Transducer):
    if is_cell(found) and not inspect.isabstract(found):
        transducer(found.__name__, _cell(found))

transducer("Map", lambda n: Map(Layer(n, 3, rng=0)))
transducer("Stack", lambda n: Stack(LSTM(n, 4, rng=0), Map(tanh), GRU(4, 2, rng=1)))
transducer(
    "Stack of Stacks",
    lambda n: Stack(Stack(Simple(n, 2, rng=0), Stack()), Stack(GRU(2, 3, rng=1))),
)

trainer(optimize.SGD, papers.sgd)
trainer(optimize.Momentum, papers.momentum)
trainer(optimize.Nesterov, papers.nesterov)
trainer(optimize.Lion, papers.lion, learning_rate=0.01)
trainer(optimize.Adagrad, papers.adagrad)
trainer(optimize.Adadelta, papers.adadelta, learning_rate=20.0)
trainer(optimize.RMSprop, papers.rmsprop, learning_rate=0.01)
trainer(optimize.Adam, papers.adam, learning_rate=0.05)
trainer(optimize.AdamW, papers.adamw, learning_rate=0.05)
trainer(optimize.NAdam, papers.nadam, learning_rate=0.05)
trainer(optimize.AMSGrad, papers.amsgrad, learning_rate=0.05)


def missing() -> list[str]:
    """Penne's transducers and trainers that no row stands for."""
    made = [type(row.make(row.insizes[0])) for row in TRANSDUCERS.values()]
    made += [type(row.make()) for row in TRAINERS.values()]
    every = [*classes(recurrent, Transducer), *classes(optimize, Trainer)]
    return [c.__name__ for c in every if c not in made and not inspect.isabstract(c)]
