"""Gradients against central differences, to second order; and what reaches what."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from slopes import assert_gradients, parameter64, projected, random_graph

import penne
from penne import (
    asum,
    check_gradients,
    compute_gradients,
    compute_value,
    constant,
    gradient,
    parameter,
)
from penne.graph import OPS, topological

seeds = st.integers(0, 2**32 - 1)


# --- the derivative -------------------------------------------------------------------


@given(seed=seeds)
def test_hessian_vector_product(seed):
    """For the loss x'Ax/2 + sum(b*log(x)) the Hessian times v is Av - bv/x**2."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(3, 3))
    A = A + A.T
    b, v = rng.normal(size=(2, 3))
    x = parameter64(rng.uniform(1, 2, 3))
    loss = 0.5 * (x @ A @ x) + asum(b * penne.log(x))
    product = gradient(gradient(loss, x) @ v, x)
    expected = A @ v - b * v / x.value**2
    np.testing.assert_allclose(compute_value(product), expected, rtol=1e-12)


def test_third_order():
    """Gradients of gradients of gradients: x**4 has 24 x."""
    x = parameter64(1.5)
    y = x**4
    for _ in range(3):
        y = gradient(y, x)
    assert compute_value(y) == pytest.approx(36)


def test_hessian_of_pieces():
    """Where the gradient is constant in pieces, the gradient of it is 0, no error."""
    x = parameter64([-1.5, 0.5, 2.0])
    pieces = [
        penne.rectify(x),
        penne.absolute(x),
        penne.maximum(x, 0.0),
        penne.minimum(x, 1.0),
        penne.clip(x, -1.0, 1.0),
        penne.amax(x),
        penne.amin(x),
        penne.where(penne.greater(x, 0), x, 2 * x),
        penne.setitem(x, 0, 1.0),
    ]
    for y in pieces:
        slope = gradient(asum(y), x)
        assert compute_value(gradient(asum(slope), x)).tolist() == [0, 0, 0], y


@given(seed=seeds, steps=st.integers(1, 4))
def test_random_graphs(seed, steps):
    """A graph of any ops, its parts used any number of times, has the gradient that
    central differences find."""
    assert_gradients(asum(random_graph(np.random.default_rng(seed), steps)))


# --- where there is no derivative -----------------------------------------------------

TIES = [
    (lambda x: penne.maximum(x[0], x[1]), [2, 2], [0.5, 0.5]),
    (lambda x: penne.minimum(x[0], x[1]), [2, 2], [0.5, 0.5]),
    (lambda x: penne.maximum(x[0], x[1]), [2, 1], [1, 0]),
    (lambda x: penne.minimum(x[0], x[1]), [2, 1], [0, 1]),
    (penne.amax, [2, 1, 2, 2], [1 / 3, 0, 1 / 3, 1 / 3]),
    (penne.amin, [1, 1, 2, 2], [0.5, 0.5, 0, 0]),
    (lambda x: asum(penne.rectify(x)), [-1, 0, 1], [0, 0, 1]),
    (lambda x: asum(penne.absolute(x)), [-1, 0, 1], [-1, 0, 1]),
    (lambda x: asum(penne.clip(x, -1, 1)), [-2, -1, 0, 1, 2], [0, 1, 1, 1, 0]),
    (lambda x: asum(penne.elu(x)), [-1.0, 0.0, 1.0], [np.exp(-1), 1, 1]),
    (lambda x: asum(x**2), [0.0, 1.0], [0, 2]),
    (lambda x: asum(x**1), [0.0, 1.0], [1, 1]),
    (lambda x: asum(x**0), [0.0, 1.0], [0, 0]),
    (lambda x: asum(x**3), [-2.0, 0.0], [12, 0]),
    (lambda x: asum(2**x), [0.0], [np.log(2)]),
    (lambda x: asum(0**x), [2.0], [0]),
]


@pytest.mark.parametrize(("f", "x", "expected"), TIES)
def test_at_ties(f, x, expected):
    """Those that tie share the gradient: half each of two, equal shares of more; it is
    0 where a kink is at 0, and x's on the bounds of clip."""
    x = parameter64(x)
    np.testing.assert_allclose(compute_gradients(f(x))[x], expected, rtol=1e-15)


