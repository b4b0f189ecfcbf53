"""Things that own parameters, found by attribute path.

This module imports ``graph``.
"""

from collections.abc import Iterator
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from .graph import Expression, Parameter


class Module:
    """Anything with parameters: on itself, or in modules, lists and dicts it holds.

    >>> from penne import Layer
    >>> list(Layer(3, 2).parameters())
    ['weights.0', 'bias']
    """

    changes: ClassVar[int] = 0
    live: ClassVar["WeakValueDictionary[int, Module]"] = WeakValueDictionary()

    def __setattr__(self, name: str, value: Any) -> None:
        """Assigns; counts what is more than one expression in place of another, so
        that what is remembered of modules can be looked at again."""
        if not (is_computed(value) and is_computed(self.__dict__.get(name))):
            Module.changes += 1
        object.__setattr__(self, name, value)

    def parameters(self) -> dict[str, Parameter]:
        """Every parameter by its attribute path, a tied one once, at its first path.

        ``{"layers.0.bias": ...}`` is ``self.layers[0].bias``.
        """
        found: dict[Parameter, str] = {}
        for path, part in self.parts():
            if isinstance(part, Parameter):
                found.setdefault(part, path)
        return {path: p for p, path in found.items()}

    def modules(self) -> "dict[str, Module]":
        """Every module by its attribute path, this one ("") first, each once."""
        found: dict[int, tuple[str, Module]] = {}
        for path, part in self.parts():
            if isinstance(part, Module):
                found.setdefault(id(part), (path, part))
        return dict(found.values())

    def n_params(self) -> int:
        """The number of trained numbers."""
        return sum(p.size for p in self.parameters().values())

    def parts(self) -> Iterator[tuple[str, Any]]:
        """Each thing reachable through attributes, lists, tuples and dicts, once for
        each object that holds it, with its path; in the order of the attributes."""
        stack: list[tuple[str, Any]] = [("", self)]
        seen = set()
        while stack:
            path, part = stack.pop()
            yield path, part
            inside = _inside(part)
            if inside and id(part) not in seen:
                seen.add(id(part))
                prefix = f"{path}." if path else ""
                stack.extend((f"{prefix}{k}", v) for k, v in reversed(inside))


def is_computed(value: Any) -> bool:
    """Whether this is an expression that is no parameter."""
    return isinstance(value, Expression) and not isinstance(value, Parameter)


def _inside(part: Any) -> list[tuple[Any, Any]]:
    if isinstance(part, Module):
        return list(vars(part).items())
    if isinstance(part, dict):
        return list(part.items())
    if isinstance(part, (list, tuple)):
        return list(enumerate(part))
    return []
