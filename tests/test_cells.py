"""Gradients of cells by differences, their options and dtypes; the documentation's."""

from itertools import pairwise

import numpy as np
import pytest
from documented import Documented
from fixtures import doubles, randomize  # noqa: F401  # doubles: for every test

from penne import *
from penne.composite import Slots
from penne.graph import OPS, topological
from penne.recurrent.variants import StandardLSTM

CELLS = Simple, LSTM, GRU, StandardLSTM
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.__name__)


@every_cell
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients(cell, batch):
    """The gradient through time is the derivative, for every parameter."""
    rng = np.random.default_rng(2)
    r = cell(2, 3, rng=rng)
    randomize(r, rng)
    xs, towards = rng.normal(0, 1, (4, *batch, 2)), rng.normal(0, 1, (4, *batch, 3))
    loss = asum((r.transduce(xs) - towards) ** 2)
    found, expected = compute_gradients(loss), check_gradients(loss)
    assert set(found) == set(expected) == set(r.parameters().values())
    for p in found:
        np.testing.assert_allclose(found[p], expected[p], rtol=1e-7, atol=1e-7)


@every_cell
def test_options(cell):
    """Options of Layer pass through: rule of first weights, bias, no bias, model."""
    model = []
    r = cell(3, 2, model=model, init=initializers.orthogonal, rng=0, bias=0.5)
    assert model == list(r.parameters().values())
    for path, p in r.parameters().items():
        if path.endswith("bias"):
            assert (p.value == 0.5).all()
        elif p.shape == (2, 2):
            np.testing.assert_allclose(p.value @ p.value.T, np.eye(2), atol=1e-12)
    assert not any(path.endswith("bias") for path in cell(3, 2, bias=None).parameters())


@every_cell
def test_one_model_of_several(cell):
    """Cells that share a list of parameters put each of theirs into it once."""
    model = []
    cells = [cell(3, 2, model=model, learned_start=k == 1) for k in range(3)]
    assert model == [p for r in cells for p in r.parameters().values()]


@every_cell
def test_float32(cell):
    """By default nothing computed is wider than float32, gradients included."""
    with default_dtype("float32"):
        r = cell(-4, 3)
        loss = asum(stack(r.transduce([1, 2, 3])))
        everything = topological([loss, *gradient(loss, list(r.parameters().values()))])
    computed = [x for x in everything if x.op is not None]
    types = [t for x in computed for t in getattr(x.type, "parts", [x.type])]
    assert {t.dtype.name for t in types if t.dtype.kind == "f"} == {"float32"}


# --- the class of the documentation, verbatim -----------------------------------------

TEXT = [ord(c) for c in "^the cat sat on the mat$"]


def documented_loss(r, output, text=TEXT):
    """Minus the log-probability of the text, as the documentation adds it up."""
    r.start()
    loss = constant(0.0)
    for a, b in pairwise(text):
        loss = loss - output(r.step(a))[b]
    return loss


def types_within(x):
    """The types of what a node computes, casts left out."""
    if not isinstance(x.type, Slots):
        return [x.type]
    steps = zip(x.op.steps, x.type.parts[x.op.count :])
    return [t for (op, *_), t in steps if op is not OPS["astype"]]


def test_documented_float32():
    """With float32 layers, float64 start states widen nothing: not one node of the
    graph but what casts the gradient of the state itself, no gradient, no value, no
    parameter after a step."""
    with default_dtype("float32"):
        r, output = Documented(-256, 8), Layer(8, 256, f=logsoftmax)
    loss = documented_loss(r, output)
    parameters = [*r.parameters().values(), *output.parameters().values()]
    everything = topological([loss, *gradient(loss, parameters)])
    nodes = [x for x in everything if x.op is not None and x.floating]
    computed = [t for x in nodes for t in types_within(x) if t.floating]
    assert {t.dtype.name for t in computed} == {"float32"}
    values = compute_values(everything)
    arrays = [values[x] for x in nodes if not isinstance(x.type, Slots)]
    assert {a.dtype.name for a in arrays} == {"float32"}
    assert {g.dtype.name for g in compute_gradients(loss).values()} == {"float32"}
    trainer = Adagrad(learning_rate=0.1)
    trainer.receive(loss)
    memory = [a for kept in trainer.memory.values() for a in kept]
    assert {p.value.dtype.name for p in parameters} == {"float32"}
    assert {a.dtype.name for a in memory} == {"float32"}


def test_documented_gradients():
    """The class as printed has the gradients of its equations."""
    rng = np.random.default_rng(3)
    r = Documented(3, 2)
    randomize(r, rng)
    loss = asum(r.transduce(rng.normal(0, 1, (3, 3))) ** 2)
    found, expected = compute_gradients(loss), check_gradients(loss)
    for p in found:
        np.testing.assert_allclose(found[p], expected[p], rtol=1e-7, atol=1e-7)


def test_documented_trains():
    """The class as printed learns two words: a tenth of its surprise is left."""
    with default_dtype("float32"):
        r, output = Documented(-256, 20), Layer(20, 256, f=logsoftmax)
    reseed(r, 0)
    reseed(output, 1)
    trainer = Adagrad(learning_rate=0.2)
    losses = [trainer.receive(documented_loss(r, output, TEXT[:8])) for _ in range(50)]
    assert losses[-1] < losses[0] / 10


def reseed(module, seed):
    """The weights of the default rule, but the same in every run."""
    rng = np.random.default_rng(seed)
    for part in module.modules().values():
        if isinstance(part, Layer):
            again = Layer(part.insize, part.outsize, part.f, rng=rng)
            for p, q in zip(part.weights, again.weights):
                p.value = q.value
