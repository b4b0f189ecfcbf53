"""Trainers do what their papers say, and only that."""

import pickle

import numpy as np
import pytest
from fixtures import examples
from hypothesis import given
from hypothesis import strategies as st
from trainers import TRAINERS, every_trainer, problem

from penne import *
from penne import plain
from penne.optimize.trainer import _unfailing
from penne.testing import every_trainer as every_row
from penne.testing.trainer_laws import trainer_report


@every_row
def test_laws(row):
    """Every law of trainers holds for every trainer."""
    assert trainer_report(row.name, row.make, row.paper, (), 3).broken == []


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
            memory["p"] = twin
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
    """Where the gradient is zero, at first or later, a parameter does what the paper
    says: it stays still, rolls on, or decays."""
    a, slope = parameter(np.array([1.0, -2.0])), constant(np.array([0.0, 0.0]))
    twin, memory, trainer = a.value.copy(), {}, make()
    for t, now in enumerate([[0, 0], [0, 0], [3, 0], [0, 0], [0, 1], [0, 0]], start=1):
        slope.value = np.array(now, float)
        memory["p"] = twin
        twin -= oracle(slope.value, memory, t)
        trainer.receive(asum(a * slope))
        np.testing.assert_allclose(a.value, twin, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [SGD, Adagrad, Adadelta, RMSprop])
def test_still(make):
    """Trainers that do not remember a direction stay still where the gradient is 0."""
    a = parameter(np.array([1.0, -2.0]))
    trainer = make()
    trainer.receive(asum(a))
    before = a.value.copy()
    for _ in range(3):
        assert trainer.receive(asum(a * 0.0)) == 0
    np.testing.assert_array_equal(a.value, before)


def test_nesterov_looks_ahead():
    """p is the paper's theta + mu v: 20 steps of equations 3 and 4 as printed."""
    rate, mu = 0.05, 0.8
    p = parameter(np.array([1.0, -3.0]))
    loss = asum(p**4 / 4 + p * p)
    theta, v, trainer = p.value.copy(), np.zeros(2), Nesterov(rate, mu)
    for _ in range(20):
        trainer.receive(loss)
        ahead = theta + mu * v
        v = mu * v - rate * (ahead**3 + 2 * ahead)
        theta = theta + v
        np.testing.assert_allclose(p.value, theta + mu * v, rtol=1e-12, atol=1e-12)


@every_trainer
def test_l2(make, oracle):
    """Weight decay that is not decoupled is that of the loss p**2 / 2."""
    if make().decoupled:
        return
    ps, loss = problem(np.random.default_rng(5))
    qs, other = problem(np.random.default_rng(5))
    plain, decaying = make(), make(weight_decay=0.3)
    for _ in range(20):
        plain.receive(loss + sum(asum(p * p) for p in ps) * 0.15)
        decaying.receive(other)
        for p, q in zip(ps, qs):
            np.testing.assert_allclose(q.value, p.value, rtol=1e-11, atol=1e-11)


@every_trainer
def test_schedule(make, oracle):
    """A learning rate may be a function of the number of steps taken before."""
    ps, loss = problem(np.random.default_rng(6))
    qs, other = problem(np.random.default_rng(6))
    rate, seen = make().learning_rate, []
    one, scheduled = make(), make()
    scheduled.learning_rate = lambda step: seen.append(step) or rate / (1 + step)
    for step in range(4):
        one.learning_rate = rate / (1 + step)
        one.receive(loss)
        scheduled.receive(other)
    assert seen == [0, 1, 2, 3]
    for p, q in zip(ps, qs):
        np.testing.assert_array_equal(p.value, q.value)


# --- in place -------------------------------------------------------------------------


def large(rng, dtype):
    """A loss of two matrices that are better changed in place, and a vector."""
    shapes = [(70, 80), (80, 90), (90,)]
    A, B, c = (parameter(rng.normal(0, 0.1, s).astype(dtype)) for s in shapes)
    x = rng.normal(0, 1, (5, 70)).astype(dtype)
    return [A, B, c], asum(tanh(tanh(x @ A) @ B + c) ** 2)


@every_trainer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "clip_gradients": 1.0}])
def test_in_place_equals_copies(make, oracle, dtype, options):
    """Large parameters, updated in place where that cannot fail, get the same bits as
    in copies."""
    if "weight_decay" in options and make().decoupled:
        options = {"clip_gradients": 1.0}
    ps, loss = large(np.random.default_rng(0), dtype)
    qs, other = large(np.random.default_rng(0), dtype)
    one, two = make(**options), make(**options)
    for _ in range(4):
        with plain():
            one.receive(loss)
        with plain(), np.errstate(over="raise"):  # which could not be taken back
            two.receive(other)
    for p, q in zip(ps, qs):
        np.testing.assert_array_equal(p.value, q.value)
        for m, n in zip(one.memory[p], two.memory[q]):
            np.testing.assert_array_equal(m, n)


