"""Graphs that come again: their plans serve those that are alike, and no others."""

import numpy as np
import pytest
from fixtures import (  # noqa: F401  # fixtures are for every test here
    counted,
    doubles,
    every_graph,
    gradients,
    usual_size,
)
from hypothesis import given
from hypothesis import strategies as st
from programs import weights

from penne import *
from penne import caches, cell, fast
from penne.fast import deciding, executor, outline, strangers, sums
from penne.graph import topological
from penne.recurrent.variants import StandardLSTM

V, N, H = 5, 3, 4
KINDS = [Simple, LSTM, GRU, StandardLSTM]


def seen():
    """How many graphs that differ were planned."""
    return len(caches()["graphs seen"])


# --- what is alike --------------------------------------------------------------------


def test_the_same_expression_built_again_has_one_plan():
    """Other nodes, other constants and other weights of the same shapes: one plan."""
    rng = np.random.default_rng(0)
    for k in range(4):
        W = weights(N, N, rng=k)
        x = constant(rng.normal(size=N))
        gradients(sum(asum(tanh(x @ W) * y) for y in rng.normal(size=(3, N))))
    assert seen() == 1


differences = {
    "op": lambda W, x: asum(sigmoid(x @ W) * tanh(x @ W)),
    "argument": lambda W, x: asum(tanh(x @ W) * tanh(x @ W @ W)),
    "order of arguments": lambda W, x: asum((x @ W) / exp(x @ W)),
    "param": lambda W, x: asum(asum(tanh(x @ W) * W, axis=0)),
    "shape": lambda W, x: asum(tanh(concatenate([x, x]) * 2)) * asum(W),
    "constant for weights": lambda W, x: asum(tanh(x @ constant(W.value)) * W),
    "sharing": lambda W, x: asum(tanh(x @ W) * tanh(x @ W)),
}


@pytest.mark.parametrize("first", differences, ids=str)
@pytest.mark.parametrize("second", differences, ids=str)
def test_what_differs_has_a_plan_of_its_own(first, second):
    """A graph never runs by the plan of one that differs."""
    for name in (first, second, first):
        gradients(differences[name](weights(N, N), constant(np.arange(N) / 3)))
    assert seen() == len({first, second})


def test_what_is_asked_for_is_part_of_it():
    """Two values of one graph, one or both, each is what it is."""
    x = weights(N)
    y, z = tanh(x) * 2, exp(x) + 1
    expected = {y: np.tanh(x.value) * 2, z: np.exp(x.value) + 1}
    with fast.enable():
        for wanted in ([y, z], [z, y], [y], [z], [y, y]):
            values = compute_values(wanted)
            assert all(np.allclose(values[w], expected[w]) for w in wanted)
        for _ in range(2):
            assert np.allclose(compute_value(z), expected[z])
            assert np.allclose(compute_value(y), expected[y])


def test_what_is_known_is_part_of_it():
    """The same graph with its middle given, or another node, or none."""
    x = weights(N)
    a = tanh(x)
    b = a * 2
    c = exp(b) + a
    with fast.enable():
        for known in ({}, {a: np.zeros(N)}, {b: np.ones(N)}, {a: np.ones(N)}, {}):
            A = known.get(a, np.tanh(x.value))
            B = known.get(b, 2 * A)
            assert np.allclose(compute_values(c, dict(known))[c], np.exp(B) + A)


def test_literals_and_assigned_values_are_those_of_now():
    """A plan holds no numbers."""
    x = weights(N)
    for k in range(3):
        x.value = np.full(N, k / 4)
        found = gradients(asum(tanh(x) * (k + 1)))[x]
        assert np.allclose(found, (k + 1) * (1 - np.tanh(k / 4) ** 2))
    assert seen() == 1


