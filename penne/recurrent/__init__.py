"""Recurrent networks as composable finite-state transducers.

``transducer``: Transducer, Map, Stack · ``cells``: Simple, LSTM, GRU ·
``variants``: the family of the literature.
"""

from . import variants
from .cells import (
    GRU,
    LSTM,
    GatedRecurrentUnit,
    LongShortTermMemory,
    Simple,
)
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
