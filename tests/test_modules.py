"""Parameters are found by attribute path, each once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import pytest

from penne import *


class Part(Module):
    def __init__(self, **attributes):
        vars(self).update(attributes)


def p(*values):
    """A parameter."""
    return parameter(np.array(values, np.float32))


def test_paths():
    """Attributes, lists, tuples and dicts are walked, in the order of assignment."""
    a, b, c, d, e = (p(k) for k in range(5))
    m = Part(w=a, many=[b, (c, None)], named={"x": d, 3: Part(v=e)}, text="w", n=2)
    expected = {"w": a, "many.0": b, "many.1.0": c, "named.x": d, "named.3.v": e}
    assert m.parameters() == expected
    assert list(m.parameters()) == list(expected)


def test_layers():
    """A layer's paths are its weights and its bias; without one there is none."""
    assert list(Layer([3, -2, "diag"], 4).parameters()) == [
        "weights.0",
        "weights.1",
        "weights.2",
        "bias",
    ]
    assert list(Layer(3, 4, bias=None).parameters()) == ["weights.0"]
    assert list(LayerNorm(3).parameters()) == ["gain", "bias"]
    stacked = Stack(Simple(2, 3), Map(Layer(3, 1)))
    assert list(stacked.parameters()) == [
        "layers.0.layer.weights.0",
        "layers.0.layer.weights.1",
        "layers.0.layer.bias",
        "layers.1.f.weights.0",
        "layers.1.f.bias",
    ]


def test_tied():
    """A parameter held twice appears once, at its first path; so does a module."""
    layer = Layer(3, 3)
    m = Part(first=layer, again=layer, weight=layer.weights[0], list=[layer])
    assert list(m.parameters()) == ["first.weights.0", "first.bias"]
    assert list(m.modules()) == ["", "first"]
    assert m.n_params() == 12


def test_cycles():
    """Modules that hold each other, and lists that hold themselves, end."""
    one, two = Part(w=p(1)), Part(w=p(2))
    one.other, two.other = two, one
    one.list = [one.w]
    one.list.append(one.list)
    assert list(one.parameters()) == ["w", "other.w"]
    assert list(two.parameters()) == ["w", "other.w"]


def test_expressions_are_not_searched():
    """What is computed from parameters, as a cell's state is, owns none."""
    w = p(1, 2)
    assert Part(h=tanh(w), c=constant([1.0])).parameters() == {}


def test_state_is_not_the_models():
    """Running a transducer changes none of its parameters' paths."""
    r = LSTM(3, 2)
    before = r.parameters()
    r.transduce(np.zeros((4, 3)))
    assert r.parameters() == before


def test_names_of_a_state():
    """A parameter has one name whatever the state, but where the state alone has it:
    one exchanged after construction, which ``start()`` leaves, is the model's."""
    r = GRU(3, 2, learned_start=True)
    before = list(r.names())
    r.start()
    assert list(r.names()) == before
    r.state = {"h": p(1, 2)}
    assert list(r.names()) == [*before, "h"]
    r.start()
    assert list(r.names()) == before
    r.extra = p(3)
    r.start()
    assert list(r.names()) == [*before, "extra"]


def test_deep_nesting():
    """A nesting of 20,000 modules is walked without recursion."""
    m = Part(w=p(1))
    for _ in range(20_000):
        m = Part(inner=m)
    (path,) = m.parameters()
    assert path == "inner." * 20_000 + "w"


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: Layer(5, 3), 18),
        (lambda: Layer(-5, 3, bias=None), 15),
        (lambda: Layer([5, "diag"], 3), 21),
        (lambda: LayerNorm(4), 8),
        (lambda: Stack(), 0),
        (lambda: Part(x=p(1, 2), y=parameter(3.0)), 3),
    ],
)
def test_n_params(make, count):
    """``n_params`` counts the trained numbers."""
    assert make().n_params() == count


def test_abstract_modules():
    """A module, a layer or a transducer may be an abstract class, and a mapping too."""
    for kind, sizes in {Module: (), Layer: (3, 2), Transducer: ()}.items():

        class Abstract(kind, ABC):
            @abstractmethod
            def made(self):
                """What there is."""

        with pytest.raises(TypeError, match="abstract"):
            Abstract(*sizes)

    class Parts(Module, Mapping):
        def __getitem__(self, key):
            return key

        def __iter__(self):
            return iter(())

        def __len__(self):
            return 0

    assert isinstance(Parts(), Mapping)
    assert isinstance(Parts(), Module)
    assert not isinstance(LSTM(3, 2), Parts)
