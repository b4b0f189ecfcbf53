"""Programs made smaller: other names resolved, products of one factor made one.

This module imports ``dtypes``, ``graph``, ``adjoint`` and ``instructions``.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache, reduce
from typing import Any

from ..dtypes import ArrayType, typed
from ..graph import OPS
from .adjoint import reachable
from .instructions import Instruction, apply, users_of

VECMAT, MATMAT = OPS["vecmat"], OPS["matmat"]
MATVEC, TRANSPOSE = OPS["matvec"], OPS["transpose"]
BROADCAST = OPS["broadcast"]
ELEMENTWISE = {
    OPS[name] for name in ("add", "subtract", "multiply", "divide", "add_all")
}
ADD, MULTIPLY, GATHER = OPS["add"], OPS["multiply"], OPS["gather"]
_ONE_ROW = {"rank": 0, "after": 1}
JOIN, SLICE = OPS["concatenate"], OPS["slice_axes"]


def resolved(roots: Sequence[Instruction]) -> list[Instruction]:
    """``roots``, with what only names another instruction replaced by that one."""
    for x in reachable(roots):
        x.inputs = [_named(y) for y in x.inputs]
    return [_named(x) for x in roots]


def _named(x: Instruction) -> Instruction:
    while x.op == "same" or (x.op == "pick" and x.inputs[0].space is None):
        (source,) = x.inputs
        if source.space is None and x.space is not None:
            x.op = "take"
            break
        x = source
    return x


def pack_products(order: Iterable[Instruction]) -> None:
    """Products of one batch with several weights of one dtype become one product, with
    the weights side by side; each of the old ones is a slice of it."""
    groups: dict[Any, list[Instruction]] = defaultdict(list)
    for y in order:
        if y.op is VECMAT or y.op is MATMAT:
            x, W = y.inputs
            if x.space is not None and W.op == "leaf" and len(W.type.shape) == 2:
                groups[y.op, x, W.type.dtype].append(y)
    for (op, x, _), products in groups.items():
        if len(products) > 1:
            _pack(op, x, sorted(products, key=lambda y: y.serial))


def _pack(op: object, x: Instruction, products: Sequence[Instruction]) -> None:
    weights = list(dict.fromkeys(y.inputs[1] for y in products))
    sizes = [W.type.shape[1] for W in weights]
    first = weights[0].type
    wide = ArrayType((first.shape[0], sum(sizes)), first.dtype, first.strength)
    packed = Instruction(JOIN, weights, wide, params={"axis": -1, "ndim": 2})
    type = products[0].type
    whole = ArrayType((*type.shape[:-1], sum(sizes)), type.dtype, type.strength)
    product = Instruction(op, [x, packed], whole, x.space)
    starts = {W: sum(sizes[:k]) for k, W in enumerate(weights)}
    for y in products:
        start, size = starts[y.inputs[1]], y.inputs[1].type.shape[1]
        y.op, y.inputs, y.params = SLICE, [product], _columns(start, start + size)


def products_of_joins(order: Iterable[Instruction]) -> list[Instruction]:
    """Products with a weight of what is joined along its last axis."""
    return [
        y
        for y in order
        if (y.op is VECMAT or y.op is MATMAT)
        and y.inputs[0].op is JOIN
        and y.inputs[0].params["axis"] == -1
        and _is_matrix(y.inputs[1])
    ]


def split_products(products: Iterable[Instruction]) -> None:
    """Products of what is joined become sums of products of its parts: those that do
    not take part in a recursion need not wait for it."""
    for y in products:
        (x, W), stop = y.inputs, 0
        terms: list[Instruction] = []
        for part in x.inputs:
            start, stop = stop, stop + part.type.shape[-1]
            shape = stop - start, W.type.shape[1]
            type = ArrayType(shape, W.type.dtype, W.type.strength)
            rows = Instruction(SLICE, [W], type, None, _rows(start, stop, shape[1]))
            terms.append(Instruction(y.op, [part, rows], y.type, part.space, y.params))
        total = reduce(lambda a, b: apply(ADD, [a, b], a.type), terms)
        y.op, y.inputs, y.params = total.op, total.inputs, total.params


@lru_cache(1 << 10)
def _rows(start: int, stop: int, width: int) -> dict[str, Any]:
    """The params of a slice of rows."""
    return {"steps": ((start, stop, 1), (0, width, 1))}


@lru_cache(1 << 10)
def _columns(start: int, stop: int) -> dict[str, Any]:
    """The params of a slice: one object, by which rules of gradients are known."""
    return {"steps": ((start, stop, 1),)}


def take_symbols(order: Iterable[Instruction]) -> None:
    """Rows that are taken of what is looked up are looked up by symbols taken."""
    for y in order:
        (x, *others) = y.inputs or [y]
        if y.op == "take" and not others and x.op is GATHER and _is_table(x):
            T, symbols = x.inputs
            taken = Instruction("take", [symbols], symbols.type, y.space, None, y.index)
            y.op, y.inputs, y.params, y.index = GATHER, [T, taken], x.params, None


def share_lookups(order: Iterable[Instruction], spaces: Iterator[int]) -> None:
    """Products of what is looked up are computed once for each distinct symbol: in a
    space of their own, from which the rows are taken."""
    known: dict[Instruction, Instruction] = {}
    for y in order:
        if y.op is not VECMAT and y.op is not MATMAT:
            continue
        x, W = y.inputs
        if x.op is not GATHER or not _is_table(x) or not _is_matrix(W):
            continue
        T, symbols = x.inputs
        if symbols not in known:
            type = ArrayType((), symbols.type.dtype, symbols.type.strength)
            known[symbols] = Instruction("distinct", [symbols], type, next(spaces))
        once = known[symbols]
        row = ArrayType(x.type.shape[-1:], x.type.dtype, x.type.strength)
        found = Instruction(GATHER, [T, once], row, once.space, _ONE_ROW)
        wide = ArrayType(y.type.shape[-1:], y.type.dtype, y.type.strength)
        product = Instruction(VECMAT, [found, W], wide, once.space)
        y.op, y.inputs, y.params = "expand", [product, once], {}


def _is_table(x: Instruction) -> bool:
    """Whether x is rows of a matrix that all share, by symbols that differ."""
    T, *indices = x.inputs
    plain = len(indices) == 1 and x.params["after"] == 1 and len(T.type.shape) == 2
    return plain and T.space is None and indices[0].space is not None


def _is_matrix(W: Instruction) -> bool:
    return W.space is None and len(W.type.shape) == 2


def turn_weights(order: Iterable[Instruction]) -> None:
    """Products with the transpose of a weight, level by level, become products with a
    copy that is transposed once: BLAS is quicker with what lies in its order."""
    turned: dict[Instruction, Instruction] = {}
    for y in order:
        found = _transposed(y)
        if found is None:
            continue
        W, x = found
        if W not in turned:
            n, m = W.type.shape
            type = ArrayType((m, n), W.type.dtype, W.type.strength)
            turned[W] = Instruction("turned", [W], type)
        y.op = VECMAT if y.op is MATVEC else y.op
        y.inputs = [x, turned[W]]


def _transposed(y: Instruction) -> tuple[Instruction, Instruction] | None:
    """W and x, where y is x times the transpose of W."""
    if y.op is MATVEC:
        W, x = y.inputs
        alone = W.space is None and x.space is not None
        return (W, x) if alone and len(W.type.shape) == 2 else None
    if y.op is not MATMAT or y.inputs[1].op is not TRANSPOSE:
        return None
    x, swapped = y.inputs
    alone = swapped.space is None and len(swapped.type.shape) == 2
    return (swapped.inputs[0], x) if alone else None


def sum_together(order: Iterable[Instruction]) -> None:
    """Sums over the rows of what is joined, as gradients of the biases of several gates
    are, become parts of one sum; so do the gradients of lookups by the same symbols."""
    order = list(order)
    users = users_of(order)
    for y in order:
        joins = y.op is JOIN and y.space is not None and y.params["axis"] == -1
        if joins and len(set(y.inputs)) == len(y.inputs):
            _sum_parts(y, users)


def _sum_parts(y: Instruction, users: dict[Instruction, list[Instruction]]) -> None:
    """The sums of the parts of y."""
    start = 0
    sums: dict[Any, list[tuple[Instruction, int]]] = defaultdict(list)
    for x in y.inputs:
        width = x.type.shape[-1]
        for t in users.get(x, ()):
            if t.op == "total" and t.type.shape == (width,):
                sums["total", None].append((t, start))
            elif (
                t.op == "lookup" and len(t.inputs) == 2 and len(t.params["shape"]) == 2
            ):
                sums["lookup", t.inputs[1], t.params["shape"][0]].append((t, start))
        start += width
    for (op, *symbols), parts in sums.items():
        if len(parts) > 1:
            _sum_whole(op, [y, *symbols[:1]], start, parts)


def _sum_whole(
    op: str,
    inputs: list[Any],
    width: int,
    parts: Sequence[tuple[Instruction, int]],
) -> None:
    """One sum of all, of which those that there were are parts."""
    first = parts[0][0].type
    shape = (*first.shape[:-1], width)
    type = ArrayType(shape, first.dtype, first.strength)
    if op == "total":
        whole = Instruction(op, inputs[:1], type)
    else:
        whole = Instruction(op, inputs, type, params={"shape": shape})
    for t, start in parts:
        t.inputs, t.params = [whole], _columns(start, start + t.type.shape[-1])
        t.op = SLICE if op == "total" else "columns"


def total_products(order: Iterable[Instruction], kept: Container[Instruction]) -> None:
    """Sums over the rows of products, number by number, as gradients of peepholes are,
    are computed without the products, where nobody else needs these."""
    order = list(order)
    uses = Counter(x for y in order for x in y.inputs)
    for t in order:
        (x, *_) = t.inputs or [t]
        if t.op == "total" and x.op is MULTIPLY and uses[x] == 1 and x not in kept:
            alike = all(a.space == x.space and a.type is x.type for a in x.inputs)
            if alike and len(t.type.shape) == 1 and x.type.dtype.char in "fd":
                t.op, t.inputs = "dots", list(x.inputs)


def drop_broadcasts(order: Sequence[Instruction]) -> None:
    """Give to elementwise instructions what has been broadcast as it was before, where
    another argument has the whole shape already; and what there is one of is broadcast
    after all that is done to it."""
    for y in reversed(order):
        if not isinstance(y.op, str) and y.op.signature == "()->()":
            if y.inputs[0].op is BROADCAST:
                _put_off(y)
    for y in order:
        if isinstance(y.op, str) or y.op not in ELEMENTWISE:
            continue
        for k, x in enumerate(y.inputs):
            if x.op is BROADCAST and _same_axes(x):
                others = [z for j, z in enumerate(y.inputs) if j != k]
                if any(z.type.shape == y.type.shape for z in others):
                    y.inputs[k] = x.inputs[0]


def _put_off(y: Instruction) -> None:
    """Have y broadcast what it computes, not compute of what is broadcast."""
    (whole,) = y.inputs
    (x,) = whole.inputs
    kind = ArrayType(x.type.shape, y.type.dtype, y.type.strength)
    y.inputs = [Instruction(y.op, [x], kind, x.space, y.params)]
    y.op, y.params = whole.op, whole.params


def _same_axes(x: Instruction) -> bool:
    """Whether elementwise kernels take what x is of as well: it has the same axes, but
    for one number to a row, or one in all."""
    (source,) = x.inputs
    if source.space is None:
        return x.space is None and len(source.type.shape) == len(x.type.shape)
    return source.type.shape[:-1] == x.type.shape[:-1]


def unify(order: Iterable[Instruction]) -> None:
    """What applies one op to the same arguments again is the first of them; arguments
    come first in ``order``, but for those of recursions."""
    known: dict[object, Instruction] = {}
    for y in order:
        y.inputs = [_named(x) for x in y.inputs]
        if isinstance(y.op, str) and y.op != "turned":
            continue
        key = y.op, y.space, typed(y.params), *map(id, y.inputs)
        first = known.setdefault(key, y)
        if first is not y:
            y.op, y.inputs, y.params = "same", [first], {}
