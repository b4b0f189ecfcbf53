"""The trainers of tests, each with the algorithm of its paper, and a loss for them."""

import pytest

from penne import *
from penne.testing.papers import (
    adadelta,
    adagrad,
    adam,
    adamw,
    amsgrad,
    lion,
    momentum,
    nadam,
    nesterov,
    rmsprop,
    sgd,
)

TRAINERS = {
    "SGD": (SGD, sgd),
    "SGD(.03)": (lambda **k: SGD(0.03, **k), lambda *a: sgd(*a, rate=0.03)),
    "Adagrad": (Adagrad, adagrad),
    "Adagrad(.1, 0)": (
        lambda **k: Adagrad(0.1, 0.0, **k),
        lambda *a: adagrad(*a, rate=0.1, delta=0.0),
    ),
    "Adam": (Adam, adam),
    "Adam(.1, .5, .6, .01)": (
        lambda **k: Adam(0.1, 0.5, 0.6, 0.01, **k),
        lambda *a: adam(*a, 0.1, 0.5, 0.6, 0.01),
    ),
    "Momentum": (Momentum, momentum),
    "Momentum(.1, .5)": (
        lambda **k: Momentum(0.1, 0.5, **k),
        lambda *a: momentum(*a, 0.1, 0.5),
    ),
    "Nesterov": (Nesterov, nesterov),
    "Nesterov(.1, .5)": (
        lambda **k: Nesterov(0.1, 0.5, **k),
        lambda *a: nesterov(*a, 0.1, 0.5),
    ),
    "Lion": (Lion, lion),
    "Lion(.01, .5, .6, decay .1)": (
        lambda **k: Lion(0.01, 0.5, 0.6, weight_decay=0.1, **k),
        lambda *a: lion(*a, 0.01, 0.5, 0.6, 0.1),
    ),
    "Adadelta": (Adadelta, adadelta),
    "Adadelta(.5, .01, rate .3)": (
        lambda **k: Adadelta(0.5, 0.01, learning_rate=0.3, **k),
        lambda *a: adadelta(*a, 0.5, 0.01, 0.3),
    ),
    "RMSprop": (RMSprop, rmsprop),
    "RMSprop(.01, .5, .1)": (
        lambda **k: RMSprop(0.01, 0.5, 0.1, **k),
        lambda *a: rmsprop(*a, 0.01, 0.5, 0.1),
    ),
    "AdamW": (AdamW, adamw),
    "AdamW(.1, decay .5)": (
        lambda **k: AdamW(0.1, weight_decay=0.5, **k),
        lambda *a: adamw(*a, rate=0.1, decay=0.5),
    ),
    "NAdam": (NAdam, nadam),
    "NAdam(.1, .5, .6, .01)": (
        lambda **k: NAdam(0.1, 0.5, 0.6, 0.01, **k),
        lambda *a: nadam(*a, 0.1, 0.5, 0.6, 0.01),
    ),
    "AMSGrad": (AMSGrad, amsgrad),
    "AMSGrad(.01, .5, .6, .01)": (
        lambda **k: AMSGrad(0.01, 0.5, 0.6, 0.01, **k),
        lambda *a: amsgrad(*a, 0.01, 0.5, 0.6, 0.01),
    ),
}
every_trainer = pytest.mark.parametrize(
    ("make", "oracle"), TRAINERS.values(), ids=TRAINERS
)


def problem(rng):
    """A smooth loss of a matrix, a vector and a scalar in float64."""
    W, b, s = (parameter(rng.normal(0, 1, shape)) for shape in [(3, 2), (2,), ()])
    x, y = rng.normal(0, 1, (4, 3)), rng.normal(0, 1, (4, 2))
    return [W, b, s], asum((tanh(x @ W + b) * exp(s / 4) - y) ** 2)
