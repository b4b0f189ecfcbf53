"""Which executor computes, what it says of it, and what it counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures import (  # noqa: F401  # fixtures are for every test here
    doubles,
    every_graph,
    registries,
    usual_size,
)
from programs import H, Own, V, agree, outputs, weights

import penne
from penne import *
from penne import fast


def _chosen(**environment):
    root = Path(penne.__file__).parents[1]
    text = (
        "from penne import *; from penne.doorway import current\n"
        "compute_value(constant(1.0) + 1); print(type(current()).__name__)"
    )
    known = {**os.environ, "PYTHONPATH": str(root), **environment}
    command = [sys.executable, "-c", text]
    return subprocess.check_output(command, env=known, text=True).strip()


def test_environment_chooses():
    """A process begins with the fast executor; with PENNE_FAST=0 with the plain one."""
    assert _chosen(PENNE_FAST="") == "Fast"
    assert _chosen(PENNE_FAST="0") == "Plain"


def test_plain_for_a_block():
    """Within ``with penne.plain():`` nothing is batched, after it again."""
    loss = outputs(LSTM(-V, H), [[1, 2, 3]])
    with fast.enable():
        before = fast.stats()
        with penne.plain():
            compute_gradients(loss)
        assert fast.stats() == before
        compute_gradients(loss)
        assert fast.stats()["batched"] == before["batched"] + 1


def test_small_graphs_run_plain(monkeypatch):
    """A graph of few nodes, or of almost as many kinds, is not batched."""
    usual_size(monkeypatch)
    p = weights(H)
    agree(asum(tanh(p) * 2), batched=False)
    agree(sum(asum(tanh(weights(n)) * 2) for n in range(1, 20)), batched=False)
    agree(sum(asum(tanh(p * n) * 2) for n in range(1, 99)))


def test_counts():
    """Statistics count evaluations, and of those batched nodes and kinds."""
    losses = [asum(tanh(weights(H, rng=k))) for k in range(4)]
    loss = asum(stack([losses[0], losses[1]]) * 2)
    before = fast.stats()
    with fast.enable():
        compute_value(loss)
    made = {key: fast.stats()[key] - n for key, n in before.items() if key != "missing"}
    assert (made["evaluations"], made["batched"], made["nodes"]) == (1, 1, 7)
    assert 5 <= made["kinds"] <= 6  # tanh of two parameters may be two kinds


# --- in words -------------------------------------------------------------------------


def test_explanation_of_a_recurrence():
    """What runs with what is said, and of what there is one it is said that it runs
    alone."""
    text = str(fast.explain(outputs(LSTM(-V, H), [[1, 2, 3], [4, 0]])))
    assert "5 x LongShortTermMemory.step" in text
    assert "recursion, forward:" in text
    assert "5 rows in 3 levels" in text
    assert "penne.cell" not in text
    assert "kernels:" in text


def test_explanation_of_an_undecorated_step():
    """That a decorator would help is said of a step without one."""
    assert "@penne.cell" in fast.explain(outputs(Own(-V, H), [[1, 2, 3, 4], [4, 0, 1]]))


def test_explanation_of_what_is_not_batched(monkeypatch):
    """Ops that run one by one are named with the reason; so is a graph too small."""

    @op("(n)->(n)", batch=False)
    def shifted(x):
        return x + 1

    loss = sum(asum(shifted(weights(H, rng=k) * 1)) for k in range(3))
    assert "shifted(3,) (one by one: the op says batch=False)" in fast.explain(loss)
    usual_size(monkeypatch)
    assert "too few to batch" in fast.explain(loss)


@pytest.mark.parametrize("what", [1.0, [constant(1.0)], None])
def test_explains_expressions(what):
    """What is no expression is told so."""
    with pytest.raises(TypeError, match="explain: takes a loss, one expression, got"):
        fast.explain(what)
