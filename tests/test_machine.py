"""Random programs in penne and in a naive twin agree after every step.

Rules build, evaluate, differentiate, update, change constants, forget references, save,
load, copy, switch the executor, and raise in the middle.
"""

import copy
import gc
import pickle
import tempfile
from pathlib import Path

import naive
import numpy as np
import pytest
from figures import FIGURES, rounds
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import penne
from penne import SGD, Module, asum, compute_gradients, compute_value, parameter
from penne.graph import Op, Parameter, topological
from penne.testing.batched import batching

SHAPES = [(), (3,), (2, 3), (3, 3)]
picks = st.integers(0, 999)
BINARY = {
    "add": penne.add,
    "subtract": penne.subtract,
    "multiply": penne.multiply,
    "divide": lambda a, b: a / (2 + b * b),
    "maximum": penne.maximum,
}
UNARY = {"tanh": penne.tanh, "sigmoid": penne.sigmoid, "softmax": penne.softmax}


def _explode(x):
    raise RuntimeError("in the middle")


exploding = Op(_explode, "()->()", gradient=lambda g, y, x: (g,))  # in no registry


@pytest.fixture(autouse=True, scope="module")
def frozen():
    """A program collects cycles among its own objects, not among all of a session."""
    gc.collect()
    gc.freeze()


class Held(Module):
    """What is saved and loaded."""

    def __init__(self, parameters):
        self.held = list(parameters)


