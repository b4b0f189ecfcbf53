"""The ranges of settings.

This module imports ``counts`` and ``modules``.
"""

from dataclasses import fields
from typing import Any

from ..counts import check_numbers
from ..modules import Module

ABOVE = "above 0", lambda x: x > 0
LEAST = "at least 0", lambda x: x >= 0
PART = "at least 0 and below 1", lambda x: 0 <= x < 1
LIMITS = {
    "learning_rate": ABOVE,
    "clip_gradients": ABOVE,
    "clip_values": ABOVE,
    "weight_decay": LEAST,
    "delta": LEAST,
    "epsilon": ABOVE,
    "beta1": PART,
    "beta2": PART,
    "decay": PART,
    "momentum_coeff": PART,
}


FREE = "learning_rate", "clip_gradients", "clip_values"


def check_settings(trainer: Any) -> None:
    """Raise TypeError for a setting of ``trainer``, a dataclass, that is no number,
    ValueError for one out of its range.  A rate may be a function, clipping None."""
    given = {f.name: getattr(trainer, f.name) for f in fields(trainer)}
    for name, x in given.items():
        kind = type(trainer).__name__
        if name == "learning_rate" and isinstance(x, Module):
            trained = f"a number or a schedule, got a module, {type(x).__name__}"
            raise TypeError(f"{kind}: {name} is {trained}; write trainer.receive(loss)")
        free = callable(x) if name == "learning_rate" else x is None
        if name not in LIMITS or (free and name in FREE):
            continue
        text, holds = LIMITS[name]
        check_numbers(kind, **{name: x})
        if not holds(x):
            raise ValueError(f"{kind}: {name} is {text}, got {x}")
