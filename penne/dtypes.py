"""Shapes and dtypes of expressions, and the rules by which dtypes meet.

A floating expression is STRONG when it depends on a parameter and WEAK when it does
not.  Where both meet the strong dtype wins, so that one float64 constant does not
turn a float32 network into float64; among themselves NumPy's rule holds.  A number
written in Python (NUMBER) adopts the dtype of what it meets.

This module imports ``settings`` and ``signature``.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from .settings import Cache
from .signature import Shape

NUMBER, WEAK, STRONG = 0, 1, 2
_FLOATS = float, np.floating
_PLAIN = {int, bool, str}  # of which equal ones of one type are the same
INDEX = np.dtype(np.intp)
Rule = Callable[[list[np.dtype[Any]], Mapping[str, Any]], np.dtype[Any]]
_types = Cache("array types", 1 << 16)
_params = Cache("params", 1 << 14)


class ArrayType:
    """Shape, dtype and strength of an expression; equal ones are one object.

    A floating expression is STRONG when it depends on a parameter and WEAK when it
    does not; where both meet, the strong dtype wins.
    """

    __slots__ = ("shape", "dtype", "strength", "floating")
    shape: Shape
    dtype: np.dtype[Any]
    strength: int
    floating: bool

    def __new__(cls, shape: Shape, dtype: np.dtype[Any], strength: int) -> "ArrayType":
        """The one object for this shape, dtype and strength."""
        key = shape, dtype, strength
        found: ArrayType | None = _types.get(key)
        if found is None:
            found = _types[key] = object.__new__(cls)
            found.shape, found.dtype, found.strength = key
            found.floating = dtype.kind == "f"
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayType, (self.shape, self.dtype, self.strength)


def promoted_dtype(dtypes: list[np.dtype[Any]], params: Any) -> np.dtype[Any]:
    """The dtype rule of arithmetic."""
    return np.result_type(*dtypes)


def floating_dtype(dtypes: list[np.dtype[Any]], params: Any) -> np.dtype[Any]:
    """The dtype rule of exp and kin: integers are cast to float64 before."""
    return np.result_type(*dtypes)


def first_dtype(dtypes: list[np.dtype[Any]], params: Any) -> np.dtype[Any]:
    """The dtype rule of indexing and kin: that of the first argument."""
    return dtypes[0]


def dtype_rule(given: Any) -> Rule:
    """The rule that ``dtype=`` of an op stands for: ``float`` is that of exp and kin,
    another dtype is always that one."""
    if given is float:
        return floating_dtype
    if isinstance(given, (type, str, np.dtype)):
        return lambda dtypes, params: np.dtype(given)
    rule: Rule = given
    return rule


def common_dtype(
    operands: Sequence[Any], floating: bool = False
) -> tuple[np.dtype[Any], bool]:
    """Where ``operands`` (types, or numbers written in Python) meet; and whether the
    others must be cast to it: strong ones win, else NumPy's rule holds."""
    types = [x for x in operands if isinstance(x, ArrayType)]
    strong = [x.dtype for x in types if x.strength == STRONG and x.dtype.kind == "f"]
    if strong:
        return np.result_type(*strong), True
    arrays = [x.dtype for x in types if x.strength > NUMBER]
    # Python's own numbers, which NumPy lets adopt a dtype (NEP 50)
    numbers = [x.dtype.type(0).item() for x in types if x.strength == NUMBER]
    numbers += [x for x in operands if not isinstance(x, ArrayType)]
    dtype = np.result_type(*arrays, *numbers) if arrays or numbers else INDEX
    if floating and dtype.kind != "f":
        return np.dtype(np.float64), True
    return dtype, False


def typed(params: dict[str, Any]) -> tuple[Any, ...]:
    """Static params as part of a key: what is equal but not the same is told apart, 1
    and True, 0.0 and -0.0, in tuples too."""
    kinds = [type(v) if type(v) in _PLAIN else _kind(v) for v in params.values()]
    return (*params.items(), *kinds)


def _kind(value: Any) -> Any:
    """What tells a value from those that are equal to it."""
    zero = isinstance(value, _FLOATS) and not value
    return repr(value) if zero or type(value) is tuple else type(value)


def shared(op: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The one object for these params of an op: equal ones are known by it."""
    key = op, *typed(params)
    found: dict[str, Any] | None = _params.get(key)
    if found is None:
        found = _params[key] = params
    return found


def call_keys(kinds: Sequence[Any]) -> Sequence[Any]:
    """What arguments (types, or numbers written in Python) are remembered by; of many,
    runs of one type by their length."""
    # 0.0 and -0.0 are equal, their texts are not
    keys = [k if isinstance(k, ArrayType) else (type(k), k or repr(k)) for k in kinds]
    if len(keys) <= 8:
        return keys
    return [(key, sum(1 for _ in run)) for key, run in groupby(keys)]


def strays(own: np.dtype[Any], dtype: np.dtype[Any], floating: bool) -> bool:
    """Whether NumPy, left alone, would make of ``own`` beside ``dtype`` another.

    Ints and bools under exp and kin are cast first, as NumPy would make float16 of
    int8; elsewhere a bool adopts by itself.
    """
    if own.kind != "f" and (floating or own.kind == "b"):
        return floating
    return bool(np.result_type(own, dtype) != dtype)
