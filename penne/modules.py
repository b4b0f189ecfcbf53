"""Things that own parameters, found by attribute path.

This module imports ``graph``.
"""

from collections.abc import Iterator
from typing import Any

from .graph import Parameter


class Module:
    """Anything with parameters: on itself, or in modules, lists and dicts it holds.

    >>> from penne import Layer
    >>> list(Layer(3, 2).parameters())
    ['weights.0', 'bias']
    """

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


def _inside(part: Any) -> list[tuple[Any, Any]]:
    if isinstance(part, Module):
        return list(vars(part).items())
    if isinstance(part, dict):
        return list(part.items())
    if isinstance(part, (list, tuple)):
        return list(enumerate(part))
    return []
