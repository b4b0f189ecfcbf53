"""Work that is shared between threads: as many as BLAS has, for the user has set that.

Threads of BLAS wait for more work by asking for it again and again, on the processors
that ours need.  So while a ``team`` is at work BLAS has one thread, and what is large
is cut in parts, products too.  Without threadpoolctl, by which BLAS is told, all is
done by one.  This module imports nothing of penne.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from threading import Lock
from typing import Any

LEAST_WORK = 1 << 23  # multiplications of a product that are worth a thread
STEP = 16  # of them take about as long as an elementwise step for one number
_lock = Lock()
_teams = 0  # at work
_numbers: list[int] = []  # of threads of each library, when they began


def available() -> bool:
    """Whether threadpoolctl is installed."""
    return find_spec("threadpoolctl") is not None


@cache
def _libraries() -> list[Any]:
    """The libraries of BLAS."""
    if not available():
        return []
    found = import_module("threadpoolctl").ThreadpoolController()
    return list(found.select(user_api="blas").lib_controllers)


def _now() -> list[int]:
    return [library.get_num_threads() for library in _libraries()]


def count() -> int:
    """How many threads there are."""
    return max(_numbers if _teams else _now(), default=1)


@contextmanager
def team() -> Iterator[None]:
    """Threads of ours at work, and none of BLAS's."""
    global _teams
    with _lock:
        if not _teams:
            _numbers[:] = _now()
            _limit([1] * len(_numbers))
        _teams += 1
    try:
        yield
    finally:
        with _lock:
            _teams -= 1
            if not _teams:
                _limit(_numbers)


def _limit(numbers: Sequence[int]) -> None:
    if max(_numbers, default=1) > 1:
        for library, number in zip(_libraries(), numbers):
            library.set_num_threads(number)


def worth(work: int) -> int:
    """How many threads have enough to do with such work; 0 where even one has not."""
    return min(count(), work // LEAST_WORK)


def parts(work: int) -> int:
    """In how many parts a team does such work; 0 where there is no team."""
    return worth(work) if _teams else 0


def shares(length: int, parts: int) -> list[tuple[int, int]]:
    """``length`` rows in so many parts: where each starts and stops."""
    edges = [length * k // parts for k in range(parts + 1)]
    return list(pairwise(edges))


def together(tasks: Sequence[Callable[[], None]]) -> None:
    """Run all tasks, the last of them here, and wait for all; raise what one raises."""
    *others, mine = tasks
    if not others:
        mine()
        return
    waiting = [_pool().submit(task) for task in others]
    try:
        mine()
    finally:
        wait(waiting)
    for future in waiting:
        future.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "penne")  # as many as there is work for


def _forget() -> None:
    """A child has none of its parent's threads."""
    global _lock, _teams
    if _teams:
        _limit(_numbers)
    _lock, _teams = Lock(), 0
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