@given(low=st.integers(-2, 2), high=st.integers(-2, 2), seed=seeds)
def test_clip_to_any_bounds(low, high, seed):
    """clip has the gradients of minimum(maximum(x, low), high), which is what it does,
    where low is above high too."""
    x = parameter64(np.random.default_rng(seed).uniform(-3, 3, 5))
    bounds = parameter64(low), parameter64(high + 0.5)
    clipped = asum(penne.clip(x, *bounds) ** 2)
    chosen = asum(penne.minimum(penne.maximum(x, bounds[0]), bounds[1]) ** 2)
    for one, other in zip(*(gradient(y, [x, *bounds]) for y in (clipped, chosen))):
        np.testing.assert_array_equal(compute_value(one), compute_value(other))


# --- shapes and dtypes ----------------------------------------------------------------


@given(seed=seeds, dtype=st.sampled_from(["float32", "float64"]))
def test_belongs_to_its_expression(seed, dtype):
    """A gradient has the shape and dtype of what it is the gradient of, inside of a
    graph too."""
    rng = np.random.default_rng(seed)
    with penne.default_dtype(dtype):
        x = parameter(rng.normal(size=(2, 1)))
        y = x * np.ones((3, 2, 2)) + np.arange(2)
        loss = penne.mean(penne.softmax(y) ** 2)
        for inner in topological([loss]):
            if inner.floating:
                g = gradient(loss, inner)
                assert (g.shape, g.dtype) == (inner.shape, inner.dtype)
                value = np.asarray(compute_value(g))
                assert (value.shape, value.dtype) == (inner.shape, inner.dtype)


def test_expression_or_list():
    """An expression for an expression, a list for a list, zeros for the unreached."""
    x, y, z = parameter64([1.0, 2.0]), parameter64(3.0), parameter64([[4.0]])
    loss = asum(x) * y
    assert compute_value(gradient(loss, x)).tolist() == [3, 3]
    found = gradient(loss, [y, x, z])
    assert isinstance(found, list)
    assert [compute_value(g).tolist() for g in found] == [3, [3, 3], [[0]]]
    assert gradient(loss, []) == []
    assert compute_value(gradient(loss, (z,))[0]).shape == (1, 1)
    assert compute_value(gradient(loss, loss)) == 1
    assert set(compute_gradients(loss)) == {x, y}


def test_same_twice():
    """Asked for twice, a gradient is given twice; used twice, terms add up."""
    x = parameter64(3.0)
    first, second = gradient(x * x + x, [x, x])
    assert compute_value(first) == compute_value(second) == 7


# --- what is constant -----------------------------------------------------------------


def test_loss_is_a_scalar():
    """A loss with axes, or without a floating dtype, is a ValueError, what is no
    expression a TypeError; each says what it is."""
    x = parameter64([1.0, 2.0])
    with pytest.raises(ValueError, match=r"gradient: .*\(2,\).*asum"):
        gradient(x, x)
    with pytest.raises(ValueError, match="gradient: "):
        compute_gradients(x * 2)
    with pytest.raises(ValueError, match="gradient: the loss is of int64, which has"):
        gradient(penne.argmax(x), x)
    with pytest.raises(
        TypeError, match=r"gradient: the loss is no expression, got 3.0"
    ):
        gradient(3.0, x)
    with pytest.raises(TypeError, match="gradient: the loss is no expression, got 0"):
        compute_gradients(0)


def test_no_gradient_of_integers():
    """What is not floating has no gradient: TypeError."""
    index = constant(1)
    x = parameter64([1.0, 2.0])
    with pytest.raises(TypeError, match=r"gradient: .*int64"):
        gradient(x[index], index)


CONSTANT = [
    ("sign", lambda x: asum(penne.sign(x))),
    ("greater", lambda x: asum(penne.where(penne.greater(x, 0), 1.0, 2.0))),
    ("equal", lambda x: asum(penne.equal(x, 1.0) * 2.0)),
    ("logical_not", lambda x: penne.mean(penne.logical_not(x))),
    ("argmax", lambda x: penne.argmax(x) * 2.0),
    ("argmax", lambda x: constant(np.arange(9.0))[penne.argmax(x)]),
    ("astype", lambda x: 2.0 * asum(penne.astype(x, dtype=int))),
    ("where", lambda x: asum(penne.where(x, 1.0, 2.0))),
]


@pytest.mark.parametrize(("name", "f"), CONSTANT)
def test_reached_only_through_constants(name, f):
    """A parameter that the loss reaches only through a comparison, an argmax, a sign
    or integers is a ValueError that names the op; beside a path with a gradient that
    path counts."""
    x = parameter64([1.0, -2.0])
    with pytest.raises(ValueError, match=f"only through {name},.*detach"):
        gradient(f(x), x)
    with pytest.raises(ValueError, match=f"only through {name},"):
        compute_gradients(f(x))
    assert compute_value(gradient(f(x) + asum(x), x)).tolist() == [1, 1]
    assert compute_value(gradient(f(penne.detach(x)), x)).tolist() == [0, 0]


