"""Every op and composed function inside of a cell, by either executor."""

import numpy as np
from fixtures import examples
from hypothesis import given
from hypothesis import strategies as st
from slopes import projected

from penne import Parameter, asum, cell, compute_gradients, constant, parameter
from penne.testing.batched import batching
from penne.testing.each import every_smooth_row
from penne.testing.tables.rows import fill

seeds = st.integers(0, 2**32 - 1)


@every_smooth_row
@examples(0.08)
@given(data=st.data(), seed=seeds)
def test_same_in_a_cell(row, data, seed):
    """In a cell, applied several times, an op has the gradients that it has outside, by
    the plain executor and by the one that batches."""
    arguments, params = data.draw(row.calls)
    rng = np.random.default_rng(seed)
    runs = [
        [
            constant(array) if argument.static else parameter(array)
            for argument, array in zip(arguments, fill(arguments, rng, apart=True))
        ]
        for _ in range(3)
    ]
    traced = cell(lambda *xs: row.apply(*xs, **params))
    weight = projected(row.apply(*runs[0], **params), rng).args[0].args[1]
    losses = [
        sum((asum(f(*xs) * weight) for xs in runs), constant(0.0))
        for f in (lambda *xs: row.apply(*xs, **params), traced)
    ]
    expected = compute_gradients(losses[0])
    if any(isinstance(x, Parameter) and x not in expected for xs in runs for x in xs):
        return  # a result that depends on shapes alone
    found = [compute_gradients(losses[1])]
    with batching():
        found += [compute_gradients(loss) for loss in losses]
    for gradients in found:
        assert gradients.keys() == expected.keys()
        for p, g in expected.items():
            np.testing.assert_allclose(gradients[p], g, rtol=1e-9, atol=1e-11)
