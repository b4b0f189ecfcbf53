"""Fixtures that hold for all tests of a file that imports them; what executors agree
on; modules of examples."""

import os
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from penne import caches, compute_gradients, default_dtype, fast
from penne.fast.deciding import every_size
from penne.fast.executor import Fast
from penne.graph import OPS
from penne.operators import NUMPY

EXAMPLES = Path(__file__).parents[1] / "examples"
compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing is compiled"
)


def examples(part):
    """Settings by which a test draws this part of the profile's number of examples."""
    return settings(max_examples=max(1, round(settings().max_examples * part)))


@pytest.fixture(autouse=True)
def doubles():
    """Parameters are float64 here."""
    with default_dtype("float64"):
        yield


@pytest.fixture(autouse=True)
def registries():
    """What a test enters into the registries is taken out again."""
    before = dict(OPS), dict(NUMPY)
    yield
    for registry, contents in zip((OPS, NUMPY), before):
        registry.clear()
        registry.update(contents)


@pytest.fixture(autouse=True)
def kernels_apart(tmp_path_factory, monkeypatch):
    """Machine code of tests is kept apart from the user's."""
    place = tmp_path_factory.getbasetemp() / "kernels"
    monkeypatch.setenv("PENNE_CACHE_DIR", str(place))


def any_size(patch):
    """Graphs are batched whatever their size and kinds, until the patch ends."""
    patch.setattr(every_size, "default", True)


def usual_size(patch):
    """Small graphs and those of many kinds are not, as for a user."""
    patch.setattr(every_size, "default", False)


def forget():
    """No graph is known."""
    for name in ("graphs seen", "programs", "layouts"):
        caches()[name].clear()


@pytest.fixture(autouse=True)
def every_graph(monkeypatch):
    """Graphs are batched whatever their size, and none is known at first."""
    any_size(monkeypatch)
    forget()


@pytest.fixture(autouse=True)
def compiled_graphs(kernels_apart, monkeypatch):
    """Programs are compiled when they are made, of graphs of any size; none is known at
    first, nor to other tests."""
    monkeypatch.setenv("PENNE_FAST", "compiled")
    any_size(monkeypatch)
    forget()
    yield
    forget()


def randomize(module, rng, scale=1):
    """Every parameter, biases and gains too, is drawn anew, or zeros would prove
    little."""
    for p in module.parameters().values():
        p.value = rng.normal(0, scale, p.shape)


def wrong_gradients(patch):
    """The fast executor gives gradients that are wrong by a thousandth."""
    gradients = Fast.gradients

    def wrong(self, loss, sparse, values):
        value, found = gradients(self, loss, sparse, values)
        return value, {p: 1.001 * g for p, g in found.items()}

    patch.setattr(Fast, "gradients", wrong)


def gradients(loss, single=1e-5):
    """The gradients by the fast executor, which are those of the plain one; ``single``:
    how close they are where some are in single precision."""
    with fast.enable():
        found = compute_gradients(loss)
    with fast.disable():
        expected = compute_gradients(loss)
    assert found.keys() == expected.keys()
    double = all(g.dtype == float for g in expected.values())
    close = 1e-12 if double else single
    for p, g in expected.items():
        assert g.dtype == found[p].dtype
        assert np.abs(g - found[p]).max() <= close * max(1, np.abs(g).max())
    return found


def counted(loss):
    """The kinds of nodes that ran."""
    before = fast.stats()["kinds"]
    gradients(loss)
    return fast.stats()["kinds"] - before


@contextmanager
def imported(*names):
    """Examples, and what they are made of, as modules for a block."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield [import_module(name) for name in names]
    finally:
        sys.path.remove(str(EXAMPLES))
        for name in (*names, "program"):
            sys.modules.pop(name, None)
