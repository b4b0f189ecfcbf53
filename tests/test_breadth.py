"""The edges of the newer functions: zeros, ties, NaN, singular matrices, keywords."""

from fractions import Fraction
from math import factorial, perm

import numpy as np
import pytest
from fixtures import examples
from hypothesis import given
from hypothesis import strategies as st
from slopes import parameter64

import penne
from penne import asum, compute_gradients, compute_value, constant, gradient
from penne.graph import topological
from penne.testing.each import every_smooth_row
from penne.testing.tables.rows import fill

A = np.array([[1.0, 2.0], [3.0, 4.0]])
V = np.array([3.0, -1.0, 2.0, 2.0])


def slope(f, x):
    """The gradient of the sum of f(x) at x."""
    x = parameter64(x)
    return compute_gradients(asum(f(x)))[x]


AT_EDGES = [
    (penne.prod, [0.0, 2.0, 3.0], [6, 0, 0]),
    (penne.prod, [0.0, 0.0, 3.0], [0, 0, 0]),
    (penne.cumprod, [2.0, 0.0, 3.0], [1, 2 + 6, 0]),
    (penne.std, [1.0, 1.0, 1.0], [0, 0, 0]),
    (penne.norm, [0.0, 0.0], [0, 0]),
    (lambda x: penne.norm(x, 3), [0.0, 0.0], [0, 0]),
    (lambda x: penne.norm(x, np.inf), [2.0, -2.0, 1.0], [0.5, -0.5, 0]),
    (lambda x: penne.hypot(x[0], x[1]), [0.0, 0.0], [0, 0]),
    (lambda x: penne.sort(x)[0], [1.0, 1.0], [1, 0]),
    (lambda x: penne.top_k(x, 1)[0], [1.0, 1.0], [1, 0]),
    (penne.median, [1.0, 5.0, 2.0, 4.0], [0, 0, 0.5, 0.5]),
    (lambda x: penne.repeat(x, [0, 3]), [1.0, 2.0], [0, 3]),
    (lambda x: penne.segment_sum(x, [1, 1], 3)[1] ** 2, [1.0, 2.0], [6, 6]),
    (lambda x: x % 2, [3.0, -3.0], [1, 1]),
    (np.sinc, [0.0], [0]),
    (lambda x: np.clip(x, 1.0, None), [0.0, 1.0, 2.0], [0, 1, 1]),
    (np.nan_to_num, [np.nan, np.inf, 1.0], [0, 0, 1]),
    (lambda x: np.fmax(x, 0.0), [np.nan, 1.0], [0, 1]),
    (lambda x: penne.conv.max_pool(x, 2), [1.0, 1.0, 2.0, 3.0], [0.5, 0.5, 0, 1]),
]


@pytest.mark.parametrize(("f", "x", "expected"), AT_EDGES)
def test_gradient_at_edges(f, x, expected):
    """Zeros, ties and NaN have the gradient that the docstrings say."""
    np.testing.assert_allclose(slope(f, x), expected, atol=1e-15)


def test_second_derivative_of_a_product_with_zeros():
    """The Hessian of a product has the products of all others, zeros or not."""
    x = parameter64([0.0, 0.0, 3.0])
    first = gradient(penne.prod(x), x)
    rows = [compute_value(gradient(first[k], x)) for k in range(3)]
    np.testing.assert_allclose(rows, [[0, 3, 0], [3, 0, 0], [0, 0, 0]])


@every_smooth_row
@examples(1 / 6)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_gradients_have_gradients(row, data, seed):
    """What has a gradient has one of its gradient too, for each argument."""
    arguments, params = data.draw(row.calls)
    arrays = fill(arguments, np.random.default_rng(seed), apart=True)
    numbers = [k for k, a in enumerate(arguments) if not a.static]
    for k in numbers:
        arrays[k] = parameter64(arrays[k])
    wrt = [arrays[k] for k in numbers]
    for slopes in gradient(asum(row.apply(*arrays, **params)), wrt):
        gradient(asum(slopes * 2.0), wrt)


FLAT = [
    penne.sort,
    penne.median,
    lambda x: penne.top_k(x, 2)[0],
    lambda x: penne.quantile(x, [0.1, 0.6]),
    lambda x: np.percentile(x, 30.0),
    lambda x: np.partition(x, 1),
    lambda x: penne.remainder(3.0, x),
    lambda x: penne.remainder(x, 2.0),
    penne.amax,
    penne.absolute,
    lambda x: np.clip(x, 1.0, 2.0),
    lambda x: penne.norm(x, np.inf),
    lambda x: penne.conv.max_pool(x, 2),
]


@pytest.mark.parametrize("f", FLAT)
def test_second_derivative_is_zero(f):
    """Where a gradient is constant piece by piece, its gradient is 0, and no error."""
    x = parameter64(V)
    slopes = gradient(asum(f(x) * 2.0), x)
    assert compute_value(gradient(asum(slopes * V), x)).tolist() == [0, 0, 0, 0]


