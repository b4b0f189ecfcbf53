"""Averages of parameters over the steps of a training.

This module imports ``modules``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..modules import Module, check_module, fitted

Array = np.ndarray[Any, Any]


class Average:
    """The average of a module's parameters over the calls of ``update()``::

        average = Average(model, decay=0.999)
        for loss in losses:
            trainer.receive(loss)
            average.update()
        with average:  # the averages in place of the parameters; after it these again
            save_model(model, "averaged.npz")

    Without ``decay``, a := a + (p - a) / k at the k-th: the mean of all so far (Polyak
    and Juditsky 1992, *Acceleration of stochastic approximation by averaging*).  With
    it a := decay * a + (1 - decay) * p from a = 0, read as a / (1 - decay**k), an
    exponential moving average (both: Kingma and Ba 2015, *Adam*, section 7.2).

    Averages are kept in float64.  What a block changes in the parameters is lost at
    its end.  Raises TypeError for what is no module, ValueError for a decay outside
    [0, 1), RuntimeError for ``update`` or another block inside a block, or a block
    before the first ``update``.

    >>> from penne import Layer
    >>> layer = Layer(1, 1, bias=0.0)
    >>> average = Average(layer)
    >>> for number in (1.0, 2.0, 6.0):
    ...     layer.bias.value = [number]
    ...     average.update()
    >>> with average:
    ...     print(layer.bias.value)
    [3.]
    >>> layer.bias.value
    array([6.], dtype=float32)
    """

    def __init__(self, module: Module, decay: float | None = None):
        held = "hold it in one: m = Module(); m.parts = ..."
        check_module("Average", module, held)
        if decay is not None and not 0 <= decay < 1:
            raise ValueError(
                f"Average: decay is at least 0 and below 1, or None, got {decay}"
            )
        self.decay = decay
        self.count = 0
        self._names = module.names()
        self._means = [np.zeros(p.shape) for p in self._names.values()]
        self._before: list[Array] = []

    def update(self) -> None:
        """Take in the parameters as they are now."""
        self._outside("update")
        self.count += 1
        d, k = self.decay, self.count
        weight = 1 / k if d is None else (1 - d) / (1 - d**k)
        for mean, p in zip(self._means, self._names.values()):
            mean += weight * (p.value - mean)

    def _outside(self, what: str) -> None:
        if self._before:
            raise RuntimeError(f"Average: {what} inside a block of this average")

    def __enter__(self) -> "Average":
        self._outside("a block")
        if not self.count:
            raise RuntimeError("Average: there is none yet, call update() first")
        self._before = [p.value.copy() for p in self._names.values()]
        self._put(self._means)
        return self

    def __exit__(self, *exception: object) -> None:
        self._put(self._before)
        self._before = []

    def _put(self, values: list[Array]) -> None:
        for p, value in zip(self._names.values(), values):
            p.value = value

    @property
    def state(self) -> dict[str, Array]:
        """The averages, copies, by attribute path, and their ``count``.  Assigning a
        state goes back to it; one that does not fit is a ValueError that lists every
        name at fault, and changes nothing."""
        found = {"count": np.array(self.count)}
        for path, mean in zip(self._names, self._means):
            found[f"{path}.average"] = mean.copy()
        return found

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self.assign(fitted("Average.state", self.state, state))

    def assign(self, state: Mapping[str, Array]) -> None:
        """Go back to a state that is known to fit."""
        self.count = int(state["count"])
        self._means = [state[f"{path}.average"] for path in self._names]
