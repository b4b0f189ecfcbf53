"""``@cell``: what is traced computes what it would untraced, or says why not."""

import copy
import gc
import pickle
import threading
import weakref
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transducers import Halved

from penne import *
from penne import caches
from penne.composite import Several, composite
from penne.graph import OPS, topological
from penne.recurrent.variants import StandardLSTM
from penne.settings import Switch
from penne.testing.registry import TRANSDUCERS

CELLS = [Simple, LSTM, GRU, StandardLSTM]
every_cell = pytest.mark.parametrize("kind", CELLS, ids=lambda c: c.__name__)


def untraced(kind):
    """The same class, its step run op by op."""
    step = kind._stepped if kind is Simple else kind.step.__wrapped__
    return type(kind.__name__, (kind,), {"step": step})


def test_slots():
    """A composite op gives the slots that are kept; others are computed when asked
    for, and from then on kept; one of no steps gives its inputs."""
    total = {"axis": (-1,), "keepdims": False}
    steps = [("negative", (0,), {}), ("tanh", (1,), {}), ("asum", (1,), total)]
    made = composite("slots", 1, [(OPS[name], *rest) for name, *rest in steps])
    made.keep([3])
    x = np.ones((2, 3))
    slots = made.forward(x)
    assert list(map(type, slots)) == [type(None)] * 3 + [np.ndarray]
    np.testing.assert_array_equal(slots.at(3), [-3, -3])
    np.testing.assert_array_equal(slots.at(2), np.tanh(-x))
    assert made.forward(x)[2] is not None
    assert composite("no slots", 1, []).forward(x)[0] is x


def test_a_users_function_is_not_traced():
    """A nonlinearity of one's own may branch on values, in a cell of penne's too."""

    def loud(x):
        return x * 2 if compute_value(asum(x)) > 0 else x

    r = Simple(3, 2, f=loud, gain=1.0)
    xs = np.ones((4, 3))
    assert compute_value(r.transduce(xs)).shape == (4, 2)


def copied(r, kind):
    """A transducer of another class with the same parameters."""
    other = kind(3, 2)
    for name, p in r.parameters().items():
        other.parameters()[name].value = p.value
    return other


def composites(*roots):
    return [x.op for x in topological(roots) if isinstance(x.op, Several)]


def largest(a, b):
    """The largest difference between two mappings of arrays, in order."""
    return max(
        np.abs(x - y).max(initial=0)
        for x, y in zip(a.values(), b.values(), strict=True)
    )


@every_cell
@given(st.integers(0, 4), st.sampled_from([(), (2,)]), st.integers(0, 99))
def test_equals_untraced(kind, length, batch, seed):
    """Values, first and second gradients are those of the function run op by op."""
    with default_dtype("float64"):
        r = kind(3, 2, rng=seed)
        other = copied(r, untraced(kind))
        xs = np.random.default_rng(seed).normal(size=(length, *batch, 3))
        mine, theirs = (asum(c.transduce(xs) ** 2) for c in (r, other))
        assert not length or composites(mine)
        assert all(op.name == "Layer" for op in composites(theirs))
        assert compute_value(mine) == pytest.approx(compute_value(theirs), rel=1e-13)
        if length:
            first, second = compute_gradients(mine), compute_gradients(theirs)
            ordered = [(first[p], second[other.parameters()[n]]) for n, p in _named(r)]
            assert all(np.allclose(a, b, rtol=1e-12, atol=1e-14) for a, b in ordered)
            curved = [_curvature(*pair) for pair in ((r, mine), (other, theirs))]
            assert largest(*curved) < 1e-11


def _named(r):
    return r.parameters().items()


def _curvature(r, loss):
    """The gradient of the squared length of the gradient, by name."""
    ps = list(r.parameters().values())
    length2 = sum(asum(g * g) for g in gradient(loss, ps))
    found = compute_gradients(length2)
    return {name: found[p] for name, p in _named(r)}


@every_cell
def test_one_node_a_step(kind):
    """A step is one node of a composite op and its projections."""
    r = kind(3, 2)
    r.transduce(np.zeros((2, 3)))
    before = len(topological([r.step(np.zeros(3))]))
    assert len(topological([r.step(np.zeros(3))])) - before <= 4


def test_no_new_op_for_a_new_size():
    """Lengths, batch sizes and layer sizes share one composite op, and its gradient."""
    made = []
    for insize, outsize, batch, length in [(3, 2, 4, 5), (3, 2, 7, 2), (5, 6, 4, 3)]:
        r = LSTM(insize, outsize)
        loss = asum(r.transduce(np.zeros((length, batch, insize))) ** 2)
        compute_gradients(loss)
        made.append(caches()["composite ops"].made)
    assert made[0] == made[1] == made[2]
    assert len(set(composites(loss))) <= 2  # the first state has no batch