def test_a_plan_keeps_no_graph_alive():
    """Neither nodes nor constants are kept by what is remembered."""
    import gc
    import weakref

    x, gone = weights(N), []
    for _ in range(2):
        y = constant(np.ones(N))
        loss = asum(tanh(x) * y)
        gone += [weakref.ref(y), weakref.ref(loss)]
        with fast.enable():
            compute_gradients(loss)
        del y, loss
    gc.collect()
    assert [r() for r in gone] == [None] * 4


def test_the_first_sight_of_few_nodes_makes_no_plan(monkeypatch):
    """A small graph is planned when it has come several times."""
    usual_size(monkeypatch)
    r = LSTM(-V, H, rng=0)
    before = fast.stats()["batched"]
    for k in range(1, deciding.AGAIN + 2):
        gradients(asum(r.transduce([1, 2])[-1]))
        assert fast.stats()["batched"] - before == max(0, k + 1 - deciding.AGAIN)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=12))
def test_equal_keys_are_equal_graphs(picks):
    """Random expressions: the key of a graph tells just what it computes."""
    keys = {}
    x = constant(np.array([0.3, 0.7]))
    for cut in range(1, len(picks) + 1):
        nodes = [x]
        for k, pick in enumerate(picks[:cut]):
            a, b = nodes[-1], nodes[pick % len(nodes)]
            nodes.append(a + b if k % 2 else a * tanh(b))
        made = outline.Outline([nodes[-1]])
        keys.setdefault(made.key(), []).append(_program(nodes[-1]))
    for same in keys.values():
        assert all(text == same[0] for text in same)
    assert len({same[0] for same in keys.values()}) == len(keys)


def _program(x):
    """A graph as text, shared nodes by their numbers."""
    numbers, lines = {}, []

    def visit(x):
        if x not in numbers:
            args = [visit(a) for a in x.args]
            numbers[x] = len(numbers)
            lines.append(f"{x.op and x.op.name}{args}")
        return numbers[x]

    visit(x)
    return "\n".join(lines)


# --- first steps ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_step_is_like_the_others(kind):
    """From a state without the axis of examples there is one kind of step."""
    r = kind(N, H, rng=0)
    inputs = np.random.default_rng(1).normal(size=(6, 2, N))
    batched = counted(asum(stack(list(r.transduce(list(inputs))))))
    alone = counted(asum(stack(list(r.transduce(list(inputs[:, 0]))))))
    assert batched == alone


@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_states_of_ones_own(learnt, dtype):
    """A state of another dtype, or one that is learnt, goes on alike."""

    class Own(Transducer):
        def __init__(self):
            self.gate = Layer([N, H, "diag"], H, f=sigmoid, rng=0)
            self.write = Layer([N, H], H, rng=1)
            state = np.linspace(-1, 1, H).astype(dtype)
            self.h0 = parameter(state) if learnt else constant(state)

        def start(self):
            self.h = self.h0

        @cell
        def step(self, x):
            f = self.gate(x, self.h, self.h)
            self.h = f * self.h + (1 - f) * self.write(x, self.h)
            return self.h

    r = Own()
    inputs = np.random.default_rng(1).normal(size=(5, 2, N))
    found = gradients(asum(stack(list(r.transduce(list(inputs)))) ** 2))
    assert (r.h0 in found) == learnt


@pytest.mark.parametrize("apart", [1, 2, 3])
@pytest.mark.parametrize("length", [4, 5, 9])
def test_dilated_steps_from_a_learnt_state(apart, length):
    """Several steps begin with the state that is learnt, of which some are fed with
    what came before: those are not first steps in all, but in their state."""
    table, h0, back = weights(V, N), weights(N, rng=1), weights(N, rng=2)

    @cell
    def step(x, h):
        return tanh(x + h * h), tanh(x * h)

    states, y = [h0] * apart, None
    for symbols in np.random.default_rng(1).integers(0, V, (length, 2)):
        x = table[symbols]
        h, y = step(x if y is None else x + y * back, states[-apart])
        states.append(h)
    assert h0 in gradients(asum(y * y) + asum(h))


