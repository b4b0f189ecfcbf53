"""Shapes as text: what ``"(n),(n,m)->(m)"`` promises and what it says when broken.

A signature names the *core* axes of each argument and of the result; they are the
trailing axes.  Any axes before them are *leading*: they broadcast by NumPy's rule
and reappear in front of the result.  A dimension is a name, a number, or, in the
result, a sum of names (``"(a),(b)->(a+b)"``).

This module imports ``grammar``.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from .grammar import parsed

Shape = tuple[int, ...]
Text = str | Callable[..., str]


class Signature:
    """A parsed signature; ``infer`` gives the shape of the result.  Raises ValueError
    for a text that is none.

    >>> signature("(n),(n,m)->(m)").infer("vecmat", [(7, 3), (3, 2)])
    (7, 2)
    """

    def __init__(self, text: str):
        self.text = text
        self.inputs, self.output = parsed(text)

    def infer(self, name: str, shapes: Sequence[Shape]) -> Shape:
        """Shape of the result of op ``name`` on arguments of these ``shapes``.

        Raises ValueError, naming op, signature and shapes, where they do not fit.
        """
        sizes: dict[str, int] = {}
        leading = []
        for position, (shape, core) in enumerate(zip(shapes, self.inputs), 1):
            split = len(shape) - len(core)
            if split < 0:
                wrong = f"argument {position} has fewer than {len(core)} axes"
                raise self.error(name, wrong, shapes)
            for dimension, size in zip(core, shape[split:]):
                wanted = sizes.setdefault(dimension, size)
                if wanted != size or (dimension.isdigit() and size != int(dimension)):
                    wrong = f"argument {position} has {dimension}={size}"
                    if not dimension.isdigit():
                        wrong += f", an argument before it {dimension}={wanted}"
                    raise self.error(name, wrong, shapes)
            leading.append(shape[:split])
        try:
            loop = broadcast_shapes(leading)
        except ValueError:
            raise self.error(name, "shapes do not broadcast", shapes) from None
        return loop + tuple(_size(dimension, sizes) for dimension in self.output)

    def error(self, name: str, wrong: str, shapes: Sequence[Shape]) -> ValueError:
        """The one form of every shape error: op, fault, signature, what was seen."""
        seen = " and ".join(map(str, shapes))
        return ValueError(f"{name}: {wrong}, {self.text}, got {seen}")


def signature(text: Text, shapes: Sequence[Shape] = (), /, **params: Any) -> Signature:
    """The signature written as ``text``, or as what that gives for arguments of these
    ``shapes`` and static ``params``; parsed once, unless it is a long one."""
    text = text if isinstance(text, str) else text(*shapes, **params)
    return _known(text) if len(text) < 256 else Signature(text)


_known = lru_cache(maxsize=4096)(Signature)


def broadcast_shapes(shapes: Sequence[Shape]) -> Shape:
    """The shape that ``shapes`` broadcast to by NumPy's rule, or ValueError."""
    result: list[int] = []
    for shape in shapes:
        result[:0] = [1] * (len(shape) - len(result))
        for axis, size in enumerate(shape, len(result) - len(shape)):
            if size != 1:
                if result[axis] not in (1, size):
                    raise ValueError(f"shapes {shapes} do not broadcast")
                result[axis] = size
    return tuple(result)


def group(*dimensions: int | str) -> str:
    """``group(3, "n")`` is the text ``"(3,n)"``, for signatures made from shapes."""
    return f"({','.join(map(str, dimensions))})"


def _size(dimension: str, sizes: dict[str, int]) -> int:
    parts = dimension.split("+")
    return sum(int(p) if p.strip().isdigit() else sizes[p.strip()] for p in parts)
