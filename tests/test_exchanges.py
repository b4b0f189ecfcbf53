"""What is exchanged by assignment to an attribute is seen by every cell."""

import gc
import weakref

import numpy as np
import pytest

from penne import *
from penne.exchanges import Held
from penne.tracing import MOST_PLANS, Trace

ONES, ONES2 = np.ones(3), np.ones((3, 2))
HELD = {}


def layer(value):
    """A layer that gives 3 value."""
    return Layer(3, 2, f=None, bias=None, init=lambda *_: value * ONES2)


class Model(Module):
    """A module with a layer, a function and a constant, and of its class a number and
    a function, used by a cell of its own."""

    power = 1.0
    sign = staticmethod(negative)

    def __init__(self):
        self.layer, self.f, self.by = layer(1.0), negative, constant([1.0, 1.0])

    @cell
    def own(self, x):
        return self.plain(x)

    def plain(self, x):
        return self.f(self.layer(self.sign(x))) ** self.power * self.by


def by_itself(m):
    return m.own


def by_closure(m):
    return cell(lambda x: m.plain(x))


def by_global(m):
    HELD["m"] = m
    return cell(lambda x: HELD["m"].plain(x))


def by_argument(m):
    f = cell(lambda x, m: m.plain(x))
    return lambda x: f(x, m)


def by_first_argument(m):
    f = cell(lambda m, x: m.plain(x))
    return lambda x: f(m, x)


def by_a_part(m):
    class Outer(Transducer):
        def __init__(self):
            self.within = {"m": m}

        @cell
        def step(self, x):
            return self.within["m"].plain(x)

    return Outer().step


def by_another_cell(m):
    inner = cell(lambda x: m.plain(x))
    inner(ONES)
    return cell(lambda x: inner(x) * 1.0)


def by_a_cell_with_an_owner(m):
    m.own(ONES)
    return cell(lambda x: m.own(x) * 1.0)


WAYS = [
    by_itself,
    by_closure,
    by_global,
    by_argument,
    by_first_argument,
    by_a_part,
    by_another_cell,
    by_a_cell_with_an_owner,
]

EXCHANGES = {
    "a layer": lambda m: setattr(m, "layer", layer(2.0)),
    "weights": lambda m: setattr(m.layer, "weights", (parameter(ONES2 * 2),)),
    "a bias": lambda m: setattr(m.layer, "bias", parameter(ONES[:2])),
    "a function": lambda m: setattr(m, "f", tanh),
    "a constant": lambda m: setattr(m, "by", constant([5.0, 6.0])),
    "a constant for a parameter": lambda m: setattr(m, "by", parameter([5.0, 6.0])),
    "a number": lambda m: setattr(m, "by", 3.0),
    "a number of the class": lambda m: setattr(type(m), "power", 2.0),
    "a number of the base": lambda m: setattr(type(m).__base__, "power", 3.0),
    "a function of the class": lambda m: setattr(type(m), "sign", negative),
    "nothing of the class": lambda m: delattr(type(m), "sign"),
}


@pytest.mark.parametrize("change", EXCHANGES.values(), ids=EXCHANGES)
@pytest.mark.parametrize("way", WAYS, ids=lambda f: f.__name__)
def test_exchanged(way, change):
    """A cell computes what its function does, whatever is exchanged in a module that
    it reads, and however it came by that."""
    base = type("Base", (Model,), {"power": 1.0})
    m = type("Own", (base,), {"sign": staticmethod(abs)})()
    f = way(m)
    for _ in range(2):
        np.testing.assert_array_equal(compute_value(f(ONES)), [-3, -3])
    change(m)
    for _ in range(2):
        expected = compute_value(m.plain(ONES))
        assert not (expected == [-3, -3]).all()
        np.testing.assert_array_equal(compute_value(f(ONES)), expected)


class Scaled(Transducer):
    """h := h + k x, from a state that is there from the first."""

    def __init__(self):
        self.h, self.k = zeros(2), constant([1.0, 1.0])

    @cell
    def step(self, x):
        self.h = self.h + x * self.k
        return self.h


def steps(r, count):
    return [float(compute_value(r.step(ONES[:2]))[0]) for _ in range(count)]


def test_a_constant_of_a_transducer():
    """A constant assigned in place of one of the construction is seen: it is state."""
    r = Scaled()
    assert steps(r, 2) == [1, 2]
    r.k = constant([5.0, 5.0])
    assert steps(r, 2) == [7, 12]
    assert set(r.state) == {"h", "k"}


def test_a_state_of_the_construction():
    """A state that the construction gave moves on each time it is gone back to."""
    r = Scaled()
    for _ in range(3):
        r.state = {}
        assert steps(r, 3) == [1, 2, 3]


def test_numbers_as_state():
    """A number in the state is another than an equal one of another type."""

    class Times(Transducer):
        @cell
        def step(self, x):
            return x * self.k

    r = Times()
    for k in (1, 1.0, True):
        r.k = k
        expected = (constant(np.array([1, 2])) * k).dtype
        assert r.step(np.array([1, 2])).dtype == expected


def test_while_it_is_made():
    """A transducer may be read by a cell before it is whole."""

    class Own(Transducer):
        def __init__(self):
            self.layer = layer(1.0)
            self.f = cell(lambda x: self.layer(x))
            self.first = self.f(ONES)

    r = Own()
    np.testing.assert_array_equal(compute_value(r.f(ONES)), [3, 3])
    r.layer = layer(2.0)
    np.testing.assert_array_equal(compute_value(r.f(ONES)), [6, 6])


def test_what_is_held_is_let_go():
    """A cell that is given ever other layers keeps no more of them than of plans."""
    f = cell(lambda x, m: m(x))
    made = []
    for k in range(MOST_PLANS + 5):
        m = layer(float(k))
        made.append(weakref.ref(m.weights[0]))
        f(ONES, m)
    del m
    gc.collect()
    assert sum(p() is not None for p in made) <= MOST_PLANS


def test_nothing_is_traced_again(monkeypatch):
    """What is exchanged elsewhere, made anew or moved on in the state has no cell
    traced again; and nothing is noted once the traces are made."""
    made = []
    plan = Trace.plan
    monkeypatch.setattr(Trace, "plan", lambda *a: made.append(a) or plan(*a))
    other = type("Other", (Model,), {})()
    m, r = Model(), GRU(3, 2, learned_start=True)
    f, xs = by_closure(m), np.ones((4, 3))
    for k in range(3):
        f(ONES)
        m.own(ONES)
        r.transduce(list(xs))
        other.layer = Layer(3, 2)
        other.__class__.other = k
        assert len(made) == 3
    assert Held.blocks == 0
    assert Module.__getattribute__ is object.__getattribute__
