"""Trainers do what their papers say, and only that."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penne import *
from penne.optimize import clipped
from penne.optimize.trainer import _unfailing
from penne.rows import Rows
from penne.testing import every_trainer as every_row
from penne.testing.papers import (
    adadelta,
    adagrad,
    adam,
    adamw,
    amsgrad,
    lion,
    momentum,
    nadam,
    nesterov,
    rmsprop,
    sgd,
)
from penne.testing.trainer_laws import trainer_report

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
    "Momentum": (Momentum, momentum),
    "Momentum(.1, .5)": (
        lambda **k: Momentum(0.1, 0.5, **k),
        lambda *a: momentum(*a, 0.1, 0.5),
    ),
    "Nesterov": (Nesterov, nesterov),
    "Nesterov(.1, .5)": (
        lambda **k: Nesterov(0.1, 0.5, **k),
        lambda *a: nesterov(*a, 0.1, 0.5),
    ),
    "Lion": (Lion, lion),
    "Lion(.01, .5, .6, decay .1)": (
        lambda **k: Lion(0.01, 0.5, 0.6, weight_decay=0.1, **k),
        lambda *a: lion(*a, 0.01, 0.5, 0.6, 0.1),
    ),
    "Adadelta": (Adadelta, adadelta),
    "Adadelta(.5, .01, rate .3)": (
        lambda **k: Adadelta(0.5, 0.01, learning_rate=0.3, **k),
        lambda *a: adadelta(*a, 0.5, 0.01, 0.3),
    ),
    "RMSprop": (RMSprop, rmsprop),
    "RMSprop(.01, .5, .1)": (
        lambda **k: RMSprop(0.01, 0.5, 0.1, **k),
        lambda *a: rmsprop(*a, 0.01, 0.5, 0.1),
    ),
    "AdamW": (AdamW, adamw),
    "AdamW(.1, decay .5)": (
        lambda **k: AdamW(0.1, weight_decay=0.5, **k),
        lambda *a: adamw(*a, rate=0.1, decay=0.5),
    ),
    "NAdam": (NAdam, nadam),
    "NAdam(.1, .5, .6, .01)": (
        lambda **k: NAdam(0.1, 0.5, 0.6, 0.01, **k),
        lambda *a: nadam(*a, 0.1, 0.5, 0.6, 0.01),
    ),
    "AMSGrad": (AMSGrad, amsgrad),
    "AMSGrad(.01, .5, .6, .01)": (
        lambda **k: AMSGrad(0.01, 0.5, 0.6, 0.01, **k),
        lambda *a: amsgrad(*a, 0.01, 0.5, 0.6, 0.01),
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
        one.receive(loss)
        with np.errstate(over="raise"):  # which an update in place could not take back
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
@settings(max_examples=settings().max_examples // 3)
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


@every_trainer
def test_clipping_values(make, oracle):
    """Each element is brought into the bounds, before the norm is looked at."""
    p, slope = parameter(np.zeros(4)), np.array([3.0, -0.2, 0.0, -9.0])
    q, clipped_slope = parameter(np.zeros(4)), np.array([0.5, -0.2, 0.0, -0.5])
    one, two = make(clip_values=0.5, clip_gradients=0.6), make(clip_gradients=0.6)
    for _ in range(3):
        one.receive(asum(p * slope))
        two.receive(asum(q * clipped_slope))
    np.testing.assert_array_equal(p.value, q.value)


def test_clipping_values_of_rows():
    """Rows of a lookup are clipped after symbols met twice are added up."""
    layer = Layer(-3, 2, f=None, bias=None)
    before = layer.weights[0].value.copy()
    SGD(1.0, clip_values=1.5).receive(asum(layer([0, 0, 1])))
    change = before - layer.weights[0].value
    np.testing.assert_allclose(change, [[1.5, 1.5], [1, 1], [0, 0]], rtol=1e-6)


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


@pytest.mark.parametrize("order", [1, -1])
def test_all_or_nothing_large(order):
    """So too where large arrays could be changed in place but for NumPy's errors."""
    ps = [parameter(np.ones((70, 70), np.float32)) for _ in range(2)]
    steep, flat = (asum(p * k) for p, k in zip(ps[::order], (2.0, np.float32(1e-30))))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="underflow"):
        Adagrad().receive(steep + flat)
    assert all((p.value == 1).all() for p in ps)


@pytest.mark.parametrize(
    "make", [Adagrad, Adam, AdamW, NAdam, AMSGrad, RMSprop, Adadelta]
)
def test_nan_in_the_update(make):
    """A gradient without NaN whose update would be NaN is an error that names the
    trainer; no parameter has changed, also none that is changed in place."""
    big, small = parameter(np.ones((80, 80))), parameter(np.ones(2))
    trainer = make()
    trainer.receive(asum(big) + asum(small))
    kept = pickle.dumps([big.value, small.value, list(trainer.memory.values())])
    with pytest.raises(FloatingPointError, match=f"{make.__name__}: invalid"):
        trainer.receive(asum(big) + asum(small * np.array([np.inf, 1])))
    now = pickle.dumps([big.value, small.value, list(trainer.memory.values())])
    assert now == kept
    assert trainer.steps == 1


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
        (lambda: Adam(epsilon=0), "epsilon is above 0"),
        (lambda: Adadelta(decay=1), "decay is at least 0 and below 1"),
        (lambda: Momentum(momentum_coeff=1.5), "momentum_coeff is at least 0"),
        (lambda: SGD(clip_values=-1), "clip_values is above 0"),
        (lambda: AdamW(weight_decay=-1), "weight_decay is at least 0"),
    ],
)
def test_settings(make, what):
    """A setting that cannot be meant is an error that names it."""
    with pytest.raises(ValueError, match=what):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD("0.1"),
        lambda: SGD(None),
        lambda: Adam(beta1=None),
        lambda: AdamW(weight_decay=None),
        lambda: Adam(beta1=True),
        lambda: Adam(beta2=lambda step: 0.5),
        lambda: SGD(groups={1: SGD()}),
    ],
)
def test_settings_of_another_kind(make):
    """A setting that is no number, and a group of what is no parameter, are errors."""
    with pytest.raises(TypeError, match=r"is a number, got|maps parameters or modules"):
        make()


