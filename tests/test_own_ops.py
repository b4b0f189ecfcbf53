"""Ops of the user's own: with a gradient, with a numerical one, with none; around code
that knows one sample at a time; in batches; by either executor."""

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from fixtures import registries  # noqa: F401  # for every test here
from slopes import assert_gradients, parameter64

import penne
from penne import (
    asum,
    cell,
    compute_gradients,
    compute_value,
    constant,
    gradient,
    numerical,
    op,
    stack,
)
from penne.graph import OPS
from penne.testing import strategies
from penne.testing.batched import batching


@pytest.fixture(params=["plain", "fast"], autouse=True)
def executor(request):
    """Each test runs by the plain executor and by the one that batches all it can."""
    with penne.plain() if request.param == "plain" else batching():
        yield request.param


def many(f, xs):
    """One number made of f of each row: many nodes of one kind."""
    return asum(stack([f(x) for x in xs]) ** 2)


def test_with_a_gradient():
    """Four lines make an op: shapes, batches, first and second derivative follow."""

    @op("()->()", gradient=lambda g, y, x: (g / (1 + abs(x)) ** 2,))
    def own_softsign(x):
        return x / (1 + np.abs(x))

    x = parameter64([[1.0, -2.0], [0.5, 4.0]])
    np.testing.assert_allclose(compute_value(own_softsign(x[0])), [0.5, -2 / 3])
    assert_gradients(many(own_softsign, x))
    slope = gradient(many(own_softsign, x), x)
    assert_gradients(asum(slope * slope))


@pytest.mark.parametrize(
    "rule",
    [
        lambda g, y, a, b: (g * b,),
        lambda g, y, a, b: (g * b, g * a, g),
        lambda g, y, a, b: stack([g * b, g * a]),
        lambda g, y, a, b: (g * b, np.ones(())),
        lambda g, y, a, b: (g * b, 1.0),
        lambda g, y, a, b: None,
        lambda g, y, a, b: 0.0,
        lambda g, y, a, b: np.ones(2),
    ],
    ids=["few", "many", "no tuple", "array", "number", "None", "a number", "an array"],
)
def test_a_part_for_each_argument(rule):
    """A rule that gives not one part for each argument is a ValueError that names the
    op, whether or not the gradient is asked for."""

    @op("(),()->()", gradient=rule)
    def own_product(a, b):
        return a * b

    x, y = parameter64(2.0), parameter64(3.0)
    for wrt in ([x], [y], [x, y]):
        with pytest.raises(ValueError, match=r"own_product: .*each of 2 arg"):
            gradient(own_product(x, y), wrt)
    assert compute_value(own_product(x, y)) == 6


def test_with_a_numerical_gradient():
    """``gradient=numerical`` is right to 8 digits, that of it to 4, in float64 and for
    each argument, whatever the leading axes."""

    @op("(n),(n)->()", gradient=numerical)
    def own_angle(x, y):
        return np.sum(np.arctan2(x, y) * x, axis=-1)

    def exact(x, y):
        return asum(penne.arctan2(x, y) * x, axis=-1)

    rng = np.random.default_rng(0)
    x, y = parameter64(rng.normal(size=(3, 2))), parameter64(rng.normal(size=(2,)) + 3)
    for f in (lambda f: asum(f(x, y) ** 2), lambda f: many(lambda r: f(r, y), x)):
        found, expected = gradient(f(own_angle), [x, y]), gradient(f(exact), [x, y])
        for a, b in zip(found, expected):
            np.testing.assert_allclose(compute_value(a), compute_value(b), rtol=1e-8)
        found, expected = (
            gradient(sum(asum(g * g) for g in s), [x, y]) for s in (found, expected)
        )
        for a, b in zip(found, expected):
            np.testing.assert_allclose(compute_value(a), compute_value(b), rtol=1e-4)


