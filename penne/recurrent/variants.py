"""The cells of the literature, by their names: each is the LSTM, or the gated unit,
with some options.

In the equations s() is the logistic function and * is elementwise; counts are of
parameters, for insize n and outsize m; k = n m + m m + m is that of one gate.  An
option given by name goes before that of the variant.
"""

from typing import Any, ClassVar

import numpy as np

from ..graph import Expression
from ..initializers import normal, uniform
from ..layers import Function, Size
from ..ops import sigmoid
from .cells import GatedRecurrentUnit, Simple
from .decoders import SimplifiedLSTMDecoder, VanillaLSTMDecoder, VanillaRNNDecoder
from .lstm import LongShortTermMemory
from .unit import Model

__all__ = [
    "CIFG",
    "FGR",
    "LSTMNFG",
    "LSTMNIG",
    "LSTMNOG",
    "NIAF",
    "NOAF",
    "DiagonalLSTM",
    "GravesLSTM",
    "LSTMNoPeepholes",
    "MinimalGatedUnit",
    "RecurrentOutput",
    "SimplifiedGRU",
    "SimplifiedLSTM",
    "SimplifiedLSTMDecoder",
    "StandardLSTM",
    "VanillaLSTM",
    "VanillaLSTMDecoder",
    "VanillaRNN",
    "VanillaRNNDecoder",
]

CIFG = LongShortTermMemory
VanillaRNN = Simple


class VanillaLSTM(LongShortTermMemory):
    """Three gates with peepholes::

        i := s(Wi x + Ui h + pi * c + bi)      c := f * c + i * g
        f := s(Wf x + Uf h + pf * c + bf)      o := s(Wo x + Uo h + po * c + bo)
        g := tanh(Wg x + Ug h + bg)            h := o * tanh(c)

    Graves 2013, *Generating Sequences With Recurrent Neural Networks*, equations
    7-11.  Parameters: 4 k + 3 m.
    """

    preset: ClassVar[dict[str, Any]] = {"forget_gate": True}

    def __init__(self, insize: Size, outsize: int, model: Model = None, **options: Any):
        super().__init__(insize, outsize, model, **{**self.preset, **options})


GravesLSTM = VanillaLSTM


class LSTMNFG(VanillaLSTM):
    """No forget gate: ``VanillaLSTM`` with f = 1, c := c + i * g.

    Hochreiter and Schmidhuber 1997, *Long Short-Term Memory*, with peepholes; "NFG"
    of Greff et al. 2015, *LSTM: A Search Space Odyssey*.  Parameters: 3 k + 2 m.
    """

    preset: ClassVar[dict[str, Any]] = {"forget_gate": False}


class LSTMNIG(VanillaLSTM):
    """No input gate: ``VanillaLSTM`` with i = 1, c := f * c + g.

    "NIG" of Greff et al. 2015, *LSTM: A Search Space Odyssey*.
    Parameters: 3 k + 2 m.
    """

    preset: ClassVar[dict[str, Any]] = {"forget_gate": True, "input_gate": False}


class LSTMNOG(VanillaLSTM):
    """No output gate: ``VanillaLSTM`` with o = 1, h := tanh(c).

    "NOG" of Greff et al. 2015, *LSTM: A Search Space Odyssey*.
    Parameters: 3 k + 2 m.
    """

    preset: ClassVar[dict[str, Any]] = {"forget_gate": True, "output_gate": False}


class LSTMNoPeepholes(VanillaLSTM):
    """No peepholes: ``VanillaLSTM`` with pi = pf = po = 0.

    "NP" of Greff et al. 2015, *LSTM: A Search Space Odyssey*.  Parameters: 4 k.
    """

    preset: ClassVar[dict[str, Any]] = {"forget_gate": True, "peepholes": None}


class StandardLSTM(LSTMNoPeepholes):
    """The LSTM without peepholes, gates in the order i, f, g, o::

        i := s(Wi x + Ui h + bi)        f := s(Wf x + Uf h + bf)
        g := tanh(Wg x + Ug h + bg)     o := s(Wo x + Uo h + bo)
        c := f * c + i * g              h := o * tanh(c)

    Gers, Schmidhuber and Cummins 2000, *Learning to Forget*; what PyTorch and Keras
    call LSTM.  Parameters: 4 k.
    """

    order = ("input_gate", "forget_gate", "input_layer", "output_gate")


class SimplifiedLSTM(VanillaLSTM):
    """The forget gate alone::

        f := s(Wf x + Uf h + bf)        c := f * c + (1 - f) * g
        g := tanh(Wg x + Ug h + bg)     h := tanh(c)

    Wu and King 2016, *Investigating gated recurrent neural networks for speech
    synthesis*.  Parameters: 2 k.
    """

    preset: ClassVar[dict[str, Any]] = {
        "input_gate": "coupled",
        "forget_gate": True,
        "output_gate": False,
        "peepholes": None,
    }


