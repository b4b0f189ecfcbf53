"""A cell whose promise is broken is refused, with all put back as it was."""

import copy

import numpy as np
import pytest
from transducers import Halved

from penne import *


class Broken(Transducer):
    """A transducer with a state to put back; the steps below break a promise."""

    def __init__(self):
        self.layer = Layer([2, 2], 2)
        self.calls = [0]
        self.other = None

    def start(self):
        self.h = zeros(2)


def broken(step):
    return type("Own", (Broken,), {"step": cell(step)})()


def on_truth(self, inp):
    if isinstance(inp, Constant) or inp:
        return inp
    return self.h


def on_length(self, inp):
    return inp * len(inp)


def on_hash(self, inp):
    return {inp: inp}[inp]


def on_equality(self, inp):
    return inp + (inp == self.h)


def on_value(self, inp):
    return inp * compute_value(inp)


def on_kind(self, inp):
    return inp * 2 if isinstance(inp, Constant) else inp * 3


def on_count(self, inp):
    self.calls[0] += 1
    return inp * self.calls[0]


def on_counter(self, inp):
    self.t = getattr(self, "t", 0) + 1
    return inp


def on_chance(self, inp):
    return inp * np.random.default_rng().normal()


OUTSIDE = tanh(parameter([1.0, 2.0]))


def on_outside(self, inp):
    return inp * OUTSIDE


FOREIGN = Simple(2, 2)


def on_foreign(self, inp):
    FOREIGN.h = inp
    return inp * 2


STEPS = [
    on_truth,
    on_length,
    on_hash,
    on_equality,
    on_value,
    on_kind,
    on_count,
    on_counter,
    on_chance,
    on_outside,
    on_foreign,
]


@pytest.mark.parametrize("step", STEPS, ids=lambda f: f.__name__)
def test_broken_promises(step):
    """What is no function of arguments and state is an error that names the line and
    says what to do; the state is put back."""
    r = broken(step)
    r.start()
    h = r.h
    with pytest.raises(TypeError, match=r"take @penne\.cell away") as caught:
        r.step(constant([1.0, 2.0]))
    lines = [step.__code__.co_firstlineno + k for k in (0, 1, 2)]
    assert any(f"test_promises.py, line {n})" in str(caught.value) for n in lines)
    assert r.h is h
    assert set(r.state) == {"h"}


class Sum(Transducer):
    """h := h + x, op by op."""

    def start(self):
        self.h = zeros(2)

    def step(self, inp):
        self.h = self.h + inp
        return self.h


@pytest.mark.parametrize("copied", [lambda r: r, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("then", [lambda y: y * 2, lambda y: y * len(y)])
@pytest.mark.parametrize("started", [True, False])
def test_what_is_foreign_is_given_back(copied, then, started):
    """A transducer that a refused cell has moved on is where it was: started or not,
    and whether it is a copy."""
    inner = copied(Sum())
    if started:
        inner.start()
    before = inner.state

    @cell
    def outer(x):
        inner.h = x
        return then(inner.step(x))

    for _ in range(2):
        with pytest.raises(TypeError, match=r"cell .*take @penne\.cell away"):
            outer(np.ones(2))
        assert inner.state == before
    inner.start()
    assert compute_value(inner.step(np.ones(2))).tolist() == [1, 1]


@pytest.mark.parametrize("bound", [lambda f: f, classmethod])
def test_what_is_no_module_has_no_cells(bound):
    """A cell of an object of which no exchange would be seen is refused."""

    class Plain:
        w = parameter([1.0, 2.0])
        step = bound(cell(lambda self, x: self.w * x))

    with pytest.raises(TypeError, match="which is no Module; derive its class from"):
        Plain().step(np.ones(2))


@pytest.mark.parametrize("kind", [LSTM, Sum])
def test_arrays_as_state(kind):
    """An array assigned to the state of a cell says what to write, and where it is."""
    r = Halved(kind(2, 2)) if kind is LSTM else Halved(kind())
    r.start()
    r.inner.h = np.ones(2)
    with pytest.raises(TypeError, match=r"^Halved: the state inner\.h is an array; wr"):
        r.step(np.ones(2))
    r.inner.h = constant(np.ones(2))
    r.step(np.ones(2))
    r.inner.n, r.inner.h = 3, {"a": 1}
    wrong = r"the state inner\.h, a dict, is neither an expression nor hashable; take @"
    with pytest.raises(TypeError, match=wrong):
        r.step(np.ones(2))


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("dict", lambda x: {"h": x}),
        ("dict", lambda x: [(x, {"h": x})]),
        ("generator", lambda x: (x for _ in range(2))),
        ("object", lambda x: (x, object())),
    ],
)
def test_kinds_of_results(kind, make):
    """A result in which there is something other than expressions, tuples and lists,
    and not the same each time, is told what it may be."""
    wrong = f"its result has an? {kind}, .* away, or return expressions, tuples or l"
    with pytest.raises(TypeError, match=wrong):
        cell(make)(constant(np.ones(2)))


def test_a_module_has_no_state():
    """A cell of what is no transducer may not assign its attributes."""

    class Counts(Module):
        def __init__(self):
            self.h = zeros(2)

        @cell
        def step(self, inp):
            self.h = self.h + inp
            return self.h

    m = Counts()
    before = m.h
    with pytest.raises(TypeError, match="it assigns h of Counts; a step moves"):
        m.step(np.ones(2))
    assert m.h is before


def test_an_exception_in_the_middle():
    """The user's own exception passes; the state is what it was."""

    def step(self, inp):
        self.h = inp
        raise KeyError("own")

    r = broken(step)
    r.start()
    h = r.h
    with pytest.raises(KeyError, match="own"):
        r.step(constant([1.0, 2.0]))
    assert r.h is h
