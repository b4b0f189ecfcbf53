"""Where expressions are built: the lines that errors name.

    x.made:  code object, and instruction within it, of the frame that built x

Nothing is recorded, and nothing is paid, unless ``debug()`` holds or a function is
being traced: only then is ``Expression.__init__`` one that looks at the stack.  What a
gradient is made of was built by the line of which it is the gradient.

This module imports ``differentiate``, ``dtypes``, ``graph`` and ``settings``.
"""

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import CodeType, FrameType
from typing import Any, NamedTuple

from .differentiate import backpropagate
from .dtypes import NUMBER
from .graph import Expression
from .settings import Setting, Switch

_HOME = str(Path(__file__).parent) + os.sep
_ours: dict[str, bool] = {}
_BACKWARD = backpropagate.__code__
_lock = Lock()
_wanted = {"blocks": 0}
_plain_init: Any = Expression.__init__
_debug: Switch[bool] = Switch(
    "debug", os.environ.get("PENNE_DEBUG", "") not in ("", "0")
)
_stop: Switch[CodeType | None] = Switch("frame at which a trace begins", None)


class Place(NamedTuple):
    """An instruction of some code; ``backward``: the gradient of what it built."""

    code: CodeType
    instruction: int
    backward: bool = False

    @property
    def line(self) -> int:
        """The number of the line."""
        lines = (n for a, b, n in self.code.co_lines() if a <= self.instruction < b)
        return next(lines, None) or self.code.co_firstlineno

    def __str__(self) -> str:
        path = self.code.co_filename
        text = linecache.getline(path, self.line).strip()
        where = f"{_short(path)}:{self.line}{': ' if text else ''}{text}"
        return f"the gradient of {where}" if self.backward else where


def _short(path: str) -> str:
    """A path as one would write it here."""
    here = os.getcwd() + os.sep
    return path.removeprefix(here)


def place_of(x: Expression) -> Place | None:
    """Where x was built, if that was recorded."""
    return getattr(x, "made", None)


def is_recording() -> bool:
    """Whether the lines that build expressions are recorded here."""
    return _debug.value or _stop.value is not None


def _built(x: Expression, *args: Any) -> None:
    """``Expression.__init__`` that records the user's frame."""
    _plain_init(x, *args)
    if args[3].strength == NUMBER:
        return  # numbers are shared by many lines
    if is_recording():
        place = found(sys._getframe(1))
        if place is not None:
            x.made = place


def found(frame: FrameType | None) -> Place | None:
    """The innermost frame that is not penne's; within a trace, of what is traced."""
    inner, stop = frame, _stop.value
    while frame is not None:
        code = frame.f_code
        if code is _BACKWARD:
            of = frame.f_locals.get("y")
            made = None if of is None else place_of(of)
            return None if made is None else made._replace(backward=True)
        elif code is stop and inner is not None:
            return Place(inner.f_code, inner.f_lasti)
        elif not is_ours(code.co_filename):
            return Place(code, frame.f_lasti)
        inner, frame = frame, frame.f_back
    return None


def is_ours(path: str) -> bool:
    """Whether a file is one of penne's."""
    known = _ours.get(path)
    if known is None:
        known = _ours[path] = path.startswith((_HOME, "<frozen", "<__array_function__"))
    return known


class Debugging(Setting[bool]):
    """What ``debug`` returns: it puts the recording in place, and takes it back."""

    def __init__(self, on: bool):
        super().__init__(_debug, on)
        _refresh(0)

    def __enter__(self) -> bool:
        on = super().__enter__()
        _refresh(on)
        return on

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        _refresh(-self._value)


def debug(on: bool = True) -> Setting[bool]:
    """Record the line that builds each expression, so that an error or a NaN found
    while evaluating names it: for the process, or as a ``with`` block for the block
    alone; ``PENNE_DEBUG=1`` in the environment says it from the start.

    It is the user's own line: penne's frames are passed over.  Building then takes
    about twice as long; without it, recording costs nothing.

    >>> from penne import log, parameter
    >>> with debug():
    ...     x = log(parameter([1.0]))
    >>> place_of(x).line
    2
    """
    return Debugging(bool(on))


@contextmanager
def recording(stop: CodeType) -> Iterator[None]:
    """A block in which lines are recorded as far out as a frame of ``stop``."""
    with _stop.within(stop):
        _refresh(1)
        try:
            yield
        finally:
            _refresh(-1)


def _refresh(blocks: int) -> None:
    """Have expressions record their lines where somebody wants them."""
    with _lock:
        _wanted["blocks"] += blocks
        on = _debug.default or _wanted["blocks"] > 0
        Expression.__init__ = _built if on else _plain_init  # type: ignore[assignment]  # the switch


_refresh(0)
