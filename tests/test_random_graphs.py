"""Random graphs of all ops: values, gradients, executors, copies, errors."""

import copy
import pickle

import numpy as np
from figures import FIGURES, OPS_COVERED, rounds
from hypothesis import HealthCheck, given, seed, settings

import penne
from penne import compute_gradients, compute_value
from penne.graph import OPS, Parameter, topological
from penne.testing import check_gradient
from penne.testing.batched import batching
from penne.testing.graphs import graphs
from penne.testing.tables import TABLE

CONSTANT = ("only through", "stand at kinks", "has nothing to vary")


def near(found, wanted):
    """Equal but for rounding, relative to the largest."""
    scale = max(1.0, np.abs(wanted).max(initial=0))
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7 * scale)


def check(graph):
    """Its value is NumPy's and SciPy's; both executors and copies agree; its gradients
    are derivatives by either."""
    x = graph.expression
    with penne.plain():
        value = compute_value(x)
        near(value, graph.value)
        near(compute_value(copy.deepcopy(x)), value)
        near(compute_value(pickle.loads(pickle.dumps(x))), value)
    with batching():
        near(compute_value(x), value)
    order = topological([x])
    if "detach" in {name for name, *_ in graph.made_of}:  # which hides its argument
        FIGURES["graphs with what stops gradients"] += 1
    elif any(map(sorts_equals, order)):
        FIGURES["graphs that sort equals"] += 1
    else:
        check_gradients_of(x)
    FIGURES["graphs"] += 1
    FIGURES["nodes of graphs"] += len(order)
    OPS_COVERED.update(name for name, *_ in graph.made_of)


def sorts_equals(x):
    """Whether which of two stands first is a choice: a gradient is that of one choice,
    as for the median of p * [0, 1, 0.5] at p = 0, where the derivative is another's."""
    if x.op is not OPS["argsort"]:
        return False
    with penne.plain():
        sorted_ones = np.sort(compute_value(x.args[0]), x.params["axis"])
    return bool((np.diff(sorted_ones, axis=x.params["axis"]) == 0).any())


def check_gradients_of(x):
    """Gradients are derivatives by either executor; where there are none, both say so
    alike."""
    said = []
    for way in (penne.plain, batching):
        with way():
            try:
                found = check_gradient(lambda: x, order=1, projections=1)
            except ValueError as error:
                said.append([text for text in CONSTANT if text in str(error)])
                if not said[-1]:
                    raise
            else:
                said.append(found)
                FIGURES["gradients of graphs"] += found.numbers
    assert said[0] == said[1]


def test_random_graphs():
    """NumPy, SciPy, differences, both executors and copies agree on any graph."""
    for k, count in rounds(few=30, many=90_000):

        @seed(k)
        @settings(
            max_examples=count, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(graph=graphs())
        def run(graph):
            with np.errstate(all="ignore"):
                check(graph)

        run()


def test_all_rows_can_be_drawn():
    """Graphs are drawn of every row of the table that takes floats."""
    from penne.testing.graphs import usable

    assert len(usable(smooth=False)) > 0.9 * len(TABLE)


def test_order_of_requests():
    """Evaluated in any order of requests, a graph has the same values to rounding, and
    the same bits when asked again in the same order by the plain executor."""
    rng = np.random.default_rng(0)
    p = Parameter(rng.normal(size=(4, 4)))
    nodes = [p]
    for k in range(30):
        a, b = (nodes[i] for i in rng.integers(0, len(nodes), 2))
        nodes.append(penne.tanh(a @ b) if k % 2 else penne.softmax(a + b))
    with penne.plain():
        expected = [compute_value(x) for x in nodes]
    for way in (penne.plain, batching):
        values = {}
        with way():
            for k in rng.permutation(len(nodes)):
                penne.compute_values(nodes[k], values)
        for x, wanted in zip(nodes, expected):
            np.testing.assert_allclose(values[x], wanted, rtol=1e-12, atol=1e-13)
    loss = penne.asum(nodes[-1] ** 2)
    with penne.plain():
        one, two = compute_gradients(loss), compute_gradients(loss)
    np.testing.assert_array_equal(one[p], two[p])
