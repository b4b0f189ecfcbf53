"""Numbers that a cell is given are to it what they are to the function that it
decorates: they adopt the dtype of what they meet, and lose nothing before."""

import numpy as np
import pytest

from penne import *
from penne import fast, plain

NUMBERS = [0.1, 3, 16777217, 1e-50, 1e300, np.float64(0.1), np.float32(0.1)]


@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("make", [constant, parameter])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_as_undecorated(dtype, make, default):
    """The same dtype and the same bits, by either executor."""
    x, f = make(np.array([3, 5], dtype)), lambda x, n: (x * n + n, n - x)
    with default_dtype(default), np.errstate(all="ignore"):
        for n in NUMBERS:
            for way in (plain, fast.enable):
                with way():
                    pairs = zip(f(x, n), cell(f)(x, n), strict=True)
                    for y, z in pairs:
                        one, other = compute_value(y), compute_value(z)
                        assert y.dtype == z.dtype == one.dtype == other.dtype
                        assert np.array_equal(one, other, equal_nan=True), n


def test_read_as_a_sequence():
    """Numbers as the inputs of a sequence, and in the state."""

    class Leaky(Transducer):
        def __init__(self):
            self.W = parameter(np.eye(2))

        def start(self):
            self.h, self.part = zeros(2), 0.1

        @cell
        def step(self, x):
            self.h = tanh(self.h @ self.W * self.part + x)
            return self.h

    class Bare(Leaky):
        step = Leaky.step.__wrapped__

    ys = [stack(r().transduce([0.1, 0.2, 0.3])) for r in (Leaky, Bare)]
    one, other = map(compute_value, ys)
    assert one.dtype == np.float64
    assert np.array_equal(one, other)


def test_no_children():
    """A list of expressions may be empty."""
    W = parameter(np.ones((2, 2)))

    @cell
    def node(children, x):
        return tanh(x + sum(child @ W for child in children))

    leaves = [node([], np.full(2, k)) for k in (0.1, 0.2)]
    tree = node([node(leaves, np.zeros(2)), leaves[0]], np.zeros(2))
    inner = np.tanh(np.tanh([0.1, 0.2]).sum() * 2)
    expected = np.tanh((inner + np.tanh(0.1)) * 2)
    np.testing.assert_allclose(compute_value(tree), expected, rtol=1e-6)


GRAPHS = {
    "index": lambda x, k: [x, -x][k],
    "shape": lambda x, k: x + zeros(k),
    "axis": lambda x, k: asum(x, axis=k),
    "key": lambda x, k: {0: x, 1: -x}[k],
}


@pytest.mark.parametrize("name", GRAPHS)
def test_what_the_graph_depends_on(name):
    """A number that stands where the graph depends on it: the cell says what to do."""
    f = cell(GRAPHS[name])
    with pytest.raises(Exception) as caught:  # the note is what counts
        f(constant(np.ones(2)), 1)
    (note,) = caught.value.__notes__
    assert "a number that it is given is an expression" in note
