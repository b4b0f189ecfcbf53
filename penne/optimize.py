"""Trainers: from the gradient of a loss to better parameters.

A trainer is what ``_change`` makes of a gradient; ``receive`` is the same for all:
the loss and its gradients are computed, checked, clipped, every update is computed,
and only then are all of them written.  This module imports ``compute``.
"""

from abc import ABC, abstractmethod
from math import fsum, inf, sqrt
from typing import Any

import numpy as np

from .compute import Values, compute_loss_and_gradients
from .graph import Expression, Parameter
from .rows import Rows

Array = np.ndarray[Any, Any]


class Trainer(ABC):
    """What all trainers share.

    ``clip_gradients``: scale all gradients together so that their norm is at most
    this; off unless given (Pascanu, Mikolov and Bengio 2013, algorithm 1).
    """

    sparse = False  # whether ``_change`` takes the rows of a lookup alone

    def __init__(self, learning_rate: float, clip_gradients: float | None = None):
        name = type(self).__name__
        if not learning_rate > 0:
            raise ValueError(f"{name}: learning_rate is above 0, got {learning_rate}")
        if clip_gradients is not None and not clip_gradients > 0:
            raise ValueError(f"{name}: clip_gradients is above 0, got {clip_gradients}")
        self.learning_rate = learning_rate
        self.clip_gradients = clip_gradients
        self.memory: dict[Parameter, list[Array]] = {}

    def receive(self, loss: Expression, values: Values | None = None) -> float:
        """One step down the gradient of ``loss`` for every parameter it reaches.

        Returns the loss before the step; ``values`` is extended as by
        ``compute_values(loss, values)``.  Raises FloatingPointError for a NaN,
        ValueError for a loss that is no scalar; then no parameter has changed.
        """
        value, gradients = compute_loss_and_gradients(
            loss, sparse=self.sparse, values=values
        )
        if self.clip_gradients is not None:
            gradients = clipped(gradients, self.clip_gradients)
        pending = [(p, *self._update(p, g)) for p, g in gradients.items()]
        for p, rows, change, memory in pending:
            p.value[rows] -= change
            for kept, new in zip(self.memory.get(p, ()), memory):
                kept[rows] = new
        return float(value)

    def _update(self, p: Parameter, g: Any) -> tuple[Any, Array, list[Array]]:
        """Which rows change, by how much, and their new memory."""
        rows, g = (g.indices, g.values) if isinstance(g, Rows) else (..., g)
        if p not in self.memory:
            self.memory[p] = self._start(p)
        change, memory = self._change(g, *(m[rows] for m in self.memory[p]))
        return rows, change, memory

    def _start(self, p: Parameter) -> list[Array]:
        return []

    @abstractmethod
    def _change(self, g: Array, *memory: Any) -> tuple[Array, list[Array]]:
        """What is taken from the parameter for gradient g, and the new memory."""


def clipped(gradients: dict[Parameter, Any], bound: float) -> dict[Parameter, Any]:
    """``gradients`` scaled so that the norm of all of them is at most ``bound``.

    The norm is computed in float64, and equals that of dense gradients to the bit.
    Raises FloatingPointError where it is infinite.
    """
    arrays = [g.values if isinstance(g, Rows) else g for g in gradients.values()]
    norm = sqrt(fsum(x for a in arrays for x in _squares(a)))
    if norm == inf:
        raise FloatingPointError("clip_gradients: the norm of the gradients is inf")
    if norm <= bound:
        return gradients
    scale = bound / norm
    return {
        p: g._replace(values=g.values * scale) if isinstance(g, Rows) else g * scale
        for p, g in gradients.items()
    }


def _squares(a: Array) -> list[float]:
    """The sum of squares of each row: rows of zeros do not change their exact sum."""
    if not a.size:
        return []
    rows = a.reshape(len(a) if a.ndim else 1, -1)
    return np.square(rows, dtype=np.float64).sum(axis=1).tolist()


class StochasticGradientDescent(Trainer):
    """p := p - learning_rate * g.

    >>> from penne import distance2, parameter
    >>> p = parameter([1.0, 2.0])
    >>> SGD(learning_rate=0.25).receive(distance2(p, [0.0, 0.0]))
    5.0
    >>> p.value
    array([0.5, 1. ], dtype=float32)
    """

    sparse = True

    def __init__(self, learning_rate: float = 0.1, clip_gradients: float | None = None):
        super().__init__(learning_rate, clip_gradients)

    def _change(self, g: Array, *memory: Any) -> tuple[Array, list[Array]]:
        return self.learning_rate * g, []


SGD = StochasticGradientDescent


class Adagrad(Trainer):
    """s := s + g**2;  p := p - learning_rate * g / sqrt(s);  s starts at ``delta``.

    Duchi, Hazan and Singer 2011, *Adaptive Subgradient Methods*, figure 1 (diagonal);
    ``delta=1`` as in Penne's 2015 release, ``delta=0`` as in PyTorch.
    """

    sparse = True

    def __init__(
        self,
        learning_rate: float = 1.0,
        delta: float = 1.0,
        clip_gradients: float | None = None,
    ):
        super().__init__(learning_rate, clip_gradients)
        if delta < 0:
            raise ValueError(f"Adagrad: delta is at least 0, got {delta}")
        self.delta = delta

    def _start(self, p: Parameter) -> list[Array]:
        return [np.full_like(p.value, self.delta)]

    def _change(self, g: Array, *memory: Any) -> tuple[Array, list[Array]]:
        s = memory[0] + g * g
        tiny = np.finfo(s.dtype).tiny
        return self.learning_rate * g / np.sqrt(np.maximum(s, tiny)), [s]


class Adam(Trainer):
    """m := b1 m + (1-b1) g;  v := b2 v + (1-b2) g**2;
    p := p - learning_rate * (m / (1-b1**t)) / (sqrt(v / (1-b2**t)) + epsilon).

    t counts the steps of each parameter.  Kingma and Ba 2015, *Adam*, algorithm 1.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        clip_gradients: float | None = None,
    ):
        super().__init__(learning_rate, clip_gradients)
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise ValueError(f"Adam: {name} is at least 0 and below 1, got {beta}")
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def _start(self, p: Parameter) -> list[Array]:
        return [np.zeros_like(p.value), np.zeros_like(p.value), np.zeros(())]

    def _change(self, g: Array, *memory: Any) -> tuple[Array, list[Array]]:
        m, v, t = memory
        t = t + 1
        m = self.beta1 * m + (1 - self.beta1) * g
        v = self.beta2 * v + (1 - self.beta2) * (g * g)
        rate = self.learning_rate / (1 - self.beta1 ** float(t))
        root = np.sqrt(v / (1 - self.beta2 ** float(t)))
        return rate * m / (root + self.epsilon), [m, v, t]
