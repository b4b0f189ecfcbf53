"""The executor that batches: the same numbers, in fewer and larger pieces."""

import threading

import numpy as np
import pytest
from fixtures import every_graph, examples  # noqa: F401  # every_graph: for all tests
from hypothesis import given
from hypothesis import strategies as st

import penne
from penne import *
from penne import caches, cell, fast
from penne.compute import PLAIN
from penne.fast.collect import Collected
from penne.fast.components import components
from penne.graph import topological
from penne.recurrent.variants import StandardLSTM

V, H = 5, 3


def both(f):
    """What f gives by the plain executor and by the fast one."""
    with fast.disable():
        expected = f()
    before = fast.stats()["batched"]
    with fast.enable():
        found = f()
    assert fast.stats()["batched"] > before
    return expected, found


def same(expected, found):
    """Equal within what a different order of summation may do."""
    assert len(expected) == len(found)
    for key, a in expected.items():
        scale = np.abs(a).max(initial=1e-300)
        assert np.shape(a) == np.shape(found[key])
        assert np.abs(a - found[key]).max(initial=0) <= 1e-12 * max(scale, 1)


class Own(Transducer):
    """An undecorated cell: its ops are batched one by one."""

    def __init__(self, insize, size):
        self.gate = Layer([insize, size, "diag"], size, f=sigmoid, rng=0)
        self.write = Layer([insize, size], size, rng=1)
        self.drop = Dropout(0.5, rng=2)

    def start(self):
        self.h = zeros(H)

    def step(self, inp):
        f = self.gate(inp, self.h, self.h)
        self.h = f * self.h + (1 - f) * self.drop(self.write(inp, self.h))
        return layer_norm(self.h)


KINDS = [Simple, LSTM, GRU, StandardLSTM, Own]
ragged = st.lists(st.lists(st.integers(0, V - 1), max_size=5), min_size=1, max_size=5)


def nats(r, output, sentence):
    """The surprise at each symbol of a sentence after the first."""
    pairs = zip(r.transduce(sentence), sentence[1:])
    return -sum((output(h)[y] for h, y in pairs), start=constant(0.0))


@pytest.mark.parametrize("kind", KINDS, ids=lambda c: c.__name__)
@examples(1 / 3)
@given(ragged, st.randoms(use_true_random=False))
def test_ragged_batches(kind, sentences, random):
    """Sentences of any lengths: loss and gradients are those without batching, in
    whatever order the sentences come, with dropout masks held."""
    with default_dtype("float64"):
        r, output = kind(-V, H), Layer(H, V, f=logsoftmax, rng=1)
    losses = [nats(r, output, s) for s in sentences] + [asum(output(np.ones(H)))]
    with fixed_masks():
        expected, found = both(lambda: compute_gradients(sum(losses)))
        same(expected, found)
        random.shuffle(losses)
        with fast.enable():
            same(expected, compute_gradients(sum(losses)))
            assert np.isclose(
                compute_value(sum(losses)), sum(map(float, map(_value, losses)))
            )


def _value(x):
    values = {}
    PLAIN.evaluate([x], values, False)
    return values[x]


trees = st.recursive(
    st.integers(0, V - 1), lambda t: st.tuples(t, t) | st.tuples(t), max_leaves=8
)


@examples(1 / 2)
@given(st.lists(trees, min_size=1, max_size=4), st.booleans())
def test_forests(forest, traced):
    """Trees of any shape, of one or two children: the numbers of the plain executor,
    values and first and second derivatives."""
    with default_dtype("float64"):
        leaf, one = Layer(-V, H, rng=0), Layer(H, H, rng=1)
        two = Layer([H, H], H, rng=2)

    def join(*children):
        return (two if len(children) == 2 else one)(*children)

    node = cell(join) if traced else join

    def grow(tree):
        return leaf(tree) if isinstance(tree, int) else node(*map(grow, tree))

    loss = sum(asum(grow(tree) ** 2) for tree in forest)
    same(*both(lambda: compute_gradients(loss)))
    wrt = list(compute_gradients(loss))
    length2 = sum(asum(g * g) for g in gradient(loss, wrt))
    same(*both(lambda: compute_gradients(length2)))


def test_keeps_all_values():
    """The mapping of values holds every expression that a user can name, and a
    growing expression goes on from it."""
    with default_dtype("float64"):
        r = LSTM(-V, H, rng=0)
    ys = [r.transduce([1, 2, 3]), r.transduce([4, 1])]
    loss = sum(asum(y) for part in ys for y in part)
    with fast.enable():
        values = compute_values(loss)
        assert set(topological([loss])) <= set(values)
        expected = compute_gradients(loss)
        slopes = gradient(loss, list(expected))
        compute_values(slopes, values)
    same(expected, {p: values[g] for p, g in zip(expected, slopes)})


