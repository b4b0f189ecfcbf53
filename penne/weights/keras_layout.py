"""Keras's names and arrangement of weights, those of ``layer.get_weights()``.

``LSTM`` is ``StandardLSTM``; ``GRU`` is ``GRU(reset="after", recurrent_bias=True)``,
with ``reset_after=False`` ``GRU()``; ``SimpleRNN`` is ``Simple``; ``Dense`` is
``Layer``; ``Embedding`` is ``Layer(-V, n, f=None, bias=None)``; ``Bidirectional`` is
``Bidirectional``; a ``Sequential`` of them is a ``Stack``; ``use_bias=False`` is
``bias=None``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layers import Layer
from ..modules import Module, check_module
from .blocks import Again, Array, Block, arrays, filled, named
from .cells import (
    biases,
    check_inputs,
    from_h,
    from_x,
    gates_of,
    is_gru,
    is_simple,
    is_standard_lstm,
    parts,
)

KNOWN = (
    'Layer, StandardLSTM, GRU(reset="after", recurrent_bias=True), GRU(), Simple, and '
    "what is made of these"
)


def from_keras(module: Module, weights: Mapping[str, Any] | Sequence[Any]) -> None:
    """Give ``module`` the weights of Keras's layer or model of its kind.

    ``weights``: the list that ``get_weights()`` gives; or a mapping, of the names
    ``kernel``, ``recurrent_kernel``, ``bias`` (``embeddings`` of an Embedding), each
    after the attribute path of its cell where there are several, as
    ``"layers.0.forward.kernel"``.

    Raises ValueError for another number of arrays, for names that are missing or not
    known, or arrays of another shape or kind of number, with all of them, and where a
    parameter that stands in two places is given two values; TypeError for a module
    that Keras has none of.  Then nothing has changed.

    >>> import numpy as np
    >>> from penne import Layer
    >>> layer = Layer(2, 1, f=None)
    >>> from_keras(layer, [np.array([[1.0], [2.0]]), np.array([0.5])])
    >>> layer.bias.value
    array([0.5], dtype=float32)
    """
    there = layout("from_keras", module)
    filled("from_keras", module, there, named("from_keras", there, weights))


def to_keras(module: Module) -> dict[str, Array]:
    """The weights of ``module`` as Keras's of its kind names and arranges them:
    ``list(to_keras(r).values())`` is for ``set_weights``.

    Raises TypeError for a module that Keras has none of.

    >>> from penne import Simple
    >>> {name: x.shape for name, x in to_keras(Simple(3, 2)).items()}
    {'kernel': (3, 2), 'recurrent_kernel': (2, 2), 'bias': (2,)}
    """
    return arrays("to_keras", module, layout("to_keras", module))


def layout(name: str, module: Module) -> dict[str, Block]:
    """Where Keras has the parameters of ``module``."""
    check_module(name, module)
    found: dict[str, Block] = {}
    for path, part in parts(module):
        check_inputs(name, "Keras", part)
        at = f"{path}." if path else ""
        own = _dense(part) if isinstance(part, Layer) else _cell(name, part, at)
        found |= {at + key: x for key, x in own.items()}
    return found


def _dense(layer: Layer) -> dict[str, Block]:
    kernel = Block([[W] for W in layer.weights])
    if layer.bias is not None:
        return {"kernel": kernel, "bias": Block([[layer.bias]])}
    lookup = len(layer.insize) == 1 and layer.insize[0] < 0
    return {"embeddings" if lookup else "kernel": kernel}


def _cell(name: str, part: Module, at: str) -> dict[str, Block]:
    gates = gates_of(part, _gate_names(name, part))
    found = {
        "kernel": Block(from_x(part, gates)),
        "recurrent_kernel": Block(from_h(part, gates)),
    }
    if own := biases(gates):
        rows: list[Any] = [own]
        if is_gru(part, "after", "keep", True):
            first = [Again(b, f"{at}bias") for b in own[:-1]]
            rows += [[*first, vars(part)["recurrent_bias"]]]
        found["bias"] = Block(rows)
    return found


def _gate_names(name: str, part: Module) -> str:
    if is_standard_lstm(part) and "projection" not in vars(part):
        return "input_gate forget_gate input_layer output_gate"
    if is_gru(part, "after", "keep", True) or is_gru(part, "before", "keep", False):
        return "update_gate reset_gate input_layer"
    if is_simple(part):
        return "layer"
    kind = type(part).__name__
    raise TypeError(f"{name}: Keras has no {kind} like this; it has {KNOWN}")
