"""Averages of parameters over a training."""

import contextlib

import numpy as np
import pytest

from penne import Average, Layer, Module, parameter


def walk(average, p, rng, n=20):
    """n random values of p, each taken into the average."""
    seen = []
    for _ in range(n):
        p.value = rng.normal(0, 1, p.shape)
        seen.append(p.value.astype(np.float64))
        average.update()
    return seen


def test_mean():
    """Without decay the average is the mean of all values so far."""
    layer = Layer(3, 2)
    average = Average(layer)
    seen = walk(average, layer.bias, np.random.default_rng(0))
    np.testing.assert_allclose(average.state["bias.average"], np.mean(seen, 0))


def test_decay():
    """With decay it is the exponential moving average, corrected for its start."""
    layer = Layer(3, 2)
    average, a = Average(layer, decay=0.9), 0.0
    for p in walk(average, layer.bias, np.random.default_rng(0)):
        a = 0.9 * a + 0.1 * p
    expected = a / (1 - 0.9**20)
    np.testing.assert_allclose(average.state["bias.average"], expected, rtol=1e-12)


def test_block():
    """In a block the parameters are the averages; after it, whatever happens, they are
    what they were, bit for bit, in the same arrays."""
    layer = Layer(3, 2)
    average = Average(layer)
    array = layer.bias.value
    seen = walk(average, layer.bias, np.random.default_rng(0), 3)
    before = {path: p.value.copy() for path, p in layer.parameters().items()}
    with contextlib.suppress(KeyError), average:
        expected = np.mean(seen, 0)
        np.testing.assert_allclose(layer.bias.value, expected, rtol=1e-6)
        raise KeyError
    for path, p in layer.parameters().items():
        np.testing.assert_array_equal(p.value, before[path])
    assert layer.bias.value is array


def test_float64():
    """A float32 parameter's mean is exact where float32 sums would not be."""
    m = Module()
    m.p = parameter([1.0])
    average = Average(m)
    for _ in range(1000):
        average.update()
    m.p.value = [1.0 + 2**-20]
    average.update()
    expected = 1 + 2**-20 / 1001
    np.testing.assert_allclose(average.state["p.average"], expected, rtol=1e-15)


def test_state():
    """A state assigned to another average goes on bit for bit; one that does not fit
    is refused and changes nothing."""
    one, two = Layer(3, 2, rng=0), Layer(3, 2, rng=1)
    first, second = Average(one, decay=0.5), Average(two, decay=0.5)
    walk(first, one.bias, np.random.default_rng(0), 3)
    second.state = first.state
    for layer, average in ((one, first), (two, second)):
        walk(average, layer.bias, np.random.default_rng(1), 3)
    for name, value in first.state.items():
        if "weights" not in name:
            np.testing.assert_array_equal(second.state[name], value)
    before = second.state
    with pytest.raises(ValueError, match=r"missing: bias\.average.*not known.*what"):
        second.state = {
            "count": np.array(1),
            "what": 1,
            "weights.0.average": np.ones(1),
        }
    for name, value in second.state.items():
        np.testing.assert_array_equal(value, before[name])


def test_errors():
    """Blocks do not nest, nothing is taken in inside, and there must be an average."""
    layer = Layer(3, 2)
    average = Average(layer)
    with pytest.raises(RuntimeError, match=r"call update\(\) first"), average:
        pass
    average.update()
    with average:
        with pytest.raises(RuntimeError, match="update inside a block"):
            average.update()
        with pytest.raises(RuntimeError, match="block inside a block"), average:
            pass
    average.update()
    with pytest.raises(ValueError, match="decay is at least 0"):
        Average(layer, decay=1.0)


@pytest.mark.parametrize("what", [[Layer(3, 2)], parameter([1.0]), None])
def test_of_modules_alone(what):
    """What is no module is told so."""
    with pytest.raises(TypeError, match="Average: takes a module, got"):
        Average(what)
