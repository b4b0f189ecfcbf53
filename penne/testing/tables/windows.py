"""Rows of convolution and pooling."""

import numpy as np
import scipy.signal
from hypothesis import strategies as st

from ... import conv, ops
from ...graph import OPS
from ...operators import NUMPY
from .rows import Argument, over_leading, row, shapes

sides = st.integers(1, 3)


@st.composite
def windowings(draw, inverse=False):
    """Arrays, sizes and steps of windows of one dimension or two that fit."""
    d = draw(st.integers(1, 2))
    sizes, steps = (tuple(draw(sides) for _ in range(d)) for _ in range(2))
    whole = tuple(k + draw(st.integers(0, 3)) for k in sizes)
    loop = draw(shapes(most=1))
    if not inverse:
        return [Argument(loop + whole)], {"sizes": sizes, "steps": steps}
    counts = tuple((n - k) // s + 1 for n, k, s in zip(whole, sizes, steps))
    return [Argument(loop + counts + sizes)], {"steps": steps, "shape": whole}


def public(calls):
    """The same with the params of the public functions, plain numbers too."""
    arguments, params = calls
    params = {k: v[0] if len(v) == 1 else v for k, v in params.items()}
    names = {"sizes": "size", "steps": "step"}
    return arguments, {names.get(k, k): v for k, v in params.items()}


def tuples(*params):
    """A number as a tuple of one."""
    return [p if isinstance(p, tuple) else (p,) for p in params]


def numpy_windows(x, sizes, steps):
    """Window by window."""
    sizes, steps = tuples(sizes, steps)
    d = len(sizes)

    def one(x):
        counts = [(n - k) // s + 1 for n, k, s in zip(x.shape, sizes, steps)]
        found = np.empty((*counts, *sizes), x.dtype)
        for at in np.ndindex(*counts):
            found[at] = x[
                tuple(slice(i * s, i * s + k) for i, s, k in zip(at, steps, sizes))
            ]
        return found

    return over_leading(one, d)(x)


def numpy_overlap(x, steps, shape):
    """Window by window."""
    steps, shape = tuples(steps, shape)
    d = len(shape)

    def one(x):
        whole = np.zeros(shape, x.dtype)
        for at in np.ndindex(*x.shape[:d]):
            places = zip(at, steps, x.shape[d:])
            whole[tuple(slice(i * s, i * s + k) for i, s, k in places)] += x[at]
        return whole

    return over_leading(one, 2 * d)(x)


def pooled(function):
    """``function`` of each window laid flat."""

    def called(x, size, step=None):
        parts = numpy_windows(x, size, size if step is None else step)
        (sizes,) = tuples(size)
        flat = parts.reshape(*parts.shape[: parts.ndim - len(sizes)], np.prod(sizes))
        return function(flat, axis=-1)

    return called


@st.composite
def convolutions(draw, most=2, loops=True):
    """Calls of ``convolve`` with a kernel not longer than x where that matters."""
    d = draw(st.integers(1, most))
    kernel = tuple(draw(sides) for _ in range(d))
    mode = draw(st.sampled_from(["full", "same", "valid"]))
    x = tuple(k + draw(st.integers(0, 3)) for k in kernel)
    loop = draw(shapes(most=1)) if loops else ()
    return [Argument(loop + x), Argument(kernel)], {"mode": mode}


def scipy_convolve(x, kernel, mode):
    """NumPy's of vectors, SciPy's of matrices."""
    function = np.convolve if kernel.ndim == 1 else scipy.signal.convolve2d
    return over_leading(lambda x: function(x, kernel, mode), kernel.ndim)(x)


row(OPS["windows"], windowings(), numpy_windows)
row(OPS["overlap"], windowings(inverse=True), numpy_overlap, kinds="fi")
row(
    conv.windows,
    windowings().map(public),
    lambda x, size, step: numpy_windows(x, size, step),
)
row(
    conv.overlap,
    windowings(inverse=True).map(public),
    lambda x, step, shape: numpy_overlap(x, step, shape),
    kinds="fi",
)
row(conv.convolve, convolutions(), scipy_convolve, kinds="fi")
for slid in (np.convolve, np.correlate):
    row(
        NUMPY[slid.__name__],
        st.builds(
            lambda call, step: (call[0][::step], call[1]),
            convolutions(most=1, loops=False),
            st.sampled_from([1, -1]),
        ),
        slid,
        kinds="fi",
    )
row(
    conv.pool,
    windowings().map(public),
    pooled(np.sum),
    apply=lambda x, **params: conv.pool(ops.asum, x, **params),
    kinds="f",
)
row(conv.max_pool, windowings().map(public), pooled(np.max))
row(conv.mean_pool, windowings().map(public), pooled(np.mean), kinds="fi")
