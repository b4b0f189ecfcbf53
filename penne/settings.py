"""What a user can switch, and what penne remembers to be quick.

``Switch``: a setting with a default for the whole process and, inside a ``with``
block, a value for that context (thread or task) alone.
``Cache``: a bounded memo with a name, a public counter and ``clear()``.

This module imports nothing of penne.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import wraps
from threading import RLock
from typing import Any, ClassVar, Generic, TypeVar, cast
from weakref import ref

import numpy as np

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Set = tuple[Callable[[], Any], T]  # gives the setting while somebody has it; its value
_lock = RLock()  # one that a finalizer within may take again


class Switch(Generic[T]):
    """A setting: ``switch(v)`` sets it, ``with switch(v):`` sets it for a block.

    >>> verbose = Switch("verbose", False)
    >>> with verbose(True):
    ...     verbose.value
    True
    >>> verbose.value
    False
    """

    def __init__(self, name: str, default: T):
        self.name = name
        self.default = default
        self._local: ContextVar[T] = ContextVar(name)

    @property
    def value(self) -> T:
        """The value in force here."""
        return self._local.get(self._default)

    @property
    def default(self) -> T:
        """The value of the process: the latest that was set and began no block."""
        return self._default

    @default.setter
    def default(self, value: T) -> None:
        with _lock:
            self._set: list[Set[T]] = [(lambda: None, value)]
            self._default = value

    def _add(self, setting: "Setting[T]", value: T) -> None:
        """A setting that may yet begin a block; those below one that never will, as
        nobody has it, are forgotten."""
        with _lock:
            self._set.append((ref(setting), value))
            self._default = value
            if len(self._set) > 2:
                gone = [k for k, (made, _) in enumerate(self._set) if made() is None]
                del self._set[: gone[-1]]

    def _take_back(self, setting: "Setting[T]") -> None:
        """The default without a setting, whatever was set since."""
        with _lock:
            if self._set[-1][0]() is setting:
                self._set.pop()
            else:
                self._set = [each for each in self._set if each[0]() is not setting]
            self._default = self._set[-1][1]

    def __call__(self, value: T) -> "Setting[T]":
        """Set the process's default; as a ``with`` block, only the block's value."""
        return Setting(self, value)

    @contextmanager
    def within(self, value: T) -> Iterator[None]:
        """A block's value alone: other threads never see it, not even as it begins."""
        token = self._local.set(value)
        try:
            yield
        finally:
            self._local.reset(token)


class Setting(Generic[T]):
    """What setting a switch returns: a context manager that takes it back.

    It cannot know before its block begins that there is one: from when it is made until
    then the process has its value, and other threads may see it.  It may begin several
    blocks, one within another too, and those of several threads.
    """

    def __init__(self, switch: Switch[T], value: T):
        self._switch, self._value = switch, value
        switch._add(self, value)

    def __enter__(self) -> T:
        self._switch._take_back(self)
        token = self._switch._local.set(self._value)
        _begun.set((*_begun.get(), (self, token)))
        return self._value

    def __exit__(self, *exception: object) -> None:
        begun, switch = list(_begun.get()), self._switch
        mine = max((k for k, (s, _) in enumerate(begun) if s is self), default=None)
        if mine is None:
            name = switch._local.name
            raise RuntimeError(f"{name}: a block ends elsewhere than where it began")
        _, token = begun.pop(mine)
        for k, (setting, _) in enumerate(begun[mine:], mine):
            if setting._switch is switch:  # as generators begin and end blocks
                begun[k] = setting, token
                break
        else:
            switch._local.reset(token)
        _begun.set(tuple(begun))


Begun = tuple[tuple[Setting[Any], Token[Any]], ...]
_begun: ContextVar[Begun] = ContextVar("blocks begun here", default=())


class Cache(dict[Any, Any]):
    """A mapping of at most ``bound`` entries that empties itself when full.

    ``made`` counts the entries ever made, so a test can say that nothing new was.
    """

    everywhere: ClassVar[dict[str, "Cache"]] = {}

    def __init__(self, name: str, bound: int):
        super().__init__()
        self.name, self.bound, self.made = name, bound, 0
        Cache.everywhere[name] = self

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= self.bound:
            self.clear()
        self.made += 1
        super().__setitem__(key, value)


def caches() -> dict[str, Cache]:
    """Every cache by its name: ``len`` is its size; see ``bound``, ``made``."""
    return dict(Cache.everywhere)


def uncollected(function: F) -> F:
    """The function, with the collection of cycles put off: graphs have none, and to
    look for some among so many new nodes took a third of the time of a gradient."""

    @wraps(function)
    def called(*args: Any, **params: Any) -> Any:
        enabled = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **params)
        finally:
            if enabled:
                gc.enable()

    return cast(F, called)


_dtype: Switch[np.dtype[Any]] = Switch("default_dtype", np.dtype(np.float32))


def default_dtype(dtype: Any) -> Setting[np.dtype[Any]]:
    """Set the dtype of new parameters: float32 (as at first) or float64.

    For the process, or as a ``with`` block for the block alone.  Raises TypeError
    for anything but a floating dtype.

    >>> with default_dtype("float64"):
    ...     current_dtype().name
    'float64'
    """
    kind = np.dtype(dtype)
    if kind.kind != "f":
        raise TypeError(f"default_dtype: {kind} is not a floating dtype")
    return _dtype(kind)


def current_dtype() -> np.dtype[Any]:
    """The dtype that new parameters get here."""
    return _dtype.value


def generator(rng: "np.random.Generator | int | None") -> np.random.Generator:
    """The Generator that every ``rng=`` argument stands for."""
    return np.random.default_rng(rng)
