"""The three recurrent networks everybody needs: Simple, LSTM, GRU.

``insize`` is as for ``Layer``: n for vectors, -n for symbols, or a list, for several
inputs at once, given to ``step`` as a tuple.  s() is the logistic function, * is
elementwise; x (insize), h and c (outsize).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..functions import zeros
from ..graph import Expression, Parameter
from ..layers import Function, Layer, Size, insizes, is_own
from ..ops import sigmoid, tanh
from ..settings import current_dtype, generator
from ..tracing import cell
from .transducer import Transducer

Model = list[Parameter] | None
Seed = np.random.Generator | int | None


def layers(
    insize: Size, outsize: int, model: Model, rng: Seed, options: dict[str, Any]
) -> Callable[..., Layer]:
    """A maker of the layers of one cell: ``make(f, *more)`` takes the inputs, the
    state h, and arguments of the sizes ``more``; all draw from one ``rng``."""
    inputs, rng = insizes(insize), generator(rng)

    def make(f: Function | None, *more: int | str) -> Layer:
        sizes = [*inputs, outsize, *more]
        return Layer(sizes, outsize, f=f, model=model, rng=rng, **options)

    return make


class Simple(Transducer):
    """h := f(W x + U h + b).

    Elman 1990, *Finding Structure in Time*.

    >>> Simple(3, 2).transduce(np.zeros((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        insize: Size,
        outsize: int,
        f: Function | None = tanh,
        model: Model = None,
        *,
        rng: Seed = None,
        **options: Any,
    ):
        self._own = is_own(f)  # a function of the user's is never traced unasked
        self.layer = layers(insize, outsize, model, rng, options)(f)
        self.h0 = zeros(outsize, current_dtype())

    def start(self) -> None:
        """h := 0."""
        self.h = self.h0

    def step(self, inp: Any) -> Expression:
        """One step; the output is h."""
        return self._traced(inp) if self._own else self._stepped(inp)

    def _stepped(self, inp: Any) -> Expression:
        self.h = self.layer(inp, self.h)
        return self.h

    _traced = cell(_stepped)


class LongShortTermMemory(Transducer):
    """Coupled gates and diagonal peepholes::

        i := s(Wi x + Ui h + pi * c + bi)
        c := (1 - i) * c + i * tanh(Wc x + Uc h + bc)
        o := s(Wo x + Uo h + po * c + bo)
        h := o * tanh(c)

    The documentation of Penne, module ``recurrent``; Graves 2013, *Generating
    Sequences With Recurrent Neural Networks*, equations 7-11, with f = 1 - i.
    """

    def __init__(
        self,
        insize: Size,
        outsize: int,
        model: Model = None,
        *,
        rng: Seed = None,
        **options: Any,
    ):
        layer = layers(insize, outsize, model, rng, options)
        self.input_gate = layer(sigmoid, "diag")
        self.output_gate = layer(sigmoid, "diag")
        self.input_layer = layer(tanh)
        self.h0 = zeros(outsize, current_dtype())
        self.c0 = zeros(outsize, current_dtype())

    def start(self) -> None:
        """h := 0, c := 0."""
        self.h = self.h0
        self.c = self.c0

    @cell
    def step(self, inp: Any) -> Expression:
        """One step; the output is h."""
        i = self.input_gate(inp, self.h, self.c)
        self.c = (1 - i) * self.c + i * self.input_layer(inp, self.h)
        o = self.output_gate(inp, self.h, self.c)
        self.h = o * tanh(self.c)
        return self.h


class GatedRecurrentUnit(Transducer):
    """Reset and update gates::

        r := s(Wr x + Ur h + br)
        z := s(Wz x + Uz h + bz)
        h := z * h + (1 - z) * tanh(W x + U (r * h) + b)

    Cho et al. 2014, *Learning Phrase Representations using RNN Encoder-Decoder*
    (arXiv version 3), equations 5-8.
    """

    def __init__(
        self,
        insize: Size,
        outsize: int,
        model: Model = None,
        *,
        rng: Seed = None,
        **options: Any,
    ):
        layer = layers(insize, outsize, model, rng, options)
        self.reset_gate = layer(sigmoid)
        self.update_gate = layer(sigmoid)
        self.input_layer = layer(tanh)
        self.h0 = zeros(outsize, current_dtype())

    def start(self) -> None:
        """h := 0."""
        self.h = self.h0

    @cell
    def step(self, inp: Any) -> Expression:
        """One step; the output is h."""
        r = self.reset_gate(inp, self.h)
        z = self.update_gate(inp, self.h)
        candidate = self.input_layer(inp, r * self.h)
        self.h = z * self.h + (1 - z) * candidate
        return self.h


LSTM = LongShortTermMemory
GRU = GatedRecurrentUnit
