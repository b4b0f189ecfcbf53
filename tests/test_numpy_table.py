"""docs/numpy.md is what penne has; nothing in it is without a reason."""

from pathlib import Path

import numpy as np
import pytest

import penne
from penne import asum, compute_gradients, parameter
from penne.testing.numpy_table import functions, has_gradient, meaning, rows, table
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
