"""Rows of what changes shapes and joins."""

from math import prod

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import ops
from ...graph import OPS
from .rows import Argument, listed, row, shapes


@st.composite
def reshapes(draw):
    """Calls of ``reshape``, one length possibly -1."""
    shape = draw(shapes())
    new = draw(st.permutations(shape))
    if draw(st.booleans()):
        new = [prod(shape)]
    if draw(st.booleans()) and prod(shape):
        new = [*new, -1]
    return [Argument(shape)], {"shape": tuple(new)}


@st.composite
def transposes(draw):
    """Calls of ``transpose`` with axes of either sign, or reversing all."""
    shape = draw(shapes())
    order = draw(st.permutations(range(len(shape))))
    order = [k - draw(st.sampled_from([0, len(shape)])) for k in order]
    return [Argument(shape)], draw(st.sampled_from([{}, {"axes": tuple(order)}]))


@st.composite
def broadcasts(draw, same_rank=False):
    """Calls of ``broadcast_to``."""
    found = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=1, base_shape=draw(shapes()))
    )
    (old,), new = found.input_shapes, found.result_shape
    if same_rank:
        old = (1,) * (len(new) - len(old)) + old
    return [Argument(old)], {"shape": new}


@st.composite
def expansions(draw):
    """Calls of ``expand_dims`` at one axis or several."""
    shape = draw(shapes(most=2))
    if draw(st.booleans()):
        axis = draw(st.integers(-len(shape) - 1, len(shape)))
    else:
        count = draw(st.integers(0, 2))
        axis = draw(
            hnp.valid_tuple_axes(len(shape) + count, min_size=count, max_size=count)
        )
    return [Argument(shape)], {"axis": axis}


@st.composite
def squeezes(draw):
    """Calls of ``squeeze`` of all axes of length 1, or of some."""
    shape = draw(shapes(most=4).filter(lambda s: 1 in s or not s))
    ones = [k for k, n in enumerate(shape) if n == 1]
    some = tuple(draw(st.lists(st.sampled_from(ones), unique=True)) if ones else ())
    forms = [None, some, *(k - len(shape) for k in ones)]
    return [Argument(shape)], {"axis": draw(st.sampled_from(forms))}


@st.composite
def joins(draw, new):
    """Calls of ``concatenate`` (whose lengths may differ) or ``stack`` (new axis)."""
    shape = draw(shapes(least=0 if new else 1, most=2))
    axis = draw(st.integers(-len(shape) - new, len(shape) - 1 + new))
    count = draw(st.integers(1, 3))
    found = [list(shape) for _ in range(count)]
    if not new:
        for each in found:
            each[axis] = draw(st.integers(0, 2))
    params = draw(st.sampled_from([{"axis": axis}] + [{}] * (axis == 0)))
    return [Argument(tuple(s)) for s in found], params


row(ops.reshape, reshapes(), np.reshape)
row(ops.transpose, transposes(), np.transpose)
row(ops.broadcast_to, broadcasts(), np.broadcast_to)
row(OPS["broadcast"], broadcasts(same_rank=True), np.broadcast_to)
row(ops.expand_dims, expansions(), np.expand_dims)
row(ops.squeeze, squeezes(), np.squeeze)
row(
    ops.concatenate, joins(False), listed(np.concatenate), apply=listed(ops.concatenate)
)
row(ops.stack, joins(True), listed(np.stack), apply=listed(ops.stack))
