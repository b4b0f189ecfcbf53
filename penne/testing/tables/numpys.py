"""Rows of NumPy's functions that penne has under NumPy's name alone: ``NUMPY``."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import ops
from ...operators import NUMPY
from .arrays import axis_of, calls, split_backwards, two_axes
from .rows import (
    Argument,
    along_one_axis,
    axes,
    core,
    elementwise,
    reductions,
    row,
    shapes,
)


def listed(function):
    """``function`` of a list of arrays."""
    return lambda *xs, **params: function(list(xs), **params)


def of_axes(several=True, keepdims=False, **more):
    """Calls with an ``axis`` of every form, and other params."""
    return calls(
        lambda s: st.fixed_dictionaries(
            {
                "axis": axes(len(s), several),
                **({"keepdims": st.booleans()} if keepdims else {}),
                **more,
            }
        ),
        side=1,
    )


# --- elementwise ----------------------------------------------------------------------

for name, domain, kinds in [
    ("positive", "real", "fi"),
    ("real", "real", "fib"),
    ("conjugate", "real", "fi"),
    ("copy", "real", "fib"),
    ("fabs", "real", "f"),
    ("degrees", "real", "f"),
    ("radians", "real", "f"),
    ("nan_to_num", "real", "fib"),
    ("sinc", "nonzero", "f"),
]:
    row(NUMPY[name], elementwise(domain), getattr(np, name), kinds=kinds)

for name in ["isnan", "isinf", "isfinite", "isposinf", "isneginf"]:
    row(NUMPY[name], elementwise("real"), getattr(np, name), kinds="fi", smooth=False)

for name, domains, kinds, smooth in [
    ("fmax", ("real", "real"), "fib", True),
    ("fmin", ("real", "real"), "fib", True),
    ("float_power", ("positive", "real"), "i", True),
    ("logaddexp2", ("real", "real"), "f", True),
    ("logical_xor", ("real", "real"), "fib", False),
]:
    row(
        NUMPY[name],
        elementwise(*domains),
        getattr(np, name),
        kinds=kinds,
        smooth=smooth,
    )

row(
    NUMPY["clip"],
    st.one_of(
        elementwise("real", "negative", "positive"),
        elementwise("real", "negative"),
        elementwise("real"),
    ),
    lambda x, low=None, high=None: np.clip(x, low, high),
    kinds="fi",
)
row(
    NUMPY["round"],
    calls(lambda s: st.sampled_from([{}, {"decimals": 1}, {"decimals": -1}])),
    np.round,
    kinds="fi",
    smooth=False,
)
row(
    NUMPY["select"],
    elementwise("bool", "bool", "real", "real"),
    lambda a, b, x, y: np.select([a, b], [x, y], 7),
    apply=lambda a, b, x, y: NUMPY["select"]([a, b], [x, y], 7),
    kinds="fi",
)


# --- shapes ---------------------------------------------------------------------------

for name, value in [("zeros_like", {}), ("ones_like", {}), ("full_like", {"f": 2})]:
    row(
        NUMPY[name],
        calls(lambda s, value=value: st.just({"fill_value": 2} if value else {})),
        getattr(np, name),
        smooth=False,
    )

for name in ["atleast_1d", "atleast_2d", "atleast_3d"]:
    row(NUMPY[name], calls(lambda s: st.just({})), getattr(np, name))

for name, ndim in [("flipud", 1), ("fliplr", 2)]:
    row(NUMPY[name], calls(lambda s: st.just({}), least=ndim), getattr(np, name))

for name, least, most in [
    ("vstack", 0, 2),
    ("hstack", 0, 2),
    ("dstack", 0, 3),
    ("column_stack", 1, 2),
]:
    row(
        NUMPY[name],
        shapes(least, most).map(lambda s: ([Argument(s)] * 2, {})),
        listed(getattr(np, name)),
        apply=listed(NUMPY[name]),
    )

row(
    NUMPY["append"],
    along_one_axis().map(lambda c: (c[0] * 2, c[1])),
    np.append,
)


def cut(name, axis):
    """The parts put together in the wrong order."""

    def called(function, joined):
        parts = split_backwards(lambda x, n, axis: function(x, n), joined)
        return lambda x, n: parts(x, n, axis if x.ndim > axis else 0)

    return called(getattr(np, name), np.concatenate), called(
        NUMPY[name], ops.concatenate
    )


for name, axis, least in [("vsplit", 0, 2), ("hsplit", 1, 1), ("dsplit", 2, 3)]:
    reference, apply = cut(name, axis)
    row(
        NUMPY[name],
        calls(lambda s: st.lists(st.integers(0, 2)).map(lambda n: {"n": n}), least),
        reference,
        apply=apply,
    )

row(
    NUMPY["array_split"],
    calls(
        lambda s: st.tuples(st.integers(1, 4), axis_of(s)).map(
            lambda c: {"indices_or_sections": c[0], "axis": c[1]}
        ),
        least=1,
    ),
    split_backwards(np.array_split, np.concatenate),
    apply=split_backwards(NUMPY["array_split"], ops.concatenate),
)
row(
    NUMPY["unstack"],
    along_one_axis(),
    lambda x, axis=0: np.stack(np.unstack(x, axis=axis)[::-1]),
    apply=lambda x, axis=0: ops.stack(NUMPY["unstack"](x, axis)[::-1]),
)
row(
    NUMPY["rot90"],
    calls(
        lambda s: st.tuples(
            st.integers(-2, 5), hnp.valid_tuple_axes(len(s), min_size=2, max_size=2)
        ).map(lambda c: {"k": c[0], "axes": c[1]}),
        least=2,
    ),
    np.rot90,
)
row(
    NUMPY["rollaxis"],
    calls(
        lambda s: st.tuples(axis_of(s), st.integers(-len(s), len(s))).map(
            lambda c: {"axis": c[0], "start": c[1]}
        ),
        least=1,
    ),
    np.rollaxis,
)
row(
    NUMPY["linspace"],
    st.tuples(elementwise("real", "real"), st.integers(1, 4), st.booleans()).map(
        lambda c: (c[0][0], {"num": c[1] + c[2], "endpoint": c[2]})
    ),
    np.linspace,
    kinds="f",
)


# --- along axes -----------------------------------------------------------------------

row(NUMPY["argmin"], of_axes(several=False), np.argmin, smooth=False)
row(NUMPY["all"], of_axes(keepdims=True), np.all, smooth=False)
row(NUMPY["any"], of_axes(keepdims=True), np.any, smooth=False)
row(
    NUMPY["count_nonzero"],
    of_axes(keepdims=True),
    np.count_nonzero,
    smooth=False,
)
row(NUMPY["ptp"], reductions(empty=False), np.ptp, kinds="fi")
row(
    NUMPY["average"],
    calls(lambda s: axis_of(s).map(lambda axis: {"axis": axis}), least=1, side=1).map(
        lambda c: ([*c[0], Argument((c[0][0].shape[c[1]["axis"]],), "positive")], c[1])
    ),
    lambda x, w, axis: np.average(x, axis, w),
    apply=lambda x, w, axis: NUMPY["average"](x, axis, w),
    kinds="f",
)
row(
    NUMPY["percentile"],
    of_axes(keepdims=True, q=st.sampled_from([0, 30.0, 50, 100])),
    np.percentile,
    kinds="fi",
)
row(
    NUMPY["diff"],
    calls(
        lambda s: st.fixed_dictionaries({"n": st.integers(0, 2), "axis": axis_of(s)}),
        least=1,
        side=1,
    ),
    np.diff,
    kinds="fi",
)
for name in ["partition", "argpartition"]:
    row(
        NUMPY[name],
        along_one_axis().map(lambda c: (c[0], {"kth": 0, **c[1]})),
        lambda x, kth, axis=-1, name=name: (
            np.sort(x, axis)
            if name == "partition"
            else np.argsort(x, axis, kind="stable")
        ),
        smooth=name == "partition",
    )
row(
    NUMPY["trapezoid"],
    st.one_of(
        along_one_axis(),
        along_one_axis().map(
            lambda c: ([*c[0], Argument((c[0][0].shape[c[1].get("axis", -1)],))], c[1])
        ),
    ),
    np.trapezoid,
    kinds="f",
)
row(
    NUMPY["cumulative_sum"],
    calls(
        lambda s: st.fixed_dictionaries(
            {"axis": axis_of(s), "include_initial": st.booleans()}
        ),
        least=1,
    ),
    np.cumulative_sum,
)
row(
    NUMPY["cumulative_prod"],
    calls(lambda s: axis_of(s).map(lambda axis: {"axis": axis}), least=1),
    np.cumulative_prod,
)


# --- matrices -------------------------------------------------------------------------


@st.composite
def powers(draw):
    """Matrices not far from 1 and a power."""
    n = draw(st.integers(1, 3))
    loop = draw(shapes(most=1))
    return [Argument((*loop, n, n))], {"n": draw(st.integers(-2, 3))}


def near_one(function):
    """``function`` of a matrix near 1."""
    return lambda A, n: function(A / 20 + np.eye(A.shape[-1]), n)


row(
    NUMPY["outer"],
    st.tuples(shapes(most=2), shapes(most=2)).map(lambda s: ([*map(Argument, s)], {})),
    np.outer,
)
row(NUMPY["vdot"], shapes().map(lambda s: ([Argument(s)] * 2, {})), np.vdot, kinds="f")
row(
    NUMPY["matrix_power"],
    powers(),
    near_one(np.linalg.matrix_power),
    apply=near_one(NUMPY["matrix_power"]),
    kinds="f",
)
row(
    NUMPY["multi_dot"],
    core("(n,m),(m,p),(p,q)->(n,q)", loop=0),
    listed(np.linalg.multi_dot),
    apply=listed(NUMPY["multi_dot"]),
    kinds="f",
)
for name in ["diagonal", "trace"]:
    row(
        NUMPY[f"linalg.{name}"],
        calls(two_axes, least=2).map(lambda c: (c[0], {"offset": c[1]["offset"]})),
        getattr(np.linalg, name),
        kinds="fi",
    )
row(
    NUMPY["linalg.vector_norm"],
    of_axes(keepdims=True),
    np.linalg.vector_norm,
    kinds="f",
)
row(
    NUMPY["linalg.matrix_norm"],
    calls(lambda s: st.booleans().map(lambda k: {"keepdims": k}), least=2, side=1),
    np.linalg.matrix_norm,
    kinds="f",
)
