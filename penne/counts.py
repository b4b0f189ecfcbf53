"""What an int is, and what a number: the counts and settings that users give."""

from typing import Any, TypeGuard

import numpy as np


def is_int(x: Any) -> TypeGuard[int]:
    """Whether x is an int, of Python or of NumPy; a bool is none."""
    if type(x) is int:
        return True
    if isinstance(x, np.integer):
        return x.dtype.kind in "iu"  # a timedelta64 is an np.integer too
    return isinstance(x, int) and not isinstance(x, bool)


def is_number(x: Any) -> TypeGuard[float]:
    """Whether x is an int or a float, of Python or of NumPy; a bool is none."""
    return is_int(x) or isinstance(x, (float, np.floating))


def _alone(x: Any) -> Any:
    """x, or the number that an array without axes holds."""
    return x[()] if isinstance(x, np.ndarray) and not x.ndim else x


def check_numbers(asked: str, **numbers: Any) -> None:
    """Raise TypeError for what is no number, by its name."""
    for name, given in numbers.items():
        if not is_number(_alone(given)):
            raise TypeError(f"{asked}: {name} is a number, got {given!r}")


def whole(name: str, what: str, number: Any) -> int:
    """``number``, a ``what``, as an int; TypeError for what is none."""
    if not is_int(_alone(number)):
        raise TypeError(f"{name}: {what} must be an int, got {number!r}")
    return int(number)


def positive(name: str, what: str, size: Any) -> int:
    """``size`` as an int above 0, or TypeError, ValueError."""
    if not is_int(_alone(size)):
        raise TypeError(f"{name}: {what} is an int, got {size!r}")
    if size < 1:
        raise ValueError(f"{name}: {what} is at least 1, got {size}")
    return int(size)


def is_count(given: Any, least: int = 1) -> bool:
    """Whether it is an int, and not too small."""
    return is_int(_alone(given)) and given >= least


def check_counts(asked: str, least: int = 1, /, **counts: Any) -> None:
    """Raise ValueError for what is no count, by its name."""
    for name, given in counts.items():
        if not is_count(given, least):
            raise ValueError(f"{asked}: {name} is an int >= {least}, got {given!r}")
