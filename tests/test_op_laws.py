"""Each law of ops catches what breaks it, and says so with the smallest input that
does."""

import numpy as np
import pytest
from broken import broken_laws, crooked
from fixtures import registries  # noqa: F401  # for every test here
from hypothesis import strategies as st

import penne
from penne import *
from penne import op
from penne.graph import OPS
from penne.testing import check_op
from penne.testing.tables.rows import Argument


def test_op_laws_catch():
    """An op that breaks a law is told so: of its reference, its shapes, leading axes,
    its arguments, empty arrays, gradients."""

    @op("(n)->()", gradient=lambda g, y, x: (OPS["expand_dims"](g, -1) + 0 * x,))
    def total(x):
        return np.sum(x)

    sentences = broken_laws(check_op, total)
    assert any("shapes and dtypes are those declared" in s for s in sentences)
    assert any("leading axes are batches" in s for s in sentences)

    @op("(n)->(n)")
    def sorting(x):
        x.sort()
        return x

    sentences = broken_laws(check_op, sorting)
    assert "how its arguments lie in memory does not matter" in "".join(sentences)

    @op("(n)->()")
    def largest(x):
        return np.max(x, axis=-1)

    sentences = broken_laws(check_op, largest)
    assert any("empty or of one element: ValueError" in s for s in sentences)
    assert "[] of shape (0,)" in "".join(sentences)

    @op("()->()")
    def halved(x):
        return np.float64(x) / 2 if np.ndim(x) == 0 else (x / 2).astype(np.float64)

    (sentence,) = broken_laws(
        check_op, halved, without=["executors", "leading axes", "edges"]
    )
    assert "halved gives float64 of shape (), declared float32" in sentence


def test_op_reference():
    """A reference is compared; without one, the law does not apply."""

    @op("()->()", gradient=lambda g, y, x: (2 * g * x,))
    def squared(x):
        return x * x

    report = check_op(squared)
    assert [o.law for o in report if not o.cases] == ["reference"]
    assert "does not apply" in str(report)
    check_op(squared, reference=np.square)
    sentence, *_ = broken_laws(check_op, squared, reference=lambda x: x * x + (x > 1))
    assert "squared breaks the law that it equals its reference" in sentence


def test_op_gradient_law():
    """A wrong rule is named with the shapes and numbers that show it."""

    def rule(g, y, a, b):
        return OPS["matvec"](b, g), OPS["outer"](a, g) * 1.1

    @op("(n),(n,m)->(m)", gradient=rule)
    def own_product(a, b):
        return np.einsum("...n,...nm->...m", a, b)

    (sentence,) = broken_laws(check_op, own_product)
    assert "its gradients are derivatives: check_gradient: own_product" in sentence


def test_op_overwrites():
    """An op that overwrites its argument where it can, and gives a copy, is told so."""

    @op("()->()")
    def own_rectify(x):
        x = np.require(x, requirements="W")
        return np.maximum(x, 0, out=x).copy()

    (sentence,) = broken_laws(check_op, own_rectify)
    assert "argument 1 after the evaluation" in sentence
    assert "The smallest input found: arrays = [-" in sentence


def test_op_gradient_of_other_kinds():
    """A rule that is wrong for float32 alone, or that fails for what is empty, is told
    so; an op that is steep there is not."""

    def rule(g, y, x):
        return (g * (1 - y * y) if x.dtype != np.float32 else 1.01 * g * (1 - y * y),)

    (sentence,) = broken_laws(check_op, op("()->()", gradient=rule)(np_tanh))
    assert "the gradient for float32 argument 1: " in sentence

    def first(g, y, x):
        if 0 in x.shape:
            raise IndexError("there is no first")
        return (g * (1 - y * y),)

    (sentence,) = broken_laws(check_op, op("()->()", gradient=first)(np_tanh))
    assert "may be empty or of one element: IndexError: there is no first" in sentence
    steep = lambda g, y, x: (1e4 * g * cos(1e4 * x),)
    check_op(op("()->()", gradient=steep)(lambda x: np.sin(1e4 * x)))


def np_tanh(x):
    """An op's forward."""
    return np.tanh(x)


def np_exp(x):
    """An op's forward."""
    return np.exp(x)


@pytest.mark.parametrize("forward", [np_tanh, np_exp, lambda x: x**3 / (1 + x * x)])
def test_op_numerical(forward):
    """A gradient by differences is right to the digits that it has, and a gradient
    that is wrong by a thousandth is not."""
    check_op(op("()->()", gradient=penne.numerical)(forward))
    rule = lambda g, y, x: [1.001 * h for h in penne.numerical(g, y, x)]
    (sentence,) = broken_laws(check_op, op("()->()", gradient=rule)(forward))
    assert "its gradients are derivatives" in sentence


def test_op_of_ops():
    """Cells, layers and norms within a function are no hindrance; what is wrong within
    is found."""
    with penne.default_dtype("float64"):
        layer, norm = Layer(3, 3, rng=0), LayerNorm(3)
    twice = penne.cell(lambda x: tanh(x) * 2)
    calls = st.just(([Argument((2, 3))], {}))
    for f in (twice, lambda x: layer(x), lambda x: norm(twice(layer(x)))):
        report = check_op(f, calls=calls, examples=5)
        assert {o.law for o in report if not o.cases} == {"reference", "edges"}
    (sentence,) = broken_laws(
        check_op, penne.cell(lambda x: crooked(x) * 2), calls=calls, examples=5
    )
    assert "check_gradient: crooked: the gradient for argument 1" in sentence


def test_op_reference_in_doubles():
    """A reference may give float64 whatever it is given."""
    square = op("()->()", gradient=lambda g, y, x: (2 * g * x,))(lambda x: x * x)
    check_op(square, reference=lambda x: np.square(np.float64(x)))


def test_op_arguments():
    """What is wrong in the call of check_op is an error that says what to write."""
    with pytest.raises(
        ValueError, match=r"domains is one of .*, or 1 of them, got 're"
    ):
        check_op(penne.op("()->()")(lambda x: x), domains="reel")
    with pytest.raises(TypeError, match="takes an op, or calls=, got function"):
        check_op(lambda x: x)
    with pytest.raises(ValueError, match="a function of shapes; give calls="):
        check_op(op(lambda *shapes: "()->()")(lambda x: x))
    with pytest.raises(ValueError, match="examples: at least 1 is tried, got 0"):
        check_op(penne.tanh, examples=0)
    check_op(penne.log, domains="positive", examples=3)
    check_op(penne.softmax, examples=3)
