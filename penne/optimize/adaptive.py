"""Trainers that scale each element of the gradient by what it has been so far.

Operations on arrays are elementwise.  This module imports ``trainer``.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .trainer import Array, Rate, Step, Trainer, elementwise


@dataclass(eq=False)
class Adagrad(Trainer):
    """s := s + g**2;  p := p - learning_rate * g / sqrt(s);  s starts at ``delta``.

    Duchi, Hazan and Singer 2011, *Adaptive subgradient methods*, figure 1 (diagonal);
    ``delta=1`` as in Penne's 2015 release, ``delta=0`` as in PyTorch.

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), Adagrad(learning_rate=2.0, delta=0.0)
    >>> [trainer.receive(asum(p * 3)) for _ in range(2)]
    [0.0, -6.0]
    """

    keeps = ("sum",)
    sparse = True
    learning_rate: Rate = 1.0
    delta: float = 1.0

    def _start(self, p: Any) -> list[Array]:
        return [np.full_like(p.value, self.delta)]

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        (s,) = memory
        s += np.multiply(g, g, out=step.a)
        tiny = np.finfo(s.dtype).tiny
        if self.delta < tiny:
            s = np.maximum(s, tiny, out=step.a)  # a gradient of 0 changes nothing
        change = np.multiply(g, step.rate, out=step.b)
        change /= np.sqrt(s, out=step.a)
        return change


@dataclass(eq=False)
class Adadelta(Trainer):
    """s := decay * s + (1 - decay) * g**2;
    d := g * sqrt(u + epsilon) / sqrt(s + epsilon);
    u := decay * u + (1 - decay) * d**2;
    p := p - learning_rate * d;  s and u start at 0.

    Zeiler 2012, *ADADELTA: an adaptive learning rate method*, algorithm 1; defaults of
    its section 4.1 and of Penne's 2015 release.  ``learning_rate=1`` is the paper's.

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), Adadelta(decay=0.5, epsilon=1.0)
    >>> [round(trainer.receive(asum(p)), 4) for _ in range(2)]
    [0.0, -0.8165]
    """

    keeps = ("square", "change")
    learning_rate: Rate = field(default=1.0, kw_only=True)
    decay: float = 0.95
    epsilon: float = 1e-6

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        s, u = memory
        step.blend(s, self.decay, np.multiply(g, g, out=step.b))
        change = np.sqrt(np.add(u, self.epsilon, out=step.b), out=step.b)
        change /= np.sqrt(np.add(s, self.epsilon, out=step.a), out=step.a)
        change *= g
        u *= self.decay
        squares = np.multiply(change, change, out=step.a)
        squares *= 1 - self.decay
        u += squares
        change *= step.rate
        return change


@dataclass(eq=False)
class RMSprop(Trainer):
    """s := decay * s + (1 - decay) * g**2;
    p := p - learning_rate * g / (sqrt(s) + epsilon);  s starts at 0.

    Tieleman and Hinton 2012, *Neural networks for machine learning*, lecture 6.5,
    slide 29, with its ``decay``; ``epsilon`` keeps 0 from 0 and is not in it, the other
    defaults are those of Keras and of Ruder 2016, section 4.5.

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), RMSprop(learning_rate=1.0, decay=0.75)
    >>> [round(trainer.receive(asum(p * 3)), 4) for _ in range(2)]
    [0.0, -6.0]
    """

    keeps = ("square",)
    learning_rate: Rate = 0.001
    decay: float = 0.9
    epsilon: float = 1e-8

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        (s,) = memory
        step.blend(s, self.decay, np.multiply(g, g, out=step.b))
        root = np.sqrt(s, out=step.a)
        root += self.epsilon
        change = np.multiply(g, step.rate, out=step.b)
        change /= root
        return change


@dataclass(eq=False)
class Adam(Trainer):
    """m := beta1 * m + (1 - beta1) * g;  v := beta2 * v + (1 - beta2) * g**2;
    p := p - learning_rate * (m / (1-beta1**t)) / (sqrt(v / (1-beta2**t)) + epsilon);
    m and v start at 0, and t counts the steps of each parameter.

    Kingma and Ba 2015, *Adam*, algorithm 1, with its defaults.

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), Adam(learning_rate=0.5)
    >>> [round(trainer.receive(asum(p * 3)), 4) for _ in range(3)]
    [0.0, -1.5, -3.0]
    """

    keeps: ClassVar[tuple[str, ...]] = ("mean", "square")
    learning_rate: Rate = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        m, v = memory
        step.blend(m, self.beta1, g)
        step.blend(v, self.beta2, np.multiply(g, g, out=step.b))
        root = np.divide(v, 1 - self.beta2**step.t, out=step.a)
        root = np.sqrt(root, out=step.a)
        root += self.epsilon
        change = self._ahead(g, step, m)
        change /= root
        return change

    def _ahead(self, g: Array, step: Step, m: Array) -> Array:
        """The rate times m / (1 - beta1**t), in b."""
        return np.multiply(m, step.rate / (1 - self.beta1**step.t), out=step.b)


@dataclass(eq=False)
class AdamW(Adam):
    """Adam with decoupled weight decay:
    p := p - learning_rate * (weight_decay * p + Adam's step).

    Loshchilov and Hutter 2019, *Decoupled weight decay regularization*, algorithm 2,
    whose lambda is learning_rate * weight_decay here, so that a schedule of the rate
    is one of both; this, and ``weight_decay=0.01``, as in PyTorch.

    >>> from penne import asum, parameter
    >>> p = parameter([1.0])
    >>> AdamW(learning_rate=0.5, weight_decay=0.5).receive(asum(p * 0))
    0.0
    >>> p.value
    array([0.75], dtype=float32)
    """

    decoupled = True
    weight_decay: float = field(default=0.01, kw_only=True)


@dataclass(eq=False)
class NAdam(Adam):
    """Adam with Nesterov's momentum: in p's step, in place of m / (1 - beta1**t),
    beta1 * m / (1 - beta1**(t+1)) + (1 - beta1) * g / (1 - beta1**t).

    Dozat 2016, *Incorporating Nesterov momentum into Adam*, algorithm 2, with mu
    constant at ``beta1``; ``learning_rate=0.002`` as in Keras and PyTorch's first.

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), NAdam(learning_rate=1.0, beta1=0.5)
    >>> [round(trainer.receive(asum(p)), 4) for _ in range(2)]
    [0.0, -1.3333]
    """

    learning_rate: Rate = 0.002

    def _ahead(self, g: Array, step: Step, m: Array) -> Array:
        b, t = self.beta1, step.t
        change = np.multiply(m, step.rate * b / (1 - b ** (t + 1)), out=step.b)
        change += g * (step.rate * (1 - b) / (1 - b**t))
        return change


@dataclass(eq=False)
class AMSGrad(Adam):
    """m := beta1 * m + (1 - beta1) * g;  v := beta2 * v + (1 - beta2) * g**2;
    w := maximum(w, v);  p := p - learning_rate * m / (sqrt(w) + epsilon);
    m, v and w start at 0.

    Reddi, Kale and Kumar 2018, *On the convergence of Adam and beyond*, algorithm 2,
    which does not correct m and v for their start as Adam does (PyTorch's does);
    ``epsilon`` keeps 0 from 0 and is not in it.  Defaults as Adam.

    >>> from penne import asum, parameter
    >>> p, trainer = parameter([0.0]), AMSGrad(1.0, beta1=0.5, beta2=0.75)
    >>> [round(trainer.receive(asum(p)), 4) for _ in range(2)]
    [0.0, -1.0]
    """

    keeps = ("mean", "square", "largest")

    @elementwise
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        m, v, w = memory
        step.blend(m, self.beta1, g)
        step.blend(v, self.beta2, np.multiply(g, g, out=step.b))
        root = np.sqrt(np.maximum(w, v, out=w), out=step.a)
        root += self.epsilon
        change = np.multiply(m, step.rate, out=step.b)
        change /= root
        return change
