"""What PyTorch, Keras and Merlin do not have is refused, not written as another."""

import re

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here

from penne import *
from penne.recurrent.variants import (
    RecurrentOutput,
    SimplifiedGRU,
    StandardLSTM,
    VanillaLSTM,
    VanillaLSTMDecoder,
)
from penne.weights import (
    from_keras,
    from_merlin,
    from_torch,
    to_keras,
    to_merlin,
    to_torch,
)

GRUS = {
    "torch": dict(reset="after", recurrent_bias=True),
    "keras": dict(reset="after", recurrent_bias=True),
    "merlin": dict(reset="after", update="write"),
}
LIBRARIES = {
    "torch": ("PyTorch", to_torch, from_torch),
    "keras": ("Keras", to_keras, from_keras),
    "merlin": ("Merlin", to_merlin, from_merlin),
}
every_library = pytest.mark.parametrize("library", LIBRARIES)
TAKING = {  # by what an input is
    "Layer": lambda sizes, library: Layer(sizes, 3, f=None),
    "Map": lambda sizes, library: Map(Layer(sizes, 3, f=None)),
    "Simple": lambda sizes, library: Simple(sizes, 3),
    "LongShortTermMemory": lambda sizes, library: LSTM(
        sizes,
        3,
        forget_gate=True,
        peepholes="diagonal" if library == "merlin" else None,
    ),
    "GatedRecurrentUnit": lambda sizes, library: GRU(sizes, 3, **GRUS[library]),
}


def assert_refused(library, make, message):
    """Both ways, as a TypeError that says it; and nothing has changed."""
    _, to, back = LIBRARIES[library]
    r = make()
    before = {p: p.value.copy() for p in r.parameters().values()}
    for refused in (lambda: to(r), lambda: back(r, {})):
        with pytest.raises(TypeError, match=re.escape(message)):
            refused()
    assert all((p.value == value).all() for p, value in before.items())


@every_library
@pytest.mark.parametrize("kind", TAKING)
@pytest.mark.parametrize("sizes", ["diag", ["diag"], [2, "diag"], ["diag", -2]])
def test_diagonals(library, kind, sizes):
    """An input that is multiplied elementwise is none that they have."""
    name, to, _ = LIBRARIES[library]
    own = "Layer" if kind == "Map" else kind
    message = f'{name} has no {own} with an input that is "diag"'
    assert_refused(library, lambda: TAKING[kind](sizes, library), message)
    assert to(TAKING[kind]([2, -2], library))


@every_library
def test_diagonals_within(library):
    """Nor are those of the parts of a whole."""
    make = lambda: TAKING["Simple"](["diag", 3], library)
    for whole in (
        lambda: Bidirectional(Simple(["diag", 3], 3), make()),
        lambda: Stack(Simple(3, 3), make()),
    ):
        assert_refused(library, whole, 'has no Simple with an input that is "diag"')


def test_diagonals_of_decoders():
    """Of a decoder neither, whose own peepholes are diagonals."""
    make = lambda: VanillaLSTMDecoder(["diag", 3], 4, 2)
    message = 'has no VanillaLSTMDecoder with an input that is "diag"'
    assert_refused("merlin", make, message)
    assert to_merlin(VanillaLSTMDecoder([4, 3], 4, 2))


@pytest.mark.parametrize("f", [None, rectify, sigmoid, np.tanh])
def test_functions_of_simple_networks(f):
    """Merlin's simple network has tanh; its recurrent output layer has no function."""
    assert_refused("merlin", lambda: Simple(3, 2, f=f), "Merlin has no Simple like")
    if f is not None:
        make = lambda: RecurrentOutput(3, 2, f=f)
        assert_refused("merlin", make, "Merlin has no RecurrentOutput like this")


def test_options_of_simplified_units():
    """Merlin's simplified unit is reset after the product, and writes."""
    for options in (dict(reset="before"), dict(update="keep")):
        make = lambda options=options: SimplifiedGRU(3, 2, **options)
        assert_refused("merlin", make, "Merlin has no SimplifiedGRU like this")
    kept = SimplifiedGRU(3, 2, reset="after", update="write")
    assert to_merlin(kept).keys() == to_merlin(SimplifiedGRU(3, 2)).keys()


def test_what_they_have_is_written():
    """Diagonals of the cell's own are no inputs."""
    assert "w_ci" in to_merlin(VanillaLSTM(3, 2))
    assert "w_cf" in to_merlin(SimplifiedGRU(3, 2))
    assert to_torch(StandardLSTM([3, -4], 2))["weight_ih_l0"].shape == (8, 7)
