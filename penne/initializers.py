"""First weights: rules that draw an array for a weight's place in a layer.

A rule is a function ``rule(rng, shape, fan_in, fan_out, gain)`` that gives an array.
``Layer(..., init=rule)`` takes any of these, or one of your own.  This module imports
nothing of penne.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "Initializer",
    "default",
    "glorot",
    "he",
    "normal",
    "orthogonal",
    "spectral",
    "uniform",
    "within",
]

Array = np.ndarray[Any, Any]
Initializer = Callable[
    [np.random.Generator, tuple[int, ...], int | None, int, float], Array
]


def _fans(fan_in: int | None, fan_out: int) -> tuple[int, int]:
    """A row that is looked up has no fan-in of its own: fan_out stands for it."""
    return (fan_out if fan_in is None else fan_in), fan_out


def default(rng: Any, shape: Any, fan_in: Any, fan_out: int, gain: float) -> Array:
    """N(0, s): s = ((fan_in + fan_out) / 2) ** -1/2 / gain; for a lookup or a
    diagonal fan_out ** -1/2 / gain.  The rule of Penne's 2015 release."""
    a, b = _fans(fan_in, fan_out)
    return rng.normal(0, ((a + b) / 2) ** -0.5 / gain, shape)


def glorot(rng: Any, shape: Any, fan_in: Any, fan_out: int, gain: float) -> Array:
    """U(-r, r): r = sqrt(6 / (fan_in + fan_out)).  Glorot and Bengio 2010,
    *Understanding the difficulty of training deep feedforward neural networks*,
    equation 16."""
    r = (6 / sum(_fans(fan_in, fan_out))) ** 0.5
    return rng.uniform(-r, r, shape)


def he(rng: Any, shape: Any, fan_in: Any, fan_out: int, gain: float) -> Array:
    """N(0, sqrt(2 / fan_in)).  He et al. 2015, *Delving Deep into Rectifiers*,
    equation 10."""
    return rng.normal(0, (2 / _fans(fan_in, fan_out)[0]) ** 0.5, shape)


def orthogonal(rng: Any, shape: Any, fan_in: Any, fan_out: int, gain: float) -> Array:
    """A random matrix with orthonormal rows or columns, whichever are fewer; a
    vector of random signs.  Saxe, McClelland and Ganguli 2014, *Exact solutions to
    the nonlinear dynamics of learning in deep linear neural networks*, section 3."""
    if len(shape) < 2:
        return rng.choice([-1.0, 1.0], shape)
    a = rng.normal(size=(max(shape), min(shape)))
    q, r = np.linalg.qr(a)
    q = q * np.sign(np.diag(r))
    return q if shape[0] >= shape[1] else q.T


def normal(rng: Any, shape: Any, fan_in: Any, fan_out: int, gain: float) -> Array:
    """N(0, 1 / sqrt(fan_in)).  LeCun et al. 1998, *Efficient BackProp*, equation 16."""
    return rng.normal(0, _fans(fan_in, fan_out)[0] ** -0.5, shape)


def uniform(rng: Any, shape: Any, fan_in: Any, fan_out: int, gain: float) -> Array:
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)): the common heuristic that Glorot and Bengio
    2010 give as equation 1."""
    r = _fans(fan_in, fan_out)[0] ** -0.5
    return rng.uniform(-r, r, shape)


def spectral(rng: Any, shape: Any, fan_in: Any, fan_out: int, gain: float) -> Array:
    """U(-1, 1) divided by the largest singular value, which is then 1; of a diagonal
    that is the largest absolute value.  Herta's tutorial on Elman networks."""
    drawn = rng.uniform(-1, 1, shape)
    return drawn / (np.linalg.norm(drawn, 2) if len(shape) > 1 else abs(drawn).max())


class within:
    """The rule U(-limit, limit), whatever the sizes.

    >>> rule = within(0.1)
    >>> bool(abs(rule(np.random.default_rng(0), (5, 3), 5, 3, 1.0)).max() < 0.1)
    True
    """

    def __init__(self, limit: float):
        if not limit > 0:
            raise ValueError(f"within: the limit is above 0, got {limit}")
        self.limit = limit

    def __call__(
        self, rng: Any, shape: Any, fan_in: Any, fan_out: int, gain: float
    ) -> Array:
        """An array of first weights."""
        drawn: Array = rng.uniform(-self.limit, self.limit, shape)
        return drawn
