"""The plain executor: what it keeps, and that it lets go of the rest."""

import gc
import tracemalloc

import numpy as np
import pytest
from fixtures import registries  # noqa: F401  # for every test here
from slopes import parameter64

import penne
from penne import asum, compute_gradients, compute_value, compute_values
from penne.compute import PLAIN
from penne.graph import topological

STEPS = 40
ROOM = 1 << 20  # bytes of one array


@pytest.fixture(autouse=True)
def _plain():
    """By the plain executor, whatever is in force."""
    with penne.plain():
        yield


def test_what_is_left():
    """Leaves and what is wanted are left, all else only where it is to be kept."""
    x = parameter64([1.0, 2.0])
    y = x * 2
    z = penne.exp(penne.tanh(y) + y)
    for wanted in ([z], [y, z], [z, y, y]):
        values = {}
        PLAIN.evaluate(wanted, values, False)
        assert {v for v in values if v.op} == set(wanted)
        assert values[x] is x.value
    PLAIN.evaluate([z], values := {}, True)
    assert set(values) == set(topological([z])) == set(compute_values(z))


def test_what_is_known():
    """What stands in ``values`` is not computed again, nor forgotten while it is
    wanted."""
    x = parameter64([1.0, 2.0])
    y = x * 2
    values = {y: np.array([5.0, 6.0])}
    PLAIN.evaluate([y + 1], values, False)
    assert values[next(v for v in values if v.op is penne.add)].tolist() == [6, 7]


NUMBERS = [
    lambda v: v[0],
    lambda v: asum(v),
    lambda v: penne.std(v),
    lambda v: penne.where(True, v[0], 0.0),
    lambda v: penne.reshape(v[:1], ()),
    lambda v: penne.squeeze(v[:1]),
    lambda v: penne.astype(v[0], "float32"),
    lambda v: penne.parameter(1.0),
    lambda v: penne.constant(1.0),
]


@pytest.mark.parametrize("make", NUMBERS)
def test_numbers(make):
    """The value of what has no axes is a number, which stays what it is."""
    x = make(parameter64([1.0, 2.0]))
    before = compute_value(x)
    assert isinstance(before, np.number)
    assert before.dtype == x.dtype
    assert compute_value(x * 1).shape == ()


def chain():
    """A number made of forty steps on arrays of a megabyte, none of which its gradient
    looks at."""
    x = y = parameter64(np.ones(ROOM // 8))
    for _ in range(STEPS):
        y = y + x
    return asum(y)


@pytest.mark.parametrize("ask", [compute_value, compute_gradients])
def test_memory(ask):
    """A chain takes the room of a few arrays, however long it is."""
    loss = chain()
    tracemalloc.start()
    try:
        ask(loss)
        assert tracemalloc.get_traced_memory()[1] < 12 * ROOM
    finally:
        tracemalloc.stop()


def test_collector_rests():
    """Python's collector of cycles does not run while a loss is differentiated, which
    makes none, and does so again after it, after an error too."""
    seen = []

    def rule(g, y, x):
        seen.append(gc.isenabled())
        return (g,)

    @penne.op("()->()", gradient=rule)
    def own_step(x):
        if x > 1:
            raise RuntimeError("too large")
        return x

    compute_gradients(own_step(parameter64(1.0)))
    assert gc.isenabled()
    with pytest.raises(RuntimeError, match="too large"):
        compute_gradients(own_step(parameter64(2.0)))
    assert gc.isenabled()
    assert seen
    assert not any(seen)