def test_numerical_gradient_counts_core_axes():
    """A numerical gradient of a batch costs two calls for each number of a core axis,
    not of the batch; it is float32 where its argument is, but not of its precision."""
    calls = []

    @op("(n)->()", gradient=numerical)
    def own_length(x):
        calls.append(x.dtype)
        return np.sqrt(np.sum(x * x, axis=-1))

    x = penne.parameter(np.random.default_rng(0).normal(size=(5, 3)).tolist())
    found = compute_gradients(asum(own_length(x)))[x]
    assert calls == ["float32"] + ["float64"] * 6
    exact = x.value / np.sqrt(np.sum(x.value**2, axis=-1, keepdims=True))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, exact, rtol=1e-6)


def test_without_a_gradient():
    """An op without a gradient is constant to gradients, and says so when asked."""

    @op("(n)->()", dtype=int)
    def own_count(x):
        return np.sum(x > 0, axis=-1)

    x = parameter64([[1.0, -2.0], [0.5, 4.0]])
    values = compute_value(stack([own_count(row) for row in x]))
    assert values.tolist() == [1, 2]
    assert compute_value(own_count(x)).tolist() == [1, 2]
    with pytest.raises(ValueError, match="only through own_count, which is constant"):
        compute_gradients(asum(own_count(x) * 2.0))


def test_around_opaque_code():
    """With ``batch=False`` code that knows one sample is called for each of a batch;
    with a numerical gradient it can be trained through."""

    @op("(n,n)->(n,n)", gradient=numerical, dtype=float, batch=False)
    def own_expm(A):
        assert A.ndim == 2
        return scipy.linalg.expm(A)

    x = parameter64(np.random.default_rng(0).normal(size=(3, 2, 2)))
    expected = np.stack([scipy.linalg.expm(A) for A in x.value])
    np.testing.assert_allclose(compute_value(own_expm(x)), expected, rtol=1e-14)
    assert_gradients(asum(own_expm(x) ** 2))
    assert_gradients(many(own_expm, x))
    assert compute_value(own_expm(x[:0])).shape == (0, 2, 2)
    assert own_expm(np.zeros((2, 2), int)).dtype == "float64"


def test_opaque_code_of_one_number():
    """Code that takes one number and gives one serves arrays; leading axes broadcast,
    keywords are passed."""

    @op("(),()->()", dtype=float, batch=False)
    def own_binomial(n, k, *, least=0.0):
        return max(float(scipy.special.binom(float(n), float(k))), least)

    n, k = np.arange(4.0)[:, None], np.arange(3.0)
    x = own_binomial(constant(n), k, least=0.5)
    assert x.shape == (4, 3)
    expected = np.maximum(scipy.special.binom(n, k), 0.5)
    np.testing.assert_allclose(compute_value(x), expected)


def test_opaque_code_of_wrong_shape():
    """A result that has not the shape of the signature is a ValueError that says so."""

    @op("(n)->(n)", batch=False)
    def own_short(x):
        return x[1:]

    with pytest.raises(ValueError, match=r"own_short: gave shape \(1,\), not \(2,\)"):
        compute_value(own_short([1.0, 2.0]))


def test_in_a_cell():
    """Own ops stand in cells, opaque ones too."""

    @op("(n)->(n)", gradient=numerical, batch=False)
    def own_cube(x):
        assert x.ndim == 1
        return x**3

    @cell
    def twice(x):
        return own_cube(own_cube(x) + 0.5)

    x = parameter64([[1.0, -0.5], [0.5, 0.7]])
    assert_gradients(many(twice, x))


@pytest.mark.parametrize("batch", [True, False])
def test_batching_is_visible(batch, executor):
    """By the executor that batches an op that takes batches is called once for many
    nodes, one that does not once for each."""
    calls = []

    @op("(n)->(n)", batch=batch)
    def own_counted(x):
        calls.append(x.shape)
        return x * 2

    compute_value(many(own_counted, parameter64(np.ones((4, 3)))))
    once = batch and executor == "fast"
    assert calls == ([(4, 3)] if once else [(3,)] * 4)


def test_displaces_nothing():
    """An own op may have the name of one of penne's: each stays what it is."""

    @op("()->()")
    def tanh(x):
        return x * 0

    assert compute_value(tanh(1.0)) == 0
    assert compute_value(np.tanh(constant(1.0))) == np.tanh(1.0)
    assert OPS["tanh"] is penne.tanh


