"""Each law of transducers catches what breaks it, and says so with the smallest input
that does."""

import re

import numpy as np
import pytest
from broken import (
    Ahead,
    Crooked,
    Cut,
    Double,
    Hidden,
    Mixing,
    NearlyOne,
    Remembering,
    Renumbered,
    Shared,
    Skipping,
    Unpickled,
    Unsaved,
    broken_laws,
    crooked,
)
from fixtures import wrong_gradients
from hypothesis import strategies as st

from penne import *
from penne.testing import check_transducer
from penne.testing.transducer_laws import LAWS as TRANSDUCER_LAWS


@pytest.mark.parametrize(
    "make", [Cut, lambda: Map(crooked), lambda: Stack(Map(crooked), Simple(3, 2))]
)
def test_gradients_of_inputs(make):
    """Gradients of inputs are checked, of what has no parameters too."""
    (sentence,) = broken_laws(check_transducer, make)
    assert re.search(r"the gradient for argument \d at", sentence), sentence


class Odd(Transducer):
    """Gives what is no floating expression, of inputs that it takes as numbers."""

    def __init__(self):
        self.layer = Layer(3, 2, rng=0)

    def start(self):
        self.odd = False

    def step(self, inp):
        self.odd = not self.odd
        y = self.layer(np.asarray(inp) * 2)
        return None if self.odd else (y, greater(y, 0), inp, 3)


class Kinked(Transducer):
    """Stands at a kink, and nowhere else."""

    def __init__(self):
        self.b = parameter(np.zeros(3))

    def step(self, inp):
        return absolute(self.b)


def positive(x):
    """Where x is."""
    return greater(x, 0)


RIGHT = {
    "numbers alone": (Odd, 3, "holds"),
    "a kink": (Kinked, -5, "does not apply"),
    "bools": (lambda: Map(positive), 3, "does not apply"),
    "kinks": (lambda: Map(rectify), 3, "holds"),
    "a rectified bias": (lambda: Simple(3, 2, f=rectify, rng=0), 3, "holds"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_transducers(name):
    """What gives None, numbers or bools, takes numbers alone, or stands at kinks, is
    told nothing wrong."""
    make, insize, verdict = RIGHT[name]
    report = check_transducer(make, insize=insize, examples=4)
    assert {o.law: o.verdict for o in report}["gradient"] == verdict


TRANSDUCERS = {
    "steps": (Skipping, "transduce against start and steps"),
    "causality": (Ahead, "input 1 was changed, output 0"),
    "batches": (Mixing, "example [01] of the batch and alone"),
    "start": (Remembering, "after another sequence"),
    "state": (Hidden, "taken back to its state after 0 steps"),
    "copy": (Double, "the original goes on after a copy ran, output 0"),
    "deepcopy": (Shared, "shares parameters"),
    "pickle": (lambda: Unpickled(3.0), "copied after 0 steps, output 0"),
    "saving": (Unsaved, "after save and load"),
    "gradient": (Crooked, "crooked: the gradient for"),
}


@pytest.mark.parametrize("law", TRANSDUCERS)
def test_transducer_laws_catch(law):
    """A transducer that breaks a law is told so in a sentence, with a small input."""
    make, seen = TRANSDUCERS[law]
    says = next(x.says for x in TRANSDUCER_LAWS if x.name == law)
    others = {x.name for x in TRANSDUCER_LAWS} - {law}
    (sentence,) = broken_laws(check_transducer, make, without=others)
    assert f"breaks the law that {says}: " in sentence
    assert re.search(seen, sentence), sentence
    assert "The smallest input found: " in sentence


def test_state_of_a_pickle():
    """What is state only in a pickle breaks the law of pickles too."""
    sentences = broken_laws(check_transducer, Renumbered)
    (sentence,) = [s for s in sentences if "a pickle gives" in s]
    assert "the copy has the state ['scale'], its original []" in sentence


def test_smallest_input():
    """The input shown is as small as can be: one example of one input that is zero but
    for one number."""
    (sentence,) = broken_laws(check_transducer, Mixing, without={"executors"})
    assert sentence.endswith("The smallest input found: sequences = [[[0, 0, 0.5]]].")


def test_executors_law_catches(monkeypatch):
    """An executor that gives other numbers breaks the law of executors."""
    wrong_gradients(monkeypatch)
    make = lambda: Simple(3, 2, rng=0)
    sentences = broken_laws(check_transducer, make, without={"gradient"})
    assert "batched and op by op, the gradient of layer" in sentences[0]


def test_composition_law_catches(monkeypatch):
    """A stack that forgets a part breaks the law of composition."""
    monkeypatch.setattr(Stack, "step", lambda self, inp: self.layers[0].step(inp))
    monkeypatch.setattr(Stack, "start", lambda self: self.layers[0].start())
    make = lambda: Simple(3, 2, rng=0)
    sentences = broken_laws(check_transducer, lambda: Stack(make()), without=())
    assert any("composition of its parts" in s for s in sentences)


def test_inputs_of_every_kind():
    """Vectors, symbols, tuples of both, or a strategy of one's own."""
    for insize in (2, -4, [2, -3]):
        check_transducer(lambda n=insize: LSTM(n, 2, rng=0), insize=insize, examples=2)
    two = lambda batch: st.just(np.ones((*batch, 2)))
    check_transducer(lambda: GRU(2, 3, rng=0), inputs=two, examples=2)
    with pytest.raises(TypeError, match=r"make\(\) gives a transducer, got Layer"):
        check_transducer(lambda: Layer(3, 2))
    with pytest.raises(TypeError, match=r"makes a transducer, got Simple; write lamb"):
        check_transducer(Simple(3, 2))
    with pytest.raises(ValueError, match="no law 'casuality' here; steps, causality"):
        check_transducer(lambda: Simple(3, 2), without=["casuality"])


def test_numbers_that_differ_little():
    """They are shown to the last digit."""
    others = {x.name for x in TRANSDUCER_LAWS} - {"steps"}
    (sentence,) = broken_laws(check_transducer, NearlyOne, without=others)
    assert "1.0 and not 1.00000000000001 at [0]" in sentence
