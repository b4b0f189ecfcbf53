"""Trainers do what their papers say, and only that."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.optimize import clipped
from penne.rows import Rows


def sgd(g, memory, t, rate=0.1):
    """Steepest descent."""
    return rate * g


def adagrad(g, memory, t, rate=1.0, delta=1.0):
    """Duchi, Hazan and Singer 2011, figure 1."""
    memory.setdefault("s", np.full_like(g, delta))
    memory["s"] += g**2
    return np.where(g == 0, 0, rate * g / np.sqrt(np.maximum(memory["s"], 1e-300)))


def adam(g, memory, t, rate=0.001, b1=0.9, b2=0.999, epsilon=1e-8):
    """Kingma and Ba 2015, algorithm 1."""
    m = memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    v = memory["v"] = b2 * memory.get("v", 0) + (1 - b2) * g**2
    return rate * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + epsilon)


TRAINERS = {
    "SGD": (SGD, sgd),
    "SGD(.03)": (lambda **k: SGD(0.03, **k), lambda *a: sgd(*a, rate=0.03)),
    "Adagrad": (Adagrad, adagrad),
    "Adagrad(.1, 0)": (
        lambda **k: Adagrad(0.1, 0.0, **k),
        lambda *a: adagrad(*a, rate=0.1, delta=0.0),
    ),
    "Adam": (Adam, adam),
    "Adam(.1, .5, .6, .01)": (
        lambda **k: Adam(0.1, 0.5, 0.6, 0.01, **k),
        lambda *a: adam(*a, 0.1, 0.5, 0.6, 0.01),
    ),
}
every_trainer = pytest.mark.parametrize(
    ("make", "oracle"), TRAINERS.values(), ids=TRAINERS
)


def problem(rng):
    """A smooth loss of a matrix, a vector and a scalar in float64."""
    W, b, s = (parameter(rng.normal(0, 1, shape)) for shape in [(3, 2), (2,), ()])
    x, y = rng.normal(0, 1, (4, 3)), rng.normal(0, 1, (4, 2))
    return [W, b, s], asum((tanh(x @ W + b) * exp(s / 4) - y) ** 2)


@every_trainer
@pytest.mark.parametrize("clip", [None, 0.5, 1e9])
def test_oracle(make, oracle, clip):
    """20 steps equal those of the paper's algorithm in NumPy, to 1e-12, also with
    gradients scaled down together to a global norm."""
    ps, loss = problem(np.random.default_rng(0))
    twins, memories = [p.value.copy() for p in ps], [{} for _ in ps]
    trainer = make(clip_gradients=clip)
    for t in range(1, 21):
        found = compute_gradients(loss)
        norm = np.sqrt(sum((g**2).sum() for g in found.values()))
        scale = 1 if clip is None else min(1, clip / norm)
        for twin, p, memory in zip(twins, ps, memories):
            twin -= oracle(found[p] * scale, memory, t)
        trainer.receive(loss)
        for twin, p in zip(twins, ps):
            np.testing.assert_allclose(p.value, twin, rtol=1e-12, atol=1e-12)


@every_trainer
def test_returns_the_loss_before(make, oracle):
    """``receive`` returns the loss before the step, a Python float."""
    _, loss = problem(np.random.default_rng(1))
    trainer = make()
    for _ in range(3):
        before = compute_value(loss)
        found = trainer.receive(loss)
        assert type(found) is float
        assert found == before


@every_trainer
def test_minimises(make, oracle):
    """Steps go downhill."""
    _, loss = problem(np.random.default_rng(2))
    trainer = make()
    losses = [trainer.receive(loss) for _ in range(30)]
    assert losses[-1] < losses[0]


@every_trainer
def test_only_what_is_reached(make, oracle):
    """Parameters that the loss does not reach stay still, also once they were
    reached before: no momentum moves them."""
    a, b = parameter(np.ones(2)), parameter(np.ones(2))
    trainer = make()
    trainer.receive(asum(a * b))
    before = b.value.copy()
    for _ in range(3):
        trainer.receive(asum(a * a))
    np.testing.assert_array_equal(b.value, before)
    assert (a.value != 1).all()


@every_trainer
def test_zero_gradient(make, oracle):
    """A gradient of zero leaves a parameter still."""
    a = parameter(np.array([1.0, -2.0]))
    trainer = make()
    for _ in range(3):
        assert trainer.receive(asum(a * 0.0)) == 0
    np.testing.assert_array_equal(a.value, [1, -2])


@every_trainer
def test_no_parameters(make, oracle):
    """A loss of no parameters, as of an empty text, is returned, nothing else."""
    assert make().receive(asum(constant(np.zeros((0, 3))))) == 0
    assert make().receive(constant(2.5)) == 2.5


# --- lookups --------------------------------------------------------------------------

SPARSE = {
    "SGD": lambda **k: SGD(0.1, **k),
    "Adagrad": lambda **k: Adagrad(0.1, **k),
    "Adagrad(delta=0)": lambda **k: Adagrad(0.1, 0.0, **k),
}
every_sparse = pytest.mark.parametrize("make", SPARSE.values(), ids=SPARSE)


@every_sparse
@pytest.mark.parametrize("clip", [None, 0.01])
@given(
    text=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    pairs=st.lists(st.integers(0, 5), min_size=2, max_size=2),
    seed=st.integers(0, 999),
)
def test_sparse_equals_dense(make, clip, text, pairs, seed):
    """Updating only the rows looked up equals the dense update bit for bit, symbols
    met once or often, alone or in batches, clipped or not."""

    def run(sparse):
        rng = np.random.default_rng(seed)
        layer, out = Layer(-6, 3, rng=rng), Layer(3, 2, rng=rng)
        trainer = make(clip_gradients=clip)
        trainer.sparse = sparse
        for _ in range(3):
            loss = sum(asum(out(layer(c)) ** 2) for c in text)
            trainer.receive(loss + asum(out(layer(pairs)) ** 2))
        return [w.value for w in (*layer.weights, layer.bias, *out.weights)]

    for one, other in zip(run(True), run(False)):
        np.testing.assert_array_equal(one, other)


@every_sparse
def test_rows_not_looked_up(make):
    """Rows that no symbol names are not written to: not even a NaN there is seen."""
    layer = Layer(-6, 3, rng=0)
    layer.weights[0].value[4] = np.nan
    before = layer.weights[0].value.copy()
    make().receive(asum(layer([0, 2, 2]) ** 2))
    changed = (layer.weights[0].value != before).any(1) & ~np.isnan(before[:, 0])
    np.testing.assert_array_equal(changed, [1, 0, 1, 0, 0, 0])


# --- clipping -------------------------------------------------------------------------


@given(st.floats(0.01, 100), st.integers(0, 999))
def test_clipping(bound, seed):
    """The norm of all gradients together is at most the bound, their direction the
    same, and below the bound they are left alone."""
    rng = np.random.default_rng(seed)
    dense = parameter(rng.normal(0, 1, (2, 3)))
    rows = parameter(rng.normal(0, 1, (5, 2)))
    g = {dense: rng.normal(0, 9, (2, 3)), rows: rng.normal(0, 9, (2, 2))}
    norm = np.sqrt(sum((a**2).sum() for a in g.values()))
    found = clipped({**g, rows: Rows(np.array([1, 3]), g[rows], (5, 2))}, bound)
    scale = min(1, bound / norm)
    np.testing.assert_allclose(found[dense], g[dense] * scale)
    np.testing.assert_allclose(found[rows].values, g[rows] * scale)
    if scale == 1:
        assert found[dense] is g[dense]


def test_clipping_huge():
    """A float32 gradient whose square overflows float32 is still scaled right."""
    p = parameter(np.float32([0, 0]))
    SGD(1.0, clip_gradients=1.0).receive(asum(p * np.float32([3e25, 4e25])))
    np.testing.assert_allclose(p.value, [-0.6, -0.8], rtol=1e-6)


def test_clipping_infinite():
    """An infinite norm cannot be scaled: it is an error and nothing moves."""
    p = parameter(np.ones(2))
    with pytest.raises(FloatingPointError, match="norm of the gradients is inf"):
        SGD(clip_gradients=1.0).receive(asum(p * np.array([np.inf, 1])))
    assert (p.value == 1).all()


# --- errors ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@every_trainer
@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda a: asum(log(a - 5.0)), "log"),
        (lambda a: asum(sqrt(a * 0.0) * 0.0), "(divide|multiply|power)"),
    ],
    ids=["loss", "gradient"],
)
def test_nan(make, oracle, spoil, name):
    """A NaN in the loss, or in a gradient alone, is an error that names the op, and
    neither a parameter nor the trainer's memory has changed."""
    a, b = parameter(np.ones(2)), parameter(np.ones(2))
    trainer = make()
    trainer.receive(asum(a * a * b))
    kept = pickle.dumps([a.value, b.value, list(trainer.memory.values())])
    with pytest.raises(FloatingPointError, match=name):
        trainer.receive(asum(b * b) + spoil(a))
    assert pickle.dumps([a.value, b.value, list(trainer.memory.values())]) == kept


