"""Sums of products over named axes: ``einsum`` and kin, composed of products.

Two arguments at a time: an axis that one of them has alone and the result lacks is
summed first; the others are kept by both (a batch), by the left, by the right, or
summed over; so that one product of ``linear`` does the rest.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np

from ..counts import is_int
from ..graph import Expression, constant
from ..signature import Shape
from .arrangement import moveaxis, ravel
from .axes import negative_axes
from .diagonals import diagonal
from .elementwise import astype, multiply
from .linear import PRODUCTS
from .linear import outer as vector_outer
from .reduction import asum
from .shape import broadcast_to, reshape, stack, transpose

Part = tuple[Expression, str]  # an argument, and a letter for each of its axes

__all__ = ["cross", "einsum", "inner", "kron", "tensordot"]


# --- einsum ---------------------------------------------------------------------------


def einsum(subscripts: str, *operands: Any, optimize: Any = True) -> Expression:
    """NumPy's ``einsum``: a letter for each axis of each argument; a letter that the
    result lacks is summed over; of a letter repeated in one argument the diagonal is
    taken; ``...`` stands for any leading axes, which broadcast.

    Raises ValueError where letters and axes do not match.  More than two arguments
    are multiplied in the order that ``numpy.einsum_path`` finds, whatever ``optimize``
    (NumPy's keyword) says.

    >>> from penne import compute_value
    >>> A = [[1.0, 2.0], [3.0, 4.0]]
    >>> compute_value(einsum("ij,jk->ik", A, A))
    array([[ 7., 10.],
           [15., 22.]])
    >>> compute_value(einsum("ii", A))
    np.float64(5.0)
    """
    if not isinstance(subscripts, str):
        raise TypeError("einsum: the first argument is a text, as in 'ij,jk->ik'")
    xs = [constant(x) for x in operands]
    terms, output = _letters(subscripts, tuple(x.shape for x in xs))
    parts = [_distinct(x, term) for x, term in zip(xs, terms)]
    sizes: dict[str, int] = {}
    for x, term in parts:
        for letter, n in zip(term, x.shape):
            sizes[letter] = n if sizes.get(letter, 1) == 1 else sizes[letter]
    for pair in _path(subscripts, tuple(x.shape for x in xs)):
        chosen = [parts[k] for k in pair]
        parts = [part for k, part in enumerate(parts) if k not in pair]
        needed = set(output).union(*(term for _, term in parts))
        parts.append(_contracted(chosen, needed, sizes))
    y = _ordered(*parts[0], output)
    whole = np.result_type(*(x.dtype for x in xs))
    return y if y.floating or y.dtype == whole else astype(y, dtype=whole)


@lru_cache(maxsize=1024)
def _letters(text: str, shapes: tuple[Shape, ...]) -> tuple[list[str], str]:
    """The letters of each argument and of the result, with letters for ``...``."""
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise _wrong(f"{len(terms)} arguments are named", text, shapes)
    extra = [len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes)]
    dots = [n if "..." in t else 0 for t, n in zip(terms, extra)]
    if extra != dots or min(extra) < 0:
        raise _wrong("letters and axes differ in number", text, shapes)
    leading = "".join(c for c in ascii_letters if c not in text)[: max(dots)]
    terms = [t.replace("...", leading[len(leading) - n :]) for t, n in zip(terms, dots)]
    if not arrow:
        once = [c for c, n in Counter(left).items() if n == 1 and c.isalpha()]
        right = "..." + "".join(sorted(once))
    output = right.replace("...", leading)
    _check_letters(terms, output, text, shapes)
    return terms, output


def _check_letters(
    terms: Sequence[str], output: str, text: str, shapes: tuple[Shape, ...]
) -> None:
    known = "".join(terms)
    if not set(known) <= set(ascii_letters):
        raise _wrong("what is no letter stands there", text, shapes)
    if not set(known) >= set(output) or len(set(output)) < len(output):
        raise _wrong("the result has a letter of no argument or twice", text, shapes)
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes):
        for letter, n in zip(term, shape):
            m = sizes.setdefault(letter, n)
            if n != m and 1 not in (n, m):
                raise _wrong(f"{letter}={n}, before it {letter}={m}", text, shapes)
            sizes[letter] = n if m == 1 else m


def _wrong(wrong: str, text: str, shapes: tuple[Shape, ...]) -> ValueError:
    seen = " and ".join(map(str, shapes))
    return ValueError(f"einsum: {wrong}, {text}, got {seen}")


@lru_cache(maxsize=1024)
def _path(subscripts: str, shapes: tuple[Shape, ...]) -> list[tuple[int, ...]]:
    """Which arguments are multiplied next, again and again."""
    if len(shapes) < 3 or any(0 in shape for shape in shapes):
        return [tuple(range(len(shapes)))]
    blanks = [np.broadcast_to(0.0, shape) for shape in shapes]
    path: list[tuple[int, ...]] = np.einsum_path(subscripts, *blanks)[0][1:]
    return [tuple(pair) for pair in path]


def _distinct(x: Expression, term: str) -> Part:
    """x with a letter only once: of two axes with one letter their diagonal."""
    for letter in term:
        while term.count(letter) > 1:
            i, j = term.index(letter), term.rindex(letter)
            if x.shape[i] != x.shape[j]:
                raise _wrong(f"{letter} has two lengths", term, (x.shape,))
            x = diagonal(x, 0, i, j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + letter
    return x, term


def _contracted(parts: list[Part], needed: set[str], sizes: dict[str, int]) -> Part:
    """The product of one argument, two or more, summed over what is not needed."""
    if len(parts) > 2:
        later = needed.union(*(term for _, term in parts[2:]))
        first = _contracted(parts[:2], later, sizes)
        return _contracted([first, *parts[2:]], needed, sizes)
    if len(parts) == 1:
        return _summed(*parts[0], needed)
    (a, s), (b, t) = parts
    a, s = _summed(a, s, needed.union(t))
    b, t = _summed(b, t, needed.union(s))
    return _product((a, s), (b, t), needed, sizes)


def _summed(x: Expression, term: str, needed: set[str]) -> Part:
    gone = tuple(k for k, letter in enumerate(term) if letter not in needed)
    if not gone:
        return x, term
    return asum(x, axis=gone), "".join(c for c in term if c in needed)


def _product(one: Part, two: Part, needed: set[str], sizes: dict[str, int]) -> Part:
    """Two arguments multiplied, and summed over shared letters that are not needed."""
    (a, s), (b, t) = one, two
    batch = "".join(c for c in s if c in t and c in needed)
    over = "".join(c for c in s if c in t and c not in needed)
    left = "".join(c for c in s if c not in t)
    right = "".join(c for c in t if c not in s)
    a = _ordered(_widened(a, s, over, sizes), s, batch + left + over)
    b = _ordered(_widened(b, t, over, sizes), t, batch + over + right)
    n, m, r = len(batch), len(left), len(right)
    rows, columns = a.shape[n : n + m], b.shape[b.ndim - r :]
    if not over:
        a = reshape(a, shape=(*a.shape, *[1] * r))
        b = reshape(b, shape=(*b.shape[:n], *[1] * m, *columns))
        return multiply(a, b), batch + left + right
    k = prod(sizes[c] for c in over)
    a = reshape(a, shape=(*a.shape[:n], *[prod(rows)] * bool(left), k))
    b = reshape(b, shape=(*b.shape[:n], k, *[prod(columns)] * bool(right)))
    y = PRODUCTS[1 + bool(left), 1 + bool(right)](a, b)
    return reshape(y, shape=(*y.shape[:n], *rows, *columns)), batch + left + right


def _widened(x: Expression, term: str, over: str, sizes: dict[str, int]) -> Expression:
    """x with those of the axes ``over`` that have length 1 as long as the other's."""
    shape = tuple(sizes[c] if c in over else n for c, n in zip(term, x.shape))
    return x if shape == x.shape else broadcast_to(x, shape)


def _ordered(x: Expression, term: str, wanted: str) -> Expression:
    if term == wanted:
        return x
    return transpose(x, axes=tuple(term.index(c) for c in wanted))


# --- kin ------------------------------------------------------------------------------


def tensordot(x: Any, y: Any, axes: Any = 2) -> Expression:
    """The sum of products over the last ``axes`` axes of x and the first of y; or over
    a pair of axes, or of lists of axes.  Raises ValueError where they differ in number
    or length, or one is named twice.

    >>> from penne import compute_value
    >>> compute_value(tensordot([1.0, 2.0], [3.0, 4.0], 1))
    np.float64(11.0)
    """
    x, y = constant(x), constant(y)
    seen = f"got {x.shape} and {y.shape}"
    if is_int(axes):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ValueError(f"tensordot: not both have {axes} axes, {seen}")
        axes = range(x.ndim - axes, x.ndim), range(axes)
    elif not hasattr(axes, "__len__") or len(axes) != 2:
        raise TypeError(f"tensordot: axes is an int or two, got {axes!r}")
    left = negative_axes("tensordot", axes[0], x.ndim)
    right = negative_axes("tensordot", axes[1], y.ndim)
    if [x.shape[k] for k in left] != [y.shape[k] for k in right]:
        raise ValueError(f"tensordot: axes {axes} differ in length, {seen}")
    letters = iter(ascii_letters)
    s = [next(letters) for _ in range(x.ndim)]
    t = [next(letters) for _ in range(y.ndim)]
    for i, j in zip(left, right):
        t[j] = s[i]
    kept = [c for c in s if c not in t] + [c for c in t if c not in s]
    return einsum(f"{''.join(s)},{''.join(t)}->{''.join(kept)}", x, y)


def inner(x: Any, y: Any) -> Expression:
    """The sum of products over the last axes of x and y; a number multiplies.

    >>> from penne import compute_value
    >>> compute_value(inner([1.0, 2.0], [3.0, 4.0]))
    np.float64(11.0)
    """
    x, y = constant(x), constant(y)
    return tensordot(x, y, (-1, -1)) if x.ndim and y.ndim else multiply(x, y)


def flat_outer(x: Any, y: Any) -> Expression:
    """NumPy's ``outer``, which lays its arguments flat; penne's keeps leading axes."""
    return vector_outer(ravel(x), ravel(y))


def kron(x: Any, y: Any) -> Expression:
    """The Kronecker product: each element of x times all of y, in blocks.

    >>> from penne import compute_value
    >>> compute_value(kron([1.0, 10.0], [1.0, 2.0]))
    array([ 1.,  2., 10., 20.])
    """
    x, y = constant(x), constant(y)
    ndim = max(x.ndim, y.ndim)
    a, b = ((1,) * (ndim - z.ndim) + z.shape for z in (x, y))
    tall = [n for size in a for n in (size, 1)]
    wide = [n for size in b for n in (1, size)]
    blocks = multiply(reshape(x, shape=tall), reshape(y, shape=wide))
    return reshape(blocks, shape=tuple(n * m for n, m in zip(a, b)))


def cross(x: Any, y: Any, axis: int = -1) -> Expression:
    """The vector product along an axis of length 3.

    >>> from penne import compute_value
    >>> compute_value(cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    x, y = constant(x), constant(y)
    x, y = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        seen = f"got {x.shape} and {y.shape}"
        raise ValueError(f"cross: takes vectors of length 3, {seen}")
    turns = [(1, 2), (2, 0), (0, 1)]
    parts = [x[..., i] * y[..., j] - x[..., j] * y[..., i] for i, j in turns]
    return moveaxis(stack(parts, axis=-1), -1, axis)