class Programs(RuleBasedStateMachine):
    """Pairs of an expression and its twin, and what happens to them."""

    @initialize(data=st.data())
    def begin(self, data):
        """Three parameters and a constant, of halves."""
        self.fast, self.nodes, self.leaves = False, [], []
        for shape in SHAPES:
            array = np.array(data.draw(picks)) * np.ones(shape)
            self._leaf(np.sin(array + np.arange(array.size).reshape(shape)), True)
        self._leaf(np.cos(np.arange(3.0)), False)

    def _leaf(self, array, learnt):
        made = parameter(array.copy()) if learnt else penne.constant(array.copy())
        pair = made, naive.leaf(array)
        self.leaves.append(pair)
        self.nodes.append(pair)

    def _pick(self, pick, good=lambda x: True):
        found = [pair for pair in self.nodes if good(pair[0])]
        return found[pick % len(found)]

    def _executor(self):
        return batching() if self.fast else penne.plain()

    def _number(self, pick):
        x, twin = self._pick(pick)
        return asum(x * x), naive.Node("sum", (naive.Node("multiply", (twin, twin)),))

    # --- building ---------------------------------------------------------------------

    @rule(name=st.sampled_from(sorted(BINARY)), a=picks, b=picks)
    def binary(self, name, a, b):
        """Two nodes that broadcast become one."""
        x, one = self._pick(a)
        fits = lambda y: _broadcast(x.shape, y.shape)
        y, two = self._pick(b, fits)
        self.nodes.append((BINARY[name](x, y), naive.Node(name, (one, two))))

    @rule(name=st.sampled_from(sorted(UNARY)), a=picks)
    def unary(self, name, a):
        """A function of a node with axes."""
        x, one = self._pick(a, lambda x: x.ndim)
        self.nodes.append((UNARY[name](x), naive.Node(name, (one,))))

    @rule(a=picks, b=picks)
    def product(self, a, b):
        """Rows times a matrix."""
        x, one = self._pick(a, lambda x: 1 <= x.ndim <= 2 and x.shape[-1] == 3)
        y, two = self._pick(b, lambda y: y.shape == (3, 3))
        self.nodes.append((x @ y, naive.Node("matmul", (one, two))))

    @rule(a=picks, index=st.lists(st.integers(0, 1), min_size=2, max_size=2))
    def rows(self, a, index):
        """Rows looked up, the same ones twice perhaps."""
        x, one = self._pick(a, lambda x: x.ndim == 2)
        twin = naive.Node("rows", (one,), data=np.array(index))
        self.nodes.append((x[index], twin))

    @rule(a=picks, b=picks, c=picks)
    def stack(self, a, b, c):
        """Vectors side by side, twice the same perhaps."""
        found = [self._pick(k, lambda x: x.shape == (3,)) for k in (a, b, c)]
        twin = naive.Node("stack", tuple(one for _, one in found))
        self.nodes.append((penne.stack([x for x, _ in found]), twin))

    @rule(a=picks, n=st.integers(2, 12))
    def loop(self, a, n):
        """A recurrence: n steps of one op, that an executor may batch."""
        x, one = self._pick(a, lambda x: x.shape == (3,))
        W, two = next(pair for pair in self.leaves if pair[0].shape == (3, 3))
        for _ in range(n):
            x = penne.tanh(x @ W + x)
            product = naive.Node("matmul", (one, two))
            one = naive.Node("tanh", (naive.Node("add", (product, one)),))
        self.nodes.append((x, one))

    # --- asking -----------------------------------------------------------------------

    @rule(a=picks)
    def evaluate(self, a):
        """The value of a node is the twin's."""
        self._same(*self._pick(a))

    def _same(self, x, twin):
        with self._executor():
            found = compute_value(x)
        near(found, naive.value(twin))

    @rule(a=picks)
    def differentiate(self, a):
        """Gradients of a number are the twin's, for every parameter it reaches."""
        loss, twin = self._number(a)
        with self._executor():
            found = compute_gradients(loss)
        wanted = naive.slopes(twin, [one for _, one in self.leaves])
        for (p, _), slope in zip(self.leaves, wanted):
            if p in found:
                near(found[p], slope)
            elif isinstance(p, Parameter):
                assert not slope.any()

    @rule(a=picks, b=picks)
    def in_any_order(self, a, b):
        """Asked for together, or one after the other with the values of the first,
        values are the same."""
        (x, one), (y, two) = self._pick(a), self._pick(b)
        with self._executor():
            values = penne.compute_values(y, penne.compute_values(x))
            near(values[x], naive.value(one))
            near(values[y], naive.value(two))

    # --- changing ---------------------------------------------------------------------

    @rule(a=picks)
    def update(self, a):
        """A step of a trainer moves the parameters as the twin's slopes say."""
        loss, twin = self._number(a)
        before = naive.value(twin)
        if before > 1e4:
            return
        wanted = naive.slopes(twin, [one for _, one in self.leaves])
        with self._executor():
            near(SGD(0.01).receive(loss), before)
        for (p, one), slope in zip(self.leaves, wanted):
            if isinstance(p, Parameter):
                one.array = one.array - 0.01 * slope
        self._forget_rounding()

    def _forget_rounding(self):
        for p, one in self.leaves:
            near(p.value, one.array)
            one.array = p.value.copy()

    @rule(a=picks, amount=st.integers(-2, 2), whole=st.booleans())
    def change(self, a, amount, whole):
        """A constant or a parameter is changed, in place or as a whole."""
        p, one = self.leaves[a % len(self.leaves)]
        new = np.sin(one.array + amount)
        if whole:
            p.value = new
        else:
            p.value[...] = new
        one.array = new.copy()

    @rule(keep=st.integers(1, 8))
    def forget(self, keep):
        """References are dropped, all but the last few."""
        self.nodes = (
            self.leaves + [n for n in self.nodes if n not in self.leaves][-keep:]
        )
        gc.collect()

    @precondition(lambda self: len(self.nodes) > 40)
    @rule()
    def forget_much(self):
        """Programs stay small."""
        self.forget(3)

    # --- files and copies -------------------------------------------------------------

    @rule()
    def save_and_load(self):
        """What is saved, spoilt and loaded is what it was."""
        module = Held(p for p, _ in self.leaves if isinstance(p, Parameter))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "held.npz"
            penne.save(module, path)
            for p in module.held:
                p.value = p.value * 0 + np.pi
            penne.load(path, module)
        for p, one in self.leaves:
            np.testing.assert_array_equal(p.value, one.array)

    @rule(a=picks, pickled=st.booleans())
    def copied(self, a, pickled):
        """A copy has the same value and leaves of its own."""
        x, one = self._pick(a)
        other = pickle.loads(pickle.dumps(x)) if pickled else copy.deepcopy(x)
        mine = {y for y in topological([x]) if isinstance(y, Parameter)}
        assert not mine & set(topological([other]))
        for p in topological([other]):
            if isinstance(p, Parameter):
                p.value = p.value + 0.0
        self._same(other, one)

    # --- the executor, and what goes wrong --------------------------------------------

    @rule()
    def switch(self):
        """The other executor goes on."""
        self.fast = not self.fast

    @rule(a=picks, how=st.sampled_from(["value", "gradient", "update", "shape", "nan"]))
    def raise_in_the_middle(self, a, how):
        """An error in the middle is that error, and changes nothing."""
        loss, _ = self._number(a)
        bad = asum(exploding(self._pick(a + 1)[0])) + loss
        with self._executor():
            if how == "shape":
                with pytest.raises(ValueError, match="got"):
                    self._pick(a, lambda x: x.shape == (3,))[0] @ np.ones((4, 2))
            elif how == "nan":
                with pytest.raises(FloatingPointError, match="NaN"):
                    SGD().receive(loss * penne.constant(np.nan))
            else:
                ask = {"value": compute_value, "gradient": compute_gradients}
                with pytest.raises(RuntimeError, match="in the middle"):
                    ask.get(how, SGD().receive)(bad)

    @invariant()
    def leaves_are_the_twins(self):
        """No rule changes a leaf but those that say so."""
        for p, one in getattr(self, "leaves", ()):
            np.testing.assert_array_equal(p.value, one.array)

    @invariant()
    def the_last_is_the_twins(self):
        """What was built last has the twin's value."""
        if getattr(self, "nodes", None):
            self._same(*self.nodes[-1])
            FIGURES["steps of programs"] += 1

    def teardown(self):
        """One program more."""
        FIGURES["programs"] += 1
        FIGURES["nodes of programs"] += len(topological([x for x, _ in self.nodes]))


