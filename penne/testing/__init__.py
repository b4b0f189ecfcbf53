"""Checks of numbers, as a part of the product.

``check_gradients``, ``check_gradient``: gradients against differences · ``check_op``,
``check_transducer``, ``check_trainer``: the laws of each kind, tried on your own ·
``strategies``: hypothesis strategies of what penne computes with · ``every_op``,
``every_transducer``, ``every_trainer``: decorators that make one test for each ·
``python -m penne.testing``: all laws over all of penne.

What needs hypothesis or pytest is loaded when it is first named.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .differences import check_gradients
from .gradients import WrongGradient, check_gradient

if TYPE_CHECKING:
    from . import strategies
    from .each import every_op, every_row, every_trainer, every_transducer
    from .laws import Report
    from .op_laws import check_op
    from .trainer_laws import check_trainer
    from .transducer_laws import check_transducer

__all__ = [
    "Report",
    "WrongGradient",
    "check_gradient",
    "check_gradients",
    "check_op",
    "check_trainer",
    "check_transducer",
    "every_op",
    "every_row",
    "every_trainer",
    "every_transducer",
    "strategies",
]

_HOMES = {
    "Report": "laws",
    "check_op": "op_laws",
    "check_trainer": "trainer_laws",
    "check_transducer": "transducer_laws",
    "every_op": "each",
    "every_row": "each",
    "every_smooth_row": "each",
    "every_trainer": "each",
    "every_transducer": "each",
    "strategies": "",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f".{_HOMES[name] or name}", __name__)
    except ModuleNotFoundError as error:
        if error.name not in ("hypothesis", "pytest"):
            raise
        raise ImportError(
            f"{__name__}.{name} needs {error.name}; write pip install 'penne-nn[test]'"
        ) from error
    return getattr(home, name) if _HOMES[name] else home
