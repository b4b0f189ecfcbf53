"""What Python's and NumPy's operators mean on expressions.

``NUMPY`` maps NumPy's names to functions on expressions, ``OPS`` names to ops; ops and
functions enter themselves.  What cannot be meant raises a TypeError that says what
to write instead.
This module imports nothing of penne.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

OPS: dict[str, Any] = {}
NUMPY: dict[str, Callable[..., Any]] = {}
INSTEAD = {  # of what NumPy and others have, and expressions do not
    "invert": "logical_not(x)",
    "bitwise_and": "logical_and(x, y)",
    "bitwise_or": "logical_or(x, y)",
    "bitwise_xor": "logical_xor(x, y)",
    "backward": "compute_gradients(x)",
    "flatten": "np.ravel(x)",
    **dict.fromkeys(["item", "numpy", "tolist", "value"], "compute_value(x)"),
}


def enter(op: Any) -> None:
    """Enter an op under its name; a user's own displaces none of penne's."""
    home = __name__.partition(".")[0] + "."
    before = str(getattr(NUMPY.get(op.name), "__module__", ""))
    if str(op.__module__).startswith(home) or not before.startswith(home):
        OPS[op.name] = NUMPY[op.name] = op


class Operators:
    """The operators of ``Expression``, which gives ``shape``."""

    __slots__ = ()
    shape: tuple[int, ...]

    @property
    def T(self) -> Any:
        """The transpose: axes in reverse order."""
        return NUMPY["transpose"](self)

    def __add__(self, other: Any) -> Any:
        return NUMPY["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return NUMPY["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return NUMPY["subtract"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return NUMPY["subtract"](other, self)

    def __mul__(self, other: Any) -> Any:
        return NUMPY["multiply"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return NUMPY["multiply"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return NUMPY["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return NUMPY["divide"](other, self)

    def __mod__(self, other: Any) -> Any:
        return NUMPY["remainder"](self, other)

    def __rmod__(self, other: Any) -> Any:
        return NUMPY["remainder"](other, self)

    def __floordiv__(self, other: Any) -> Any:
        return NUMPY["floor_divide"](self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return NUMPY["floor_divide"](other, self)

    def __pos__(self) -> Any:
        return self

    def __pow__(self, other: Any) -> Any:
        return NUMPY["power"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return NUMPY["power"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return NUMPY["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return NUMPY["matmul"](other, self)

    def __neg__(self) -> Any:
        return NUMPY["negative"](self)

    def __abs__(self) -> Any:
        return NUMPY["absolute"](self)

    def __getitem__(self, index: Any) -> Any:
        return NUMPY["getitem"](self, index)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: an expression of no axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (int, float, np.ndarray, np.generic)):
            raise TypeError("==: compares expressions by identity, write equal(x, y)")
        return self is other

    def _unordered(self, other: Any) -> bool:
        raise TypeError(
            "<, <=, >, >=: an expression has no value yet, write less(x, y), "
            "less_equal(x, y), greater(x, y) or greater_equal(x, y)"
        )

    __lt__ = __le__ = __gt__ = __ge__ = _unordered

    def __bool__(self) -> bool:
        raise TypeError(
            "bool: an expression has no truth value, write where(condition, x, y), "
            "or compute_value(x) to branch on its value now"
        )

    def _no_bits(self, other: Any = None) -> Any:
        if not isinstance(other, _KNOWN):
            return NotImplemented  # it may know what to do
        raise TypeError(
            "~, &, |, ^: write logical_not(x), logical_and(x, y), logical_or(x, y) or "
            "logical_xor(x, y) for bools; for bits take compute_value(x)"
        )

    __invert__ = __and__ = __or__ = __xor__ = __rand__ = __ror__ = __rxor__ = _no_bits

    def _no_number(self) -> Any:
        raise TypeError("an expression is not a number yet, write compute_value(x)")

    __float__ = __int__ = __index__ = _no_number

    def __format__(self, form: str) -> str:
        return self._no_number() if form else str(self)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("x[i] = v: expressions do not change, write setitem(x, i, v)")

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        raise TypeError(
            "an expression is not an array yet, write compute_value(x) for its value, "
            "stack([x, y]) for several expressions"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kw: Any) -> Any:
        found = NUMPY.get(ufunc.__name__)
        if found is None or method != "__call__" or kw:
            name = ufunc.__name__
            form = "" if found is None else f" with .{method} or {sorted(kw)}"
            instead = f"; write {INSTEAD[name]}" if name in INSTEAD else ""
            wrong = f"numpy.{name}{form}: no such operation on expressions"
            raise TypeError(f"{wrong}{instead}")
        return found(*args)

    def __array_function__(self, function: Any, types: Any, args: Any, kw: Any) -> Any:
        name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.")
        found = NUMPY.get(name) or NUMPY.get(name.removeprefix("linalg."))
        if found is None:
            raise TypeError(f"numpy.{name}: no such operation on expressions")
        whole = isinstance(args and args[0], Operators)
        if whole and getattr(found, "variadic", False):
            args = list(args[0]), *args[1:]  # as np.stack(x), of its parts
        first, defaults = _optional(function)
        given = {**kw, **dict(zip(defaults, () if first is None else args[first:]))}
        named = {k: a for k, a in given.items() if a is not defaults.get(k, function)}
        return found(*args[:first], **named)

    if not TYPE_CHECKING:  # to whom an attribute that is not there is none

        def __getattr__(self, name: str) -> Any:
            instead = INSTEAD.get(name)
            if callable(NUMPY.get(name)):
                instead = f"{'np.' * hasattr(np, name)}{name}(x, ...)"
            told = f"; write {instead}" if instead else ""
            wrong = f"expressions have no attribute {name!r}{told}"
            raise AttributeError(wrong, name=name, obj=self)


_KNOWN = Operators, int, float, np.ndarray, np.generic, list, tuple, type(None)


@lru_cache(maxsize=1024)
def _optional(function: Any) -> tuple[int | None, dict[str, Any]]:
    """From which place on NumPy's ``function`` takes what may be left out, and the
    defaults of that: penne's may have it in another order, or lack it."""
    try:
        kinds = signature(function).parameters.values()
    except ValueError:  # as NumPy's own, where it does not tell
        return None, {}
    optional = [(k, p) for k, p in enumerate(kinds) if p.default is not p.empty]
    places = [k for k, p in optional if p.kind is p.POSITIONAL_OR_KEYWORD]
    return (places[0] if places else None), {p.name: p.default for _, p in optional}
