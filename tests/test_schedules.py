"""Learning rates as functions of the step."""

import pickle
from math import cos, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penne import SGD, asum, parameter
from penne.optimize.schedules import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    WarmUp,
)

EVERY = [
    Constant(0.1),
    Exponential(0.1, 0.5, 10),
    Linear(0.1, 7, 0.02),
    Cosine(0.1, 7, 0.02),
    WarmUp(5),
    OneCycle(0.1, 20),
    0.5 * WarmUp(5) * Cosine(0.1, 7),
    Constant(0.1).then(Exponential(0.1, 0.5), after=3),
]
every_schedule = pytest.mark.parametrize("schedule", EVERY, ids=repr)


@given(st.integers(0, 100), st.integers(1, 60))
def test_formulas(step, steps):
    """Each rate is that of its formula."""
    past = min(step, steps) / steps
    assert Exponential(0.3, 0.9, steps)(step) == 0.3 * 0.9 ** (step / steps)
    assert Linear(0.3, steps, 0.1)(step) == pytest.approx(0.3 - 0.2 * past)
    sgdr = 0.1 + 0.2 * (1 + cos(pi * past)) / 2
    assert Cosine(0.3, steps, 0.1)(step) == pytest.approx(sgdr)
    assert WarmUp(steps)(step) == min(1, (step + 1) / steps)


def test_one_cycle():
    """Up to the rate and down again, never above it, as high as defaults say."""
    rates = [OneCycle(1.0, 100)(step) for step in range(103)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[30] == 1
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert rates[100] == rates[102] == pytest.approx(1 / 250_000)
    assert rates[15] == pytest.approx((rates[0] + rates[30]) / 2)  # half a cosine
    assert rates[65] == pytest.approx((rates[30] + rates[100]) / 2)


@given(st.integers(0, 20), st.integers(1, 10))
def test_composition(step, after):
    """Products multiply; ``then`` counts the second's steps from 0."""
    down, up = Linear(0.3, 9, 0.1), WarmUp(4)
    assert (up * down)(step) == up(step) * down(step)
    assert (2 * up)(step) == (up * 2)(step) == 2 * up(step)
    assert (up * (lambda step: step))(step) == up(step) * step
    both = up.then(down, after)
    assert both(step) == (up(step) if step < after else down(step - after))


@every_schedule
def test_laws(schedule):
    """Schedules are above 0 at first, can be pickled, compared, and printed."""
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert [again(k) for k in range(30)] == [schedule(k) for k in range(30)]
    assert schedule(0) > 0


def test_in_a_trainer():
    """A trainer takes one where it takes a number."""
    p = parameter([0.0])
    trainer = SGD(0.5 * WarmUp(2))
    assert [trainer.receive(asum(p)) for _ in range(4)] == [0, -0.25, -0.75, -1.25]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(0.1, 0),
        lambda: Cosine(0.1, -1),
        lambda: WarmUp(1.5),
        lambda: OneCycle(0.1, 0),
        lambda: OneCycle(0.1, 10, rise=1.0),
        lambda: Constant(0.1).then(Constant(0.2), after=0),
    ],
)
def test_errors(make):
    """A length or a part that cannot be meant is an error that names it."""
    with pytest.raises(ValueError, match=r"(steps|after|rise) is .*, got"):
        make()
