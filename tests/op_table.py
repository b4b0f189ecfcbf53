"""The one table of ops: how to call each, and what NumPy or SciPy says it equals.

``TABLE`` maps every op of the registry and every public function composed of ops to
a ``Row``.  Generic laws run over it (``every_row``, ``every_smooth_row``), so a new
op is tested the moment it has a row, and has to have one.  The rows of the newer
bands stand in ``op_table_*.py``.
"""

from functools import reduce
from math import prod

import numpy as np
import op_table_arrays
import op_table_conv
import op_table_elementwise
import op_table_matrices
import op_table_numpy
import pytest
import scipy.special
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from op_rows import (
    LAYOUTS,
    TABLE,
    Argument,
    along_one_axis,
    axes,
    bools_as_floats,
    core,
    elementwise,
    fill,
    laid_out,
    listed,
    over_leading,
    reductions,
    row,
    shapes,
)

from penne import conv, functions, ops
from penne.graph import OPS
from penne.operators import NUMPY

__all__ = ["LAYOUTS", "TABLE", "every_op", "every_row", "every_smooth_row", "fill"]
__all__ += ["laid_out", "public_functions"]

BANDS = [op_table_arrays, op_table_conv, op_table_elementwise, op_table_matrices]
BANDS += [op_table_numpy]

# --- constants ------------------------------------------------------------------------

for function, reference in [
    (functions.zeros, np.zeros),
    (functions.ones, np.ones),
    (functions.full, np.full),
]:
    given = {} if function is not functions.full else {"value": 2.5}
    row(
        function,
        shapes().map(lambda s, given=given: ([], {"shape": s, **given})),
        lambda shape, value=None, f=reference: f(shape, *[value] * (value is not None)),
        smooth=False,
    )


# --- elementwise ----------------------------------------------------------------------

for function, reference, domain, kinds in [
    (ops.negative, np.negative, "real", "fi"),
    (ops.absolute, np.absolute, "real", "fib"),
    (ops.exp, np.exp, "real", "fib"),
    (ops.log, np.log, "positive", "fib"),
    (ops.log1p, np.log1p, "over -1", "fb"),
    (ops.expm1, np.expm1, "real", "fib"),
    (ops.sqrt, np.sqrt, "positive", "fib"),
    (ops.tanh, np.tanh, "real", "fib"),
    (ops.sigmoid, scipy.special.expit, "real", "fib"),
    (ops.softplus, lambda x: scipy.special.log1p(np.exp(x)), "real", "fib"),
    (ops.rectify, lambda x: x * (x > 0), "real", "fib"),
    (functions.hardtanh, lambda x: np.clip(x, -1.0, 1.0), "real", "fi"),
]:
    row(function, elementwise(domain), bools_as_floats(reference), kinds=kinds)

row(
    OPS["add_all"],
    st.integers(1, 4).flatmap(lambda n: elementwise(*["real"] * n)),
    lambda *xs: reduce(np.add, xs),
    kinds="fib",
)
for function, reference, domains, kinds in [
    (ops.add, np.add, ("real", "real"), "fib"),
    (ops.subtract, np.subtract, ("real", "real"), "fi"),
    (ops.multiply, np.multiply, ("real", "real"), "fib"),
    (ops.divide, np.divide, ("real", "nonzero"), "fib"),
    (ops.power, np.power, ("positive", "real"), "f"),
    (ops.maximum, np.maximum, ("real", "real"), "fib"),
    (ops.minimum, np.minimum, ("real", "real"), "fib"),
    (ops.clip, np.clip, ("real", "negative", "positive"), "fi"),
    (ops.where, np.where, ("bool", "real", "real"), "fib"),
]:
    row(function, elementwise(*domains), reference, kinds=kinds)

for function, reference in [
    (ops.equal, np.equal),
    (ops.not_equal, np.not_equal),
    (ops.less, np.less),
    (ops.less_equal, np.less_equal),
    (ops.greater, np.greater),
    (ops.greater_equal, np.greater_equal),
    (ops.logical_and, np.logical_and),
    (ops.logical_or, np.logical_or),
]:
    row(function, elementwise("real", "real"), reference, smooth=False)

row(ops.logical_not, elementwise("real"), np.logical_not, smooth=False)
row(ops.sign, elementwise("real"), np.sign, kinds="fi", smooth=False)
row(ops.detach, elementwise("real"), np.array, smooth=False)
row(
    ops.astype,
    st.tuples(
        shapes().map(lambda s: [Argument(s)]),
        st.sampled_from(["float64", np.float64]).map(lambda d: {"dtype": d}),
    ),
    lambda x, dtype: x.astype(dtype),
)


# --- products -------------------------------------------------------------------------

for function, signature, formula in [
    (OPS["vecvec"], "(n),(n)->()", "...n,...n->..."),
    (OPS["vecmat"], "(n),(n,m)->(m)", "...n,...nm->...m"),
    (OPS["matvec"], "(m,n),(n)->(m)", "...mn,...n->...m"),
    (OPS["matmat"], "(m,n),(n,p)->(m,p)", "...mn,...np->...mp"),
    (OPS["crossprod"], "(k,n),(k,m)->(n,m)", "...kn,...km->...nm"),
    (OPS["outer"], "(n),(m)->(n,m)", "...n,...m->...nm"),
]:
    row(
        function,
        core(signature),
        lambda a, b, formula=formula: np.einsum(formula, a, b),
    )