class NIAF(VanillaLSTM):
    """No input activation: ``VanillaLSTM`` with g := Wg x + Ug h + bg.

    Greff et al. 2015, *LSTM: A Search Space Odyssey*.  Parameters: 4 k + 3 m.
    """

    preset: ClassVar[dict[str, Any]] = {"forget_gate": True, "input_activation": None}


class NOAF(VanillaLSTM):
    """No output activation: ``VanillaLSTM`` with h := o * c.

    Greff et al. 2015, *LSTM: A Search Space Odyssey*.  Parameters: 4 k + 3 m.
    """

    preset: ClassVar[dict[str, Any]] = {"forget_gate": True, "output_activation": None}


class FGR(VanillaLSTM):
    """Full gate recurrence: ``VanillaLSTM`` whose gates take all three gates of the
    step before too, by nine matrices; at first those are 0::

        i := s(Wi x + Ui h + pi * c + Rii i + Rif f + Rio o + bi)

    and so f and o.  Greff et al. 2015, *LSTM: A Search Space Odyssey*, after
    Hochreiter and Schmidhuber 1997.  Parameters: 4 k + 3 m + 9 m m.
    """

    preset: ClassVar[dict[str, Any]] = {"forget_gate": True, "gate_recurrence": True}


class DiagonalLSTM(VanillaLSTM):
    """As many LSTMs of one unit as outsize says, side by side::

        z := W x
        i := s(ui * z + wi * h + bi)        c := f * c + i * g
        f := s(uf * z + wf * h + bf)        h := o * tanh(c)
        o := s(uo * z + wo * h + bo)
        g := tanh(ug * z + wg * h + bg)

    W is ``input_map``.  All u, w and b are drawn from U(-m ** -1/2, m ** -1/2), W
    from U(-n ** -1/2, n ** -1/2).  A NumPy layer that goes around as ``LstmLayer``;
    with ``truncate=1`` its gradient, which reaches one step back.  Independent
    units: Li et al. 2018, *Independently Recurrent Neural Network*, section 3.
    Parameters: n m + 12 m.
    """

    preset: ClassVar[dict[str, Any]] = {
        "forget_gate": True,
        "peepholes": None,
        "recurrence": "diagonal",
        "shared_input": True,
        "init": uniform,
    }

    def _make_layers(self, sizes: list[Any], activation: Function | None) -> None:
        super()._make_layers(sizes, activation)
        rng, r = np.random.default_rng(self._seeds["bias"]), self.outsize**-0.5
        for layer in self.gates.values():
            if "bias" not in self._options and layer.bias is not None:
                layer.bias.value[...] = rng.uniform(-r, r, self.outsize)


class MinimalGatedUnit(GatedRecurrentUnit):
    """One gate::

        f := s(Wf x + Uf h + bf)
        g := tanh(W x + U (f * h) + b)
        h := (1 - f) * h + f * g

    Zhou et al. 2016, *Minimal Gated Unit for Recurrent Neural Networks*.
    Parameters: 2 k.
    """

    preset: ClassVar[dict[str, Any]] = {"update": "write"}
    order = ("forget_gate", "input_layer")

    def __init__(self, insize: Size, outsize: int, model: Model = None, **options: Any):
        super().__init__(insize, outsize, model, **{**self.preset, **options})

    def _make_gates(self, sizes: list[Any]) -> None:
        self._layer("forget_gate", sizes, sigmoid)

    def _gates(self, inp: Any, h: Expression) -> tuple[Expression, Expression]:
        f = self.forget_gate(inp, h)
        return f, f


class SimplifiedGRU(MinimalGatedUnit):
    """One gate, reset after the product, and a learned decay w::

        f := s(Wf x + Uf h + bf)
        g := tanh(W x + f * (U h) + b)
        h := w * (1 - f) * h + f * g

    w is drawn from N(0, m ** -1/2).  Merlin's layer "SGRU": Wu, Watts and King 2016,
    *Merlin: An Open Source Neural Network Speech Synthesis System*.
    Parameters: 2 k + m.
    """

    preset: ClassVar[dict[str, Any]] = {"update": "write", "reset": "after"}

    def _make_gates(self, sizes: list[Any]) -> None:
        super()._make_gates(sizes)
        self._layer("decay", ["diag"], None, bias=None)

    def _kept(self, h: Expression) -> Expression:
        return self.decay(h)


class RecurrentOutput(Simple):
    """An output layer that takes its last output too: y := W x + U y + b.

    W is drawn from N(0, n ** -1/2), U from N(0, m ** -1/2).  Merlin's recurrent output
    layer; Zen and Sak 2015, *Unidirectional Long Short-Term Memory Recurrent Neural
    Network with Recurrent Output Layer for Low-Latency Speech Synthesis*.
    Parameters: k.
    """

    def __init__(self, insize: Size, outsize: int, model: Model = None, **options: Any):
        super().__init__(
            insize, outsize, model=model, **{"f": None, "init": normal, **options}
        )
