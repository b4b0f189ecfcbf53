"""The programs that the fast executor makes of graphs give the right numbers."""

from functools import reduce

import numpy as np
import pytest
from fixtures import doubles, every_graph  # noqa: F401  # for every test here
from programs import H, V, agree, outputs, recipe, weights

import penne
from penne import *
from penne import caches, fast
from penne.fast import kernels
from penne.fast.instructions import Irregular
from penne.graph import OPS


@pytest.fixture(autouse=True, scope="module")
def _own_op():
    global shifted

    @op("(n)->(n)", gradient=lambda g, y, x: (g,), batch=False)
    def shifted(x):
        assert x.ndim == 1
        return x + 1

    yield
    del OPS["shifted"]


def test_one_by_one():
    """An op that says batch=False sees one row at a time."""
    W = weights(H, H)
    xs = [constant(np.ones(H) * k) for k in range(6)]
    agree(sum(asum(exp(shifted(tanh(dot(x, W))))) for x in xs))
    h = weights(H)
    for _ in range(6):
        h = shifted(tanh(dot(h, W)))
    agree(asum(h))


def _scaled_by_all():
    """Steps that all use one number of an earlier step."""
    W, h = weights(H, H), weights(H, rng=1)
    states = [h]
    for _ in range(4):
        states.append(tanh(dot(states[-1], W)))
    scale = states[2][0]
    for _ in range(12):
        states.append(tanh(dot(states[-1], W) * scale))
    return sum(map(asum, states))


def _summarised():
    """Rounds, each of which starts from all states of the one before."""
    W, h, U = weights(H, H), weights(H, rng=1), weights(10 * H, H, rng=2)
    for _ in range(3):
        states = [h]
        for _ in range(10):
            states.append(tanh(dot(states[-1], W)))
        h = tanh(dot(concatenate(states[1:]), U))
    return asum(h)


def _attentive():
    """Steps that look back at all earlier ones."""
    W, states = weights(H, H), [weights(H, rng=1)]
    for _ in range(15):
        memory = stack(states)
        looked = dot(softmax(dot(memory, states[-1])), memory)
        states.append(tanh(dot(looked, W)))
    return asum(states[-1])


@pytest.mark.parametrize("make", [_scaled_by_all, _summarised, _attentive])
def test_irregular_graphs(make):
    """What is no program of rows and levels at first is one with fewer batches."""
    loss = make()
    with pytest.raises(Irregular):
        recipe(loss)
    recipe(loss, regular=False)
    agree(loss)
    assert "irregular, with fewer batches" in fast.explain(loss)


@pytest.mark.parametrize("make", [_scaled_by_all, _summarised, _attentive])
def test_one_run_pays_for_no_kernel(make, monkeypatch):
    """However many levels there are, what counts is what is computed in them."""
    monkeypatch.delenv("PENNE_FAST", raising=False)
    for how in ("is_loaded", "is_stored"):
        monkeypatch.setattr(kernels, how, lambda kernel: False)
    caches()["programs"].clear()
    made = recipe(make(), regular=False)
    made.run({})
    assert made.program.kernels == {}


@pytest.mark.parametrize("which", range(5))
def test_loss_is_one_row_of_many(which):
    """A loss may be any of several nodes of one kind."""
    p = weights(H)
    rows = [asum(exp(p * k)) for k in range(5)]
    with fast.enable():
        values = compute_values(rows)
    assert np.isclose(values[rows[which]], np.exp(p.value * which).sum())
    agree(rows[which] + 0 * rows[0])
    agree(rows[which])


def test_growing_expression():
    """What is known is believed, nodes of composite ops too; only the rest is
    computed."""
    r = LSTM(-V, H, rng=0)
    states = r.transduce([1, 2, 3, 4, 0, 1])
    parts = [asum(h) for h in states]
    with fast.disable():
        expected = compute_values(parts)
    with fast.enable():
        values = {}
        for part in parts:
            compute_values(part, values)
        total = sum(parts)
        compute_values(total, values)
    for x in parts:
        assert np.isclose(values[x], expected[x])
    assert np.isclose(values[total], sum(expected[x] for x in parts))
    values = {h: np.full(H, 2.0) for h in states}
    with fast.enable():
        assert compute_values(total, values)[total] == len(states) * H * 2