row(
    ops.dot,
    st.one_of(
        core("(n),(n)->()", loop=0),
        core("(n),(n,m)->(m)", loop=0),
        core("(k,m,n),(n)->(k,m)", loop=0),
        core("(m,n),(n,p)->(m,p)", loop=0),
        core("(k,m,n),(n,p)->(k,m,p)", loop=0),
        core("(),(m,n)->(m,n)", loop=0),
        core("(n),()->(n)", loop=0),
    ),
    np.dot,
)
row(ops.matmul, core("(m?,n),(n,p?)->(m?,p?)"), np.matmul)


@st.composite
def vecdots(draw):
    """Calls of ``vecdot`` along any axis, of broadcasting shapes."""
    found = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=1, max_dims=3)
    )
    ndim = len(found.result_shape)
    params = {"axis": draw(st.integers(-ndim, -1)), "keepdims": draw(st.booleans())}
    shapes = found.input_shapes
    assume(all(len(s) >= -params["axis"] for s in shapes))
    assume(len({s[params["axis"]] for s in shapes}) == 1)
    return [*map(Argument, shapes)], draw(st.sampled_from([{}, params])) if (
        params["axis"] == -1
    ) else params


row(
    ops.vecdot,
    vecdots(),
    lambda x, y, axis=-1, keepdims=False: np.asarray(
        np.sum(np.multiply(x, y), axis=axis, keepdims=keepdims)
    ).astype(np.result_type(x, y)),
    kinds="f",
)


# --- reductions -----------------------------------------------------------------------


def scipy_logsumexp(x, axis=None, keepdims=False):
    """SciPy's, which makes one axis of none and takes no empty tuple of axes."""
    if axis == () or not x.ndim:
        return np.asarray(
            x, np.result_type(x, np.float32) if x.dtype.kind == "f" else float
        )
    return scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)


row(ops.asum, reductions(), np.sum)
row(ops.amax, reductions(empty=False), np.max)
row(ops.amin, reductions(empty=False), np.min)
row(ops.mean, reductions(empty=False), np.mean)
row(ops.var, reductions(empty=False), np.var)
row(ops.logsumexp, reductions(empty=False), scipy_logsumexp)
row(
    ops.argmax,
    reductions(empty=False, several=False, keepdims=False),
    np.argmax,
    smooth=False,
)
row(
    OPS["argmax"],
    along_one_axis().filter(lambda call: call[1]),
    np.argmax,
    smooth=False,
)


# --- shape ----------------------------------------------------------------------------


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


# --- selection ------------------------------------------------------------------------


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


# --- composed functions ---------------------------------------------------------------


def numpy_layer_norm(x, gain, bias, axis=-1, eps=1e-5):
    """The formula of the paper."""
    mean = x.mean(axis, keepdims=True)
    return gain * (x - mean) / np.sqrt(x.var(axis, keepdims=True) + eps) + bias


row(
    functions.softmax,
    along_one_axis(),
    bools_as_floats(lambda x, axis=-1: scipy.special.softmax(x, axis)),
)
row(
    functions.logsoftmax,
    along_one_axis(),
    bools_as_floats(lambda x, axis=-1: scipy.special.log_softmax(x, axis)),
)
row(
    functions.layer_norm,
    shapes(least=1, side=2).map(lambda s: ([Argument(s), *[Argument(s[-1:])] * 2], {})),
    numpy_layer_norm,
    kinds="f",
)
row(
    functions.crossentropy,
    core("(n),(n)->()"),
    lambda logp, correct: -np.sum(logp * correct, -1),
    kinds="f",
)
row(
    functions.binary_crossentropy,
    elementwise("unit", "unit"),
    lambda p, correct: (
        -scipy.special.xlogy(correct, p) - scipy.special.xlogy(1 - correct, 1 - p)
    ),
    kinds="f",
)
row(
    functions.binary_crossentropy_with_logits,
    elementwise("real", "unit"),
    lambda x, correct: (
        -(
            correct * scipy.special.log_expit(x)
            + (1 - correct) * scipy.special.log_expit(-x)
        )
    ),
    kinds="f",
)
row(
    functions.distance2,
    elementwise("real", "real"),
    lambda x, y: (
        np.asarray(x - y) ** 2
        if np.ndim(x) == np.ndim(y) == 0
        else np.sum((x - y) ** 2, -1)
    ),
    kinds="f",
)


# --- what laws run over ---------------------------------------------------------------


def public_functions():
    """Every op of the registry and every function that penne gives away."""
    composed = [
        f
        for name, f in vars(functions).items()
        if callable(f) and f.__module__ == functions.__name__ and name[0] != "_"
    ]
    named = [f for f in NUMPY.values() if "lambda" not in f.__name__]
    public = [getattr(ops, name) for name in ops.__all__]
    pools = [getattr(conv, name) for name in conv.__all__]
    return [*OPS.values(), *public, *composed, *named, *pools]


def _each(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


every_row = _each(list(TABLE.values()))
every_smooth_row = _each([row for row in TABLE.values() if row.smooth])
every_op = _each([row for f, row in TABLE.items() if f in OPS.values()])
