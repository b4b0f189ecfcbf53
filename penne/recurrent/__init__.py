"""Recurrent networks as composable finite-state transducers.

``transducer``: Transducer, Map, Stack · ``unit``: what all cells share · ``cells``:
Simple, GRU · ``lstm``: LSTM, with its options · ``variants``: the family of the
literature.
"""

from . import variants
from .cells import GRU, GatedRecurrentUnit, Simple
from .lstm import LSTM, LongShortTermMemory
from .transducer import Map, Stack, Transducer

__all__ = [
    "GRU",
    "LSTM",
    "GatedRecurrentUnit",
    "LongShortTermMemory",
    "Map",
    "Simple",
    "Stack",
    "Transducer",
    "variants",
]
