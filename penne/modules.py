"""Things that own parameters, found by attribute path.

This module imports ``graph``.
"""

from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

from .graph import Expression, Parameter

Array = np.ndarray[Any, Any]
Inside = Callable[[Any], list[tuple[Any, Any]]]


class ModuleType(ABCMeta):
    """The type of the classes of modules, which may be abstract: what is assigned to
    such a class is counted as what is assigned to a module is."""

    changes: ClassVar[int] = 0
    __instancecheck__ = type.__instancecheck__  # sooner than ABCMeta's

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        _note_change(cls)

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        _note_change(cls)


def _note_change(kind: type) -> None:
    ModuleType.changes += 1
    type.__setattr__(kind, "_as_it_is", object())
    derived: list[type] = kind.__subclasses__()
    for each in derived:
        _note_change(each)


class Module(metaclass=ModuleType):
    """Anything with parameters: on itself, or in modules, lists and dicts it holds.

    >>> from penne import Layer
    >>> list(Layer(3, 2).parameters())
    ['weights.0', 'bias']
    """

    _as_it_is: ClassVar[object] = None  # another one if an attribute of the class is
    live: ClassVar["WeakValueDictionary[int, Module]"] = WeakValueDictionary()

    def __setattr__(self, name: str, value: Any) -> None:
        """Assigns; counts what is more than a state in place of another, so that what
        is remembered of modules can be looked at again."""
        old = self.__dict__.get(name)
        computed = is_computed(value) and is_computed(old)
        built = getattr(self, "_built", None) if computed else None
        if built is None or built.get(name) is old:
            ModuleType.changes += 1
        object.__setattr__(self, name, value)

    def __setstate__(self, state: Any) -> None:
        """Take over what a copy or a pickle holds; a transducer enters ``live``, as its
        original did."""
        held, slots = state if isinstance(state, tuple) else (state, None)
        vars(self).update(held or {})
        for name, value in (slots or {}).items():
            object.__setattr__(self, name, value)
        if getattr(self, "_built", None) is not None:
            Module.live[id(self)] = self

    def parameters(self) -> dict[str, Parameter]:
        """Every parameter by its attribute path, a tied one once, at its first path.

        ``{"layers.0.bias": ...}`` is ``self.layers[0].bias``.
        """
        return _by_path([self.parts()])

    def names(self) -> dict[str, Parameter]:
        """Every parameter by the name that files know it by: ``parameters()``, in
        alphabetical order, whatever the order in which attributes were assigned and
        whatever the state; a tied one once, at the first path in this order.  A
        parameter that is nowhere but in the state, as ``unroll(..., state=...)`` may
        leave one, is named there: ``start()`` takes it out before ``save``.

        >>> from penne import Layer
        >>> list(Layer(3, 2).names())
        ['bias', 'weights.0']
        """
        return _by_path([self.parts(_settled), self.parts(_sorted)])

    def modules(self) -> "dict[str, Module]":
        """Every module by its attribute path, this one ("") first, each once."""
        found: dict[int, tuple[str, Module]] = {}
        for path, part in self.parts(holders):
            if isinstance(part, Module):
                found.setdefault(id(part), (path, part))
        return dict(found.values())

    def n_params(self) -> int:
        """The number of trained numbers."""
        return sum(p.size for p in self.parameters().values())

    def parts(self, inside: "Inside | None" = None) -> Iterator[tuple[str, Any]]:
        """Each thing reachable through attributes, lists, tuples and dicts, once for
        each object that holds it, with its path; in the order of the attributes, or
        as ``inside`` lists what is in a thing."""
        inside = inside or _inside
        stack: list[tuple[str, Any]] = [("", self)]
        seen = set()
        while stack:
            path, part = stack.pop()
            yield path, part
            held = inside(part)
            if held and id(part) not in seen:
                seen.add(id(part))
                prefix = f"{path}." if path else ""
                stack.extend((f"{prefix}{k}", v) for k, v in reversed(held))

    def settled(self) -> dict[str, Any]:
        """The attributes that running does not change: all of them; a transducer leaves
        out its state."""
        return vars(self)


def check_module(name: str, module: Any, instead: str = "") -> None:
    """TypeError for what is no module, saying what to write ``instead``."""
    if not isinstance(module, Module):
        told = f"; {instead}" if instead else ""
        raise TypeError(f"{name}: takes a module, got {type(module).__name__}{told}")


HOLDERS = Module, dict, list, tuple  # what may have modules inside


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


def holders(part: Any) -> list[tuple[Any, Any]]:
    """What in a thing may have modules inside, for ``parts``."""
    return [(k, x) for k, x in _inside(part) if isinstance(x, HOLDERS)]


def _sorted(part: Any) -> list[tuple[Any, Any]]:
    inside = _inside(part)
    return inside if isinstance(part, (list, tuple)) else sorted(inside, key=_name)


def _settled(part: Any) -> list[tuple[Any, Any]]:
    if isinstance(part, Module):
        return sorted(part.settled().items(), key=_name)
    return _sorted(part)


def _name(item: tuple[Any, Any]) -> str:
    return str(item[0])


def _by_path(walks: Iterable[Iterable[tuple[str, Any]]]) -> dict[str, Parameter]:
    """The parameters met, each at its first path; or ValueError where two meet."""
    found: dict[Parameter, str] = {}
    for path, part in (step for walk in walks for step in walk):
        if isinstance(part, Parameter):
            found.setdefault(part, path)
    paths = {path: p for p, path in found.items()}
    if len(paths) < len(found):
        lost = next(path for p, path in found.items() if paths[path] is not p)
        raise ValueError(f"parameters: two have the path {lost!r}; rename a key")
    return paths


def fitted(
    name: str, wanted: Mapping[str, Array], given: Mapping[str, Any]
) -> dict[str, Array]:
    """Copies of ``given`` with the dtypes of ``wanted``; or ValueError, with every
    name that is missing, not wanted, or of another shape or kind of number."""
    both = {n: (x, np.asarray(given[n])) for n, x in wanted.items() if n in given}
    shapes = {n: (x.shape, y.shape) for n, (x, y) in both.items()}
    kinds = {n: (x.dtype, y.dtype) for n, (x, y) in both.items()}
    wrong = {
        "missing": [n for n in wanted if n not in given],
        "not known here": [n for n in given if n not in wanted],
        "of another shape": [_pair(n, *s) for n, s in shapes.items() if s[0] != s[1]],
        "of another kind": [
            _pair(n, x, y) for n, (x, y) in kinds.items() if x.kind != y.kind
        ],
    }
    lists = [f"{what}: {', '.join(names)}" for what, names in wrong.items() if names]
    if lists:
        raise ValueError(f"{name}: what is given does not fit; {'; '.join(lists)}")
    return {n: np.array(y, x.dtype) for n, (x, y) in both.items()}


def _pair(name: str, here: Any, given: Any) -> str:
    return f"{name} (here {here}, given {given})"
