"""Each law of trainers catches what breaks it, and says so with the smallest input that
does."""

import re

import numpy as np
import pytest
from broken import broken_laws

from penne import *
from penne.optimize.trainer import Trainer
from penne.testing import check_trainer
from penne.testing.laws import Broken
from penne.testing.trainer_laws import LAWS as TRAINER_LAWS


class Drifting(Trainer):
    """Moves where the gradient is zero."""

    def _change(self, g, step, *memory):
        return step.rate * (g + 0.01)


class Counting(Trainer):
    """Remembers something that is not in its state."""

    total = 0.0

    def _change(self, g, step, *memory):
        self.total += 1
        return step.rate * g / self.total


class Ranked(Trainer):
    """The first parameter it meets is updated more."""

    seen = None

    def _change(self, g, step, *memory):
        self.seen = self.seen or g.shape
        return step.rate * g * (2 if g.shape == self.seen else 1)


class Sparse(Trainer):
    """Says that it may be given rows alone, but moves the others too."""

    sparse = True
    keeps = ("mean",)

    def _change(self, g, step, *memory):
        memory[0][...] = 0.5 * memory[0] + g
        return step.rate * memory[0]


TRAINERS = {
    "zero gradient": (
        Drifting,
        r"the parameter of shape \(2,\) and float64 after step 1",
    ),
    "resuming": (Counting, "resumed and in one go"),
    "sparse": (Sparse, "rows looked up and one-hot products"),
    "quadratic": (lambda rate: SGD(1e-5), "0.97 of the distance is left|of the dist"),
}


@pytest.mark.parametrize("law", TRAINERS)
def test_trainer_laws_catch(law):
    """A trainer that breaks a law is told so in a sentence, with a small input."""
    make, seen = TRAINERS[law]
    says = next(x.says for x in TRAINER_LAWS if x.name == law)
    others = {x.name for x in TRAINER_LAWS} - {law}
    (sentence,) = broken_laws(check_trainer, lambda: make(0.1), without=others)
    assert f"breaks the law that {says}: " in sentence
    assert re.search(seen, sentence), sentence


def test_order_law_catches(monkeypatch):
    """Updates that depend on which parameter comes first break the law of order."""
    from penne.testing import trainer_laws

    def numbered(self, backwards=False):
        made(self, backwards)
        self.parameters()["second.bias" if backwards else "first.bias"].value += 1

    made = trainer_laws.Network.__init__
    monkeypatch.setattr(trainer_laws.Network, "__init__", numbered)
    sentences = broken_laws(check_trainer, lambda: SGD(0.1))
    assert any("the order of parameters is irrelevant" in s for s in sentences)


def test_paper_is_compared():
    """With a paper's algorithm every step is compared."""
    check_trainer(lambda: SGD(0.1), paper=lambda g, memory, t: 0.1 * g)
    (sentence,) = broken_laws(
        check_trainer, lambda: SGD(0.1), paper=lambda g, memory, t: 0.11 * g
    )
    assert "gradients = [[" in sentence
    assert "moves nothing but what its paper says" in sentence


class Climbing(Trainer):
    """Descends for vectors in float64 alone."""

    up = staticmethod(lambda g: False)

    def _change(self, g, step, *memory):
        return step.rate * (-g if self.up(g) else g)


@pytest.mark.parametrize(
    ("up", "seen"),
    [
        (lambda g: g.ndim == 2, r"shape \(2, 3\) and float64 after step 1"),
        (lambda g: g.ndim == 0, r"shape \(\) and float64 after step 1"),
        (lambda g: g.dtype == np.float32, r"shape \(2,\) and float32 after step 1"),
    ],
)
def test_paper_is_compared_for_all_kinds(up, seen, monkeypatch):
    """Matrices, numbers and float32 go as the paper says, too."""
    monkeypatch.setattr(Climbing, "up", staticmethod(up))
    with pytest.raises(Broken, match=seen):
        check_trainer(lambda: Climbing(0.1), paper=lambda g, memory, t: 0.1 * g)


def test_trainer_arguments():
    """What is no trainer, or the same one twice, is an error."""
    with pytest.raises(TypeError, match=r"make\(\) gives a trainer, got ABCMeta"):
        check_trainer(lambda: SGD)
    with pytest.raises(TypeError, match=r"a function that makes a trainer, got Stoch"):
        check_trainer(SGD(0.1))
    one = SGD()
    with pytest.raises(ValueError, match="the same trainer twice"):
        check_trainer(lambda: one)