def test_first_is_named():
    """Of several parameters reached only through constants, the first is named."""
    xs = [parameter64(np.ones(k)) for k in range(1, 9)]
    loss = sum(asum(penne.sign(x)) for x in xs)
    for first in (xs, xs[::-1], xs[3:]):
        with pytest.raises(ValueError, match=rf"\({first[0].size},\) float64"):
            gradient(loss, first)
    with pytest.raises(ValueError, match=r"parameter: \(1,\) float64"):
        compute_gradients(loss)


def test_detach():
    """detach(x) is x, with no gradient behind it, and no complaint."""
    x = parameter64([1.0, -2.0])
    assert compute_value(penne.detach(x)).tolist() == [1, -2]
    assert compute_value(gradient(asum(penne.detach(x) ** 2), x)).tolist() == [0, 0]
    assert compute_gradients(asum(penne.detach(x) ** 2)) == {}
    assert compute_gradients(asum(penne.detach(x) * x))[x].tolist() == [1, -2]


def test_unreached_stays_out():
    """compute_gradients has only what the loss reaches; NaN elsewhere is no matter."""
    x, y = parameter64(1.0), parameter64(np.nan)
    assert compute_gradients(x * 2.0) == {x: 2.0}
    assert compute_gradients(penne.where(True, x, y))[y] == 0


def test_nan_names_its_origin():
    """A NaN is a FloatingPointError that names the first op that made it."""
    x = parameter64([-1.0, 1.0])
    loss = asum(penne.tanh(penne.log(x)) * 2)
    expected = pytest.raises(FloatingPointError, match=r"log: NaN .*got \(2,\)")
    with np.errstate(invalid="ignore"), expected:
        compute_gradients(loss)


# --- sums of many terms ---------------------------------------------------------------


@given(
    shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3),
    seed=seeds,
)
def test_broadcasting_is_undone(shapes, seed):
    """An element gets the sum over all places that it was broadcast to."""
    rng = np.random.default_rng(seed)
    a, b = (parameter64(rng.normal(size=s)) for s in shapes.input_shapes)
    weight = rng.normal(size=shapes.result_shape)
    found = gradient(asum(a * b * weight), [a, b])
    for x, other, g in zip((a, b), (b, a), found):
        expected = np.zeros(x.shape)
        slope = np.broadcast_to(other.value * weight, weight.shape)
        for index in np.ndindex(weight.shape):
            mine = index[len(index) - x.ndim :]
            expected[tuple(i % n for i, n in zip(mine, x.shape))] += slope[index]
        np.testing.assert_allclose(compute_value(g), expected, rtol=1e-12, atol=1e-14)


def test_few_terms_at_once():
    """Of what is used many times sixteen terms are held at once, no more; none is
    lost."""
    x = parameter64([1.0, 2.0])
    loss = sum(asum(penne.exp(x * k)) for k in range(1, 51))
    slope = gradient(loss, x)
    sums = [y for y in topological([slope]) if y.op is OPS["add_all"]]
    assert max(len(y.args) for y in sums) == 16
    k = np.arange(1, 51)[:, None]
    expected = (k * np.exp(k * x.value)).sum(axis=0)
    np.testing.assert_allclose(compute_value(slope), expected, rtol=1e-12)


@given(
    indices=st.lists(st.integers(-4, 3), min_size=1, max_size=6),
    seed=seeds,
    batch=st.booleans(),
)
def test_lookups_add_up(indices, seed, batch):
    """Looked up again and again, a row gets the sum of the gradients of its lookups,
    one by one or in batches; a row not looked up gets exactly 0."""
    rng = np.random.default_rng(seed)
    table = parameter64(rng.normal(size=(4, 2)))
    weights = rng.normal(size=(len(indices), 2))
    if batch:
        loss = asum(table[indices] * weights) + asum(table[indices[:1]] * weights[:1])
    else:
        rows = [asum(table[i] * w) for i, w in zip(indices, weights)]
        loss = sum(rows, asum(table[indices[0]] * weights[0]))
    expected = np.zeros((4, 2))
    for i, w in [*zip(indices, weights), (indices[0], weights[0])]:
        expected[i] += w
    found = compute_gradients(loss)[table]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
    untouched = sorted({0, 1, 2, 3} - {i % 4 for i in indices})
    assert (found[untouched] == 0).all()


