"""What the cells of penne are in the terms of other libraries.

This module imports ``graph``, ``layers``, ``modules``, ``ops``, ``recurrent.cells``,
``recurrent.decoders``, ``recurrent.lstm`` and ``recurrent.unit``.
"""

from collections.abc import Iterator
from typing import Any

from ..graph import Parameter
from ..layers import Layer
from ..modules import Module
from ..ops import tanh
from ..recurrent.cells import GatedRecurrentUnit, Simple
from ..recurrent.decoders import Decoder
from ..recurrent.lstm import LongShortTermMemory
from ..recurrent.unit import RecurrentUnit

Whole = (RecurrentUnit, Decoder, Layer)


def parts(module: Module) -> Iterator[tuple[str, Module]]:
    """The cells of ``module``, and the layers that are not in one, by path, in the
    order of its attributes."""
    found: list[str] = []
    for path, part in module.modules().items():
        inside = any(not p or path == p or path.startswith(f"{p}.") for p in found)
        if isinstance(part, Whole) and not inside:
            found.append(path)
            yield path, part


def check_inputs(name: str, library: str, part: Module) -> None:
    """TypeError for a cell or layer of which an input has no matrix."""
    if isinstance(part, Whole) and "diag" in part.insize:
        kind = type(part).__name__
        raise TypeError(
            f'{name}: {library} has no {kind} with an input that is "diag"; write the '
            "size of the input, for a matrix"
        )


def plain_lstm(part: Module) -> bool:
    """Whether this is an LSTM of gates and layers as usual, whichever it has."""
    return (
        isinstance(part, LongShortTermMemory)
        and part.input_layer.f is tanh
        and part.output_activation is tanh
        and not part.layer_norm
        and not part.gate_recurrence
        and "input_map" not in vars(part)
        and part.input_layer.weights[-1].ndim == 2
    )


def is_standard_lstm(part: Module) -> bool:
    """Whether this is what PyTorch and Keras call LSTM."""
    return plain_lstm(part) and kinds(part) == (True, True, True, False)


def kinds(part: Any) -> tuple[Any, ...]:
    """Which gates an LSTM has: input, forget, output; and whether peepholes."""
    return (*part.kinds.values(), bool(part.peepholes))


def is_gru(part: Module, reset: str, update: str, bias: bool) -> bool:
    """Whether this is the gated unit of these options; ``bias``: with its own for what
    recurs, where it has biases at all."""
    return (
        type(part) is GatedRecurrentUnit
        and (part.reset, part.update) == (reset, update)
        and (part.recurrent_bias is not None)
        == (bias and part.input_layer.bias is not None)
    )


def is_simple(part: Module) -> bool:
    """Whether this is the simple network, whatever its f."""
    return isinstance(part, Simple)


def from_x(part: Any, gates: list[Layer]) -> list[list[Parameter]]:
    """The weights of x: a row for each input, a column for each gate."""
    return [[gate.weights[k] for gate in gates] for k in range(len(part.insize))]


def from_h(part: Any, gates: list[Layer]) -> list[list[Parameter]]:
    """The weights of h: a column for each gate."""
    return [[gate.weights[len(part.insize)] for gate in gates]]


def biases(gates: list[Layer]) -> list[Parameter]:
    """The biases of the gates, none where there are none."""
    return [gate.bias for gate in gates if gate.bias is not None]


def gates_of(part: Any, names: str) -> list[Layer]:
    """The layers of a cell by name."""
    return [getattr(part, name) for name in names.split()]
