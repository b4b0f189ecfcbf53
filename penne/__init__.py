"""penne: lazy expression graphs on NumPy, and recurrent networks as transducers.

``from penne import *`` gives the names in ``__all__``; none shadows a Python built-in.
"""

from importlib import import_module

from numpy import newaxis

from . import conv, costs, functions, initializers, lm, ops, recurrent
from . import weights as weights
from .checkpointing import checkpoint
from .compute import compute_gradients, compute_value, compute_values
from .costs import *  # noqa: F403  # costs.__all__ says what is public
from .debugging import report_gradients, trace_values
from .differentiate import gradient
from .doorway import plain as plain
from .drawing import to_dot
from .files import load, load_model, save, save_model
from .functions import *  # noqa: F403  # functions.__all__ says what is public
from .graph import (
    Constant,
    Expression,
    Parameter,
    constant,
    op,
    parameter,
)
from .layers import Dropout, Layer, LayerNorm
from .modules import Module
from .ops import *  # noqa: F403  # ops.__all__ says what is public
from .ops import numerical
from .optimize import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    Average,
    Lion,
    Momentum,
    NAdam,
    Nesterov,
    RMSprop,
    StochasticGradientDescent,
    Trainer,
    schedules,
)
from .places import debug
from .randomness import fixed_masks, training
from .recurrent import (
    GRU,
    LSTM,
    Bidirectional,
    Concat,
    Feedback,
    GatedRecurrentUnit,
    Highway,
    LongShortTermMemory,
    Map,
    Parallel,
    Residual,
    Reverse,
    Simple,
    Stack,
    Transducer,
    scan,
    unroll,
)
from .settings import caches as caches
from .settings import default_dtype
from .testing import check_gradients
from .tracing import cell
from .version import __version__ as __version__


def __getattr__(name: str) -> object:
    if name == "fast":  # the wing is loaded when it is first named
        return import_module(".fast", __name__)
    raise AttributeError(f"module 'penne' has no attribute {name!r}")


__all__ = [  # by theme, not by alphabet
    *ops.__all__,
    *functions.__all__,
    *costs.__all__,
    "newaxis",
    "Expression",
    "Constant",
    "Parameter",
    "constant",
    "op",
    "parameter",
    "compute_value",
    "compute_values",
    "compute_gradients",
    "check_gradients",
    "gradient",
    "numerical",
    "cell",
    "Module",
    "Layer",
    "LayerNorm",
    "Dropout",
    "training",
    "fixed_masks",
    "checkpoint",
    "debug",
    "trace_values",
    "report_gradients",
    "to_dot",
    "default_dtype",
    "SGD",
    "StochasticGradientDescent",
    "Adagrad",
    "Adadelta",
    "RMSprop",
    "Adam",
    "AdamW",
    "NAdam",
    "AMSGrad",
    "Momentum",
    "Nesterov",
    "Lion",
    "Trainer",
    "Average",
    "schedules",
    "save",
    "load",
    "save_model",
    "load_model",
    "Transducer",
    "Map",
    "Stack",
    "Simple",
    "LSTM",
    "LongShortTermMemory",
    "GRU",
    "GatedRecurrentUnit",
    "Bidirectional",
    "Concat",
    "Feedback",
    "Highway",
    "Parallel",
    "Residual",
    "Reverse",
    "unroll",
    "scan",
    "conv",
    "initializers",
    "lm",
    "recurrent",
]