def test_places_are_constant():
    """The places that top_k gives are constant to gradients, and say so."""
    with pytest.raises(ValueError, match=r"only through .* constant to gradients"):
        compute_gradients(asum(penne.top_k(parameter64(V), 2)[1] * 1.0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sinc_near_zero(dtype):
    """The derivatives of sinc are exact where its formula loses all digits."""
    at = np.array([0.0, 1e-12, 1e-8, 1e-4, 0.1, 0.16, 0.3], dtype)
    x = penne.parameter(at)
    first = gradient(asum(np.sinc(x)), x)
    second = gradient(asum(first), x)
    exact = [[diff_of_sinc(place, order) for place in at] for order in (1, 2)]
    close = {"rtol": 2e-5 if dtype == "float32" else 1e-13}
    np.testing.assert_allclose(compute_value(first), exact[0], **close)
    np.testing.assert_allclose(compute_value(second), exact[1], **close)


def diff_of_sinc(x, order):
    """The derivative of sin(pi x) / (pi x), by the series, in exact fractions."""
    u, total = Fraction(float(x)) * Fraction(np.pi), Fraction(0)
    for k in range(20):
        power = 2 * k - order
        if power >= 0:
            slope = perm(2 * k, order) * Fraction((-1) ** k, factorial(2 * k + 1))
            total += slope * u**power
    return float(total) * np.pi**order


@pytest.mark.parametrize("function", [penne.erf, penne.erfc, penne.erfinv, penne.gelu])
def test_half_precision(function):
    """What SciPy makes wider keeps its dtype: as declared, so computed."""
    x = function(np.array([0.5, -0.25], np.float16))
    assert x.dtype == compute_value(x).dtype == "float16"
    assert compute_value(function(np.float16(0.5))).dtype == "float16"


def test_nan_is_kept():
    """A median among which there is NaN is NaN; sorting puts NaN last."""
    x = np.array([1.0, np.nan, 0.0])
    assert np.isnan(compute_value(penne.median(x)))
    assert compute_value(penne.sort(x)).tolist()[:2] == [0, 1]


def test_ties_keep_their_order():
    """argsort is stable, and of two that tie top_k gives the first first."""
    x = [2.0, 1.0, 2.0, 1.0]
    assert compute_value(penne.argsort(x)).tolist() == [1, 3, 0, 2]
    assert compute_value(penne.top_k(x, 3)[1]).tolist() == [0, 2, 1]


def test_singular():
    """A singular matrix is a LinAlgError when the value is asked for; it has a
    determinant; NumPy's own error is raised, not another number."""
    x = parameter64([[1.0, 1.0], [1.0, 1.0]])
    with np.errstate(divide="ignore"):
        assert compute_value(penne.det(x)) == 0
    for y in (penne.inverse(x), penne.solve(x, [1.0, 2.0]), penne.cholesky(-x)):
        with pytest.raises(np.linalg.LinAlgError):
            compute_value(y)


@pytest.mark.parametrize("equal", [True, False])
def test_equal_eigenvalues(equal):
    """Eigenvalues that are equal have a gradient, that of their sum at least."""
    x = parameter64(np.eye(2) if equal else np.diag([1.0, 2.0]))
    np.testing.assert_allclose(
        compute_gradients(asum(penne.eigvalsh(x)))[x], np.eye(2), atol=1e-15
    )


def test_einsum_is_one_product():
    """A contraction is one product, not a table of all products summed."""
    x, y = constant(np.ones((4, 5, 6))), constant(np.ones((6, 5, 7)))
    graph = topological([penne.einsum("bij,jik->bk", x, y)])
    names = [z.op.name for z in graph if z.op]
    assert names.count("matmat") == 1
    assert not {"multiply", "asum"} & set(names)


def test_einsum_of_many():
    """Many arguments, spaces, capital letters and NumPy's keyword."""
    xs = [np.random.default_rng(k).normal(size=(2, 3)) for k in range(4)]
    text = "iJ, kJ, kL, mL -> im"
    found = compute_value(np.einsum(text, *map(constant, xs), optimize=True))
    np.testing.assert_allclose(found, np.einsum(text, *xs), rtol=1e-13)


def test_outer():
    """NumPy's outer lays its arguments flat; penne's keeps leading axes."""
    assert np.outer(constant(A), constant(V)).shape == (4, 4)
    assert penne.outer(constant(A), constant(V)).shape == (2, 2, 4)


def test_channels():
    """A convolution of channels is one einsum of windows."""
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(2, 3, 6)), rng.normal(size=(4, 3, 2))
    y = penne.einsum("...cmk,dck->...dm", penne.conv.windows(x, 2), W)
    expected = [
        [
            sum(np.correlate(row[c], kernel[c], "valid") for c in range(3))
            for kernel in W
        ]
        for row in x
    ]
    np.testing.assert_allclose(compute_value(y), expected, rtol=1e-13)


KEYWORDS = [
    lambda x: np.pad(x, pad_width=1, mode="edge"),
    lambda x: np.concatenate(np.split(x, indices_or_sections=2)),
    lambda x: np.hstack(np.hsplit(x, 2)),
    lambda x: np.std(x, axis=0, ddof=1, keepdims=True),
    lambda x: np.var(x, ddof=1),
    lambda x: np.select(condlist=[A > 2], choicelist=[x], default=0.0),
    lambda x: np.linalg.norm(x, axis=1, keepdims=True),
    lambda x: np.linalg.inv(x),
    lambda x: np.linalg.eigh(x + x.T)[0],
    lambda x: np.linalg.svd(x, compute_uv=False),
    lambda x: np.linalg.slogdet(x)[1],
    lambda x: np.quantile(x, q=0.3, axis=1),
    lambda x: np.round(x / 3, decimals=1),
    lambda x: np.convolve(x[0], x[1], mode="same"),
    lambda x: x // 2 + x % 2 + 7 // x + 7 % x + (+x),
    lambda x: np.tensordot(x, x, axes=([0], [1])),
    lambda x: np.einsum("ij,ij->i", x, x),
    lambda x: np.unstack(x)[1],
    lambda x: np.trapezoid(x, dx=0.5),
]


@pytest.mark.parametrize("f", KEYWORDS)
def test_numpys_keywords(f):
    """NumPy's functions take NumPy's keywords on expressions."""
    np.testing.assert_allclose(compute_value(f(constant(A))), f(A), rtol=1e-13)