@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf")])
def test_schedule_out_of_range(rate):
    """A schedule's rate that cannot be meant is an error, and nothing has changed."""
    p = parameter(np.ones(2))
    trainer = SGD(lambda step: rate if step else 0.5)
    trainer.receive(asum(p))
    with pytest.raises(ValueError, match=f"SGD|Stoch.*got {rate} at step 1"):
        trainer.receive(asum(p))
    np.testing.assert_array_equal(p.value, [0.5, 0.5])


# --- groups ---------------------------------------------------------------------------


def test_groups():
    """Each parameter is updated by the trainer of its group, to the bit as by that
    trainer alone, gradients clipped together, schedules by the outer step."""
    rng = np.random.default_rng(0)
    ps, loss = problem(rng)
    twins = [parameter(p.value) for p in ps]
    halving = lambda step: 0.1 / (1 + step)
    inner = Momentum(halving)
    outer = Adam(0.01, groups={ps[1]: inner, ps[2]: SGD(0.2)}, clip_gradients=0.5)
    alone = [Adam(0.01), Momentum(halving), SGD(0.2)]
    for _ in range(5):
        scaled = clipped(compute_gradients(loss), 0.5)
        for p, twin, trainer in zip(ps, twins, alone):
            trainer.receive(asum(twin * scaled[p]))
        outer.receive(loss)
        for p, twin in zip(ps, twins):
            np.testing.assert_array_equal(p.value, twin.value)
    assert ps[1] in inner.memory
    assert ps[1] not in outer.memory


def test_groups_by_module():
    """A group may be a module; lookups stay sparse where the trainer takes them so."""
    embedding, out = Layer(-6, 3, rng=0), Layer(3, 2, rng=1)
    embedding.weights[0].value[4] = np.nan
    trainer = AdamW(groups={embedding: Adagrad(0.1)})
    trainer.receive(asum(out(embedding([0, 2])) ** 2))
    assert set(trainer.memory) == set(out.parameters().values())
    other = AdamW(groups={out: SGD()})
    other.receive(asum(out(Layer(-6, 3, rng=0)([0, 2])) ** 2))
    (rows, *_) = other.memory
    assert all(m.shape == rows.shape for m in other.memory[rows])


def test_groups_that_overlap():
    """A parameter in two groups, or a group that clips, is an error."""
    layer = Layer(3, 2)
    with pytest.raises(ValueError, match="two of them hold the same"):
        SGD(groups={layer: SGD(), layer.bias: SGD()})
    for inner in (SGD(clip_gradients=1.0), SGD(groups={layer.bias: SGD()})):
        with pytest.raises(ValueError, match="outside only"):
            SGD(groups={layer: inner})


# --- state ----------------------------------------------------------------------------


class Net(Module):
    """An embedding, a layer, and a parameter that no loss reaches."""

    def __init__(self, rng):
        self.embedding = Layer(-5, 4, rng=rng)
        self.out = Layer(4, 2, rng=rng)
        self.idle = parameter([1.0])

    def loss(self, symbols):
        return asum((self.out(self.embedding(symbols)) - 1.0) ** 2)


@every_trainer
def test_resume(make, oracle):
    """A new trainer with another's state, and the parameters' values, goes on bit for
    bit; and a state taken is not changed by what follows."""
    trained = lambda net, trainer, n: [
        trainer.receive(net.loss([k % 5, 1])) for k in range(n)
    ]
    net, other = Net(0), Net(1)
    rate = make().learning_rate
    trainer, again = make(), make()
    trainer.learning_rate = again.learning_rate = schedules.Linear(rate, 20, rate / 9)
    trained(net, trainer, 5)
    state = trainer.state(net)
    for path, p in other.parameters().items():
        p.value = net.parameters()[path].value
    losses = trained(net, trainer, 5)
    again.restore(other, state)
    assert trained(other, again, 5) == losses
    one, two = trainer.state(net), again.state(other)
    assert list(one) == list(two)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
    assert not any(name.startswith("idle") for name in one)


def test_state_of_groups():
    """What a group's trainer remembers is in the state too, and goes back to it."""
    net, other = Net(0), Net(0)
    trainer = Adam(groups={net.out: Momentum()})
    trainer.receive(net.loss([0, 1]))
    inner = Momentum()
    again = Adam(groups={other.out: inner})
    again.restore(other, trainer.state(net))
    assert set(inner.memory) == set(other.out.parameters().values())


def test_state_of_another():
    """A state of another trainer or module is refused, with every name at fault, and
    nothing has changed."""
    net = Net(0)
    momentum, adam = Momentum(), Adam()
    momentum.receive(net.loss([0]))
    adam.receive(net.loss([0]))
    before = adam.state(net)
    with pytest.raises(ValueError, match=r"missing: .*bias.mean.*not known.*velocity"):
        adam.restore(net, momentum.state(net))
    wrong = {**before, "out.bias.mean": np.zeros(7), "steps": np.array(0.5)}
    with pytest.raises(ValueError, match=r"out.bias.mean \(here.*steps \(here int"):
        adam.restore(net, wrong)
    with pytest.raises(ValueError, match="4 of the parameters trained"):
        adam.state(Module())
    after = adam.state(net)
    assert all((before[k] == after[k]).all() for k in before)


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
