"""What the papers of the trainers say, in NumPy: one function for each algorithm.

``paper(g, memory, t)`` gives what is taken from a parameter at its step t (from 1) for
the gradient g; ``memory`` is a dict kept for it, which is given the parameter's value
as ``memory["p"]``.  Rates are those of penne's defaults unless given.

This module imports nothing of penne.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Memory = dict[str, Any]


def sgd(g: Array, memory: Memory, t: int, rate: float = 0.1) -> Any:
    """Steepest descent."""
    return rate * g


def adagrad(
    g: Array, memory: Memory, t: int, rate: float = 1.0, delta: float = 1.0
) -> Any:
    """Duchi, Hazan and Singer 2011, figure 1."""
    memory.setdefault("s", np.full_like(g, delta))
    memory["s"] += g**2
    return np.where(g == 0, 0, rate * g / np.sqrt(np.maximum(memory["s"], 1e-300)))


def adam(
    g: Array,
    memory: Memory,
    t: int,
    rate: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    epsilon: float = 1e-8,
) -> Any:
    """Kingma and Ba 2015, algorithm 1."""
    m = memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    v = memory["v"] = b2 * memory.get("v", 0) + (1 - b2) * g**2
    return rate * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + epsilon)


def momentum(
    g: Array, memory: Memory, t: int, rate: float = 0.01, mu: float = 0.9
) -> Any:
    """Sutskever et al. 2013, equations 1 and 2."""
    memory["v"] = mu * memory.get("v", 0) - rate * g
    return -memory["v"]


def nesterov(
    g: Array, memory: Memory, t: int, rate: float = 0.01, mu: float = 0.9
) -> Any:
    """Sutskever et al. 2013, equations 3 and 4, by the point theta + mu v; see
    ``test_nesterov_looks_ahead``."""
    before = memory.get("v", 0)
    v = memory["v"] = mu * before - rate * g
    return mu * before - v - mu * v


def lion(
    g: Array,
    memory: Memory,
    t: int,
    rate: float = 1e-4,
    b1: float = 0.9,
    b2: float = 0.99,
    decay: float = 0.0,
) -> Any:
    """Chen et al. 2023, algorithm 2."""
    m = memory.get("m", 0)
    memory["m"] = b2 * m + (1 - b2) * g
    return rate * (np.sign(b1 * m + (1 - b1) * g) + decay * memory["p"])


def adadelta(
    g: Array,
    memory: Memory,
    t: int,
    rho: float = 0.95,
    epsilon: float = 1e-6,
    rate: float = 1.0,
) -> Any:
    """Zeiler 2012, algorithm 1."""
    rms = lambda x: np.sqrt(x + epsilon)
    Eg = memory["g"] = rho * memory.get("g", 0) + (1 - rho) * g**2
    change = -rms(memory.get("x", 0)) / rms(Eg) * g
    memory["x"] = rho * memory.get("x", 0) + (1 - rho) * change**2
    return -rate * change


def rmsprop(
    g: Array,
    memory: Memory,
    t: int,
    rate: float = 0.001,
    decay: float = 0.9,
    epsilon: float = 1e-8,
) -> Any:
    """Tieleman and Hinton 2012, slide 29."""
    s = memory["s"] = decay * memory.get("s", 0) + (1 - decay) * g**2
    return rate * g / (np.sqrt(s) + epsilon)


def adamw(
    g: Array,
    memory: Memory,
    t: int,
    rate: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    epsilon: float = 1e-8,
    decay: float = 0.01,
) -> Any:
    """Loshchilov and Hutter 2019, algorithm 2, with lambda = rate * decay."""
    return adam(g, memory, t, rate, b1, b2, epsilon) + rate * decay * memory["p"]


def nadam(
    g: Array,
    memory: Memory,
    t: int,
    rate: float = 0.002,
    mu: float = 0.9,
    nu: float = 0.999,
    epsilon: float = 1e-8,
) -> Any:
    """Dozat 2016, algorithm 2, mu_t = mu."""
    m = memory["m"] = mu * memory.get("m", 0) + (1 - mu) * g
    n = memory["n"] = nu * memory.get("n", 0) + (1 - nu) * g**2
    m = mu * m / (1 - mu ** (t + 1)) + (1 - mu) * g / (1 - mu**t)
    return rate * m / (np.sqrt(n / (1 - nu**t)) + epsilon)


def amsgrad(
    g: Array,
    memory: Memory,
    t: int,
    rate: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    epsilon: float = 1e-8,
) -> Any:
    """Reddi, Kale and Kumar 2018, algorithm 2."""
    m = memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    v = memory["v"] = b2 * memory.get("v", 0) + (1 - b2) * g**2
    memory["w"] = np.maximum(memory.get("w", 0), v)
    return rate * m / (np.sqrt(memory["w"]) + epsilon)


PAPERS = {
    "StochasticGradientDescent": sgd,
    "Adagrad": adagrad,
    "Adam": adam,
    "Momentum": momentum,
    "Nesterov": nesterov,
    "Lion": lion,
    "Adadelta": adadelta,
    "RMSprop": rmsprop,
    "AdamW": adamw,
    "NAdam": nadam,
    "AMSGrad": amsgrad,
}
