"""Transducers that read what they said: outputs fed back as inputs.

Merlin is the speech synthesis system of Z. Wu, O. Watts and S. King (2016), whose
layers of output and decoders these are.
"""

from collections.abc import Callable
from typing import Any

from ..counts import is_int
from ..graph import constant
from .transducer import Transducer, check_transducers


class Feedback(Transducer):
    """y_t := r((x_t, y_{t-1})), and r(y_{t-1}) where there is no x_t.

    ``layer`` is r, which gets its last output as one more input, after those of the
    step; ``first`` is y_0, an expression, an array or a symbol.  ``feed``: a function
    of an output to what is fed back of it, as the symbol that is likeliest.

    A generator is stepped without inputs: ``r.step()``, or ``r.transduce([None] * n)``
    for n steps.  To train on texts that are known, give ``r.layer`` the pairs (x_t,
    y_{t-1}) itself.

    Raises TypeError for what is no transducer, or one that has no step.

    >>> from penne import Map, compute_value
    >>> doubling = Feedback(Map(lambda y: y * 2), 1.0)
    >>> [float(compute_value(y)) for y in doubling.transduce([None] * 3)]
    [2.0, 4.0, 8.0]
    """

    def __init__(
        self,
        layer: Transducer,
        first: Any,
        feed: Callable[[Any], Any] | None = None,
    ):
        check_transducers("Feedback", layer)
        if not layer.causal:
            kind = type(layer).__name__
            raise TypeError(f"Feedback: takes what has a step, {kind} looks ahead")
        self.layer = layer
        self.first = first if is_int(first) else constant(first)
        self.feed = feed

    def start(self) -> None:
        """Start it; what is fed is ``first``."""
        self.layer.start()
        self.fed = self.first

    def step(self, inp: Any = None) -> Any:
        """One step; the output is fed back at the next."""
        y = self.layer.step(self.fed if inp is None else (inp, self.fed))
        self.fed = y if self.feed is None else self.feed(y)
        return y
