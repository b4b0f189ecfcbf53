"""Networks by the names that Merlin's recipes give their layers.

Merlin is the speech synthesis system of Wu, Watts and King 2016, *Merlin: An Open
Source Neural Network Speech Synthesis System*.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..functions import softmax
from ..graph import Parameter
from ..initializers import Initializer, normal
from ..layers import Function, Layer
from ..ops import rectify, sigmoid, softplus, tanh
from ..settings import generator
from . import variants
from .cells import GRU
from .composition import Bidirectional
from .transducer import Map, Stack, Transducer
from .unit import Seed

__all__ = [
    "DeepRecurrentNetwork",
]

Maker = Callable[..., Transducer]


def _feedforward(f: Function | None) -> Maker:
    return lambda n, m, **options: Map(Layer(n, m, f, **options))


def _both_ways(unit: Maker) -> Maker:
    def make(*sizes: int, **options: Any) -> Transducer:
        return Bidirectional(unit(*sizes, **options), unit(*sizes, **options))

    return make


HIDDEN: dict[str, Maker] = {
    "TANH": _feedforward(tanh),
    "SIGMOID": _feedforward(sigmoid),
    "SOFTMAX": _feedforward(softmax),
    "RELU": _feedforward(rectify),
    "RESU": _feedforward(softplus),
    "RNN": variants.VanillaRNN,
    "LSTM": variants.VanillaLSTM,
    "LSTM_NFG": variants.LSTMNFG,
    "LSTM_NIG": variants.LSTMNIG,
    "LSTM_NOG": variants.LSTMNOG,
    "LSTM_NPH": variants.LSTMNoPeepholes,
    "SLSTM": variants.SimplifiedLSTM,
    "GRU": partial(GRU, reset="after", update="write"),
    "SGRU": variants.SimplifiedGRU,
    "BLSTM": _both_ways(variants.VanillaLSTM),
    "BSLSTM": _both_ways(variants.SimplifiedLSTM),
}
OUTPUT: dict[str, Maker] = {
    "LINEAR": _feedforward(None),
    "SIGMOID": HIDDEN["SIGMOID"],
    "SOFTMAX": HIDDEN["SOFTMAX"],
    "RECURRENT": variants.RecurrentOutput,
}
TWICE = ("BLSTM", "BSLSTM")


class DeepRecurrentNetwork(Stack):
    """Layers by name, from n_in features to n_out, one on the other.

    ``hidden_sizes``, ``hidden_types``: for each hidden layer its size and its name:
    TANH, SIGMOID, SOFTMAX, RELU, RESU (softplus), RNN, LSTM (``VanillaLSTM``),
    LSTM_NFG, LSTM_NIG, LSTM_NOG, LSTM_NPH, SLSTM (``SimplifiedLSTM``), GRU (reset
    "after", update "write"), SGRU (``SimplifiedGRU``); BLSTM and BSLSTM, in both
    directions, give twice their size to what follows.  ``output_type``: LINEAR,
    SIGMOID, SOFTMAX or RECURRENT (``RecurrentOutput``).  First weights are drawn by
    ``init``, from N(0, fan-in ** -1/2) as there.

    Raises ValueError for a name that is none, and for lists of different lengths.

    >>> net = DeepRecurrentNetwork(9, [8, 4], 2, ["TANH", "BLSTM"])
    >>> net.layers[-1].f.insize
    [8]
    """

    def __init__(
        self,
        n_in: int,
        hidden_sizes: Sequence[int],
        n_out: int,
        hidden_types: Sequence[str],
        output_type: str = "LINEAR",
        model: list[Parameter] | None = None,
        *,
        init: Initializer = normal,
        rng: Seed = None,
    ):
        if len(hidden_sizes) != len(hidden_types):
            raise ValueError(
                f"DeepRecurrentNetwork: one type for each size, got "
                f"{len(hidden_types)} types for {len(hidden_sizes)} sizes"
            )
        options: dict[str, Any] = dict(init=init, rng=generator(rng), model=model)
        layers = []
        for size, name in zip(hidden_sizes, hidden_types):
            layers.append(_named(HIDDEN, "hidden", name)(n_in, size, **options))
            n_in = 2 * size if name in TWICE else size
        output = _named(OUTPUT, "output", output_type)
        super().__init__(*layers, output(n_in, n_out, **options))


def _named(known: dict[str, Maker], kind: str, name: str) -> Maker:
    if name not in known:
        raise ValueError(
            f"DeepRecurrentNetwork: no {kind} layer {name!r} among {', '.join(known)}"
        )
    return known[name]
