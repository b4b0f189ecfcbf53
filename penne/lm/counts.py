"""How many: the counts that a user gives.  This module imports nothing of penne."""

from operator import index
from typing import Any


def is_count(given: Any, least: int = 1) -> bool:
    """Whether it is an int, of Python or of NumPy, and not too small."""
    try:
        return index(given) >= least
    except TypeError:
        return False


def check_counts(asked: str, least: int = 1, **counts: Any) -> None:
    """Raise ValueError for what is no count, by its name."""
    for name, given in counts.items():
        if not is_count(given, least):
            raise ValueError(f"{asked}: {name} is an int >= {least}, got {given!r}")
