"""Rows of what moves, repeats and sorts elements along axes."""

from math import prod

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import ops
from ...graph import OPS
from .rows import Argument, along_one_axis, axes, reductions, row, shapes


@st.composite
def calls(draw, params, least=0, most=3, side=0, domain="real"):
    """Calls of one array with params drawn for its shape."""
    shape = draw(shapes(least, most, side))
    return [Argument(shape, domain)], draw(params(shape))


def always(**params):
    """The same params for any shape."""
    return lambda shape: st.just(params)


def axis_of(shape):
    """An axis of either sign."""
    return st.integers(-len(shape), len(shape) - 1)


# --- arrangement ----------------------------------------------------------------------


@st.composite
def moves(draw, shape):
    """Where some axes come from and go to."""
    source, destination = (
        draw(hnp.valid_tuple_axes(len(shape), min_size=1, max_size=1)) for _ in range(2)
    )
    if draw(st.booleans()):
        source, destination = source[0], destination[0]
    return {"source": source, "destination": destination}


@st.composite
def splits(draw, shape):
    """Equal parts or places to cut at."""
    axis = draw(axis_of(shape))
    n = shape[axis]
    cuts = draw(st.lists(st.integers(0, n), max_size=3).map(sorted))
    even = [k for k in range(1, 4) if not n % k]
    return {
        "indices_or_sections": draw(st.sampled_from([cuts, *even])),
        "axis": axis,
    }


@st.composite
def rolls(draw, shape):
    """One shift or several."""
    if not shape or draw(st.booleans()):
        return {
            "shift": draw(st.integers(-4, 4)),
            "axis": draw(axes(len(shape), False)),
        }
    several = draw(hnp.valid_tuple_axes(len(shape)))
    return {"shift": tuple(range(1, len(several) + 1)), "axis": several}


@st.composite
def pads(draw, shape):
    """Widths in each of their forms, and a mode."""
    width = st.integers(0, 3)
    forms = [width, st.tuples(width, width)]
    if shape:
        forms.append(st.tuples(*[st.tuples(width, width)] * len(shape)))
    mode = draw(st.sampled_from(["constant", "edge", "wrap", "reflect", "symmetric"]))
    value = {"constant_values": draw(st.sampled_from([0, 2]))}
    more = draw(st.sampled_from([{}, value])) if mode == "constant" else {}
    return {"pad_width": draw(st.one_of(forms)), "mode": mode, **more}


@st.composite
def repeats(draw, shape):
    """How often each, or for each one its own number."""
    axis = draw(axes(len(shape), False))
    n = prod(shape) if axis is None else shape[axis]
    each = st.lists(st.integers(0, 2), min_size=n, max_size=n)
    return {"repeats": draw(st.one_of(st.integers(0, 3), each)), "axis": axis}


def split_backwards(function, joined):
    """The parts that ``function`` cuts, put together in the wrong order."""
    return lambda x, indices_or_sections, axis: joined(
        function(x, indices_or_sections, axis)[::-1], axis
    )


row(ops.ravel, calls(always()), np.ravel)
row(ops.moveaxis, calls(moves, least=1), np.moveaxis)
row(
    ops.swapaxes,
    calls(
        lambda s: st.fixed_dictionaries({"axis1": axis_of(s), "axis2": axis_of(s)}), 1
    ),
    np.swapaxes,
)
row(
    ops.split,
    calls(splits, least=1),
    split_backwards(np.split, np.concatenate),
    apply=split_backwards(ops.split, ops.concatenate),
)
row(
    ops.flip,
    calls(lambda s: axes(len(s)).map(lambda axis: {"axis": axis})),
    np.flip,
)
row(ops.roll, calls(rolls), np.roll)
row(
    ops.pad,
    calls(pads, side=1),
    np.pad,
    kinds="fi",
)
row(ops.repeat, calls(repeats), np.repeat)
row(
    ops.tile,
    calls(
        lambda s: st.one_of(
            st.integers(0, 3), st.lists(st.integers(0, 2), max_size=3).map(tuple)
        ).map(lambda reps: {"reps": reps})
    ),
    np.tile,
)