def test_functions_trees_and_tuples():
    """A function of several expressions gives several; a tree is built of one op."""
    with default_dtype("float64"):
        join, leaf = Layer([3, 3], 3, rng=0), Layer(-5, 3, rng=1)

        def node(left, right, scale):
            h = join(left[0], right[0])
            return h, left[1] + right[1] * scale

        traced = cell(node)

        def grow(tree, f):
            if isinstance(tree, int):
                return leaf(tree), constant(1.0)
            return f(grow(tree[0], f), grow(tree[1], f), 0.5)

        tree = ((1, (2, 3)), (4, (0, (1, 1))))
        for _ in range(2):
            mine, theirs = (asum(sum(grow(tree, f))) for f in (traced, node))
            assert compute_value(mine) == compute_value(theirs)
            assert largest(compute_gradients(mine), compute_gradients(theirs)) < 1e-14
        assert len(composites(mine)) == 6


def test_cells_inside_cells():
    """A cell may call cells; the outer one is one node."""

    class Twice(Transducer):
        def __init__(self):
            self.first, self.second = LSTM(3, 2, rng=0), GRU(2, 2, rng=1)

        def start(self):
            self.first.start()
            self.second.start()

        @cell
        def step(self, inp):
            return self.second.step(self.first.step(inp))

    with default_dtype("float64"):
        twice = Twice()
        stack_ = Stack(twice.first, twice.second)
        xs = np.random.default_rng(0).normal(size=(4, 3))
        mine, theirs = asum(twice.transduce(xs)), asum(stack_.transduce(xs))
        assert compute_value(mine) == compute_value(theirs)
        first, second = compute_gradients(mine), compute_gradients(theirs)
        assert all(np.allclose(first[p], second[p]) for p in first)
        twice.start()
        assert len(composites(twice.step(xs[0]))) == 1


LEARNED = {
    "Own": lambda: Halved(GRU(3, 3, learned_start=True)),
    "Twice": lambda: Halved(Halved(LSTM(3, 3, learned_start=True))),
    "Concat": lambda: Concat(GRU(3, 3, learned_start=True), LSTM(3, 3)),
    "Residual": lambda: Residual(Simple(3, 3, learned_start=True)),
    "Highway": lambda: Highway(LSTM(3, 3, learned_start=True), 3),
}


@pytest.mark.parametrize("make", LEARNED.values(), ids=LEARNED)
def test_cells_inside_cells_with_learned_states(make):
    """The state of a cell inside a cell may be a parameter: what is computed is what
    the steps give op by op, as debugging takes them."""
    with default_dtype("float64"):
        r, xs = make(), np.ones((4, 3))
        found = compute_value(r.transduce(xs))
        with debug():
            expected = compute_value(r.transduce(xs))
        np.testing.assert_allclose(found, expected, rtol=1e-14)
        given = {path: parameter(np.ones(3)) for path in r.state}
        taken = compute_value(unroll(make(), xs, state=given).outputs)
        assert taken.shape == found.shape


def test_a_cell_first_called_on_symbols():
    """A cell that is called in the second run alone is traced within that of the other
    and makes no error of its own."""
    seen = []

    @cell
    def outer(x, y):
        seen.append(x)
        return cell(lambda a, b: a * b + b)(x, y)

    found = compute_value(outer(np.ones(2), np.full(2, 3.0)))
    np.testing.assert_array_equal(found, [6, 6])
    assert len(seen) == 2


def test_state_of_a_node():
    """State attributes are outputs of the node: it rewinds, pickles and is copied."""
    r = LSTM(-5, 3)
    r.start()
    r.step(1)
    before = r.state
    y = compute_value(r.step(2))
    r.state = before
    assert (compute_value(r.step(2)) == y).all()
    for other in (copy.deepcopy(r), pickle.loads(pickle.dumps(r))):
        other.state = copy.deepcopy(before)
        assert np.allclose(compute_value(other.step(2)), y)


Pair = namedtuple("Pair", "left right")


class Trio(tuple):
    """A tuple of a class of one's own."""