@pytest.mark.parametrize(
    ("dtype", "expected"), [(float, "float64"), (bool, "bool"), ("int8", "int8")]
)
def test_dtype(dtype, expected):
    """``dtype=`` of an op is a dtype; float keeps float32 and casts integers before."""

    @op("()->()", dtype=dtype)
    def own_identity(x):
        return x.astype(expected) if x.dtype.kind != "f" else x

    assert own_identity(constant(3)).dtype == expected
    if dtype is float:
        assert own_identity(np.float32(3)).dtype == "float32"
        assert compute_value(own_identity(constant(3))).dtype == "float64"


@pytest.mark.parametrize(
    "values",
    [
        (0.0, -0.0, 0, False),
        ((1, 2), (1.0, 2.0), [1, 2.0]),
        ((1,), (True,)),
        (((0.0,), 1), ((-0.0,), 1), ((0,), 1)),
        (np.float64(0.0), np.float64(-0.0), np.float32(0.0)),
    ],
    ids=repr,
)
def test_params_that_are_equal_but_not_the_same(values):
    """Params that are equal but of other kinds, or zeros of another sign, are not taken
    for each other, in tuples neither, whichever comes first."""
    given = []

    @op("()->()")
    def own_noted(x, *, by):
        given.append(repr(by))
        return x

    wanted = [repr(tuple(v) if isinstance(v, list) else v) for v in values]
    for _ in range(2):
        given.clear()
        compute_value(stack([own_noted(1.0, by=v) for v in values]))
        assert given == wanted


WRONG = [
    ("n->n", "axes in brackets.* write"),
    ("(n)->(m)", "the result has m, which no argument has"),
    ("(n)->(n+m)", "the result has m, which no argument has"),
    ("(n->(n)", "axes in brackets"),
    ("(n)(n)->()", "with commas between"),
    ("(n),->()", "with commas between"),
    ("(n m)->()", "with commas between"),
    ("(n)", "axes in brackets"),
    ("(n)->(n)->(n)", "axes in brackets"),
    ("(n)->(n),(n)", "axes in brackets"),
    ("(n+1)->(n)", "axes in brackets"),
    ("(2n)->()", "axes in brackets"),
    ("->(n)", "axes in brackets"),
    ("", "axes in brackets"),
    ("(n),(n)->()", "own_op: its signature .* has 2 arguments, the function 1, x"),
    (3, "op: got signature 3 and"),
    (None, "op: got signature None and"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_signatures(text, message):
    """What is no signature, or not one of the function, is an error where the op is
    made, that says what to write; nothing is entered."""
    before = dict(OPS)
    with pytest.raises((ValueError, TypeError), match=message):

        @op(text)
        def own_op(x):
            return x

    assert before == OPS


@pytest.mark.parametrize("text", ["n->n", "(n)->(m)", "(n)(n)->()"])
def test_wrong_signatures_of_strategies(text):
    """Strategies for what is no signature are refused where they are made."""
    with pytest.raises(ValueError, match="signature"):
        strategies.arrays(text)


@pytest.mark.parametrize(
    ("text", "given", "made"),
    [
        ("( n , m )->( m )", (3, 2), (2,)),
        ("(n)->(n + 1)", (3,), (4,)),
        ("(n_1,2)->(n_1+2,2)", (3, 2), (5, 2)),
        ("()->()", (), ()),
    ],
)
def test_spaces_and_sums(text, given, made):
    """Spaces are free, and the axes of the result may be sums."""

    @op(text)
    def own_sized(x):
        return x

    assert own_sized(np.zeros(given)).shape == made


def test_no_signature():
    """A function decorated with ``op`` alone says so when it is first called."""

    @op
    def own_op(x):
        return x

    with pytest.raises(TypeError, match='write @op\\("\\(n\\)->\\(n\\)"\\) above'):
        own_op(constant([1.0]))


@pytest.mark.parametrize("value", [np.ones(2), constant(1.0), [np.ones(2)], {"a": 1}])
def test_keywords_are_static(value):
    """An array or an expression as a keyword is refused, and told where it belongs."""

    @op("()->()")
    def own_scaled(x, *, by):
        return x

    with pytest.raises(TypeError, match=r"own_scaled: by is static.* an argument of"):
        own_scaled(constant([1.0]), by=value)
