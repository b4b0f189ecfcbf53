"""Which modules a function reads while it is traced, and what they hold.

    with reading(found): ...    found: gets the modules of which an attribute is read
                                or assigned, and what they had before

What is remembered of a function is forgotten when one of these holds another layer
or parameter, however the function came by it: by ``self``, as an argument, by closure
or through another function.  Nothing is noted, and nothing is paid, unless a function
is being traced: only then does a ``Module`` look at what is read of it.

This module imports ``modules`` and ``settings``.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, ClassVar
from weakref import ref

from .modules import Module, ModuleType
from .settings import Switch

Found = dict[int, tuple[Module, dict[str, Any]]]  # by their ids
_found: Switch[Found | None] = Switch("modules that are read", None)
_lock = Lock()


class Held:
    """What modules held when they were noted; it keeps no module alive."""

    blocks: ClassVar[int] = 0  # of ``reading``, at this moment

    def __init__(self) -> None:
        self.before: dict[int, tuple[ref[Module], dict[str, Any]]] = {}

    def note(self, modules: Iterable[Module]) -> None:
        """Note what they hold now."""
        self.before |= {id(m): (ref(m), _held(m)) for m in modules}

    def again(self) -> None:
        """Note for the function that is being traced that it reads these too."""
        found = _found.value
        if found is not None:
            for m, _ in list(self.before.values()):
                _note(found, m())

    def is_same(self) -> bool:
        """Whether each that still exists holds what it held."""
        pairs = [(m(), before) for m, before in list(self.before.values())]
        return all(m is None or _same(_held(m), before) for m, before in pairs)


def _held(module: Module) -> dict[str, Any]:
    """What ``module`` holds but for its state, and how its class is; what may be large
    or in a cycle is known by a weak reference, as all is that can be."""
    built = getattr(module, "_built", None) is not None
    held = module.settled() if built else vars(module)
    own = {n: ref(x) if type(x).__weakrefoffset__ else x for n, x in held.items()}
    return {**own, "": type(module)._as_it_is}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    same = one.keys() == other.keys()
    return same and all(x is other[name] for name, x in one.items())


@contextmanager
def reading(found: Found) -> Iterator[None]:
    """A block: ``found`` gets the modules of which it reads or assigns an attribute,
    and so does what a block around it is given."""
    outer = _found.value
    with _found.within(found):
        _refresh(1)
        try:
            yield
        finally:
            _refresh(-1)
            if outer is not None:
                outer |= found | outer  # what was there before both


def _note(found: Found, module: Module | None) -> None:
    if module is not None and id(module) not in found:
        d = object.__getattribute__(module, "__dict__")
        found[id(module)] = module, dict(d)


def _noted(self: Module, name: str) -> Any:
    """``Module.__getattribute__`` that notes whose attribute it is: also of one that is
    assigned, as ``__setattr__`` asks for what it had."""
    found = _found.value
    if found is not None:
        _note(found, self)
    return object.__getattribute__(self, name)


def _refresh(blocks: int) -> None:
    """Have modules note that they are read where somebody wants it."""
    with _lock:
        Held.blocks += blocks
        if Held.blocks == blocks:
            ModuleType.changes += 1  # whatever is called is to be looked at
        read: Any = _noted if Held.blocks else object.__getattribute__
        type.__setattr__(Module, "__getattribute__", read)  # no change of a class
