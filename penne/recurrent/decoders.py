"""Decoders whose output is an input of their next step, as Merlin has them.

In the equations s() is the logistic function and * is elementwise; x (insize), h and c
(size), y (outsize).  ``**options`` are those of ``Layer``; first weights are drawn from
N(0, fan_in ** -1/2) unless ``init`` says otherwise.  Source: the decoders of Wu, Watts
and King 2016, *Merlin: An Open Source Neural Network Speech Synthesis System*.  With
any other cell: ``Feedback(cell([n, k], m) >> Map(Layer(m, k, f=None)), zeros(k))``.
"""

from typing import Any

from ..counts import positive
from ..functions import zeros
from ..graph import Expression
from ..initializers import normal
from ..layers import Layer, Size, insizes
from ..ops import sigmoid, tanh
from ..settings import current_dtype, generator
from ..tracing import cell
from .transducer import Transducer
from .unit import Seed

__all__ = [
    "SimplifiedLSTMDecoder",
    "VanillaLSTMDecoder",
    "VanillaRNNDecoder",
]


class Decoder(Transducer):
    """What these decoders share: a first state of zeros, and y := Q h + q."""

    def __init__(
        self, insize: Size, size: int, outsize: int, *, rng: Seed = None, **options: Any
    ):
        self.insize = insizes(insize)
        self.size = positive(type(self).__name__, "size", size)
        self.outsize = positive(type(self).__name__, "outsize", outsize)
        self._rng, self._options = generator(rng), {"init": normal, **options}
        self._make([*self.insize, self.size])
        self.output = self._layer([self.size], None, self.outsize)
        del self._rng, self._options
        self.zero = zeros(self.size, current_dtype())
        self.y0 = zeros(self.outsize, current_dtype())

    def _make(self, sizes: list[Any]) -> None:
        """Make the layers; ``sizes`` are those of x and h."""
        raise NotImplementedError

    def _layer(self, sizes: list[Any], f: Any, outsize: int | None = None) -> Layer:
        outsize = self.size if outsize is None else outsize
        return Layer(sizes, outsize, f=f, rng=self._rng, **self._options)

    def start(self) -> None:
        """h := 0, c := 0, y := 0."""
        self.h = self.c = self.zero
        self.y = self.y0


class VanillaRNNDecoder(Decoder):
    """h := tanh(W x + U h + V y + b); y := Q h + q.

    >>> import numpy as np
    >>> VanillaRNNDecoder(3, 5, 2).transduce(np.zeros((4, 3))).shape
    (4, 2)
    """

    def _make(self, sizes: list[Any]) -> None:
        self.layer = self._layer([*sizes, self.outsize], tanh)

    def start(self) -> None:
        """h := 0, y := 0."""
        self.h, self.y = self.zero, self.y0

    @cell
    def step(self, inp: Any) -> Expression:
        """One step; the output is y."""
        self.h = self.layer(inp, self.h, self.y)
        self.y = self.output(self.h)
        return self.y


class VanillaLSTMDecoder(Decoder):
    """``VanillaLSTM`` that writes of its output too::

    i := s(Wi x + Ui h + pi * c + bi)      c := f * c + i * g
    f := s(Wf x + Uf h + pf * c + bf)      o := s(Wo x + Uo h + po * c + bo)
    g := tanh(Wg x + Ug h + V y + bg)      h := o * tanh(c)
                                           y := Q h + q
    """

    def _make(self, sizes: list[Any]) -> None:
        self.input_gate = self._layer([*sizes, "diag"], sigmoid)
        self.forget_gate = self._layer([*sizes, "diag"], sigmoid)
        self.output_gate = self._layer([*sizes, "diag"], sigmoid)
        self.input_layer = self._layer([*sizes, self.outsize], tanh)

    @cell
    def step(self, inp: Any) -> Expression:
        """One step; the output is y."""
        i = self.input_gate(inp, self.h, self.c)
        f = self.forget_gate(inp, self.h, self.c)
        c = f * self.c + i * self.input_layer(inp, self.h, self.y)
        o = self.output_gate(inp, self.h, c)
        self.h, self.c = o * tanh(c), c
        self.y = self.output(self.h)
        return self.y


class SimplifiedLSTMDecoder(Decoder):
    """``SimplifiedLSTM`` that writes of its output too::

    f := s(Wf x + Uf h + bf)               c := f * c + (1 - f) * g
    g := tanh(Wg x + Ug h + V y + bg)      h := tanh(c)
                                           y := Q h + q
    """

    def _make(self, sizes: list[Any]) -> None:
        self.forget_gate = self._layer(sizes, sigmoid)
        self.input_layer = self._layer([*sizes, self.outsize], tanh)

    @cell
    def step(self, inp: Any) -> Expression:
        """One step; the output is y."""
        f = self.forget_gate(inp, self.h)
        g = self.input_layer(inp, self.h, self.y)
        self.c = f * self.c + (1 - f) * g
        self.h = tanh(self.c)
        self.y = self.output(self.h)
        return self.y
