"""Rows of products and reductions."""

import numpy as np
import scipy.special
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import ops
from ...graph import OPS
from .rows import Argument, along_one_axis, core, reductions, row

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
for name in ("argmax", "argmin"):
    row(
        OPS[name],
        along_one_axis().filter(lambda call: call[1]),
        getattr(np, name),
        smooth=False,
    )
