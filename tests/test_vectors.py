"""The functions of kernels against NumPy, alone and compiled."""

import numpy as np
import pytest
from fixtures import compiled, kernels_apart  # noqa: F401  # for every test here

pytest.importorskip("numba")
from chains import FUNCTIONS, SPECIAL, run

from penne.fast import vectors
from penne.fast.chains import FULL, Chain, Input, Step


def _numbers(dtype):
    """Numbers of every size, and many where the functions bend."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    spread = 2.0 ** rng.uniform(np.log2(info.tiny) - 20, np.log2(info.max), 50_000)
    parts = [spread, -spread, SPECIAL, 1 + rng.uniform(-0.5, 0.5, 50_000) ** 3]
    parts += [rng.uniform(-size, size, 50_000) for size in (1, 40, 120, 800)]
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
@np.errstate(all="ignore")
def test_functions_are_exact_to_a_few_places(name, dtype):
    """A function errs by no more than it says, in units of the last place."""
    reference, bound = FUNCTIONS[name]
    x = _numbers(dtype)
    if name == "sigmoid":  # which has a floor
        x = np.maximum(x, -87 if dtype == "float32" else -708)
    y = vectors.plain(f"{name}_{dtype}")(x)
    exact = reference(x.astype(np.float64 if dtype == "float32" else np.longdouble))
    near = exact.astype(dtype)
    assert y.dtype == dtype
    np.testing.assert_array_equal(np.isnan(y), np.isnan(near))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(near))
    finite = np.isfinite(near)
    ulp = np.spacing(np.abs(near[finite])).astype(exact.dtype)
    assert np.max(np.abs(y[finite] - exact[finite]) / ulp) <= bound


def test_tanh_keeps_the_sign_of_zero():
    """tanh(-0) is -0."""
    y = vectors.plain("tanh_float32")(np.float32([-0.0, 0.0]))
    np.testing.assert_array_equal(np.signbit(y), [True, False])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@np.errstate(all="ignore")
@compiled
def test_compiled_functions_are_the_plain_ones(dtype):
    """Compiled, a function errs as it does in NumPy, but for fused products."""
    x = _numbers(dtype)[:, None]
    steps = tuple(Step(name, (0,), FULL, dtype) for name in FUNCTIONS)
    chain = Chain((Input(FULL, dtype),), steps, tuple(range(1, len(steps) + 1)))
    for name, y in zip(FUNCTIONS, run(chain, [x], 0, len(x))):
        plain = vectors.plain(f"{name}_{dtype}")(x)
        many = 8 * np.finfo(dtype).eps
        np.testing.assert_allclose(y, plain, rtol=many, atol=np.finfo(dtype).tiny)