def test_a_step_that_sees_the_axis_of_examples_is_apart():
    """What sums over examples is not the same without them."""

    class Own(Transducer):
        def __init__(self):
            self.layer = Layer([N, H], H, rng=0)
            self.h0 = constant(np.ones(H))

        def start(self):
            self.h = self.h0

        @cell
        def step(self, x):
            self.h = self.layer(x, self.h / asum(exp(self.h)))
            return self.h

    r = Own()
    inputs = np.random.default_rng(1).normal(size=(5, 2, N))
    gradients(asum(stack(list(r.transduce(list(inputs)))) ** 2))


def test_several_batches_and_single_ones():
    """Arrays of several numbers of examples, and none, in one loss."""
    r = LSTM(N, H, rng=0)
    rng = np.random.default_rng(1)
    shapes = [(3, 2), (4, 2), (3, 5), (6,), (4,)]
    inputs = [rng.normal(size=(*shape, N)) for shape in shapes]
    gradients(sum(asum(h) for x in inputs for h in r.transduce(list(x))))


# --- what does not come again ---------------------------------------------------------


def attentive(length):
    """Steps that look back at all earlier ones: each of them is of other kinds."""
    W, states = weights(H, H), [weights(H, rng=1)]
    for _ in range(length):
        memory = stack(states)
        looked = dot(softmax(dot(memory, states[-1])), memory)
        states.append(tanh(dot(looked, W)))
    return asum(states[-1])


def reading(length):
    """A sequence of symbols that is read, then each output looks at all before it."""
    states = list(LSTM(-V, H, rng=0).transduce([k % V for k in range(length)]))
    looked = [
        dot(softmax(dot(stack(states[:k]), states[k])), stack(states[:k]))
        for k in range(1, length)
    ]
    return sum(map(asum, looked))


def grown(seed):
    """Trees of 15 leaves with ten kinds of nodes on both ways down."""
    rng, leaf = np.random.default_rng(seed), weights(V, H)
    ways = [[weights(H, H, rng=10 * k + j) for j in range(10)] for k in range(2)]

    def tree(leaves):
        if leaves == 1:
            return leaf[int(rng.integers(V))]
        first = int(rng.integers(1, leaves))
        parts = [tree(first), tree(leaves - first)]
        for k, way in enumerate(ways):
            for W in way:
                parts[k] = dot(parts[k], W)
        return tanh(parts[0] + parts[1])

    return asum(tree(15))


@pytest.fixture
def _usual(monkeypatch):
    """What pays is batched; a graph has many kinds if it has one to 20 nodes."""
    usual_size(monkeypatch)
    monkeypatch.setattr(deciding, "MIXED", 0.05)
    monkeypatch.setattr(deciding, "DEAR", 0)
    strangers._met.clear()
    strangers.in_vain.counts.clear()
    strangers.irregular.counts.clear()


@pytest.mark.usefixtures("_usual")
def test_no_program_is_made_for_what_comes_once(monkeypatch):
    """Of graphs each of which has another structure with many kinds, none is planned,
    and most are not looked at."""
    looked, collected = [], executor.Collected
    monkeypatch.setattr(
        executor, "Collected", lambda *a: looked.append(0) or collected(*a)
    )
    before = caches()["programs"].made
    for length in range(12, 40):
        gradients(attentive(length))
    assert caches()["programs"].made == before
    assert len(looked) <= strangers.STREAK + 28 / strangers.STREAK


@pytest.mark.usefixtures("_usual")
def test_looking_back_is_one_program():
    """Though each output looks at another number of states."""
    gradients(reading(12))
    before = caches()["programs"].made
    for length in range(13, 20):
        gradients(reading(length))
    assert caches()["programs"].made == before


