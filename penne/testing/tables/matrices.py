"""Rows of products over named axes and of linear algebra."""

from string import ascii_lowercase

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import ops
from ...graph import OPS
from .rows import Argument, axes, core, row, shapes

# --- contraction ----------------------------------------------------------------------

SUBSCRIPTS = [
    "ij,jk->ik",
    "ij,jk",
    "ii",
    "ii->i",
    "iij->j",
    "iji->ij",
    "iii->",
    "ij->",
    "ij->ji",
    "i->i",
    "i,i->",
    "i,j->ij",
    "ij,ij->ij",
    "ij,ij->",
    "ij,j",
    "j,ij->i",
    "bij,bjk->bik",
    "bi,bi->b",
    "bi,bij->bj",
    "ij,jk,kl->il",
    "i,i,i->i",
    "i,j,k->ki",
    "ijk,jil->kl",
    "ijj,ik->jk",
    "a,b,c->",
    "ij,kl->ij",
    ",ij->ij",
    ",->",
    "...ij,...jk->...ik",
    "...i->...",
    "i...,i...->...",
    "...,i->i...",
    "...ii",
    "i...j->j...",
]


@st.composite
def einsums(draw):
    """Calls of ``einsum``; an axis may have length 1 beside a longer one."""
    text = draw(st.sampled_from(SUBSCRIPTS))
    terms = text.split("->")[0].split(",")
    sizes = {c: draw(st.integers(0, 3)) for c in ascii_lowercase if c in text}
    loops = draw(hnp.mutually_broadcastable_shapes(num_shapes=len(terms), max_dims=2))
    thin = draw(st.sampled_from([None, *range(len(terms))]))
    arguments = []
    for k, (term, loop) in enumerate(zip(terms, loops.input_shapes)):
        shape = []
        for c in term.replace("...", "."):
            shape.extend(loop if c == "." else [1 if k == thin else sizes[c]])
        arguments.append(Argument(tuple(shape)))
    return arguments, {"subscripts": text}


def texted(function):
    """``function`` with its text as a param."""
    return lambda *xs, subscripts: function(subscripts, *xs)


@st.composite
def tensordots(draw):
    """Calls of ``tensordot`` with ``axes`` of each form."""
    left, right, shared = (draw(shapes(most=2)) for _ in range(3))
    n = len(shared)
    if draw(st.booleans()):
        return [Argument(left + shared), Argument(shared + right)], {"axes": n}
    order = draw(st.permutations(range(n)))
    wanted = [len(right) + k for k in range(n)]
    mixed = tuple(shared[k] for k in order)
    pairs = [-n + k for k in order], wanted
    if n == 1:
        pairs = draw(st.sampled_from([pairs, (pairs[0][0], pairs[1][0])]))
    return [Argument(left + shared), Argument(right + mixed)], {"axes": pairs}


row(ops.einsum, einsums(), texted(np.einsum), apply=texted(ops.einsum), kinds="fi")
row(ops.tensordot, tensordots(), np.tensordot, kinds="fi")
row(
    ops.inner,
    st.one_of(core("(n),(n)->()", loop=0), core("(k,n),(m,n)->(k,m)", loop=0)),
    np.inner,
    kinds="fi",
)
row(
    ops.kron,
    st.tuples(shapes(most=2), shapes(most=2)).map(lambda s: ([*map(Argument, s)], {})),
    np.kron,
    kinds="fi",
)
row(ops.cross, core("(3),(3)->(3)"), np.cross, kinds="fi")


# --- linear algebra -------------------------------------------------------------------


def firm(x):
    """Matrices far from singular."""
    return x + 10 * np.eye(x.shape[-1])


def positive(x):
    """Symmetric positive definite matrices."""
    return x @ ops.matrix_transpose(x) + 2 * np.eye(x.shape[-1])


def numpy_positive(x):
    """As ``positive``."""
    return x @ np.swapaxes(x, -1, -2) + 2 * np.eye(x.shape[-1])


def of_firm(function):
    """``function`` of a matrix far from singular."""
    return lambda A, *rest: function(firm(A), *rest)


for function, signature, reference in [
    (OPS["solve"], "(n,n),(n,m)->(n,m)", np.linalg.solve),
    (ops.solve, "(n,n),(n,m)->(n,m)", np.linalg.solve),
    (ops.inverse, "(n,n)->(n,n)", np.linalg.inv),
    (ops.det, "(n,n)->()", np.linalg.det),
    (ops.logdet, "(n,n)->()", lambda A: np.linalg.slogdet(A)[1]),
]:
    calls = core(signature)
    row(function, calls, of_firm(reference), apply=of_firm(function), kinds="f")