def test_sums_of_sums():
    """Sums nested in any way are those of their terms; a part that is used twice is
    kept."""
    p = weights(H)
    terms = [asum(exp(p * k)) for k in range(24)]
    left = reduce(lambda a, b: a + b, terms)
    right = reduce(lambda a, b: b + a, terms)
    halves = sum(terms[:12]) + sum(terms[12:])
    part = sum(terms[:12])
    for loss in (left, right, halves, part * part + sum(terms[12:], start=part)):
        agree(loss)
    with fast.enable():
        assert np.allclose([compute_values([left, part])[x] for x in (left, part)], [
            compute_value(left), compute_value(part)
        ])  # fmt: skip


def test_sums_of_bools():
    """Many bools add up to whether there is one that is true."""
    p = weights(H)
    for least in (-9.0, 9.0):
        several = reduce(add, [greater(p[k % H] * 1, least) for k in range(20)])
        with fast.enable():
            assert compute_value(several) == (least < 0)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("join", [stack, concatenate])
def test_joins_of_many(join, axis):
    """Many arrays are joined along any axis."""
    W = weights(2, H)
    parts = [tanh(W * k) for k in range(12)]
    agree(asum(exp(join(parts, axis=axis) * join(parts[::-1], axis=axis))))
    agree(asum(exp(join([*parts, W], axis=axis))))


def test_columns_side_by_side():
    """Single columns are joined, and sliced, like wider ones."""
    W = weights(4, H)
    xs = [tanh(constant(np.ones((2, 4)) * k) @ W) for k in range(4)]
    sums = [asum(x, axis=-1, keepdims=True) for x in xs]
    joined = [concatenate([s, exp(s)], axis=-1) for s in sums]
    agree(sum(asum(tanh(j)) for j in joined))
    agree(sum(asum(exp(x[..., 1:2]) * 2 + x[..., :1]) for x in xs))


def test_stacks_of_weights():
    """What is looked up may be multiplied by several matrices at once."""
    table, W = weights(V, H), weights(2, H, 4, rng=1)
    for symbols in ([1, 2, 1], [[1, 2], [2, 2], [4, 1]]):
        agree(sum(asum(tanh(matmul(table[np.array(k)], W))) for k in symbols))


def test_empty_sequences():
    """Sequences without steps add nothing."""
    r = LSTM(-V, H, rng=0)
    agree(outputs(r, [[], [1, 2], []]))
    xs = [constant(np.zeros((0, H))) for _ in range(3)]
    agree(sum(asum(tanh(dot(x, weights(H, 2)))) for x in xs))


@pytest.mark.parametrize("turned", [True, False])
def test_tied_weights(turned):
    """One parameter may be both the table of inputs and the matrix of outputs."""
    E, r, loss = weights(V, H), LSTM(H, H, rng=0), constant(0.0)
    for s in ([1, 2, 3], [0, 4], [2, 2, 2, 2]):
        for h, k in zip(r.transduce([E[k] for k in s]), s):
            scores = dot(h, transpose(E)) if turned else dot(E, h)
            loss = loss - logsoftmax(scores)[k]
    agree(loss)


def test_learned_first_state():
    """A parameter may be where all sequences start."""
    r = Simple(-V, H, rng=0)
    r.h0 = weights(H, rng=1)
    got = agree(outputs(r, [[1, 2, 3], [4, 0], [1]]))
    assert r.h0 in got


def test_a_loss_again():
    """The same loss, evaluated again, is that of what parameters and constants are
    now."""
    r, x = Simple(H, H, rng=0), np.ones((6, H))
    inputs = [constant(row) for row in x]
    loss = outputs(r, [inputs[:4], inputs[4:]])
    first = agree(loss)
    for p in first:
        p.value[...] *= 1.5
    second = agree(loss)
    x[2:] = -1
    third = agree(loss)
    for p in first:
        assert not np.allclose(first[p], second[p])
        assert not np.allclose(second[p], third[p])


def test_parameters_that_are_not_reached():
    """Of two parameters in nodes of one kind, that which only detached nodes use has
    no gradient; one behind a comparison is an error, by either executor."""
    p, q = parameter(np.ones(3)), parameter(np.full(3, 2.0))
    reached = sum(asum(tanh(q * k)) for k in range(40))
    stopped = [tanh(p * k) for k in range(40)]
    for setting in (penne.plain, fast.enable):
        with setting():
            loss = reached + sum(asum(detach(t)) for t in stopped)
            assert set(compute_gradients(loss)) == {q}
            loss = reached + sum(asum(where(greater(t, 0), 1.0, 2.0)) for t in stopped)
            with pytest.raises(ValueError, match="greater"):
                compute_gradients(loss)