@pytest.mark.usefixtures("_usual")
def test_a_program_is_made_for_the_second_of_its_structure():
    """Trees of ever other shapes have one structure, though of many kinds; while others
    are passed by, too."""
    before = fast.stats()["batched"]
    for seed in range(6):
        gradients(grown(seed))
    assert fast.stats()["batched"] - before == 5
    for length in range(12, 40):
        gradients(attentive(length))
    before = fast.stats()["batched"]
    for seed in range(6, 12):
        gradients(grown(seed))
    assert fast.stats()["batched"] - before == 6


def read(words):
    """A loss of words that are read, letter by letter, by an undecorated step."""
    table, W, U = weights(V, H), weights(H, H), weights(H, H, rng=1)
    total = 0
    for word in words:
        h = zeros(H)
        for letter in word:
            h = tanh(dot(table[letter], U) + dot(h, W)) * h + table[letter]
        total = total + asum(h * h)
    return total


@pytest.mark.usefixtures("_usual")
def test_what_is_computed_sooner_than_planned_waits_until_it_comes_again(monkeypatch):
    """One short word after another is computed op by op; the third time that a graph
    comes, and where there are many words at once, it is batched."""
    monkeypatch.setattr(deciding, "DEAR", 7)

    def batched(words, times):
        before = fast.stats()["batched"]
        for _ in range(times):
            gradients(read(words))
        return fast.stats()["batched"] - before

    word = [0, 1, 2, 3, 4, 0, 1]
    assert len(topological([read([word])])) > deciding.LEAST_NODES
    assert batched([word], 2) == 0
    assert batched([word], 2) == 2
    assert batched([word[:k] for k in range(1, 8)] * 8, 1) == 1


def rounds(count):
    """Rounds, each of which starts from all states of the one before."""
    W, h, U = weights(H, H), weights(H, rng=1), weights(10 * H, H, rng=2)
    for _ in range(count):
        states = [h]
        for _ in range(10):
            states.append(tanh(dot(states[-1], W)))
        h = tanh(dot(concatenate(states[1:]), U))
    return asum(h)


@pytest.mark.usefixtures("_usual")
def test_what_was_irregular_is_not_tried_as_regular_each_time(monkeypatch):
    """A graph of the same ops as others that were irregular is collected once, not
    twice, and is right."""
    ways, collected = [], executor.Collected
    monkeypatch.setattr(
        executor, "Collected", lambda *a: ways.append(a[3]) or collected(*a)
    )
    for count in range(3, 21):
        gradients(rounds(count))
    assert ways.count(True) <= strangers.STREAK + 4
    assert ways.count(False) >= 16


# --- values of composite nodes --------------------------------------------------------


def test_slots_of_kept_nodes_are_not_computed_again(monkeypatch):
    """Symbol by symbol, the state is taken from the values, not computed anew."""
    from penne.composite import Composite

    r = LSTM(-V, H, rng=0)
    r.start()
    values = {}
    with fast.enable():
        compute_values(r.step(1), values)
        monkeypatch.setattr(Composite, "forward", None)
        for symbol in (2, 3, 1):
            compute_values(r.step(symbol), values)


# --- sums -----------------------------------------------------------------------------


@given(st.lists(st.integers(-V, V - 1), max_size=9), st.sampled_from(["f", "d"]))
def test_sums_of_rows(symbols, dtype):
    """Rows of the same symbol add up; symbols may count from the end."""
    pytest.importorskip("numba")
    distinct, which = sums.numbered(symbols, V)
    positive = np.array(symbols, int) % V
    assert np.array_equal(distinct, np.unique(positive))
    assert np.array_equal(distinct[which], positive)
    rows = np.arange(len(symbols) * 6, dtype=dtype).reshape(-1, 6)
    found = np.zeros((len(distinct), 2), dtype)
    sums.adding(np.dtype(dtype).name)(found, rows, which, 3)
    expected = np.zeros((V, 2))
    np.add.at(expected, positive, rows[:, 3:5])
    assert np.array_equal(found, expected[distinct])