def test_gradients_that_are_values():
    """A parameter whose value is, or is seen through, a gradient is read before it is
    changed: such an update is no update in place."""
    a, b, c = (parameter(np.full((70, 70), k)) for k in (1.0, 2.0, 3.0))
    given = {a: b.value.T, b: np.ones((70, 70)), c: a.value[:]}
    assert _unfailing(given) == {b}
    trainer = SGD(1.0)
    trainer._write(trainer._updates(given, 1.0))
    assert [p.value[0, 0] for p in (a, b, c)] == [-1, 1, 2]


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
    "SGD, decaying": lambda **k: SGD(0.1, weight_decay=0.1, **k),
    "Adagrad, decaying": lambda **k: Adagrad(0.1, weight_decay=0.1, **k),
}
every_sparse = pytest.mark.parametrize("make", SPARSE.values(), ids=SPARSE)


@every_sparse
@pytest.mark.parametrize("clip", [None, 0.01])
@examples(1 / 3)
@given(
    text=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    pairs=st.lists(st.integers(0, 5), min_size=2, max_size=2),
    seed=st.integers(0, 999),
)
def test_sparse_equals_dense(make, clip, text, pairs, seed):
    """Updating only the rows looked up equals the dense update bit for bit, symbols
    met once or often, alone or in batches, more or fewer each time, clipped or not."""

    def run(sparse):
        rng = np.random.default_rng(seed)
        layer, out = Layer(-6, 3, rng=rng), Layer(3, 2, rng=rng)
        trainer = make(clip_gradients=clip)
        trainer.sparse = sparse
        for start in range(3):
            loss = sum(asum(out(layer(c)) ** 2) for c in text[start:] + text[:1])
            trainer.receive(loss + asum(out(layer(pairs)) ** 2))
        return [w.value for w in (*layer.weights, layer.bias, *out.weights)]

    for one, other in zip(run(True), run(False)):
        np.testing.assert_array_equal(one, other)


@every_sparse
def test_given_rows(make, monkeypatch):
    """One that may be is given the rows looked up, and no others; all of them where
    it decays the weights."""
    trainer, seen = make(), []
    change = type(trainer)._change

    def watched(self, g, *rest):
        seen.append(g.shape)
        return change(self, g, *rest)

    monkeypatch.setattr(type(trainer), "_change", watched)
    trainer.receive(asum(Layer(-6, 3, bias=None, rng=0)([0, 2, 2]) ** 2))
    assert seen == [(6 if trainer.weight_decay else 2, 3)]


LAZY = [make for make, _ in TRAINERS.values()]


@pytest.mark.parametrize("make", [*list(SPARSE.values())[:3], *LAZY])
def test_rows_not_looked_up(make):
    """Rows that no symbol names are not written to, by a lazy trainer either: not even
    a NaN there is seen."""
    layer = Layer(-6, 3, rng=0)
    layer.weights[0].value[4] = np.nan
    before = layer.weights[0].value.copy()
    trainer = make(lazy=make in LAZY)
    for _ in range(2):
        trainer.receive(asum(layer([0, 2, 2]) ** 2))
    for m in trainer.memory[layer.weights[0]]:
        assert len(np.unique(m[[1, 3, 4, 5]])) == 1
    changed = (layer.weights[0].value != before).any(1) & ~np.isnan(before[:, 0])
    np.testing.assert_array_equal(changed, [1, 0, 1, 0, 0, 0])


@every_trainer
def test_lazy(make, oracle):
    """A lazy trainer is the dense one where every row is looked up, and where not, the
    rows looked up move as if each time were the first of a parameter of theirs."""
    text = [[3, 0, 1, 2], [1, 1, 0, 3, 2]]
    layers = [Layer(-4, 3, rng=0) for _ in range(3)]
    lazy, dense, other = make(lazy=True), make(), make(lazy=True)
    for symbols in text:
        lazy.receive(asum(layers[0](symbols) ** 2))
        dense.receive(asum(layers[1](symbols) ** 2))
    one, two, three = (layer.weights[0] for layer in layers)
    np.testing.assert_allclose(one.value, two.value, rtol=1e-6)
    row, trainer = parameter(three.value[[2]]), make()
    for _ in range(3):
        other.receive(asum(three[np.array([2])] ** 2))
        trainer.receive(asum(row**2))
    np.testing.assert_allclose(three.value[[2]], row.value, rtol=1e-6)


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


@pytest.mark.parametrize(("g", "moved"), [(-0.8, -1), (-1.0, 1)])
def test_lion_goes_by_what_it_remembers(g, moved):
    """The sign is that of nine parts of the mean and one of the gradient."""
    p, trainer = parameter(np.zeros(1)), Lion(1.0, beta1=0.9, beta2=0.9)
    for slope in (1.0, g):
        before = p.value.copy()
        trainer.receive(asum(p * slope))
    assert p.value - before == moved


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
