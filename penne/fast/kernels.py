"""Compiled kernels: ``bulk`` makes a function of a chain, ``loop`` one of a recursion.

The text of a kernel depends on what is described, never on sizes, so one kernel serves
all lengths.  This module imports ``settings``, ``chains``, ``helpers``, ``store`` and
``writing``.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ..settings import Cache
from .chains import AXES, FULL, Apply, Chain, Dot, Gather, Loop
from .helpers import pasted
from .store import array_type, function, stored
from .writing import Writer

_kernels = Cache("kernels", 512)
_INDEX = array_type("int64", 1)


def _type(kind: int, dtype: str, written: bool) -> str:
    """The type of an array of a class; one that is only read may be read-only."""
    return array_type(dtype, AXES[kind], not written)


def _known(
    kernel: Any, source: Callable[[Any], tuple[str, str, str]]
) -> Callable[..., None]:
    """The function of a kernel, of which ``source`` gives the text and signature."""
    found: Callable[..., None] | None = _kernels.get(kernel)
    if found is None:
        found = _kernels[kernel] = function(*source(kernel))
    return found


def bulk(chain: Chain) -> Callable[..., None]:
    """The function ``f(first, last, width, at, *inputs, *outputs)`` of a chain.

    It runs the chain for rows first..last-1.  Arrays are C-contiguous, inputs may be
    read-only; FULL is 2-D, ROW and FEATURE 1-D, SCALAR 0-D.  ``at`` is an int64 array
    with, for each FULL or FEATURE array in order, the column where it starts: columns
    start..start+width-1 are read or written.  The caller sees to it that they exist,
    and that no output overlaps another array; one that is written over an input is that
    input, and not given again.  Arrays of other types, numbers of dimensions or layouts
    raise TypeError.
    """
    return _known(chain, _bulk_source)


def bulk_text(chain: Chain) -> str:
    """The source of a chain's kernel."""
    return pasted(Writer(chain, "kernel", alone=True).text())


def _bulk_source(chain: Chain) -> tuple[str, str, str]:
    inputs = [_type(*x, written=k in chain.over) for k, x in enumerate(chain.inputs)]
    outputs = [_type(*x, written=True) for x in chain.written()]
    types = ["int64", "int64", "int64", _INDEX, *inputs, *outputs]
    return bulk_text(chain), "kernel", ", ".join(types)


def is_loaded(kernel: Chain | Loop) -> bool:
    """Whether the machine code of a kernel is in memory."""
    return kernel in _kernels


def is_stored(kernel: Chain | Loop) -> bool:
    """Whether the machine code of a kernel is in memory or on disk."""
    if is_loaded(kernel):
        return True
    if isinstance(kernel, Loop):
        return stored(*_loop_source(kernel))
    return stored(*_bulk_source(kernel))


def loop(spec: Loop) -> Callable[..., None]:
    """The function of a recursion.

    ``f(starts, stops, low, high, block, tile, at, widths, *indices, *arrays)`` runs
    level after level, with the tiles for its products at the address ``tile``:
    level l has the nodes starts[l]..stops[l]-1, each with ``block`` rows, of which it
    computes those from ``low`` to ``high`` (node n has the rows n*block+low..
    n*block+high-1; where that is not all of them, a level has at most one node).
    starts, stops, at, widths and each of the indices are 1-D arrays of int64;
    widths[k] is the width of the k-th ``Apply``.  FULL arrays are 2-D with a row for
    each row of a node, ROW arrays 1-D; FEATURE (1-D), SCALAR (0-D) and PACKED (1-D)
    arrays are whole, all C-contiguous.  Arrays that no item writes may be read-only.
    What is written may be read by later items and levels; no array overlaps another,
    nor has an item the same array as both what it reads and what it writes, but for
    ``Gather`` and ``Scatter`` between different rows.  Rows are not bounded: the caller
    sees to it that all are inside.
    """
    return _known(spec, _loop_source)


def loop_text(spec: Loop) -> str:
    """The source of a loop's kernel."""
    chains = [item.chain for item in spec.items if isinstance(item, Apply)]
    names = {chain: f"chain{k}" for k, chain in enumerate(dict.fromkeys(chains))}
    given = ["starts", "stops", "low", "high", "block", "tile", "at", "widths"]
    given += [f"index{k}" for k in range(spec.indices)]
    given += [f"x{k}" for k in range(len(spec.arrays))]
    lines = [
        f"def kernel({', '.join(given)}):",
        "    for level in range(len(starts)):",
        "        a, b = starts[level], stops[level]",
        "        first, last = a * block + low, (b - 1) * block + high",
        *[f"        {call}" for call in _calls(spec, names)],
    ]
    texts = [Writer(chain, name, alone=False).text() for chain, name in names.items()]
    return pasted("\n\n\n".join([*texts, "\n".join(lines)]))


def _calls(spec: Loop, names: dict[Chain, str]) -> Iterator[str]:
    """The line that runs each item."""
    count = 0
    for item in spec.items:
        if isinstance(item, Apply):
            starts = ["0" if k < 0 else f"at[{k}]" for k in item.starts]
            each = [f"x{k}" for k in (*item.inputs, *item.outputs)]
            given = ", ".join([f"widths[{count}]", *starts, *each])
            yield f"{names[item.chain]}(first, last, {given})"
            count += 1
        elif isinstance(item, Dot):
            given = ", ".join(f"x{k}" for k in item)
            yield f"multiply_rows(tile, {given}, first, last)"
        else:
            verb = "gather" if isinstance(item, Gather) else "scatter"
            what = "rows" if spec.arrays[item.target].kind == FULL else "numbers"
            given = f"x{item.target}, x{item.source}, index{item.places}"
            yield f"{verb}_{what}({given}, a, b, low, high, block)"


def _loop_source(spec: Loop) -> tuple[str, str, str]:
    written: set[int] = set()
    for item in spec.items:
        written |= {*item.outputs} if isinstance(item, Apply) else {item.target}
    numbers = [_INDEX, _INDEX, *["int64"] * 4, _INDEX, _INDEX]
    types = [*numbers, *[_INDEX] * spec.indices]
    types += [_type(*x, written=k in written) for k, x in enumerate(spec.arrays)]
    return loop_text(spec), "kernel", ", ".join(types)
