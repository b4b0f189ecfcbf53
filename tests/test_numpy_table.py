"""docs/numpy.md is what penne has; nothing in it is without a reason."""

import functools
import math
from pathlib import Path

import numpy as np
import pytest

import penne
from penne import Expression, asum, compute_gradients, compute_value, parameter
from penne.testing.numpy_table import (
    CODE,
    INSTEAD,
    functions,
    has_gradient,
    meaning,
    rows,
    table,
)
from penne.testing.tables import TABLE

FILE = Path(penne.__file__).parents[1] / "docs" / "numpy.md"
ALL = [*rows(np), *((f"linalg.{n}", *rest) for n, *rest in rows(np.linalg, "linalg."))]
GRADIENT = {name: gradient for name, gradient, _ in ALL}

AUTOGRAD = """
abs absolute add amax amin angle append arccos arccosh arcsin arcsinh arctan arctan2
arctanh array array_split astype atleast_1d atleast_2d atleast_3d clip column_stack
concatenate conj conjugate cos cosh cross cumsum deg2rad degrees diag diagonal diff
divide dot dsplit einsum exp exp2 expand_dims expm1 fabs fliplr flipud float_power fmax
fmin full gradient hsplit hstack imag inner kron linspace log log10 log1p log2 logaddexp
logaddexp2 matmul max maximum mean min minimum mod moveaxis multiply nan_to_num negative
outer pad partition power prod rad2deg radians ravel real real_if_close reciprocal
remainder repeat reshape roll rollaxis rot90 select sin sinc sinh sort split sqrt square
squeeze stack std subtract sum swapaxes tan tanh tensordot tile trace transpose tril
triu true_divide var vsplit vstack where linalg.cholesky linalg.det linalg.eig
linalg.eigh linalg.inv linalg.norm linalg.pinv linalg.slogdet linalg.solve linalg.svd
"""  # HIPS/autograd 1.8: numpy_vjps.py, numpy_wrapper.py, linalg.py
WITHOUT = {"angle", "array", "full", "gradient", "imag", "linalg.eig"}
installed = ".".join(np.__version__.split(".")[:2])


def test_up_to_date():
    """The file is what ``python -m penne.testing.numpy_table`` prints."""
    text = FILE.read_text()
    if f"with NumPy {installed};" not in text:
        pytest.skip("the file was made with another version of NumPy")
    assert text == table()


def test_every_gap_has_a_reason():
    """What is not there has something to write instead, or a reason."""
    if f"with NumPy {installed};" not in FILE.read_text():
        pytest.skip("another version of NumPy has other functions")
    gaps = [(name, note) for name, gradient, note in ALL if gradient == "none"]
    assert [name for name, note in gaps if not note] == []
    assert [text for text in INSTEAD if text[0] == "`"] == []  # CODE, which is run


@pytest.mark.parametrize("name", AUTOGRAD.split())
def test_autograds_list(name):
    """What HIPS/autograd differentiates has a gradient here, or is known to have none
    and why: complex numbers, and what NumPy does not hand over to expressions."""
    assert (GRADIENT[name] != "yes") == (name in WITHOUT)


def test_gradient_as_tested():
    """What the table of ops tests to have a gradient is what docs/numpy.md says."""
    named = {meaning(f) for module in (np, np.linalg) for _, f in functions(module)}
    assert len(named & TABLE.keys()) > 150
    for f in named & TABLE.keys():
        assert has_gradient(f) == TABLE[f].smooth, f


CONSTANT = [
    name
    for name, gradient, _ in ALL
    if gradient == "constant"
    and name not in ("full_like", "imag", "ones_like", "zeros_like")
    and name not in ("ndim", "shape", "size")
]


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_says_so(name):
    """Asked for a gradient that passes only through a constant function, penne raises a
    ValueError that says so."""
    function = meaning(getattr(np, name))
    x = parameter(np.array([1.5, -2.5, 0.5]))
    more = {"argpartition": [0], "floor_divide": [2.0]}
    two = ("equal", "greater", "less", "logical_and", "logical_or", "logical_xor")
    args = more.get(name, [1.0] if name.startswith((*two, "not_equal")) else [])
    with pytest.raises(ValueError, match=r"only through .* constant to gradients"):
        compute_gradients(asum(function(x, *args) * 1.0))


# --- what to write instead ------------------------------------------------------------