KINDS = {
    "a list": lambda x, y: [x, y],
    "a named tuple": Pair,
    "a tuple of one's own": lambda x, y: Trio((x, y, x)),
    "one in another": lambda x, y: [Pair(x, (y, [x])), Pair(y, ())],
    "one with None": lambda x, y: Pair(x, None),
    "a tuple of a type": lambda x, y: (list, x),
    "a tuple of a type of tuple": lambda x, y: (Pair, x, y),
    "none": lambda x, y: (),
    "a dict in one": lambda x, y: (x, {}),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_kinds_of_arguments_and_results(make):
    """An argument comes to the function, and a result to the caller, as what it is."""
    seen = []

    @cell
    def there(p):
        seen.append(p)
        return p

    @cell
    def back(x, y):
        return make(x * 2, y)

    x, y = constant(np.ones(2)), constant(np.zeros(3))
    for _ in range(3):
        expected, found = make(x, y), back(x, y)
        assert _kinds(found) == _kinds(expected)
        if "dict" not in str(_kinds(expected)):
            assert _kinds(there(expected)) == _kinds(seen[-1]) == _kinds(expected)


def _kinds(value):
    """The types of a structure, at any depth, and the shapes of expressions."""
    if isinstance(value, (tuple, list)):
        return type(value), [_kinds(part) for part in value]
    return getattr(value, "shape", type(value))


def test_kinds_are_kept_apart():
    """A list, a tuple that begins with its type and a named tuple are traced apart."""
    f = cell(lambda p: p[-1] * len(p))
    for argument, expected in (
        ([constant(2.0)], 2),
        ((list, constant(2.0)), 4),
        ((constant(2.0),), 2),
        (Pair(constant(1.0), constant(2.0)), 4),
        ((Pair, constant(1.0), constant(2.0)), 6),
    ):
        assert compute_value(f(argument)) == expected


def test_dropout_inside():
    """A mask drawn in a step is drawn anew at each, and held by fixed_masks."""

    class Noisy(Transducer):
        def __init__(self):
            self.drop = Dropout(0.5, rng=0)

        @cell
        def step(self, inp):
            return self.drop(inp)

    y = stack(Noisy().transduce([np.ones(50)] * 3))
    first = compute_value(y)
    assert not (first[0] == first[1]).all()
    assert not (first == compute_value(y)).all()
    with fixed_masks():
        assert (compute_value(y) == compute_value(y)).all()


def test_symbols_are_checked():
    """An index out of range is an error at the call, as without the decorator."""
    r = LSTM(-5, 3)
    r.transduce([0, 1])
    for wrong in (5, -1, [0, 7]):
        with pytest.raises(IndexError, match="outside"):
            r.step(wrong)


def test_changed_layers_are_seen():
    """A layer exchanged after the first step is the one that is used."""
    r = Simple(3, 2)
    r.transduce(np.zeros((2, 3)))
    r.layer = Layer([3, 2], 2, bias=1.0)
    y = compute_value(r.transduce(np.zeros((1, 3))))
    assert np.allclose(y, np.tanh(1))


def test_values_forgotten_are_computed_again():
    """A gradient asked for after the value finds what it needs."""
    with default_dtype("float64"):
        r = LSTM(3, 2, rng=0)
        r.transduce(np.zeros((2, 3)))
        loss = asum(r.transduce(np.ones((3, 3))))
        values = compute_values(loss)
        exact = compute_gradients(loss)
        slopes = gradient(loss, list(exact))
        compute_values(slopes, values)
        for g, p in zip(slopes, exact):
            np.testing.assert_allclose(values[g], exact[p], rtol=1e-12, atol=1e-15)


def test_threads():
    """Cells traced at the same time in several threads do not disturb each other."""

    def run(found):
        for k in range(20):
            r = LSTM(3, 2, rng=k)
            found.append(compute_value(r.transduce(np.ones((3, 3)))))

    found = [[] for _ in range(4)]
    threads = [threading.Thread(target=run, args=(each,)) for each in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(each) for each in found] == [20] * 4
    assert all((a == b).all() for each in found for a, b in zip(each, found[0]))


def test_within():
    """The value of a block alone is never that of the process."""
    switch = Switch("within", 0)
    block = switch.within(1)
    assert switch.value == 0
    with block:
        assert (switch.value, switch.default) == (1, 0)
    assert switch.value == 0


def test_constant_to_gradients():
    """A loss that reaches a parameter only through a cell that is constant to
    gradients is refused, by name; what detaches is not."""
    q = parameter([1.0, -2.0])
    for f in (lambda x: sign(x) * 2.0, lambda x: greater(x, 0) * 1.0):
        with pytest.raises(ValueError, match="only through"):
            compute_gradients(asum(cell(f)(q) * 2.0))
    with pytest.raises(TypeError, match="takes a function"):
        cell(Layer(2, 2))


def test_dataclasses():
    """Owners that compare by value, and have no hash, are told apart, and let go."""

    @dataclass
    class Own(Transducer):
        layer: Layer
        scale: float = 1.0

        def start(self):
            self.h = zeros(2)

        @cell
        def step(self, inp):
            self.h = self.layer(inp, self.h) * self.scale
            return self.h

    one, two = (Own(Layer([3, 2], 2, rng=0), scale) for scale in (1.0, 2.0))
    for r in (one, two, one):
        found, (first, *_) = r.transduce(np.ones((4, 3))), r.transduce([np.ones(3)])
        wanted = r.layer(np.ones(3), zeros(2)) * r.scale
        assert (compute_value(found[0]) == compute_value(wanted)).all()
        assert (compute_value(first) == compute_value(wanted)).all()
    assert set(two.state) == {"h"}
    one = weakref.ref(one)
    del r
    gc.collect()
    assert one() is None
    assert len(Own.step.states) == len(Own.step.current) == 1


def test_let_go():
    """Whoever lets go of a transducer lets go of all that was kept for it."""
    gone = {}
    for row in TRANSDUCERS.values():
        for n in row.insizes:
            r = row.make(n)
            r.transduce([np.ones(3) if n > 0 else 1] * 2)
            gone[row.name, n] = weakref.ref(r)
            del r
    gc.collect()
    assert [name for name, r in gone.items() if r() is not None] == []
