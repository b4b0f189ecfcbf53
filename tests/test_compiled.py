"""The fast executor with its kernels: compiled, cells compute the same numbers."""

import numpy as np
import pytest

pytest.importorskip("numba")
from penne import *
from penne import caches, cell, fast, plain
from penne.compute import compute_loss_and_gradients
from penne.fast import recipe
from penne.fast.programs import Program
from penne.graph import OPS
from penne.recurrent.variants import StandardLSTM

V, N, H = 5, 3, 4


@pytest.fixture(autouse=True)
def _compiled(tmp_path_factory, monkeypatch):
    """Every program is compiled when it is made, and graphs are batched whatever
    their size."""
    place = tmp_path_factory.getbasetemp() / "kernels"
    monkeypatch.setenv("PENNE_CACHE_DIR", str(place))
    monkeypatch.setenv("PENNE_FAST", "compiled")
    monkeypatch.setattr(fast, "LEAST_NODES", 0)
    monkeypatch.setattr(fast, "MOST_KINDS", 1)
    kept = recipe._programs, recipe._layouts, fast._seen
    for cache in kept:
        cache.clear()
    yield
    for cache in kept:  # so that no other test meets what was compiled
        cache.clear()


class Own(Transducer):
    """An undecorated cell with a diagonal weight and layer norm."""

    def __init__(self, insize, size, rng=0):
        rng = np.random.default_rng(rng)
        self.gate = Layer([insize, size, "diag"], size, f=sigmoid, rng=rng)
        self.write = Layer([insize, size], size, rng=rng)
        self.h0 = zeros(size)

    def start(self):
        self.h = self.h0

    def step(self, inp):
        f = self.gate(inp, self.h, self.h)
        self.h = f * self.h + (1 - f) * layer_norm(self.write(inp, self.h))
        return self.h


class Tree(Module):
    """A cell of two children, each with a state of two parts, as in a tree LSTM."""

    def __init__(self, insize, size, rng=0):
        rng = np.random.default_rng(rng)
        self.leaf = Layer(insize, size, rng=rng)
        self.gate = Layer([size, size], size, f=sigmoid, rng=rng)
        self.write = Layer([size, size], size, rng=rng)

    @cell
    def join(self, left, right):
        """The state of a node from those of its children."""
        (h, c), (k, d) = left, right
        i = self.gate(h, k)
        both = i * self.write(h, k) + (1 - i) * (c + d)
        return tanh(both), both

    def grow(self, tree):
        """The state of a tree, whose leaves are inputs."""
        if not isinstance(tree, tuple):
            h = self.leaf(tree)
            return h, h
        return self.join(*map(self.grow, tree))


def ragged(rng, shape, dtype):
    """Sequences of several lengths, of inputs of some shape."""
    lengths = rng.integers(1, 7, rng.integers(3, 6))
    return [list(rng.normal(size=(n, *shape)).astype(dtype)) for n in [8, *lengths]]


def forest(rng, shape, dtype):
    """Trees of several shapes."""
    sizes = rng.integers(2, 8, rng.integers(9, 12))
    return [_tree(rng, n, shape, dtype) for n in [8, *sizes]]


def _tree(rng, leaves, shape, dtype):
    if leaves == 1:
        return rng.normal(size=shape).astype(dtype)
    first = int(rng.integers(1, leaves))
    parts = first, leaves - first
    return tuple(_tree(rng, n, shape, dtype) for n in parts)


def total(states):
    """A number that each state has a part in."""
    return sum(asum(exp(h)) for h in states)


def by_sequence(kind, shape, dtype):
    """A maker of losses of a cell."""
    with default_dtype(dtype):
        r = kind(N, H, rng=0)

    def loss(rng):
        inputs = ragged(rng, shape, dtype)
        return total([h for xs in inputs for h in r.transduce(xs)])

    return loss


def by_tree(shape, dtype):
    """A maker of losses of the tree cell."""
    with default_dtype(dtype):
        r = Tree(N, H)
    return lambda rng: total([r.grow(t)[0] for t in forest(rng, shape, dtype)])


def found(loss):
    """The loss and its gradients, in a list."""
    value, gradients = compute_loss_and_gradients(loss)
    return [value, *(gradients[p] for p in sorted(gradients, key=lambda p: p.serial))]


def nudged(loss):
    """What the plain executor finds when each weight moves by one unit in its last
    place."""
    weights = list(compute_gradients(loss))
    before = [p.value.copy() for p in weights]
    rng = np.random.default_rng(0)
    for p in weights:
        away = np.where(rng.random(p.shape) < 0.5, -np.inf, np.inf)
        p.value[...] = np.nextafter(p.value, away.astype(p.dtype))
    after = found(loss)
    for p, value in zip(weights, before):
        p.value[...] = value
    return after


def assert_same(loss, dtype):
    """Loss and gradients are the plain executor's, but for rounding."""
    with fast.disable():
        expected, moved = found(loss), nudged(loss)
    with fast.enable():
        got = found(loss)
    near = 1e-12 if dtype == "float64" else 1e-5
    for a, b, other in zip(expected, got, moved, strict=True):
        assert a.dtype == b.dtype
        bound = near * max(np.abs(a).max(), 1)
        if dtype == "float32":
            bound = max(bound, 8 * np.abs(a - other).max())
        assert np.abs(a - b).max() <= bound


def assert_compiled():
    """All programs have kernels; their recursions are one kernel each."""
    programs = list(recipe._programs.values())
    assert any(p.loops for p in programs)
    for program in programs:
        assert program.kernels or not program.account.kernels
        for loop in program.loops:
            assert id(loop) in program.kernels, loop.order


def _name(part):
    return part.__name__ if isinstance(part, type) else str(part)


VECTOR, BATCH = (N,), (2, N)
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
    monkeypatch.setattr(fast, "LEAST_NODES", 30)
    monkeypatch.setattr(fast, "MOST_KINDS", 0.7)
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
