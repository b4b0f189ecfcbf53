"""Models run for their outputs alone.

This module imports ``compute``, ``graph``, ``randomness``, ``recurrent`` and
``recurrent.transducer``.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..compute import compute_values
from ..graph import constant
from ..randomness import training
from ..recurrent import Transducer
from ..recurrent.transducer import check_transducers

Array = np.ndarray[Any, Any]
Inputs = Callable[[Any], Any] | None
State = Mapping[str, Any] | None


@contextmanager
def evaluating(asked: str, model: Transducer, state: State = None) -> Iterator[None]:
    """The model started, or in ``state``; dropouts off.  Afterwards its state is what
    it was.  Raises TypeError for what is no transducer."""
    check_transducers(asked, model)
    before = model.state
    try:
        with training(False):
            if state is None:
                model.start()
            else:
                model.state = state
            yield
    finally:
        model.state = before


def stepped(
    asked: str, model: Transducer, symbol: int, inputs: Inputs, size: int
) -> Array:
    """The value of one step's output, (V), of float64; what lies before it is
    forgotten.

    ``inputs`` makes the input of the symbol; ``size``: that of the vocabulary.
    Raises ValueError for an output of another shape, FloatingPointError for NaN.
    """
    output = constant(model.step(symbol if inputs is None else inputs(symbol)))
    values = compute_values(output)
    model.detach(values)
    logp: Array = np.asarray(values[output], np.float64)
    if logp.ndim != 1:
        raise ValueError(
            f"{asked}: for a symbol the model gives an output (V), got {logp.shape}"
        )
    check_size(asked, logp, size)
    if np.isnan(logp).any():
        raise FloatingPointError(f"{asked}: the model gives NaN after symbol {symbol}")
    return logp


def check_logarithms(asked: str, logp: Array) -> None:
    """ValueError where a model's output is no log p: that is never above 0, but for
    rounding."""
    if logp.max() > 1e-3:
        raise ValueError(
            f"{asked}: the model gives {logp.max():.3g}, no log p; end it in "
            "Layer(..., f=logsoftmax)"
        )


def check_size(asked: str, logp: Array, size: int) -> None:
    """ValueError where a model's output, (..., V), is not as long as a vocabulary."""
    if logp.shape[-1] != size:
        raise ValueError(
            f"{asked}: the vocabulary has {size} symbols, the model's output "
            f"{logp.shape[-1]}"
        )