def test_all_or_nothing():
    """An update that fails for one parameter, by NumPy's errors, changes none."""
    a, b = (parameter(np.ones(2, np.float32)) for _ in range(2))
    huge = np.full(2, 1e30, np.float32)
    trainer = Adagrad()
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        trainer.receive(asum(a * 2.0) + asum(b * huge))
    assert (a.value == 1).all()
    assert all((m == 1).all() for kept in trainer.memory.values() for m in kept)


@every_trainer
def test_nan_in_a_leaf(make, oracle):
    """A NaN that was given is reported as the leaf it stands in."""
    a = parameter(np.ones(2))
    with pytest.raises(FloatingPointError, match="leaf"):
        make().receive(asum(a * np.array([1, np.nan])))
    assert (a.value == 1).all()


@every_trainer
def test_no_scalar(make, oracle):
    """A loss that is no scalar is an error that says what to write."""
    a = parameter(np.ones(2))
    with pytest.raises(ValueError, match="asum"):
        make().receive(a * 2)
    assert (a.value == 1).all()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: SGD(0), "learning_rate is above 0"),
        (lambda: SGD(-1), "learning_rate is above 0"),
        (lambda: Adam(float("nan")), "learning_rate is above 0"),
        (lambda: SGD(clip_gradients=0), "clip_gradients is above 0"),
        (lambda: Adagrad(delta=-1), "delta is at least 0"),
        (lambda: Adam(beta1=1), "beta1 is at least 0 and below 1"),
        (lambda: Adam(beta2=-0.1), "beta2 is at least 0 and below 1"),
    ],
)
def test_settings(make, what):
    """A setting that cannot be meant is an error that names it."""
    with pytest.raises(ValueError, match=what):
        make()


# --- the rest -------------------------------------------------------------------------


@every_trainer
def test_pickle(make, oracle):
    """Model and trainer pickled together go on as if nothing had happened."""
    _, loss = problem(np.random.default_rng(3))
    trainer = make()
    trainer.receive(loss)
    other_loss, other = pickle.loads(pickle.dumps((loss, trainer)))
    for _ in range(3):
        assert other.receive(other_loss) == trainer.receive(loss)


@every_trainer
def test_values(make, oracle):
    """``values`` gets what the loss is made of, as it was before the step."""
    (W, *_), loss = problem(np.random.default_rng(4))
    values = {}
    found = make().receive(loss, values)
    assert values[loss] == found
    assert W in values


@every_trainer
def test_float32(make, oracle):
    """Parameters and memory of float32 stay float32."""
    layer = Layer(3, 2, rng=0)
    trainer = make(clip_gradients=1.0)
    for _ in range(2):
        trainer.receive(asum(layer(np.ones(3)) ** 2))
    memory = [m for kept in trainer.memory.values() for m in kept if m.ndim]
    arrays = [*memory, *(p.value for p in layer.parameters().values())]
    assert {a.dtype.name for a in arrays} == {"float32"}