X = np.array([1.5, -2.5, 0.5, 0.0])
Y = np.array([0.5, 2.0, -1.0])
M = np.array([[2.0, 1.0, 5.0], [0.5, 3.0, -1.0]])
GAPS = np.array([2.0, np.nan, -3.0, 1.0, np.nan])
SQUARE = np.array([[2.0, 1.0, 0.0], [0.5, 3.0, -1.0], [1.0, 0.0, 4.0]])
BLOCKS = np.kron(SQUARE, [[2.0, 1.0], [0.0, 1.0]])
CALLS = {
    "block": ("rows", [[[M, M[:, :1]], [M[:1], M[:1, :1]]]]),
    "broadcast_arrays": ("x, y", [M, Y], [M[:, :1], Y]),
    "choose": ("index, choices", [np.array([0, 1, 1]), [Y, 10 * Y]]),
    "copysign": ("x, y", [X, X[::-1] - 1]),
    "corrcoef": ("x", [M]),
    "cov": ("x", [M]),
    "delete": ("x, index", [X, 1], [X, np.array([0, 2])]),
    "diagflat": ("x", [M]),
    "divmod": ("x, y", [X, Y[0]]),
    "ediff1d": ("x", [M]),
    "fmod": ("x, y", [X, Y[1]], [5 * Y, -Y]),
    "full": ("shape, x", [(4, 2, 3), M]),
    "gradient": ("x", [X]),
    "heaviside": ("x, y", [X, Y[0]]),
    "insert": ("x, i, values", [X, 1, Y]),
    "ldexp": ("x, n", [X, np.array([3, 0, -1, 2])]),
    "meshgrid": ("x, y", [X, Y]),
    "modf": ("x", [X]),
    "poly": ("roots", [Y]),
    "polyadd": ("p, q", [X, Y], [Y, X]),
    "polyder": ("p", [X]),
    "polyfit": ("x, y, degree", [[0.0, 1.0, 2.0, 4.0], X, 2]),
    "polyint": ("p", [X]),
    "polymul": ("p, q", [X, Y]),
    "polysub": ("p, q", [X, Y], [Y, X]),
    "polyval": ("p, x", [[1, 2, 3], Y], [X, Y]),
    "resize": ("x, shape", [M, (2, 4)], [X, (2, 1)]),
    "signbit": ("x", [X]),
    "vander": ("x, n", [Y, 4]),
    "linalg.lstsq": ("A, b", [M.T, Y]),
    "linalg.tensorinv": ("A, k", [SQUARE, 1], [BLOCKS.reshape(2, 3, 6), 2]),
    "linalg.tensorsolve": ("A, b", [BLOCKS.reshape(2, 3, 3, 2), M]),
    "nanpercentile": ("x, q", [GAPS, 30]),
    "nanquantile": ("x, q", [GAPS, 0.3]),
}


def as_expressions(x):
    """x with parameters for its arrays of floats."""
    if isinstance(x, list):
        return [as_expressions(part) for part in x]
    floats = isinstance(x, np.ndarray) and x.dtype.kind == "f"
    return parameter(x) if floats else x


def as_arrays(x):
    """Values of expressions, alone or several."""
    if isinstance(x, (list, tuple)):
        return [as_arrays(part) for part in x]
    return compute_value(x) if isinstance(x, Expression) else x


def written(name, names):
    """The value of what stands in the table for ``name``."""
    code, _, meant = CODE[name].partition(" with ")
    modules = dict(np=np, functools=functools, math=math, compute_value=compute_value)
    names = {**modules, **names}
    exec(meant, names)
    return as_arrays(eval(code, names))


@pytest.mark.parametrize("name", CODE)
def test_what_to_write_instead(name):
    """What stands in the table instead of a function gives what the function gives."""
    function = functools.reduce(getattr, name.split("."), np)
    params, *cases = CALLS.get(name, ("x", [GAPS]))
    for args in cases:
        wanted = function(*args)
        wanted = wanted[0] if name == "linalg.lstsq" else wanted
        found = written(name, dict(zip(params.split(", "), map(as_expressions, args))))
        several = isinstance(wanted, (list, tuple))
        pairs = zip(wanted, found, strict=True) if several else [(wanted, found)]
        for a, b in pairs:
            assert np.shape(a) == np.shape(b)
            np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)
