"""PyTorch's names and arrangement of weights, those of ``state_dict()``.

``nn.LSTM`` is ``StandardLSTM``; ``nn.GRU`` is ``GRU(reset="after",
recurrent_bias=True)``; ``nn.RNN`` is ``Simple`` with f=tanh or f=rectify; ``nn.Linear``
is ``Layer`` with f=None, or ``Map`` of it; ``nn.Embedding`` is ``Layer(-V, n, f=None,
bias=None)``.  Several layers are a ``Stack``, two directions a ``Bidirectional``, no
bias ``bias=None``, ``proj_size`` is ``projection``.
"""

from collections.abc import Mapping
from typing import Any

from ..layers import Layer
from ..modules import Module, check_module
from ..ops import rectify, tanh
from ..recurrent.composition import Bidirectional
from ..recurrent.transducer import Map, Stack
from .blocks import Again, Array, Block, arrays, check_mapping, filled
from .cells import (
    biases,
    check_inputs,
    from_h,
    from_x,
    gates_of,
    is_gru,
    is_simple,
    is_standard_lstm,
)

KNOWN = (
    'Layer, StandardLSTM, GRU(reset="after", recurrent_bias=True), Simple with '
    "f=tanh or f=rectify, and Stack and Bidirectional of these cells"
)


def from_torch(module: Module, weights: Mapping[str, Any], prefix: str = "") -> None:
    """Give ``module`` the weights of PyTorch's module of its kind.

    ``weights``: a ``state_dict()``, or any mapping of its names to arrays.  Of a whole
    model's, ``prefix`` picks the names that begin with it, as ``"encoder.rnn."``; the
    others are passed over.  The two biases of an LSTM or RNN are added up; so are those
    of a GRU but the last, which stays apart, within the reset.

    Raises ValueError for names that are missing or not known, or arrays of another
    shape or kind of number, with all of them, and where a parameter that stands in two
    places is given two values; TypeError for a module that PyTorch has none of.  Then
    nothing has changed.

    >>> import numpy as np
    >>> from penne import Simple, compute_value
    >>> r = Simple(1, 1)
    >>> from_torch(r, {"weight_ih_l0": [[1.0]], "weight_hh_l0": [[0.0]],
    ...                "bias_ih_l0": [0.5], "bias_hh_l0": [-0.5]})
    >>> bool(compute_value(r.transduce(np.ones((1, 1)))) == np.tanh(np.float32(1)))
    True
    """
    check_mapping("from_torch", weights)
    own = {k[len(prefix) :]: x for k, x in weights.items() if k.startswith(prefix)}
    filled("from_torch", module, layout("from_torch", module), own)


def to_torch(module: Module, prefix: str = "") -> dict[str, Array]:
    """The weights of ``module`` as PyTorch's module of its kind names and arranges
    them, each name after ``prefix``: for ``load_state_dict``, as tensors.

    The second biases are zeros, but for that of a GRU which penne has too.  Raises
    TypeError for a module that PyTorch has none of.

    >>> from penne import Layer
    >>> {name: x.shape for name, x in to_torch(Layer(3, 2, f=None)).items()}
    {'weight': (2, 3), 'bias': (2,)}
    """
    found = arrays("to_torch", module, layout("to_torch", module))
    return {prefix + name: x for name, x in found.items()}


def layout(name: str, module: Module) -> dict[str, Block]:
    """Where PyTorch has the parameters of ``module``."""
    if isinstance(module, Map):
        module = module.f if isinstance(module.f, Layer) else module
    check_module(name, module)
    if isinstance(module, Layer):
        check_inputs(name, "PyTorch", module)
        return _linear(module)
    found: dict[str, Block] = {}
    for k, layer in enumerate(_layers(module)):
        if isinstance(layer, Bidirectional):
            found |= _cell(name, layer.forward, f"_l{k}")
            found |= _cell(name, layer.backward, f"_l{k}_reverse")
        else:
            found |= _cell(name, layer, f"_l{k}")
    return found


def _layers(module: Module) -> list[Module]:
    """The layers one after the other, without those that have no parameters."""
    if isinstance(module, Stack):
        return [x for layer in module.layers for x in _layers(layer)]
    return [module] if module.parameters() else []


def _linear(layer: Layer) -> dict[str, Block]:
    rows = [[W] for W in layer.weights]
    if layer.bias is None:
        lookup = len(rows) == 1 and layer.insize[0] < 0
        return {"weight": Block(rows, turned=not lookup)}
    return {"weight": Block(rows, turned=True), "bias": Block([[layer.bias]])}


def _cell(name: str, part: Module, suffix: str) -> dict[str, Block]:
    """Where a cell's parameters stand; or TypeError."""
    check_inputs(name, "PyTorch", part)
    gates = gates_of(part, _gate_names(name, part))
    found = {
        f"weight_ih{suffix}": Block(from_x(part, gates), turned=True),
        f"weight_hh{suffix}": Block(from_h(part, gates), turned=True),
    }
    if both := biases(gates):
        second: list[Any] = [Again(b, f"bias_ih{suffix}") for b in both]
        if is_gru(part, "after", "keep", True):
            second[-1] = vars(part)["recurrent_bias"]
        found[f"bias_ih{suffix}"] = Block([both])
        found[f"bias_hh{suffix}"] = Block([second])
    if "projection" in vars(part):
        W = vars(part)["projection"].weights[0]
        found[f"weight_hr{suffix}"] = Block([[W]], turned=True)
    return found


def _gate_names(name: str, part: Module) -> str:
    if is_standard_lstm(part):
        return "input_gate forget_gate input_layer output_gate"
    if is_gru(part, "after", "keep", True):
        return "reset_gate update_gate input_layer"
    if is_simple(part) and vars(part)["layer"].f in (tanh, rectify):
        return "layer"
    kind = type(part).__name__
    raise TypeError(f"{name}: PyTorch has no {kind} like this; it has {KNOWN}")