@given(steps=st.integers(1, 5), batch=st.sampled_from([(), (2,), (3, 2)]), seed=seeds)
def test_products_add_up(steps, batch, seed):
    """A matrix used at many steps gets the sum of the products of all steps, whether
    the terms are merged (vectors, rows) or not (stacks of rows)."""
    rng = np.random.default_rng(seed)
    W = parameter64(rng.normal(size=(2, 2)))
    inputs = rng.normal(size=(steps, *batch, 2))
    weights = rng.normal(size=(steps, *batch, 2))
    loss = sum(asum((x @ W) * w) for x, w in zip(map(constant, inputs), weights))
    rows, columns = inputs.reshape(-1, 2), weights.reshape(-1, 2)
    expected = rows.T @ columns
    np.testing.assert_allclose(compute_gradients(loss)[W], expected, rtol=1e-12)
    loss = sum(asum((W @ x) * w) for x, w in zip(rows, columns))
    np.testing.assert_allclose(compute_gradients(loss)[W], expected.T, rtol=1e-12)


@given(seed=seeds)
def test_products_of_ragged_batches(seed):
    """Batches of different sizes on one matrix merge, and so do lookups of different
    ranks and a dense use of the same matrix."""
    rng = np.random.default_rng(seed)
    W = parameter64(rng.normal(size=(3, 2)))
    parts = [rng.normal(size=(n, 3)) @ W for n in (1, 3, 2)]
    parts += [W[1], W[[0, 2]], W[[[0], [1]]], W[0, 1] * np.ones(2), rng.normal() * W]
    assert_gradients(sum(projected(part**2, rng) for part in parts))


@pytest.mark.parametrize("shapes", [*permutations([(2,), (3, 2), (4, 3, 2)])])
def test_products_of_any_ranks(shapes):
    """Vectors, rows and stacks of rows on one matrix, in any order, add up."""
    rng = np.random.default_rng(0)
    W = parameter64(rng.normal(size=(2, 2)))
    inputs = [rng.normal(size=s) for s in shapes]
    found = compute_gradients(sum(asum(x @ W) for x in inputs))[W]
    rows = np.concatenate([x.reshape(-1, 2) for x in inputs])
    np.testing.assert_allclose(found, np.outer(rows.sum(axis=0), [1, 1]), rtol=1e-12)


def test_merged_once():
    """The outer products of a loop are merged into one op, the lookups into another."""
    W, table = parameter64(np.eye(2)), parameter64(np.eye(2))
    h = constant(np.ones(2))
    for k in range(10):
        h = penne.tanh(h @ W + table[k % 2])
    graph = topological(gradient(asum(h), [W, table]))
    names = [x.op.name for x in graph if x.op]
    assert names.count("crossprod") == names.count("scatter_add") == 1
    assert "outer" not in names


# --- differences ----------------------------------------------------------------------


def test_differences_show_a_wrong_gradient():
    """check_gradients has the slope, whatever the rules say."""
    x = parameter64([0.3, -0.7])
    y = penne.tanh(x)
    loss, slope = asum(1.001 * y - 0.001 * penne.detach(y)), 1 - np.tanh(x.value) ** 2
    np.testing.assert_allclose(check_gradients(loss)[x], slope, rtol=1e-8)
    np.testing.assert_allclose(compute_gradients(loss)[x], 1.001 * slope, rtol=1e-12)


def test_checker_touches_nothing():
    """Central differences leave the parameters as they were, float32 ones too, and
    are computed in float64."""
    x = parameter([0.5, 1.5])
    array, before = x.value, x.value.copy()
    found = check_gradients(asum(penne.exp(x)))
    assert x.value is array
    assert (array == before).all()
    assert found[x].dtype == "float64"
    np.testing.assert_allclose(found[x], np.exp([0.5, 1.5]), rtol=1e-8)


@pytest.mark.parametrize(
    ("loss", "error", "what"),
    [
        (parameter([1.0, 2.0]), ValueError, "no scalar, .*asum"),
        (constant(1), ValueError, "of int64, "),
        (3.0, TypeError, "no expression, got 3.0"),
    ],
)
def test_differences_of_a_scalar_alone(loss, error, what):
    """check_gradients takes a floating scalar."""
    with pytest.raises(error, match=f"check_gradients: the loss is {what}"):
        check_gradients(loss)
