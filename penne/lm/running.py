"""Models run for their outputs alone.

This module imports ``compute``, ``graph``, ``randomness`` and ``recurrent``.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..compute import compute_values
from ..graph import constant
from ..randomness import training
from ..recurrent import Transducer

Array = np.ndarray[Any, Any]
Inputs = Callable[[Any], Any] | None
State = Mapping[str, Any] | None


@contextmanager
def evaluating(model: Transducer, state: State = None) -> Iterator[None]:
    """The model started, or in ``state``; dropouts off.  Afterwards its state is what
    it was."""
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


def stepped(asked: str, model: Transducer, symbols: Any, inputs: Inputs) -> Array:
    """The value of one step's output, of float64; what lies before it is forgotten.

    ``symbols``: an int or an array of ints, (B); ``inputs`` makes the input of it.
    Raises FloatingPointError for NaN.
    """
    output = constant(model.step(symbols if inputs is None else inputs(symbols)))
    values = compute_values(output)
    model.detach(values)
    logp: Array = np.asarray(values[output], np.float64)
    if np.isnan(logp).any():
        raise FloatingPointError(f"{asked}: the model gives NaN after symbol {symbols}")
    return logp
