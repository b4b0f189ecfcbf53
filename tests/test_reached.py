"""Which parameters a loss reaches: the same for a cell and for the function that it
decorates, by either executor; and for what is computed again."""

import numpy as np
import pytest
from fixtures import (  # noqa: F401  # fixtures are for every test here
    doubles,
    every_graph,
)

import penne
from penne import (
    Transducer,
    argmax,
    asum,
    cell,
    checkpoint,
    compute_gradients,
    detach,
    fast,
    greater,
    op,
    parameter,
    tanh,
    where,
)

N, V = 3, 5


class Step(Transducer):
    """A step with parameters that may have no effect; ``use``: what it does."""

    def __init__(self, use):
        rng = np.random.default_rng(0)
        self.use = use
        self.embed = parameter(rng.normal(size=(V, N)))
        self.initial = parameter(rng.normal(size=N))
        self.keep, self.other = (parameter(rng.normal(size=N)) for _ in range(2))

    def start(self):
        """The learnt state."""
        self.h, self.c = self.keep, self.initial

    def bare(self, symbol):
        """The output, which may ignore the symbol, the state, or both."""
        x = self.embed[symbol]
        self.h, self.c, y = self.use(self, x, self.h, self.c)
        return y


class Cell(Step):
    """The step, decorated."""

    step = cell(Step.bare)


class Bare(Step):
    """The step as it is."""

    step = Step.bare


class Again(Step):
    """The step, computed again for gradients."""

    step = checkpoint(Step.bare)


class CellAgain(Step):
    """The cell, computed again."""

    step = checkpoint(cell(Step.bare))


class AgainInCell(Step):
    """What is computed again, as a cell."""

    step = cell(checkpoint(Step.bare))


USES = {
    "all": lambda r, x, h, c: (tanh(x + h), tanh(c * x), h * c),
    "no input": lambda r, x, h, c: (tanh(h), tanh(c), h * c),
    "state too late": lambda r, x, h, c: (tanh(h + c), c, h * r.other),
    "input too late": lambda r, x, h, c: (h, c + x, h + c),
    "no state": lambda r, x, h, c: (h, c, x * r.other),
    "detached": lambda r, x, h, c: (h, c, detach(x) * r.other + h),
    "compared": lambda r, x, h, c: (h, c, where(greater(c, 0.0), x, h)),
    "picked": lambda r, x, h, c: (h, c, h + x[argmax(c)]),
    "compared late": lambda r, x, h, c: (where(greater(c, 0), h, x), c, h + x),
}
FORMS = {
    "whole": lambda r, word: r.transduce(word),
    "steps": lambda r, word: (r.start(), [r.step(symbol) for symbol in word])[1],
}


def loss_of(step, use, form, words):
    """A loss of the outputs for some words, and names of the parameters."""
    r = step(USES[use])
    total = sum(asum(y * y) for word in words for y in FORMS[form](r, word))
    return total, {p: name for name, p in r.parameters().items()}


def reached(step, use, form, words):
    """By name the gradients of the parameters that are reached, or the error."""
    loss, names = loss_of(step, use, form, words)
    try:
        return {names[p]: g for p, g in compute_gradients(loss).items()}
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("words", [[[1]], [[1], [2]], [[1, 2, 0], [3], [4, 4]]])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("use", USES)
def test_decorated_or_not(use, form, words):
    """A cell reaches what its function does, and so does what is computed again; it is
    told too that it does not."""
    with penne.plain():
        expected = reached(Bare, use, form, words)
    for step in (Bare, Cell, Again, CellAgain, AgainInCell):
        found = [reached(step, use, form, words)]
        with penne.plain():
            found.append(reached(step, use, form, words))
        for gradients in found:
            if isinstance(expected, str):
                assert gradients == expected
                continue
            assert gradients.keys() == expected.keys()
            for name, g in gradients.items():
                np.testing.assert_allclose(g, expected[name], rtol=1e-5, atol=1e-6)


MERGED = {
    "a condition": lambda half, c, x, y: where(c, x, y),
    "a rule of one's own": lambda half, c, x, y: half(x + y, c),
    "detached": lambda half, c, x, y: half(x, detach(c)) + y,
    "also reached otherwise": lambda half, c, x, y: where(c, x, y) * c,
}


@pytest.mark.parametrize("merge", MERGED.values(), ids=MERGED)
def test_in_batches(merge):
    """What a rule gives no gradient for is an error among nodes of its kind that are
    reached: for the first graph and for those after it, alike or the same."""

    @op("(),()->()", gradient=lambda g, y, x, z: (g * z, None))
    def half(x, z):
        return x * z

    def loss():
        layers = [[parameter(np.full(3, v + k)) for v in (0.3, 1, 2)] for k in range(9)]
        return sum(asum(merge(half, *(tanh(p) * 2 for p in ps))) for ps in layers)

    def found(loss):
        try:
            return [g.tolist() for g in compute_gradients(loss).values()]
        except ValueError as error:
            return str(error)

    with penne.plain():
        expected = found(loss())
    with fast.enable():
        same = loss()
        gradients = [found(x) for x in (*(loss() for _ in range(4)), same, same)]
    for each in gradients:
        if isinstance(expected, str):
            assert each == expected
        else:
            np.testing.assert_allclose(each, expected)
