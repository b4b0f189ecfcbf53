"""Weights from elsewhere, and back: the layouts of PyTorch, Keras and Merlin.

All go between the parameters of a penne module and plain arrays by name, as the other
library names and arranges them; none of the libraries is needed.  ``from_...`` fills
the whole module or, where anything does not fit, nothing; ``to_...`` gives the arrays.
"""

from .keras_layout import from_keras, to_keras
from .merlin_layout import from_merlin, to_merlin
from .torch_layout import from_torch, to_torch

__all__ = [
    "from_keras",
    "from_merlin",
    "from_torch",
    "to_keras",
    "to_merlin",
    "to_torch",
]
