"""The fast executor with its kernels: compiled, cells compute the same numbers."""

import numpy as np
import pytest

pytest.importorskip("numba")
from fixtures import compiled_graphs, kernels_apart, usual_size  # noqa: F401
from ragged import (
    BATCH,
    VECTOR,
    H,
    N,
    Own,
    assert_compiled,
    assert_same,
    by_sequence,
    by_tree,
)

from penne import *
from penne import caches, fast, plain
from penne.compute import compute_loss_and_gradients
from penne.fast import recipe
from penne.fast.program import Program
from penne.graph import OPS
from penne.recurrent.variants import StandardLSTM

V = 5


def _name(part):
    return part.__name__ if isinstance(part, type) else str(part)


CASES = [
    (Simple, BATCH, "float64"),
    (LSTM, VECTOR, "float32"),
    (GRU, VECTOR, "float64"),
    (StandardLSTM, VECTOR, "float64"),
    (Own, VECTOR, "float64"),
]


@pytest.mark.parametrize(("kind", "shape", "dtype"), CASES, ids=_name)
def test_sequences(kind, shape, dtype):
    """Ragged batches of every cell: loss and gradients are the plain executor's."""
    make, rng = by_sequence(kind, shape, dtype), np.random.default_rng(0)
    for _ in range(2):
        assert_same(make(rng), dtype)
    assert_compiled()


def test_forests():
    """Forests of a cell of two children: loss and gradients are the plain
    executor's."""
    make, rng = by_tree(BATCH, "float32"), np.random.default_rng(0)
    for _ in range(3):
        assert_same(make(rng), "float32")
    assert_compiled()


MAKERS = [by_tree(BATCH, "float32"), by_sequence(Simple, BATCH, "float64")]


@pytest.mark.parametrize("loss", MAKERS, ids=["trees", "sequences"])
def test_sizes_share_kernels(loss):
    """Whatever the lengths of sequences and the shapes of trees: one program, and the
    kernels of the first."""
    rng = np.random.default_rng(1)
    with fast.enable():
        compute_gradients(loss(rng))
        made = caches()["kernels"].made, caches()["programs"].made
        for _ in range(250):
            compute_gradients(loss(rng))
    assert (caches()["kernels"].made, caches()["programs"].made) == made


def test_single_columns():
    """What gives one number a row may be joined, and be a slice of something wider."""
    W = parameter(np.arange(12.0).reshape(4, 3) / 12)
    xs = [tanh(constant(np.ones((2, 4)) * k) @ W) for k in range(4)]
    sums = [logsumexp(x, axis=-1, keepdims=True) for x in xs]
    joined = [concatenate([s, s / 3], axis=-1) for s in sums]
    sliced = [exp(x * x[..., 1:2] - x[..., :1]) for x in xs]
    assert_same(sum(map(asum, [*joined, *sliced])), "float64")


def test_another_batch_has_kernels_at_once(monkeypatch):
    """A program whose kernels are in memory does not wait until they pay."""
    r = LSTM(N, H, rng=0)
    inputs = np.random.default_rng(0).normal(size=(13, 3, N))
    with fast.enable():
        compute_gradients(asum(r.transduce(inputs[:, :2])))
        monkeypatch.delenv("PENNE_FAST")
        compute_gradients(asum(r.transduce(inputs)))
    programs = [p for p in recipe._programs.values() if p.loops]
    assert len(programs) == 2
    assert all(p.kernels for p in programs)


def test_what_ran_before_changes_no_bit(monkeypatch):
    """With all kernels compiled before their first use, a graph has the same values
    the first time as later, though it is small and of many kinds."""
    usual_size(monkeypatch)
    r = Stack(GRU(N, 8, rng=0), Map(Layer(8, V, f=logsoftmax, rng=1)))
    inputs = list(np.random.default_rng(0).normal(size=(7, N)).astype("float32"))
    found = []
    with fast.enable():
        for _ in range(4):
            loss = -sum(y[1] for y in r.transduce(inputs))
            value, gradients = compute_loss_and_gradients(loss)
            found.append([value, *gradients.values()])
    for arrays in found:
        assert all(map(np.array_equal, arrays, found[0]))


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((6, 5), "float64"),
        ((4, 3, 5), "float32"),
        pytest.param((6, 5), "float32", marks=pytest.mark.slow),
        pytest.param((4, 3, 5), "float64", marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_whole_arrays(shape, dtype):
    """What is done to arrays as they are is fused as well; what is broadcast, as it
    was before."""
    rng = np.random.default_rng(0)
    with default_dtype(dtype):
        p = parameter(rng.normal(size=shape).astype(dtype))
        b = parameter(rng.normal(size=shape[-1:]).astype(dtype))
        y = constant(rng.random(shape).astype(dtype))
        z = tanh(p * b) + b
        loss = mean(binary_crossentropy_with_logits(z, y)) + mean(exp(-z))
        assert_same(loss - asum(mean(p, axis=-1) ** 2), dtype)
    programs = [p for p in recipe._programs.values() if isinstance(p, Program)]
    fused = [g for p in programs for g in p.groups() if g.domain[0] is None]
    assert max(len(g.instructions) for g in fused) >= 5
    assert all(p.kernels for p in programs)


def test_what_is_broadcast_after():
    """An op on what there is one of is not done to each of its copies."""
    p, y = parameter(2.0), constant(np.ones((4, 3)))
    for _ in range(3):
        assert_same(asum(exp(broadcast_to(-p, (4, 3))) * y), "float32")
    (program,) = recipe._programs.values()
    wide = [x for x in program.order if x.type.shape == (4, 3)]
    assert all(x.op not in (OPS["exp"], OPS["broadcast"]) for x in wide)


DTYPES = ["bool", "int8", "uint8", "int32", "int64", "uint64", "float16", "float32"]
ALONG = [amax, amin, asum, lambda x, axis: reshape(x, (-1, 1))[..., 0]]


@pytest.mark.parametrize("along", ALONG, ids=["amax", "amin", "asum", "reshape"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions_of_every_dtype(dtype, along):
    """What kernels do not know is left to NumPy; extremes are exact to the last bit."""
    rng = np.random.default_rng(0)
    arrays = (rng.normal(size=(4, 2, 6)) * 4).astype(dtype)
    if dtype == "int64":
        arrays[0, 0, 0] = np.iinfo(np.int64).min

    def found():
        ys = [along(maximum(x, x), axis=-1) for x in map(constant, arrays)]
        values = {}
        compute_values(asum(stack([y * 1.0 for y in ys])), values)
        return [values[y] for y in ys]

    with fast.enable():
        given = [found() for _ in range(2)]
    with plain():
        expected = found()
    for mine in given:
        for one, other in zip(mine, expected, strict=True):
            assert one.dtype == other.dtype
            rtol = 0 if along is not asum else 1e-3 if dtype == "float16" else 1e-6
            np.testing.assert_allclose(one, other, rtol=rtol)
