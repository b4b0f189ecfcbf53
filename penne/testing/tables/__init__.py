"""The one table of ops: how to call each, and what NumPy or SciPy says it equals.

``TABLE`` maps every op of the registry and every public function composed of ops to
a ``Row``.  Generic laws run over it, so a new op is tested the moment it has a row,
and has to have one.  This package imports hypothesis.
"""

from typing import Any

from ... import conv, functions, ops
from ...operators import NUMPY, OPS
from . import (
    arrays,
    composed,
    elementwise,
    matrices,
    numpys,
    products,
    selection,
    shape,
    windows,
)
from .rows import TABLE, Row

BANDS = [elementwise, products, shape, selection, composed, arrays, windows, matrices]
BANDS += [numpys]

__all__ = ["BANDS", "TABLE", "Row", "public_functions"]


def public_functions() -> list[Any]:
    """Every op of the registry but users' own, and every function that penne gives
    away."""
    composed = [
        f
        for name, f in vars(functions).items()
        if callable(f) and f.__module__ == functions.__name__ and name[0] != "_"
    ]
    public = [getattr(ops, name) for name in ops.__all__]
    pools = [getattr(conv, name) for name in conv.__all__]
    known = [f for f in {*OPS.values(), *NUMPY.values()} if _is_named(f)]
    return [*known, *public, *composed, *pools]


def _is_named(f: Any) -> bool:
    """Whether a function is one of penne's, with a name."""
    home = __name__.partition(".")[0]
    return f.__module__.partition(".")[0] == home and "lambda" not in f.__name__
