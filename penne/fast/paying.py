"""When kernels pay: once computing without them has taken as long as making them.

This module imports ``kernels``, ``store`` and ``chains``.
"""

import os
from collections.abc import Iterable

from . import kernels, store
from .chains import Apply, Chain, Dot, Loop

PLACE = 2e-9  # seconds, about, for a place in an array, of a call of NumPy
COMPILING, STEP = 0.3, 0.05  # of a kernel, and of each of its steps
LOADING, MORE = 0.3, 0.01  # of the first kernel that is on disk; of each other


def asked() -> bool:
    """Whether the user wants all that is to be compiled to be so before its first use,
    so that nothing depends on what ran before."""
    return os.environ.get("PENNE_FAST") == "compiled"


class Account:
    """What it costs to make some kernels, and what was spent without them."""

    def __init__(self, wanted: Iterable[Chain | Loop]):
        self.kernels = set(wanted)
        self.price = sum(COMPILING + STEP * _size(kernel) for kernel in self.kernels)
        self.spent = self.tried = 0.0

    def at_once(self) -> bool:
        """Whether to make them before anything is computed: as the user says, or as
        all are there, like those of another length."""
        if not self.kernels or not store.available():
            return False
        return asked() or all(map(kernels.is_loaded, self.kernels))

    def due(self, seconds: float) -> bool:
        """Whether to make them after so many seconds more without: that was as much, or
        they can be loaded."""
        if not self.kernels or not store.available():
            return False
        self.spent += seconds
        if self.spent >= self.price:
            return True
        loaded = any(store.stats().values())
        loading = MORE * len(self.kernels) if loaded else LOADING
        if self.spent < max(loading, 2 * self.tried):
            return False
        self.tried = self.spent
        return all(map(kernels.is_stored, self.kernels))


def _size(kernel: Chain | Loop) -> int:
    """How many steps a kernel has, a product being as much as four."""
    if isinstance(kernel, Chain):
        return len(kernel.steps)
    applied = [len(k.chain.steps) for k in kernel.items if isinstance(k, Apply)]
    return sum(applied) + 4 * any(isinstance(k, Dot) for k in kernel.items)
