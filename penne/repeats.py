"""Repetition in a sequence: what a long graph looks like when it is folded.

This module imports nothing of penne.
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

Codes = np.ndarray[Any, np.dtype[np.int64]]
LONGEST = 512  # places in a block that is looked for


class Repeat(NamedTuple):
    """A block that stands ``times`` times, one after the other, from ``start`` on.

    ``inside``: the first of the blocks, folded again: places and repeats.
    """

    start: int
    length: int
    times: int
    inside: "list[int | Repeat]"

    @property
    def stop(self) -> int:
        """The place after the last block."""
        return self.start + self.length * self.times


def folded(keys: Sequence[Hashable], least: int = 3) -> "list[int | Repeat]":
    """The places of a sequence, with what stands ``least`` times or more in a row as
    one: from left to right the block that covers most, and of those the shortest.

    >>> folded("abcbcbcd")
    [0, Repeat(start=1, length=2, times=3, inside=[1, 2]), 7]
    """
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(k, len(numbers)) for k in keys], np.int64)
    return _folded(codes, 0, least)


def _folded(codes: Codes, base: int, least: int) -> "list[int | Repeat]":
    """As ``folded``, of codes that stand from ``base`` on."""
    n = len(codes)
    best, length = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for p in range(1, min(LONGEST, n // least) + 1):
        covered = (_run(codes, p) // p + 1) * p
        better = (covered >= least * p) & (covered > best[: n - p])
        best[: n - p][better] = covered[better]
        length[: n - p][better] = p
    found: list[int | Repeat] = []
    k = 0
    while k < n:
        p, covers = int(length[k]), int(best[k])
        if not p:
            found.append(base + k)
            k += 1
            continue
        inside = _folded(codes[k : k + p], base + k, least)
        found.append(Repeat(base + k, p, covers // p, inside))
        k += covers
    return found


def _run(codes: Codes, p: int) -> Codes:
    """For each place, how many places on the sequence equals itself p later."""
    same = codes[:-p] == codes[p:]
    n = len(same)
    broken = np.where(same, n, np.arange(n))
    return np.minimum.accumulate(broken[::-1])[::-1] - np.arange(n)
