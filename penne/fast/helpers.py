"""The functions that the texts of kernels call.

This module imports ``vectors``.
"""

import re

from . import vectors

HELPERS = '''\
@reordered
def plus(a, b):
    """A sum that may be taken in any order."""
    return a + b


@inlined
def larger(a, b):
    """The larger number, or NaN."""
    return where((a >= b) | (a != a), a, b)


@inlined
def smaller(a, b):
    """The smaller number, or NaN."""
    return where((a <= b) | (a != a), a, b)


@inlined
def power(x, p):
    """x to the power p."""
    return x * x if p == 2 else x**p


@inlined
def power_of_one(x, p):
    """x to the power p, which is one for all: for 0.5 it is the root, as NumPy's."""
    return np.sqrt(x) if p == 0.5 else power(x, p)


@inlined
def order_float32(x):
    """An integer that grows with x and is largest for NaN."""
    i = np.float32(where(x != x, np.float32(np.nan), x)).view(np.int32)
    return np.int32(i ^ np.int32((i >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@inlined
def ordered_float32(i):
    """The number that stands at this place."""
    i = np.int32(i ^ np.int32((i >> np.int32(31)) & np.int32(0x7FFFFFFF)))
    return np.int32(i).view(np.float32)


@inlined
def order_float64(x):
    """An integer that grows with x and is largest for NaN."""
    i = np.float64(where(x != x, np.float64(np.nan), x)).view(np.int64)
    return np.int64(i ^ ((i >> np.int64(63)) & np.int64(0x7FFFFFFFFFFFFFFF)))


@inlined
def ordered_float64(i):
    """The number that stands at this place."""
    i = np.int64(i ^ ((i >> np.int64(63)) & np.int64(0x7FFFFFFFFFFFFFFF)))
    return np.int64(i).view(np.float64)


@inlined
def order_int64(x):
    """x, which is its own place."""
    return x


@inlined
def ordered_int64(x):
    """x, which is its own place."""
    return x


@njit
def gather_rows(target, source, index, first, last, low, high, block):
    """target[n] = source[index[n]] for nodes n; nothing where the index is negative."""
    width = target.shape[1]
    for n in range(first, last):
        m = index[n]
        for q in range(low, high if m >= 0 else low):
            to, of = target[n * block + q], source[m * block + q]
            for j in range(width):
                to[j] = of[j]


@njit
def gather_numbers(target, source, index, first, last, low, high, block):
    """target[n] = source[index[n]] for nodes n; nothing where the index is negative."""
    for n in range(first, last):
        m = index[n]
        for q in range(low, high if m >= 0 else low):
            target[n * block + q] = source[m * block + q]


@njit
def scatter_rows(target, source, index, first, last, low, high, block):
    """target[index[n]] += source[n] for nodes n; nothing where it is negative."""
    width = target.shape[1]
    for n in range(first, last):
        m = index[n]
        for q in range(low, high if m >= 0 else low):
            to, of = target[m * block + q], source[n * block + q]
            for j in range(width):
                to[j] += of[j]


@njit
def scatter_numbers(target, source, index, first, last, low, high, block):
    """target[index[n]] += source[n] for nodes n; nothing where it is negative."""
    for n in range(first, last):
        m = index[n]
        for q in range(low, high if m >= 0 else low):
            target[m * block + q] += source[n * block + q]


@njit
def multiply_rows(tile, target, source, packed, first, last):
    """target[r] = source[r] @ weight for rows r, by tiles of about as many rows."""
    width, panel = target.shape[1], WIDTH // target.itemsize
    tiles = (last - first + ROWS - 1) // ROWS
    for column in range(0, width, panel):
        r = first
        for k in range(tiles, 0, -1):
            rows = (last - r + k - 1) // k
            used = min(panel, width - column)
            multiply_tile(tile, target, source, packed, r, rows, column, used)
            r += rows
'''


def pasted(body: str) -> str:
    """A module's text: ``body`` after all the functions that it calls."""
    helpers, needed = [], set(re.findall(r"\w+", body))
    for text in reversed(HELPERS.strip().split("\n\n\n")):
        name = text.split("def ")[1].split("(")[0]
        if name in needed:
            needed.update(re.findall(r"\w+", text))
            helpers.append(text)
    parts = [vectors.source(needed), *reversed(helpers), body]
    return "\n\n\n".join(part for part in parts if part) + "\n"
