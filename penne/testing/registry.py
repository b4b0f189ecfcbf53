"""Penne's own ops, transducers and trainers, as the laws are tried on them.

A cell whose constructor begins with ``(insize, outsize)`` and takes ``rng=`` is found
by itself; any other transducer, and a trainer, has a line at the end of this file.

This module imports ``optimize``, ``recurrent``, ``layers``, ``ops``,
``optimize.trainer`` and ``papers``.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .. import optimize, recurrent
from ..layers import Layer
from ..ops import tanh
from ..optimize.trainer import Trainer
from ..recurrent import (
    GRU,
    LSTM,
    Bidirectional,
    Concat,
    Feedback,
    Highway,
    Map,
    Parallel,
    Residual,
    Reverse,
    Simple,
    Stack,
    Transducer,
)
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


def classes(module: Any, kind: type) -> Iterator[type]:
    """The classes of a kind that a module gives away, but the kind itself."""
    found = [getattr(module, name) for name in module.__all__]
    home = module.__name__
    own = [x for x in found if getattr(x, "__module__", "").startswith(home)]
    for x in dict.fromkeys(own):
        if isinstance(x, type) and issubclass(x, kind) and x is not kind:
            yield x


def is_cell(made: Any) -> bool:
    """Whether a class can be made of ``(insize, outsize, rng=)``."""
    takes = inspect.signature(made.__init__).parameters
    kinds = {p.kind for p in takes.values()}
    seeded = "rng" in takes or inspect.Parameter.VAR_KEYWORD in kinds
    return list(takes)[1:3] == ["insize", "outsize"] and seeded


def _cell(made: type) -> Callable[[Any], Any]:
    return lambda insize: made(insize, 3, rng=0)


def every_class() -> Iterator[type]:
    """Penne's own transducers."""
    yield from classes(recurrent, Transducer)
    yield from classes(recurrent.variants, Transducer)


def _decoder(made: type) -> Callable[[Any], Any]:
    """How to make one of (insize, size, outsize)."""
    return lambda insize: made(insize, 4, 3, rng=0)


for found in every_class():
    if is_cell(found):
        transducer(found.__name__, _cell(found))


def part(n: Any) -> Any:
    """A part for what is made of parts."""
    return Simple(n, 3, rng=0)


transducer("Map", lambda n: Map(Layer(n, 3, rng=0)))
transducer("Stack", lambda n: Stack(LSTM(n, 4, rng=0), Map(tanh), GRU(4, 2, rng=1)))
transducer(
    "Stack of Stacks",
    lambda n: Stack(Stack(part(n), Stack()), Stack(GRU(3, 3, rng=1))),
)

transducer("Residual", lambda n: Stack(Map(Layer(n, 3, rng=0)), Residual(part(3))))
transducer(
    "Highway", lambda n: Stack(Map(Layer(n, 3, rng=0)), Highway(part(3), 3, rng=1))
)
transducer("Parallel", lambda n: Parallel(part(n), LSTM(n, 2, rng=1)))
transducer("Concat", lambda n: Concat(part(n), GRU(n, 2, rng=1)))
transducer("Feedback", lambda n: Feedback(Simple([n, 3], 3, rng=0), np.ones(3)))
transducer("Reverse", lambda n: Reverse(part(n)))
transducer("Bidirectional", lambda n: Bidirectional(part(n), GRU(n, 2, rng=1)))

for found in classes(recurrent.decoders, Transducer):
    if found is not recurrent.decoders.Decoder:
        transducer(found.__name__, _decoder(found))

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
    every = [*every_class(), *classes(optimize, Trainer)]
    return [
        c.__name__ for c in every if c not in made and c.__name__ not in TRANSDUCERS
    ]
