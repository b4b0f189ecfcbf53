"""Kernels of loops over levels of nodes, and of products by tiles, against NumPy."""

import numpy as np
import pytest
from fixtures import examples, kernels_apart  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")
from penne.fast import packing, store, tiles
from penne.fast.chains import (
    FULL,
    PACKED,
    ROW,
    SCALAR,
    Apply,
    Chain,
    Dot,
    Gather,
    Input,
    Loop,
    Scatter,
    Step,
)
from penne.fast.helpers import pasted
from penne.fast.kernels import loop
from penne.fast.packing import address, packed


def _recurrence(dtype):
    """h[n] = tanh(x[n] + h[parent] @ W) on arrays x, h, W, p = h[parent], p @ W."""
    full = Input(FULL, dtype)
    steps = Step("add", (0, 1), FULL, dtype), Step("tanh", (2,), FULL, dtype)
    cell = Apply(Chain((full, full), steps, (3,)), (0, 4), (1,), (0, -1, -1))
    arrays = full, full, Input(PACKED, dtype), full, full
    return Loop(arrays, 1, (Gather(3, 1, 0), Dot(4, 3, 2), cell))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lengths", [(1,), (4, 3, 1), (2,) * 9, (1,) * 21])
@pytest.mark.parametrize("size", [3, 260])
@pytest.mark.parametrize("parted", [False, True])
def test_loop_over_ragged_sequences_is_numpy(dtype, lengths, size, parted):
    """A recurrence over sequences of all lengths at once is each by itself, whether
    the rows of its nodes are computed at once or one after the other."""
    rng = np.random.default_rng(0)
    block = 2
    counts = [sum(k > t for k in lengths) for t in range(max(lengths))]
    stops = np.cumsum(counts)
    starts = stops - counts
    level = np.repeat(np.arange(len(counts)), counts)
    before = np.arange(sum(counts)) - np.array([0, *counts])[level]
    before[level == 0] = -1
    x = rng.normal(size=(sum(lengths) * block, size + 1)).astype(dtype)
    W = (rng.normal(size=(size, size)) / size**0.5).astype(dtype)
    h, p, z = (np.zeros((len(x), size), dtype) for _ in range(3))
    at, widths = np.array([1]), np.array([size])
    arrays = x, h, packed(W), p, z
    given = block, address(dtype), at, widths, before, *arrays
    if parted:
        nodes = np.arange(sum(counts))
        for k in range(block):
            loop(_recurrence(dtype))(nodes, nodes + 1, k, k + 1, *given)
    else:
        loop(_recurrence(dtype))(starts, stops, 0, block, *given)
    for k, length in enumerate(lengths):
        state = np.zeros((block, size), dtype)
        for t in range(length):
            n = (starts[t] + k) * block
            state = np.tanh(x[n : n + block, 1:] + state @ W)
            np.testing.assert_allclose(h[n : n + block], state, rtol=1e-3, atol=1e-5)


PRODUCT = """
def kernel(tile, target, source, packed, first, last):
    multiply_rows(tile, target, source, packed, first, last)
"""


def _product(dtype):
    matrix, row = f"Array({dtype}, 2, 'C')", f"Array({dtype}, 1, 'C')"
    types = f"int64, {matrix}, {matrix}, {row}, int64, int64"
    return store.function(pasted(PRODUCT.strip()), "kernel", types)


def _check_product(rows, count, width, first, dtype, order):
    """A product of rows from ``first`` on is NumPy's; no other row is written."""
    rng = np.random.default_rng(0)
    source = rng.normal(size=(rows, count)).astype(dtype)
    weight = np.asarray(rng.normal(size=(count, width)), dtype, order=order)
    target = np.full((rows, width), 7, dtype)
    _product(dtype)(address(dtype), target, source, packed(weight), first, rows)
    assert (target[:first] == 7).all()
    exact = source[first:].astype(float) @ weight.astype(float)
    bound = abs(source[first:]).astype(float) @ abs(weight).astype(float)
    small = 2 * (count + 1) * np.finfo(dtype).eps * bound
    assert (abs(target[first:] - exact) <= small).all()


@given(data=st.data(), dtype=st.sampled_from(["float32", "float64"]))
@examples(4)
def test_products_of_rows_are_numpy_s(data, dtype):
    """Of any rows by any weight, in either order in memory."""
    rows, count = (data.draw(st.integers(0, n)) for n in (40, 70))
    width, first = data.draw(st.integers(1, 150)), data.draw(st.integers(0, rows))
    order = data.draw(st.sampled_from("CF"))
    _check_product(rows, count, width, first, dtype, order)


@pytest.fixture
def _vectors(request, tmp_path, monkeypatch):
    """Kernels for vectors of some length."""
    kept = tiles.names, store.function, address, packing._finder, packing._packing
    monkeypatch.setenv("PENNE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tiles, "_bits", lambda: request.param)
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


@pytest.mark.parametrize(
    ("_vectors", "dtype"),
    [
        (128, "float32"),
        (128, "float64"),
        (256, "float32"),
        pytest.param(256, "float64", marks=pytest.mark.slow),
        (512, "float32"),
        (512, "float64"),
    ],
    indirect=["_vectors"],
)
@pytest.mark.usefixtures("_vectors")
def test_products_by_vectors_of_every_length(dtype):
    """Processors with shorter vectors have smaller tiles."""
    for rows in (1, 2, 5, 13):
        for width in (1, 7, 32, 50):
            _check_product(rows, 30, width, 0, dtype, "C")


def _halves():
    """Half of each node, and of its numbers the sum, are added to two others."""
    full, row = Input(FULL, "float64"), Input(ROW, "float64")
    half = Chain(
        (full, Input(SCALAR, "float64"), row),
        (
            Step("multiply", (0, 1), FULL, "float64"),
            Step("asum", (3,), ROW, "float64"),
            Step("add", (4, 2), ROW, "float64"),
        ),
        (3, 5),
    )
    items = (
        Apply(half, (0, 2, 3), (1, 4), (-1, -1)),
        Scatter(0, 1, 0),
        Scatter(0, 1, 1),
        Scatter(3, 4, 0),
    )
    return Loop((full, full, Input(SCALAR, "float64"), row, row), 2, items)


def test_loop_over_a_graph_with_shared_children_is_numpy():
    """Sums go to parents, twice to one that shares a child, and to none below 0."""
    x, total = np.ones((5, 2)), np.zeros(5)
    left, right = np.array([3, 3, 3, 4, -1]), np.array([3, 4, -1, 4, -1])
    y, sums = np.zeros((5, 2)), np.zeros(5)
    levels = np.array([0, 3, 4]), np.array([3, 4, 5]), 0, 1, 1, 0
    columns = np.zeros(0, np.int64), np.array([2])
    arrays = x, y, np.array(0.5), total, sums
    loop(_halves())(*levels, *columns, left, right, *arrays)
    np.testing.assert_allclose(x[:, 0], [1, 1, 1, 3, 4.5])
    np.testing.assert_allclose(y[:, 0], x[:, 0] / 2)
    np.testing.assert_allclose(sums, [1, 1, 1, 6, 10.5])


def test_lengths_and_sizes_share_a_kernel():
    """A loop's text says nothing of sizes: the same description is one kernel."""
    assert loop(_recurrence("float32")) is loop(_recurrence("float32"))