def test_kinds_do_not_grow_with_the_batch():
    """More sentences of one length make larger kinds, not more of them."""
    r, output = LSTM(-V, H), Layer(H, V, f=logsoftmax)
    nats(r, output, [0, 1, 2])
    counts = []
    for number in (2, 20):
        parts = [nats(r, output, [1, 2, 3, 4]) for _ in range(number)]
        whole = stack(parts)
        kinds = Collected(topological([whole]), {}, [whole]).kinds
        counts.append(len(kinds))
        steps = [len(kind.nodes) for kind in kinds if "step" in kind.op.name]
        assert steps == [3 * number]  # the last output is not asked for
    assert counts[0] == counts[1]


@given(st.lists(st.sets(st.integers(0, 7)), min_size=8, max_size=8))
def test_components(needs):
    """Two vertices share a component exactly if each reaches the other; what a vertex
    needs has no larger number."""
    found = components(needs)
    reach = np.eye(8, dtype=bool)
    for v, some in enumerate(needs):
        reach[v, list(some)] = True
    for k in range(8):
        reach |= reach[:, [k]] & reach[[k], :]
    for v in range(8):
        for w in range(8):
            assert (found[v] == found[w]) == (reach[v, w] and reach[w, v])
            assert not reach[v, w] or found[w] <= found[v]


def test_threads():
    """Two graphs trained in two threads at once learn what each learns alone."""

    def learn(seed, found):
        with default_dtype("float64"):
            r = LSTM(-V, H, rng=seed)
        trainer = SGD(0.1)
        with fast.enable():
            for _ in range(20):
                loss = sum(asum(y**2) for s in ([1, 2], [3]) for y in r.transduce(s))
                found.append(trainer.receive(loss))

    alone, together = ([], []), ([], [])
    for seed, found in enumerate(alone):
        learn(seed, found)
    threads = [threading.Thread(target=learn, args=x) for x in enumerate(together)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alone == together


def test_nan_is_named():
    """The first op that makes NaN is named by either executor."""
    p = parameter([1.0, 2.0])
    losses = [asum(log(p * k - 1.5)) for k in range(3)]
    with (
        fast.enable(),
        np.errstate(invalid="ignore"),
        pytest.raises(FloatingPointError, match="log"),
    ):
        compute_gradients(sum(losses))


@pytest.mark.parametrize("compiled", [False, True])
def test_weights_of_two_dtypes(compiled, monkeypatch):
    """Products of the same rows with weights of two dtypes are each of its own."""
    for name in ("graphs seen", "programs"):
        caches()[name].clear()
    monkeypatch.setenv("PENNE_FAST", "compiled" if compiled else "1")
    rng = np.random.default_rng(0)
    W, U = rng.normal(size=(2, 4, 4))
    single, double = parameter(W.astype("float32")), parameter(U)
    table = parameter(rng.normal(size=(9, 4)).astype("float32"))

    def loss():
        rows = [table[k] * table[k] for k in range(9)]
        return sum(asum(dot(x, single)) + asum(dot(x, double) ** 2) for x in rows)

    expected, found = both(lambda: compute_gradients(loss()))
    for p, g in expected.items():
        assert found[p].dtype == g.dtype
    scale = np.abs(expected[double]).max()
    assert np.abs(expected[double] - found[double]).max() <= 1e-12 * scale
    assert both(lambda: compute_value(loss()))[1].dtype == np.float64


@given(st.lists(st.integers(2, 5), min_size=2, max_size=4), st.integers(-2, 1))
def test_places_in_tables_of_several_lengths(lengths, place):
    """What is counted from the end is another row of each table."""
    tables = [parameter(np.arange(2.0 * n).reshape(n, 2) / n) for n in lengths]
    same(*both(lambda: compute_gradients(sum(asum(t[place] * 2.0) for t in tables))))


class Factor:
    """A static param that does not show what it is."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return "Factor"


@penne.op("()->()", gradient=lambda g, y, x, factor: (g * factor.value,))
def scaled(x, *, factor):
    """x times a static factor."""
    return x * factor.value


def test_params_that_look_the_same():
    """What is printed in the same way is not taken for the same."""
    factors = [Factor(3.0), Factor(5.0), Factor(5.0)]
    p = parameter(np.ones(2))

    def value():
        xs = [p * float(k) for k in range(9)]
        ys = [scaled(x, factor=f) for x in xs for f in factors]
        return {"sum": compute_value(sum(asum(y) * k for k, y in enumerate(ys)))}

    same(*both(value))


def test_rules_that_ask_for_values():
    """The rule of a gradient is looked at once for many nodes, which have no value."""

    @penne.op("()->()", gradient=lambda g, y, x: (g * np.cos(compute_value(x)),))
    def own_sine(x):
        return np.sin(x)

    p = parameter(np.ones(3))
    with fast.enable(), pytest.raises(AttributeError, match="write ops of the arg"):
        compute_gradients(sum(asum(own_sine(p * k)) for k in range(9)))
