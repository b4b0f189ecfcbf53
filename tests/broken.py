"""Transducers that break laws, an op with wrong gradients, and which laws a check says
are broken."""

import itertools

import numpy as np
import pytest

from penne import *
from penne.graph import Op
from penne.testing.laws import Broken


def broken_laws(check, *args, **options):
    """The sentences of the laws broken."""
    with pytest.raises(Broken) as caught:
        check(*args, **options)
    return str(caught.value).split("\n\n")


class Ahead(Transducer):
    """Sees a later input: it remembers the text of an earlier run."""

    def __init__(self):
        self.ahead = {}

    def transduce(self, inps):
        self.start()
        later = [*inps[1:], np.zeros(3)]
        return [constant(x) + y for x, y in zip(inps, later)]

    def step(self, inp):
        return constant(inp)


class Mixing(Transducer):
    """Takes the mean over a batch."""

    def step(self, inp):
        x = constant(inp)
        return x - mean(x, axis=0) if x.ndim > 1 else x


class Remembering(Transducer):
    """start forgets nothing."""

    def __init__(self):
        self.h = constant(np.zeros(3))

    def step(self, inp):
        self.h = self.h + inp
        return self.h


class Hidden(Transducer):
    """Has state where nobody looks for it."""

    def __init__(self):
        self.kept = iter(())

    def start(self):
        cells[:] = [np.zeros(3)]

    def step(self, inp):
        cells[0] = cells[0] + inp
        return constant(cells[0])


cells = [np.zeros(3)]


class Skipping(Transducer):
    """transduce is not start and steps."""

    def transduce(self, inps):
        return super().transduce(inps[:1] + inps[:-1])

    def step(self, inp):
        return constant(inp)


class Shared(Transducer):
    """A deep copy shares the parameter with its original."""

    def __init__(self):
        self.W = parameter(np.ones(3))

    def __deepcopy__(self, memo):
        other = Shared()
        other.W = self.W
        return other

    def step(self, inp):
        return self.W * inp


class Double(Transducer):
    """A copy is the same object."""

    def start(self):
        self.h = constant(np.zeros(3))

    def step(self, inp):
        self.h = self.h + inp
        return self.h

    def __copy__(self):
        return self


class Unpickled(Transducer):
    """Pickles, but as something else."""

    def __init__(self, scale=2.0):
        self.scale = scale

    def __reduce__(self):
        return Unpickled, ()

    def step(self, inp):
        return constant(inp) * self.scale


class Renumbered(Transducer):
    """Pickles, and has a number assigned afterwards: a state that was none."""

    def __init__(self):
        self.scale = 2.5

    def __setstate__(self, state):
        super().__setstate__(state)
        self.scale = float("2.5")

    def step(self, inp):
        return constant(inp) * self.scale


class Unsaved(Transducer):
    """Has numbers that no file gets, made anew from those that do."""

    def __init__(self):
        self.W = parameter(np.ones(3))
        self.steps = itertools.count(1)

    def __deepcopy__(self, memo):
        return self

    def step(self, inp):
        return self.W * (inp * next(self.steps))


def crooked(x):
    """tanh, with a gradient that is a hundredth too large."""
    return np.tanh(x)


rule = lambda g, y, x: (1.01 * g * (1 - y * y),)
crooked = Op(crooked, "()->()", gradient=rule)  # in no registry


class Crooked(Transducer):
    """Has wrong gradients."""

    def __init__(self):
        self.layer = Layer(3, 2, rng=0)

    def step(self, inp):
        return crooked(self.layer(inp))


class Cut(Transducer):
    """Its inputs get no gradient."""

    def __init__(self):
        self.layer = Layer([3, 2], 2, rng=0)

    def start(self):
        self.h = zeros(2)

    def step(self, inp):
        self.h = self.layer(detach(constant(inp)), self.h)
        return self.h


class NearlyOne(Transducer):
    """Its outputs differ after ten digits."""

    def start(self):
        self.k = 0

    def step(self, inp):
        self.k += 1
        return constant(np.ones(1) + self.k * 1e-14)

    def transduce(self, inps):
        return [constant(np.ones(1)) for _ in inps]
