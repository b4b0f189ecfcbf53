"""Trainers that follow the gradient, or a running mean of it.

This module imports ``trainer``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .trainer import Array, Rate, Step, Trainer, elementwise


@dataclass(eq=False)
class StochasticGradientDescent(Trainer):
    """p := p - learning_rate * g.

    Robbins and Monro 1951; ``learning_rate=0.1`` as in Penne's 2015 release.

    >>> from penne import distance2, parameter
    >>> p = parameter([1.0, 2.0])
    >>> SGD(learning_rate=0.25).receive(distance2(p, [0.0, 0.0]))
    5.0
    >>> p.value
    array([0.5, 1. ], dtype=float32)
    """

    sparse = True
    learning_rate: Rate = 0.1

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        return np.multiply(g, step.rate, out=step.a)


SGD = StochasticGradientDescent


@dataclass(eq=False)
class Momentum(Trainer):
    """v := momentum_coeff * v + learning_rate * g;  p := p - v;  v starts at 0.

    The heavy ball of Polyak 1964, as in Sutskever, Martens, Dahl and Hinton 2013, *On
    the importance of initialization and momentum in deep learning*, equations 1 and 2
    (their v is -v here).  Defaults of Penne's 2015 release; unlike there a parameter
    that the loss does not reach stays still.  Where the gradient is zero it rolls on.

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), Momentum(learning_rate=1.0, momentum_coeff=0.5)
    >>> [trainer.receive(asum(p)) for _ in range(4)]
    [0.0, -1.0, -2.5, -4.25]
    """

    keeps = ("velocity",)
    learning_rate: Rate = 0.01
    momentum_coeff: float = 0.9

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        (v,) = memory
        v *= self.momentum_coeff
        v += np.multiply(g, step.rate, out=step.a)
        return v


@dataclass(eq=False)
class Nesterov(Momentum):
    """v := momentum_coeff * v + learning_rate * g;
    p := p - momentum_coeff * v - learning_rate * g;  v starts at 0.

    Nesterov's accelerated gradient as in Sutskever, Martens, Dahl and Hinton 2013,
    equations 3 and 4: their v is -v here, and p is their theta + mu v, the point at
    which they take the gradient (Bengio, Boulanger-Lewandowski and Pascanu 2013,
    *Advances in optimizing recurrent networks*, equation 7).  Defaults as Momentum.

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), Nesterov(learning_rate=1.0, momentum_coeff=0.5)
    >>> [trainer.receive(asum(p)) for _ in range(3)]
    [0.0, -1.5, -3.25]
    """

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        v = super()._change(g, step, *memory)  # leaves learning_rate * g in a
        change = np.multiply(v, self.momentum_coeff, out=step.b)
        change += step.a
        return change


@dataclass(eq=False)
class Lion(Trainer):
    """p := p - learning_rate * sign(beta1 * m + (1 - beta1) * g);
    m := beta2 * m + (1 - beta2) * g;  m starts at 0.  Weight decay is decoupled.

    Chen et al. 2023, *Symbolic discovery of optimization algorithms*, algorithm 2,
    which is also the source of the betas; ``learning_rate=1e-4`` of its authors'
    implementation (they advise a third to a tenth of AdamW's).

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), Lion(learning_rate=0.5)
    >>> [trainer.receive(asum(p * 3)) for _ in range(3)]
    [0.0, -1.5, -3.0]
    """

    keeps = ("mean",)
    decoupled = True
    learning_rate: Rate = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        (m,) = memory
        mixed = np.multiply(m, self.beta1, out=step.b)
        mixed += np.multiply(g, 1 - self.beta1, out=step.a)
        change = np.sign(mixed, out=step.b)
        change *= step.rate
        step.blend(m, self.beta2, g)
        return change
