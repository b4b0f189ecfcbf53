"""Rows of what selects and overwrites."""

from math import prod

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import ops
from ...graph import OPS
from .rows import Argument, axes, over_leading, row, shapes


@st.composite
def slicings(draw, inverse=False):
    """Calls of ``slice_axes``, or of ``unslice_axes``."""
    whole = draw(shapes(least=1, side=1))
    steps = []
    for n in whole:
        found = draw(st.slices(n)).indices(n)
        start, stop, step = found if len(range(*found)) else (0, 0, 1)
        steps.append((start, None if stop < 0 else stop, step))
    loop = draw(shapes(most=1))
    if not inverse:
        return [Argument(loop + whole)], {"steps": tuple(steps)}
    small = np.empty(whole)[tuple(slice(*s) for s in steps)].shape
    return [Argument(loop + small)], {"steps": tuple(steps), "shape": whole}


def numpy_unslice(x, steps, shape):
    """Zeros written to through a slice."""
    y = np.zeros(x.shape[: x.ndim - len(shape)] + shape, x.dtype)
    y[(..., *(slice(*s) for s in steps))] = x
    return y


@st.composite
def gathers(draw, inverse=False):
    """Calls of ``gather`` or ``scatter_add``: indexed axes first, then ``after``."""
    count = draw(st.integers(1, 2))
    loops = draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=count + 1, max_dims=2, min_side=0, max_side=3
        )
    ).input_shapes
    indexed = draw(shapes(count, count, side=1))
    rest = draw(shapes(most=1))
    found = draw(shapes(most=2))
    indices = [
        Argument(loop + found, "index", n) for loop, n in zip(loops[1:], indexed)
    ]
    if inverse:
        first, params = Argument(loops[0] + found + rest), {"shape": indexed + rest}
    else:
        first, params = Argument(loops[0] + indexed + rest), {"after": len(rest)}
    return [first, *indices], {"rank": len(found), **params}


def numpy_gather(x, *indices, rank, after):
    """``x[i, j]`` for each of the leading axes."""
    ranks = [len(indices) + after] + [rank] * len(indices)
    return over_leading(lambda x, *i: x[i], *ranks)(x, *indices)


def numpy_scatter_add(rows, *indices, rank, shape):
    """``np.add.at`` for each of the leading axes."""

    def one(rows, *indices):
        whole = np.zeros(shape, rows.dtype)
        np.add.at(whole, indices, rows)
        return whole

    ranks = [rank + len(shape) - len(indices)] + [rank] * len(indices)
    return over_leading(one, *ranks)(rows, *indices)


@st.composite
def overwrites(draw):
    """Calls of ``overwrite``."""
    found = draw(
        hnp.mutually_broadcastable_shapes(
            signature="(n),(k),(k)->(n)", max_dims=1, min_side=0, max_side=3
        )
    ).input_shapes
    x, v, i = found
    assume(x[-1] or not i[-1])
    return [Argument(x), Argument(v), Argument(i, "index", x[-1])], {}


def numpy_overwrite(x, v, i):
    """``x[i] = v`` for each of the leading axes."""

    def one(x, v, i):
        y = x.astype(np.result_type(x, v))
        y[i] = v
        return y

    return over_leading(one, 1, 1, 1)(x, v, i)


@st.composite
def indexings(draw, value=False):
    """Calls of ``getitem`` and ``setitem`` with the basic forms of index."""
    shape = draw(shapes(least=1))
    index = draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=4))
    arguments = [Argument(shape)]
    if value:
        found = np.empty(shape)[index].shape
        arguments.append(Argument(draw(st.sampled_from([found, ()]))))
    return arguments, {"index": index}


def numpy_setitem(x, v, index):
    """``x[index] = v`` on a copy."""
    y = x.astype(np.result_type(x, v))
    y[index] = v
    return y


@st.composite
def takes(draw):
    """Calls of ``take``, along an axis or of the array laid flat."""
    shape = draw(shapes(least=1, side=1))
    axis = draw(axes(len(shape), several=False))
    size = prod(shape) if axis is None else shape[axis]
    return [Argument(shape), Argument(draw(shapes(most=2)), "index", size)], {
        "axis": axis
    }


@st.composite
def takes_along(draw):
    """Calls of ``take_along_axis``."""
    shape = draw(shapes(least=1, side=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    found = list(shape)
    found[axis] = draw(st.integers(0, 3))
    arguments = [Argument(shape), Argument(tuple(found), "index", shape[axis])]
    return arguments, {"axis": axis}


row(
    OPS["slice_axes"],
    slicings(),
    lambda x, steps: x[(..., *(slice(*s) for s in steps))],
)
row(OPS["unslice_axes"], slicings(inverse=True), numpy_unslice)
row(OPS["gather"], gathers(), numpy_gather)
row(OPS["scatter_add"], gathers(inverse=True), numpy_scatter_add, kinds="fi")
row(OPS["overwrite"], overwrites(), numpy_overwrite)
row(
    OPS["within"],
    shapes().map(lambda s: ([Argument(s, "count", 4)], {"name": "one_hot", "size": 4})),
    lambda index, name, size: index,
    smooth=False,
)
row(ops.getitem, indexings(), lambda x, index: x[index])
row(
    ops.setitem,
    indexings(value=True),
    numpy_setitem,
    apply=lambda x, v, index: ops.setitem(x, index, v),
)
row(ops.take, takes(), np.take)
row(ops.take_along_axis, takes_along(), np.take_along_axis)
row(
    ops.one_hot,
    st.tuples(shapes(most=2), st.integers(1, 4)).map(
        lambda c: ([Argument(c[0], "count", c[1])], {"size": c[1]})
    ),
    lambda i, size: np.eye(size, dtype="float32")[i],
    smooth=False,
)
