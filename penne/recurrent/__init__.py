"""Recurrent networks as composable finite-state transducers.

``transducer``: Transducer, Map, Stack · ``unit``: what all cells share · ``cells``:
Simple, GRU · ``lstm``: LSTM, with its options · ``variants``: the family of the
literature · ``composition``, ``feedback``: transducers made of transducers ·
``unrolling``: batches, masks, states · ``scanning``: functions over sequences ·
``merlin``: layers by Merlin's names.
"""

from . import merlin, variants
from .cells import GRU, GatedRecurrentUnit, Simple
from .composition import (
    Bidirectional,
    Concat,
    Highway,
    Parallel,
    Residual,
    Reverse,
)
from .feedback import Feedback
from .lstm import LSTM, LongShortTermMemory
from .scanning import scan
from .transducer import Map, Stack, Transducer
from .unrolling import unroll

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "Concat",
    "Feedback",
    "GatedRecurrentUnit",
    "Highway",
    "LongShortTermMemory",
    "Map",
    "Parallel",
    "Residual",
    "Reverse",
    "Simple",
    "Stack",
    "Transducer",
    "merlin",
    "scan",
    "unroll",
    "variants",
]