# --- diagonals ------------------------------------------------------------------------


@st.composite
def two_axes(draw, shape):
    """Two axes and an offset."""
    i, j = draw(hnp.valid_tuple_axes(len(shape), min_size=2, max_size=2))
    return {"offset": draw(st.integers(-3, 3)), "axis1": i, "axis2": j}


def any_k(shape):
    """A diagonal by its number."""
    return st.integers(-2, 2).map(lambda k: {"k": k})


row(ops.diagonal, calls(two_axes, least=2), np.diagonal)
row(ops.trace, calls(two_axes, least=2), np.trace)
row(ops.diag, calls(any_k, least=1, most=2), np.diag, kinds="fi")
row(ops.tril, calls(any_k, least=2), np.tril, kinds="fi")
row(ops.triu, calls(any_k, least=2), np.triu, kinds="fi")


# --- along one axis -------------------------------------------------------------------


@st.composite
def quantiles(draw, shape):
    """Parts of all elements, one or several."""
    q = draw(st.sampled_from([0.0, 0.3, 0.5, 1.0, [0.25, 0.6]]))
    return {"q": q, "axis": draw(axes(len(shape))), "keepdims": draw(st.booleans())}


def numpy_quantile(x, q, **params):
    """NumPy's, of a list q too in the dtype of x."""
    y = np.quantile(x, q, **params)
    return y.astype(x.dtype) if x.dtype.kind == "f" else y


@st.composite
def tops(draw, shape):
    """How many along which axis."""
    axis = draw(axis_of(shape))
    return {"k": draw(st.integers(0, shape[axis])), "axis": axis}


def numpy_top_k(x, k, axis):
    """The largest and, as numbers, where they stand."""
    order = np.argsort(-1.0 * x, axis, kind="stable")
    places = np.take(order, range(k), axis)
    return np.stack([np.take_along_axis(x, places, axis) * 1.0, places * 1.0])


def penne_top_k(x, k, axis):
    """As ``numpy_top_k``."""
    largest, places = ops.top_k(x, k, axis)
    return ops.stack([largest * 1.0, places * 1.0])


@st.composite
def segments(draw):
    """Calls of ``segment_sum``."""
    count = draw(st.integers(1, 3))
    shape = draw(shapes(least=1))
    parts = Argument(shape[: draw(st.integers(1, len(shape)))], "count", count)
    return [Argument(shape), parts], {"count": count}


def numpy_segment_sum(x, segments, count):
    """``np.add.at`` of zeros."""
    whole = np.zeros((count, *x.shape[segments.ndim :]), x.dtype)
    np.add.at(whole, segments, x)
    return whole


for function, reference in [(ops.cumsum, np.cumsum), (ops.cumprod, np.cumprod)]:
    row(
        function,
        calls(lambda s: axes(len(s), False).map(lambda axis: {"axis": axis})),
        reference,
    )
row(
    OPS["cumsum"],
    calls(lambda s: axis_of(s).map(lambda axis: {"axis": axis}), least=1),
    np.cumsum,
)
row(ops.prod, reductions(), np.prod)
row(ops.std, reductions(empty=False), np.std)
row(ops.median, reductions(empty=False), np.median, kinds="fi")
row(ops.quantile, calls(quantiles, side=1), numpy_quantile, kinds="fi")
row(
    ops.argsort,
    along_one_axis(),
    lambda x, axis=-1: np.argsort(x, axis, kind="stable"),
    smooth=False,
)
row(
    OPS["argsort"],
    along_one_axis().filter(lambda call: call[1]),
    lambda x, axis: np.argsort(x, axis, kind="stable"),
    smooth=False,
)
row(ops.sort, along_one_axis(), np.sort)
row(
    ops.top_k,
    calls(tops, least=1, side=1),
    numpy_top_k,
    apply=penne_top_k,
    kinds="f",
)
row(ops.segment_sum, segments(), numpy_segment_sum, kinds="fi")
