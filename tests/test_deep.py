"""A chain of 100,000 nodes, in every traversal there is; one of 20,000, far deeper than
Python calls itself, where each node is copied."""

import copy
import gc
import pickle
import sys
import weakref

import numpy as np
import pytest

from penne import compute_gradients, compute_value, compute_values, gradient, parameter

LENGTH = 100_000


COPIED = 20_000


def made(length):
    """x + 1 + 1 ... , with its parameter."""
    x = y = parameter(np.zeros(()))
    for _ in range(length):
        y = y + 1
    return x, y


@pytest.fixture(scope="module")
def chain():
    """The chain of 100,000."""
    return made(LENGTH)


def test_evaluates(chain):
    """A deep graph has a value."""
    assert compute_value(chain[1]) == LENGTH


def test_keeps_values(chain):
    """Every node of a deep graph is in the mapping of values."""
    assert len(compute_values(chain[1])) == LENGTH + 2


def test_differentiates(chain):
    """A deep graph has gradients, as expressions and as arrays."""
    x, y = chain
    assert compute_gradients(y)[x] == 1
    assert compute_value(gradient(y, x)) == 1


def test_prints(chain):
    """A deep graph prints in one short line."""
    assert len(repr(chain[1])) < 100


def test_pickles():
    """A deep graph survives pickling; its parameter, pickled beside it, is its own."""
    x, y = pickle.loads(pickle.dumps(made(COPIED)))
    x.value = 5.0
    assert compute_value(y) == COPIED + 5


def test_copies():
    """A deep copy of a deep graph is independent; a shallow one is the graph."""
    chain = made(COPIED)
    x, y = copy.deepcopy(chain)
    x.value = 5.0
    assert (compute_value(y), compute_value(chain[1])) == (COPIED + 5, COPIED)
    assert copy.copy(y) is y


def test_freed():
    """A deep graph is freed when its last node is forgotten, without the collector."""
    gc.disable()
    try:
        x = y = parameter(np.zeros(()))
        middle = None
        for k in range(LENGTH):
            y = y + 1
            if k == LENGTH // 2:
                middle = weakref.ref(y)
        assert middle() is not None
        del y
        assert middle() is None
        assert sys.getrefcount(x) == 2
    finally:
        gc.enable()
