"""Other cells of the literature, by their names."""

from typing import Any

from ..functions import zeros
from ..graph import Expression
from ..layers import Size
from ..ops import sigmoid, tanh
from ..settings import current_dtype
from ..tracing import cell
from .cells import Model, Seed, layers
from .transducer import Transducer


class StandardLSTM(Transducer):
    """The LSTM without peepholes, gates in the order i, f, g, o::

        i := s(Wi x + Ui h + bi)        f := s(Wf x + Uf h + bf)
        g := tanh(Wg x + Ug h + bg)     o := s(Wo x + Uo h + bo)
        c := f * c + i * g              h := o * tanh(c)

    Gers, Schmidhuber and Cummins 2000, *Learning to Forget*; what PyTorch and Keras
    call LSTM.
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
        self.input_gate = layer(sigmoid)
        self.forget_gate = layer(sigmoid)
        self.input_layer = layer(tanh)
        self.output_gate = layer(sigmoid)
        self.h0 = zeros(outsize, current_dtype())
        self.c0 = zeros(outsize, current_dtype())

    def start(self) -> None:
        """h := 0, c := 0."""
        self.h = self.h0
        self.c = self.c0

    @cell
    def step(self, inp: Any) -> Expression:
        """One step; the output is h."""
        i = self.input_gate(inp, self.h)
        f = self.forget_gate(inp, self.h)
        o = self.output_gate(inp, self.h)
        self.c = f * self.c + i * self.input_layer(inp, self.h)
        self.h = o * tanh(self.c)
        return self.h