row(
    ops.slogdet,
    core("(n,n)->()"),
    of_firm(lambda A: np.stack(np.linalg.slogdet(A))),
    apply=of_firm(lambda A: ops.stack(ops.slogdet(A))),
    kinds="f",
)
row(
    OPS["det_sign"],
    core("(n,n)->()"),
    of_firm(lambda A: np.linalg.slogdet(A)[0]),
    apply=of_firm(OPS["det_sign"]),
    kinds="f",
    smooth=False,
)
row(
    ops.cholesky,
    core("(n,n)->(n,n)"),
    lambda A: np.linalg.cholesky(numpy_positive(A)),
    apply=lambda A: ops.cholesky(positive(A)),
    kinds="f",
)
row(ops.matrix_transpose, core("(n,m)->(m,n)"), np.linalg.matrix_transpose)


@st.composite
def norms(draw):
    """Calls of ``norm`` of each order along one axis, two, or all."""
    shape = draw(shapes(side=1))
    forms = [{}, {"axis": draw(axes(len(shape)).filter(fits_norm))}]
    if shape:
        axis = draw(st.integers(-len(shape), len(shape) - 1))
        ord = draw(st.sampled_from([None, 1, 2, 3, 1.5, np.inf, -np.inf]))
        forms.append({"ord": ord, "axis": axis})
    if len(shape) > 1:
        pair = draw(hnp.valid_tuple_axes(len(shape), min_size=2, max_size=2))
        ord = draw(st.sampled_from([None, "fro", 1, -1, np.inf, -np.inf]))
        forms.append({"ord": ord, "axis": pair})
    keepdims = draw(st.booleans())
    return [Argument(shape)], {**draw(st.sampled_from(forms)), "keepdims": keepdims}


def fits_norm(axis):
    """NumPy's takes one axis or two."""
    return not isinstance(axis, tuple) or 1 <= len(axis) <= 2


row(ops.norm, norms(), np.linalg.norm, kinds="f")


# --- decompositions -------------------------------------------------------------------


def matrices(square):
    """Calls with a matrix, not empty, and leading axes."""
    found = shapes(least=2, side=1)
    if square:
        found = found.map(lambda s: (*s[:-1], s[-2]))
    return found.map(lambda s: ([Argument(s)], {}))


def symmetric(function, transposed):
    """``function`` of a symmetric matrix with eigenvalues apart."""
    return lambda x: function(x + transposed(x) + np.diag(10 * np.arange(x.shape[-1])))


def unsigned(factors, joined):
    """Factors of a matrix with squares in place of what has any sign."""
    w, V = factors
    return joined([w[..., None], V * V], axis=-1)


def unsigned_svd(factors, swapped, joined):
    """As ``unsigned``, of three factors."""
    U, s, Vh = factors
    V = swapped(Vh)
    return joined([U * U, s[..., None, :], V * V], axis=-2)


def swapped(x):
    """NumPy's transposed matrices."""
    return np.swapaxes(x, -1, -2)


T = ops.matrix_transpose
row(
    ops.eigh,
    matrices(square=True),
    symmetric(lambda x: unsigned(np.linalg.eigh(x), np.concatenate), swapped),
    apply=symmetric(lambda x: unsigned(ops.eigh(x), ops.concatenate), T),
    kinds="f",
)
row(
    OPS["eigh"],
    matrices(square=True),
    symmetric(lambda x: unsigned(np.linalg.eigh(x), np.concatenate)[..., 0], swapped),
    apply=symmetric(lambda x: OPS["eigh"](x)[..., 0], T),
    kinds="f",
)
row(
    ops.eigvalsh,
    matrices(square=True),
    symmetric(np.linalg.eigvalsh, swapped),
    apply=symmetric(ops.eigvalsh, T),
    kinds="f",
)
row(
    ops.svd,
    matrices(square=False),
    lambda x: unsigned_svd(
        np.linalg.svd(x, full_matrices=False), swapped, np.concatenate
    ),
    apply=lambda x: unsigned_svd(
        ops.svd(x, full_matrices=False), T, lambda xs, axis: ops.concatenate(xs, axis)
    ),
    kinds="f",
)
row(
    OPS["svd"],
    matrices(square=False),
    np.linalg.svdvals,
    apply=lambda x: OPS["svd"](x)[..., x.shape[-2], :],
    kinds="f",
)
row(ops.svdvals, matrices(square=False), np.linalg.svdvals, kinds="f")
row(
    ops.pinv,
    matrices(square=False),
    lambda x: np.linalg.pinv(x + np.eye(*x.shape[-2:]) * 9),
    apply=lambda x: ops.pinv(x + np.eye(*x.shape[-2:]) * 9),
    kinds="f",
)


# --- differences ----------------------------------------------------------------------


def rounded_slope(g, x, y):
    """The numerical gradient of x * y for x, which is g * y, to eighths."""
    exact = OPS["slope"](g, x, y, of=OPS["vecvec"], wrt=0, given=())
    return ops.rint(exact * 8) / 8


row(
    OPS["slope"],
    core("(),(n),(n)->(n)"),
    lambda g, x, y: (g[..., None] * y + 0 * x).astype(x.dtype),
    apply=rounded_slope,
    kinds="f",
    smooth=False,
)
