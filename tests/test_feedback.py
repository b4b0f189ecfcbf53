"""A transducer whose output is one more input at the next step."""

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from parts import N, values, xs_of

from penne import *
from penne.recurrent.variants import StandardLSTM


@pytest.mark.parametrize("batch", [(), (2,)])
def test_feedback(batch):
    """The output is one more input at the next step."""
    layer, first = LSTM([N, 2], 2, rng=0), np.array([0.5, -1.0])
    xs = xs_of(5, batch)
    found = values(Feedback(layer, first), xs)
    layer.start()
    y, expected = first, []
    for x in xs:
        y = compute_value(layer.step((x, y)))
        expected.append(y)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [LSTM, GRU, Simple, StandardLSTM])
def test_no_place_for_the_output(kind):
    """A cell that has no size for what is fed back is an error, even where the sizes
    of state and output are the same."""
    r = Feedback(kind(N, 4), np.zeros(4))
    with pytest.raises(TypeError, match=r"takes .*, got"):
        r.transduce(xs_of(2))


def test_feedback_of_several_inputs():
    """The output comes after several inputs of the step."""
    layer = GRU([N, -4, 2], 2, rng=0)
    r = Feedback(layer, np.zeros(2))
    r.start()
    y = r.step((np.ones(N), 3))
    layer.start()
    expected = compute_value(layer.step((np.ones(N), 3, np.zeros(2))))
    np.testing.assert_allclose(compute_value(y), expected)


def test_generator():
    """Without inputs it goes on by itself, from a first symbol, feeding back the
    likeliest: an orbit in a table of what follows what."""
    after = np.array([2, 0, 3, 1])
    table = Map(lambda k: log(constant(np.eye(4) + 1e-9)[after][k]))
    r = Feedback(table, 0, feed=argmax)
    found = [int(compute_value(argmax(y))) for y in r.transduce([None] * 6)]
    assert found == [2, 3, 1, 0, 2, 3]
    r.start()
    assert int(compute_value(argmax(r.step()))) == 2


def test_feedback_from_what_is_learnt():
    """A parameter as first is learnt, and stays one when the history is cut."""
    first = parameter(np.ones(2))
    r = Feedback(Simple([N, 2], 2, rng=0), first)
    assert first in r.parameters().values()
    loss = asum(r.transduce(xs_of(3)) ** 2)
    np.testing.assert_allclose(
        compute_gradients(loss)[first], check_gradients(loss)[first], rtol=1e-5
    )
