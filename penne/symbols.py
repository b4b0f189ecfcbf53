"""Symbols: what stands for a value that is not there yet, while a function is traced.

This module imports ``dtypes``, ``graph`` and ``settings``.
"""

from typing import Any

from .dtypes import ArrayType
from .graph import Expression
from .settings import Switch

watching: Switch[bool] = Switch("symbols being watched", False)


class Symbol(Expression):
    """A leaf without a value: a place for an argument, while a function is traced.

    ``limits``: where a constant is to come, what is asked of it as an index: (lowest,
    one past the highest); None where something computed is to come.
    """

    __slots__ = ("limits",)

    def __init__(self, type: ArrayType, known: bool = False):
        super().__init__(None, (), {}, type)
        self.limits: list[tuple[int, int]] | None = [] if known else None

    def __hash__(self) -> int:
        self._refuse("its hash, as by a key, a set, or the step of another transducer")
        return object.__hash__(self)

    def __eq__(self, other: object) -> bool:
        self._refuse("equality")
        return self is other

    def __len__(self) -> int:
        self._refuse("its length")
        return super().__len__()

    def __bool__(self) -> bool:
        self._refuse("its truth")
        return super().__bool__()

    def __getattr__(self, name: str) -> Any:
        if name == "value":
            raise AttributeError(
                "a cell, or the gradient of an op, asks for the value of an argument; "
                "write ops of the argument"
            )
        return super().__getattr__(name)  # type: ignore[misc]  # it raises

    def _refuse(self, what: str) -> None:
        if watching.value:
            raise TypeError(f"an argument or the state is asked for {what}")
