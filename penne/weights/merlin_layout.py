"""Merlin's names of weights, those of its layers' attributes.

W_xi, W_hi, w_ci, b_i are the weights of x, of h and of the peephole and the bias of the
input gate; f, o, c in place of i those of the forget gate, the output gate and what is
written; z, r, h those of a GRU; W_yi those of an output fed back, U_ho and b (U_hi with
an RNN) of what makes it.  ``VanillaRNN`` is ``Simple``; ``VanillaLstm`` to
``SimplifiedLstm`` are ``VanillaLSTM`` to ``SimplifiedLSTM``; ``GatedRecurrentUnit`` is
``GRU(reset="after", update="write")``; a hidden layer has W and b.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layers import Layer
from ..modules import Module, check_module
from ..ops import tanh
from ..recurrent.decoders import Decoder, VanillaRNNDecoder
from ..recurrent.variants import RecurrentOutput, SimplifiedGRU
from .blocks import Array, Block, arrays, filled, named
from .cells import check_inputs, is_gru, is_simple, kinds, parts, plain_lstm

LETTERS = {
    "layer": "i",
    "input_gate": "i",
    "forget_gate": "f",
    "output_gate": "o",
    "input_layer": "c",
}
GRU_LETTERS = {"update_gate": "z", "reset_gate": "r", "input_layer": "h"}
LSTMS = {  # input, forget, output gate; peepholes
    (True, True, True, True),
    (True, False, True, True),
    (False, True, True, True),
    (True, True, False, True),
    (True, True, True, False),
    ("coupled", True, False, False),
}
KNOWN = (
    "Layer, Simple with f=tanh, RecurrentOutput with f=None, VanillaLSTM, LSTMNFG, "
    "LSTMNIG, LSTMNOG, LSTMNoPeepholes, SimplifiedLSTM, SimplifiedGRU and "
    'GRU(reset="after", update="write"), the decoders, and what is made of these'
)


def from_merlin(module: Module, weights: Mapping[str, Any] | Sequence[Any]) -> None:
    """Give ``module`` the weights of Merlin's layer or network of its kind.

    ``weights``: arrays in the order of the layers' ``params``; or a mapping of the
    names of Merlin's attributes, each after the attribute path of its cell where there
    are several, as ``"forward.W_xi"`` of a ``Bidirectional``.

    Raises ValueError for another number of arrays, for names that are missing or not
    known, or arrays of another shape or kind of number, with all of them, and where a
    parameter that stands in two places is given two values; TypeError for a module
    that Merlin has none of.  Then nothing has changed.

    >>> import numpy as np
    >>> from penne import Simple
    >>> r = Simple(1, 1)
    >>> from_merlin(r, {"W_xi": [[1.0]], "W_hi": [[2.0]], "b_i": [3.0]})
    >>> r.layer.weights[1].value
    array([[2.]], dtype=float32)
    """
    there = layout("from_merlin", module)
    filled("from_merlin", module, there, named("from_merlin", there, weights))


def to_merlin(module: Module) -> dict[str, Array]:
    """The weights of ``module`` by the names of Merlin's, in the order of ``params``.

    Raises TypeError for a module that Merlin has none of.

    >>> from penne.recurrent.variants import LSTMNIG
    >>> print(*to_merlin(LSTMNIG(3, 2)))
    W_xf W_hf w_cf W_xo W_ho w_co W_xc W_hc b_f b_o b_c
    """
    return arrays("to_merlin", module, layout("to_merlin", module))


def layout(name: str, module: Module) -> dict[str, Block]:
    """Where Merlin has the parameters of ``module``."""
    check_module(name, module)
    found: dict[str, Block] = {}
    for path, part in parts(module):
        own = _names(name, part)
        found |= {f"{path}.{key}" if path else key: x for key, x in own.items()}
    return found


def _names(name: str, part: Any) -> dict[str, Block]:
    """The names of one cell or layer; or TypeError."""
    check_inputs(name, "Merlin", part)
    if isinstance(part, Layer):
        found = {"W": Block([[W] for W in part.weights])}
        return found if part.bias is None else {**found, "b": Block([[part.bias]])}
    if isinstance(part, Decoder):
        return _decoder(part)
    if is_gru(part, "after", "write", False):
        return _gated(part, GRU_LETTERS)
    if _is_recurrent_output(part):
        ours = _gated(part, LETTERS)
        return dict(zip(["W_xi", "W_yi", "b_y"], ours.values()))
    if _is_lstm(part) or _is_rnn(part):
        return _gated(part, LETTERS)
    if _is_simplified_gru(part):
        return _simplified(part)
    kind = type(part).__name__
    raise TypeError(f"{name}: Merlin has no {kind} like this; it has {KNOWN}")


def _is_recurrent_output(part: Any) -> bool:
    return isinstance(part, RecurrentOutput) and part.layer.f is None


def _is_rnn(part: Any) -> bool:
    own = is_simple(part) and not isinstance(part, RecurrentOutput)
    return own and part.layer.f is tanh


def _is_lstm(part: Any) -> bool:
    return plain_lstm(part) and kinds(part) in LSTMS and "projection" not in vars(part)


def _is_simplified_gru(part: Any) -> bool:
    options = "after", "write"
    return isinstance(part, SimplifiedGRU) and (part.reset, part.update) == options


def _gated(part: Any, letters: Mapping[str, str]) -> dict[str, Block]:
    """Gate by gate W_x, W_h and the peephole; then the biases."""
    found, last, inputs = {}, {}, len(part.insize)
    for gate, letter in letters.items():
        if gate not in vars(part):
            continue
        layer = vars(part)[gate]
        found[f"W_x{letter}"] = Block([[W] for W in layer.weights[:inputs]])
        found[f"W_h{letter}"] = Block([[layer.weights[inputs]]])
        if layer.insize[-1] == "diag":
            found[f"w_c{letter}"] = Block([[layer.weights[-1]]])
        if layer.bias is not None:
            last[f"b_{letter}"] = Block([[layer.bias]])
    return {**found, **last}


def _simplified(part: Any) -> dict[str, Block]:
    """The gate, then its decay, then what is written."""
    found = _gated(part, LETTERS)
    decay = {"w_cf": Block([[part.decay.weights[0]]])}
    names = ["W_xf", "W_hf", "w_cf", "W_xc", "W_hc", "b_f", "b_c"]
    both = {**found, **decay}
    return {key: both[key] for key in names if key in both}


def _decoder(part: Decoder) -> dict[str, Block]:
    """As a cell; W_yi after the first gate, U and b of the output at the end of each
    kind."""
    simple = isinstance(part, VanillaRNNDecoder)
    writes = vars(part)["layer" if simple else "input_layer"]
    found = _gated(part, LETTERS)
    fed = {"W_yi": Block([[writes.weights[-1]]])}
    made = {"U_hi" if simple else "U_ho": Block([[part.output.weights[0]]])}
    first = [k for k in found if k in ("W_xi", "W_hi", "w_ci")]
    own = [k for k in found if k not in first and not k.startswith("b_")]
    last = [k for k in found if k.startswith("b_")]
    whole = {k: found[k] for k in first} | fed | {k: found[k] for k in own} | made
    whole |= {k: found[k] for k in last}
    if part.output.bias is not None:
        whole["b"] = Block([[part.output.bias]])
    return whole