def _broadcast(*shapes):
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def near(found, wanted):
    """Equal but for rounding, relative to the largest."""
    scale = max(1.0, np.abs(wanted).max(initial=0))
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-10 * scale)


def run(seed, count, **more):
    """Run so many programs."""
    quiet = settings(
        max_examples=count,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        **more,
    )
    Programs._hypothesis_internal_use_seed = seed
    run_state_machine_as_test(Programs, settings=quiet)


def test_programs():
    """Whatever is built, changed, saved, copied and broken, penne and the naive twin
    agree after every step."""
    for seed, count in rounds(few=8, many=10_000):
        run(seed, count)


FAULTS = {
    "a wrong value": lambda patch: patch.setitem(BINARY, "add", penne.subtract),
    "a wrong gradient": lambda patch: patch.setattr(
        penne.tanh, "gradient", lambda g, y, x: (g * (1 - y),)
    ),
    "an update in the wrong place": lambda patch: patch.setattr(
        SGD, "_change", lambda self, g, step, *memory: step.rate * g * 1.01
    ),
    "a leaf that is changed": lambda patch: patch.setattr(
        penne.sigmoid, "forward", lambda x: np.add(x, 0.1, out=x)
    ),
    "a load that does nothing": lambda patch: patch.setattr(
        penne, "load", lambda *args: None
    ),
}


TRACED = (
    "derivatives of composite ops",
    "graphs seen",
    "programs",
    "rules of gradients for programs",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_finds_faults(fault, monkeypatch):
    """A planted fault is found."""
    FAULTS[fault](monkeypatch)
    try:
        with pytest.raises(Exception):  # noqa: B017  # whatever the fault leads to
            run(0, 60, phases=[Phase.generate], database=None)
    finally:
        for name in TRACED:  # what was made of a wrong rule
            penne.caches()[name].clear()


def test_twin_is_short():
    """The twin can be checked by reading: under 150 lines."""
    assert len(Path(naive.__file__).read_text().splitlines()) < 150
