"""Programs made smaller: other names resolved, products of one factor made one.

This module imports ``program`` and ``adjoint``.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ..dtypes import ArrayType
from ..graph import OPS
from .adjoint import reachable
from .program import Instruction

VECMAT, MATMAT = OPS["vecmat"], OPS["matmat"]
MATVEC, TRANSPOSE = OPS["matvec"], OPS["transpose"]
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
    """Products of one batch with several weights become one product, with the weights
    side by side; each of the old ones is a slice of it."""
    groups: dict[tuple[object, Instruction], list[Instruction]] = defaultdict(list)
    for y in order:
        if y.op is VECMAT or y.op is MATMAT:
            x, W = y.inputs
            if x.space is not None and W.op == "leaf" and len(W.type.shape) == 2:
                groups[y.op, x].append(y)
    for (op, x), products in groups.items():
        if len(products) > 1:
            _pack(op, x, products)


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
        y.op, y.inputs = SLICE, [product]
        y.params = {"steps": ((start, start + size, 1),)}


def turn_weights(order: Iterable[Instruction]) -> None:
    """W x for a batch of x becomes x V, with V the transpose of W, made once."""
    turned: dict[Instruction, Instruction] = {}
    for y in order:
        if y.op is MATVEC and y.inputs[0].space is None:
            W, x = y.inputs
            if x.space is None or len(W.type.shape) != 2:
                continue
            if W not in turned:
                n, m = W.type.shape
                type = ArrayType((m, n), W.type.dtype, W.type.strength)
                turned[W] = Instruction("turned", [W], type)
            y.op, y.inputs = VECMAT, [x, turned[W]]
