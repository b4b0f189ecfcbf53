"""Weights from elsewhere where one parameter stands in several places."""

import copy

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.recurrent.variants import StandardLSTM, VanillaLSTM
from penne.weights import (
    from_keras,
    from_merlin,
    from_torch,
    to_keras,
    to_merlin,
    to_torch,
)

GRU_OF_TORCH = dict(reset="after", recurrent_bias=True)
LIBRARIES = {
    "torch": (to_torch, from_torch),
    "keras": (to_keras, from_keras),
    "merlin": (to_merlin, from_merlin),
}
CELLS = {
    "torch": [
        lambda: StandardLSTM(3, 3),
        lambda: GRU(3, 3, **GRU_OF_TORCH),
        lambda: Simple(3, 3),
    ],
    "keras": [
        lambda: StandardLSTM(3, 3),
        lambda: GRU(3, 3, **GRU_OF_TORCH),
        lambda: GRU(3, 3),
    ],
    "merlin": [
        lambda: VanillaLSTM(3, 3),
        lambda: GRU(3, 3, reset="after", update="write"),
        lambda: Simple(3, 3),
    ],
}
AROUND = {
    "two directions": lambda r: Bidirectional(r, copy.copy(r)),
    "one on the other": lambda r: Stack(r, copy.copy(r), copy.copy(r)),
    "twice": lambda r: Stack(r, r),
}
libraries = st.sampled_from(sorted(LIBRARIES))
arounds = st.sampled_from(sorted(AROUND))


def drawn(library, which, around, seed):
    """A transducer that has one cell in several places, with weights drawn anew."""
    r = AROUND[around](CELLS[library][which]())
    rng = np.random.default_rng(seed)
    for p in r.parameters().values():
        p.value = rng.normal(size=p.shape)
    return r


def values(r):
    """Its weights as they are now."""
    return {path: p.value.copy() for path, p in r.parameters().items()}


def assert_values(r, expected):
    """They are these."""
    for path, value in values(r).items():
        np.testing.assert_array_equal(value, expected[path], err_msg=path)


@given(libraries, st.integers(0, 2), arounds, st.integers(0, 9))
def test_there_and_back(library, which, around, seed):
    """What was written of shared weights and is read again is what they were."""
    to, back = LIBRARIES[library]
    r = drawn(library, which, around, seed)
    expected, written = values(r), to(r)
    for p in r.parameters().values():
        p.value = p.value + 1
    back(r, written)
    assert_values(r, expected)


@given(libraries, st.integers(0, 2), st.data())
def test_two_values(library, which, data):
    """One parameter given two values, in whichever of its places, is an error that
    names the place, and nothing has changed."""
    to, back = LIBRARIES[library]
    r = drawn(library, which, "two directions", 0)
    expected, written = values(r), to(r)
    name = data.draw(st.sampled_from(sorted(written)))
    written[name].flat[data.draw(st.integers(0, written[name].size - 1))] += 0.5
    half = len(written) // 2
    second = list(written)[half + list(written).index(name) % half]
    with pytest.raises(ValueError, match="here; write copy") as error:
        back(r, written)
    places = second, second.replace("bias_hh", "bias_ih")
    assert any(f"{place} is not " in str(error.value) for place in places)
    assert_values(r, expected)


@given(st.integers(0, 2), arounds)
def test_two_biases(which, around):
    """The two biases that PyTorch has for one here are added up in each place."""
    r = drawn("torch", which, around, 0)
    expected, written = values(r), to_torch(r)
    for name in [name for name in written if name.startswith("bias_ih")]:
        part = 0.25 if which != 1 else np.repeat([0.25, 0.25, 0], 3)
        written[name] = written[name] - part
        other = name.replace("_ih_", "_hh_")
        written[other] = written[other] + part
    from_torch(r, written)
    for path, value in values(r).items():
        np.testing.assert_allclose(value, expected[path], rtol=1e-12, err_msg=path)


def test_shared_gates():
    """Two gates of one cell may be one, with both biases of each."""
    r = StandardLSTM(3, 2)
    r.forget_gate = r.input_gate
    written = to_torch(r)
    written["bias_hh_l0"][:4] = 0.5
    bias = r.input_gate.bias.value.copy()
    from_torch(r, written)
    np.testing.assert_array_equal(r.input_gate.bias.value, bias + 0.5)


def beside_a_gru(library, order, gate):
    """A GRU and what has but one bias in the library, or two there, that is the one of
    a gate of the GRU; in this order."""
    r = GRU(3, 3, **GRU_OF_TORCH)
    if library == "keras":
        other = Layer(3, 3)
        other.bias, layer = r.gates[gate].bias, Map(other)
    else:
        layer = Simple(3, 3)
        layer.layer.bias = r.gates[gate].bias
    return Stack(*[r, layer][::order])


@pytest.mark.parametrize("library", ["keras", "torch"])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("gate", ["update_gate", "reset_gate", "input_layer"])
def test_bias_shared_with_another(library, order, gate):
    """The bias that two parts share is read in each as what that part adds up, in
    whichever order they stand."""
    to, back = LIBRARIES[library]
    r = beside_a_gru(library, order, gate)
    rng = np.random.default_rng(0)
    for p in r.parameters().values():
        p.value = rng.integers(-9, 9, p.shape)
    expected, written = values(r), to(r)
    if library == "keras":
        (key,) = [key for key, x in written.items() if x.shape == (2, 9)]
        part = np.repeat([0.25, -0.5, 0], 3)
        written[key] = written[key] + np.array([part, -part])
    else:
        for key in [key for key in written if key.startswith("bias_ih")]:
            part = np.repeat([0.25, -0.5, 0][: written[key].size // 3], 3)
            written[key] = written[key] - part
            written[key.replace("_ih", "_hh")] += part
    for p in r.parameters().values():
        p.value = p.value + 1
    back(r, written)
    assert_values(r, expected)
