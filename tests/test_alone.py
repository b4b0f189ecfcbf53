"""Nodes computed by themselves, as those of sampling: by kernels, the same numbers."""

from itertools import product

import numpy as np
import pytest
from fixtures import kernels_apart, usual_size  # noqa: F401  # kernels_apart: for all

pytest.importorskip("numba")
from penne import *
from penne import cell, fast
from penne.fast import alone, kernels, paying
from penne.recurrent.variants import StandardLSTM

V, H = 5, 4


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    """Kernels are compiled when they are first needed; small graphs are not batched."""
    monkeypatch.setenv("PENNE_FAST", "compiled")
    usual_size(monkeypatch)
    alone._alone.clear()
    with fast.enable():
        yield
    alone._alone.clear()


class Own(Transducer):
    """A cell with layer norm, a reduction to a number, and a view of its state."""

    def __init__(self, insize, size, rng=0):
        rng = np.random.default_rng(rng)
        self.write = Layer([insize, size, "diag"], size, rng=rng)
        self.h0 = zeros(size)

    def start(self):
        self.h = self.h0

    @cell
    def step(self, inp):
        """One step."""
        h = layer_norm(self.write(inp, self.h, self.h)) * mean(self.h + 1)
        self.h = concatenate([h[2:], h[:2]])
        return self.h


def model(kind, dtype="float32"):
    """A language model of a cell."""
    with default_dtype(dtype):
        return Stack(kind(-V, H, rng=0), Map(Layer(H, V, f=logsoftmax, rng=0)))


def stepped(r, symbols):
    """The outputs of a transducer, computed one by one."""
    r.start()
    values, found = {}, []
    for symbol in symbols:
        y = r.step(symbol)
        compute_values(y, values)
        found.append(values[y])
    return found


def by_kernels():
    """How many kinds of nodes have been computed by a kernel."""
    return sum(x.written is not None for x in alone._alone.values())


def assert_same(got, expected, dtype="float32"):
    """Two lists of arrays, but for rounding."""
    near = 1e-12 if dtype == "float64" else 1e-5
    for a, b in zip(got, expected, strict=True):
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, near, near)


ONE = [0, 4, 2, 2]
BATCH = [np.array([k, 1, 3]) for k in ONE]
KINDS = Simple, LSTM, GRU, StandardLSTM, Own
FORMS = {"one": ONE, "batch": BATCH}


def cases():
    """Every two of a kind, a dtype and a form of symbols meet; half of the triples, by
    which they do so again, are slow."""
    axes = map(enumerate, (KINDS, ("float32", "float64"), FORMS))
    for case in product(*axes):
        places, (kind, dtype, form) = zip(*case)
        marks = [pytest.mark.slow] * (sum(places) % 2)
        name = f"{kind.__name__}-{dtype}-{form}"
        yield pytest.param(kind, dtype, FORMS[form], marks=marks, id=name)


@pytest.mark.parametrize(("kind", "dtype", "symbols"), [*cases()])
def test_steps(kind, dtype, symbols):
    """Symbol by symbol, every cell gives what the plain executor finds."""
    r = model(kind, dtype)
    with fast.disable():
        expected = stepped(r, symbols)
    assert by_kernels() == 0
    assert_same(stepped(r, symbols), expected, dtype)
    assert by_kernels() >= 2  # a step, and the layer


def test_another_batch_makes_no_kernel():
    """Kernels serve batches of all sizes."""
    r = model(GRU)
    stepped(r, BATCH)
    before = fast.stats()["kernels compiled"], fast.stats()["kernels loaded"]
    for size in range(2, 9):
        stepped(r, [np.arange(size) % V] * 3)
    assert (fast.stats()["kernels compiled"], fast.stats()["kernels loaded"]) == before


def test_what_no_kernel_takes():
    """Arrays that are not side by side in memory, and values of another shape."""
    r = model(StandardLSTM)
    expected = stepped(r, ONE)
    for p in r.parameters().values():
        wide = np.repeat(p.value, 2, axis=-1)
        wide[..., ::2] = p.value
        p.value = wide[..., ::2]
    assert_same(stepped(r, ONE), expected)
    x, layer = constant(np.ones(H, np.float32)), Layer(H, V, f=logsoftmax)
    y = layer(x)
    for values in ({}, {x: np.ones((2, H), np.float32)}):
        plainly = values.copy()
        with fast.disable():
            compute_values(y, plainly)
        compute_values(y, values)
        assert_same([values[y]], [plainly[y]])


def test_a_kernel_waits_until_it_pays(monkeypatch):
    """By itself a node is computed by NumPy until that has cost as much; a kernel that
    is there is taken at once."""
    monkeypatch.delenv("PENNE_FAST")
    kernels._kernels.clear()
    r = model(Own)
    expected = stepped(r, ONE)
    assert by_kernels() == 0
    for node in alone._alone.values():
        node.account.spent = node.account.price
    assert_same(stepped(r, ONE), expected)
    assert by_kernels() == len(alone._alone) > 0
    alone._alone.clear()
    assert_same(stepped(r, ONE), expected)
    assert by_kernels() == len(alone._alone) > 0


@pytest.mark.parametrize("loaded", [0, 1])
def test_what_is_on_disk_is_loaded_sooner(loaded, monkeypatch):
    """More so once there is a kernel, as the first brings numba with it; what is not
    on disk is looked for rarely, however long that goes on."""
    monkeypatch.delenv("PENNE_FAST")
    monkeypatch.setattr(paying.store, "stats", lambda: {"loaded": loaded})
    chains, asked, there = [f"chain {k}" for k in range(3)], [], False
    monkeypatch.setattr(paying, "_size", lambda kernel: 10)
    monkeypatch.setattr(kernels, "is_stored", lambda kernel: asked.append(0) or there)
    account = paying.Account(chains)
    least = paying.MORE * 3 if loaded else paying.LOADING
    seconds = account.price / 1000
    while account.spent < account.price - 2 * seconds:
        due = account.due(seconds)
        assert due is False
        assert bool(asked) == (account.spent >= least)
    assert len(asked) <= 1 + np.log2(account.price / least)
    there, account.tried = True, 0.0
    assert account.due(seconds)


def test_errors_are_those_of_the_plain_executor():
    """A symbol that turns out to be out of range is named."""
    r = model(LSTM)
    r.start()
    symbol = argmax(r.step(1)) + V
    with pytest.raises(IndexError) as error:
        stepped(r, [1, symbol])
    with fast.disable(), pytest.raises(IndexError) as expected:
        stepped(r, [1, symbol])
    assert str(error.value) == str(expected.value)
    assert error.value.__notes__ == expected.value.__notes__
