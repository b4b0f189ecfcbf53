"""Nodes of graphs in pickles: each is there once, whatever is pickled together, and no
deep graph is a deep pickle.  This module imports nothing of penne."""

from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary


class Stand:
    """Stands for a node, made of what stands for its arguments."""

    __slots__ = ("__weakref__", "kind", "made_of")

    def __init__(self, kind: Any, *made_of: Any):
        self.kind, self.made_of = kind, made_of

    def __reduce__(self) -> tuple[Any, ...]:
        return self.kind, self.made_of


_stands: "WeakValueDictionary[int, Stand]" = WeakValueDictionary()  # by serial


def reduced(order: Iterable[Any]) -> tuple[Any, ...]:
    """How the last of these nodes is made, arguments first."""
    return _last, ([_stand(x) for x in order],)


def _stand(x: Any) -> Any:
    if x.op is None:
        return x
    found = _stands.get(x.serial)
    if found is None:
        args = tuple(map(_stand, x.args))
        found = Stand(type(x), x.op, args, x.params, x.type)
        _stands[x.serial] = found
    return found


def _last(nodes: list[Any]) -> Any:
    return nodes[-1]
