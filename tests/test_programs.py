"""What programs the fast executor makes of graphs."""

import numpy as np
import pytest
from fixtures import doubles, every_graph  # noqa: F401  # for every test here
from programs import (
    PRODUCTS,
    H,
    Own,
    V,
    agree,
    outputs,
    recipe,
    sentences,
    weights,
)

from penne import *
from penne import caches, cell, fast
from penne.compute import compute_loss_and_gradients
from penne.fast.adjoint import reachable
from penne.fast.fusing import is_elementwise
from penne.graph import OPS
from penne.recurrent import variants
from penne.recurrent.unit import RecurrentUnit
from penne.recurrent.variants import StandardLSTM


@pytest.mark.parametrize("kind", [Simple, LSTM, GRU, StandardLSTM, Own])
def test_lengths_make_no_programs(kind):
    """Sentences of any number and length share one program."""
    r, rng = kind(-V, H), np.random.default_rng(0)
    with fast.enable():
        compute_gradients(outputs(r, sentences(rng)))
        made = caches()["programs"].made
        for _ in range(30):
            compute_gradients(outputs(r, sentences(rng)))
    assert caches()["programs"].made == made


def _of_whole(h, E):
    """Losses of all outputs as one array ``h``; the inputs are rows of ``E``."""
    W, b = weights(H, 4), weights(H, rng=1)
    return {
        "mean": lambda: mean(exp(h)),
        "layer": lambda: asum(logsoftmax(tanh(h @ W) + 1)),
        "looked up": lambda: asum(exp(h[np.array([3, 0, 3, 1])])),
        "number": lambda: asum(exp(h[1])[..., 0]) * asum(b),
        "half detached": lambda: asum(h * detach(h)),
        "tied": lambda: asum(exp(h @ transpose(E))) + asum(square(E) + E),
        "looked up twice": lambda: asum(h * asum(exp(E[np.array([1, 1, 2])]))),
    }


@pytest.mark.parametrize("kind", [Simple, GRU, StandardLSTM])
@pytest.mark.parametrize("join", [stack, concatenate])
@pytest.mark.parametrize("name", _of_whole(weights(1), weights(1)))
def test_lengths_of_arrays_share_a_program(kind, join, name):
    """Steps of arrays share one program whatever their number; what is made of all
    outputs as one array is another."""
    r, E = kind(H, H), weights(V, H)
    rng, made = np.random.default_rng(0), set()
    caches()["programs"].clear()  # else it might empty itself on the way
    for n in (6, 9, 4, 7):
        hs = r.transduce([E[k] for k in rng.integers(0, V, (n, 2))])
        loss = _of_whole(join(list(hs)), E)[name]()
        agree(loss)
        for gradients in (True, False):
            found = recipe(loss, gradients=gradients)
            assert found.plan.rest is not None
            made.add(found.program)
    assert len(made) == 2


def test_rows_of_both_halves():
    """A parameter that is only looked up, before and after all outputs are joined, has
    as gradient the rows that are."""
    r, E = Simple(H, H, rng=0), weights(V, H)
    h = stack(
        list(r.transduce([E[k] for k in np.array([[1, 2], [2, 0], [1, 0], [0, 0]])]))
    )
    loss = asum(h * asum(exp(E[np.array([1, 1, 2])])))
    with fast.enable():
        _, found = compute_loss_and_gradients(loss, sparse=True)
    assert sorted(found[E].indices) == [0, 1, 2]
    assert np.allclose(found[E].dense(), agree(loss)[E])


def test_what_is_not_divided():
    """A program is one where arrays are joined more than once, where steps are used
    apart from the others, and where no gradient comes back from their join."""
    r, E = Simple(H, H, rng=0), weights(H, H)
    rows = list(np.random.default_rng(0).normal(size=(6, 2, H)))
    hs = list(r.transduce([tanh(x @ E) for x in rows]))
    twice = asum(exp(stack(hs)) * stack(hs[::-1]))
    apart = asum(exp(stack(hs))) + asum(hs[2])
    stopped = asum(hs[2]) + asum(where(greater(stack(hs), 0), 1.0, 2.0))
    for loss in (twice, apart, stopped):
        assert recipe(loss).plan.rest is None
        agree(loss)


@pytest.mark.parametrize("traced", [True, False])
def test_shapes_of_trees_make_no_programs(traced):
    """Trees of any shape share one program, decorated or not."""
    leaf, both = Layer(-V, H, rng=0), Layer([H, H], H, rng=1)
    join = cell(lambda a, b: both(a, b)) if traced else both
    rng = np.random.default_rng(0)

    def grow(n):
        if n == 1:
            return leaf(int(rng.integers(V)))
        k = int(rng.integers(1, n))
        return join(grow(k), grow(n - k))

    made = set()
    for _ in range(20):
        loss = sum(asum(exp(grow(n))) for n in [7, *rng.integers(5, 12, 12)])
        agree(loss)
        made.add(recipe(loss).program)
    assert len(made) == 1


@pytest.mark.parametrize("lengths", [[9], [5, 3, 4]])
def test_roles_of_an_undecorated_step(lengths):
    """Each op of a step is a kind of its own, with as many rows as there are steps."""
    r = Own(H, H)
    xs = [np.random.default_rng(n).normal(size=(n, H)) for n in lengths]
    loss = outputs(r, [list(x) for x in xs])
    graph = recipe(loss)
    loops = graph.program.loops
    assert len(loops) == 2
    for loop in loops:
        assert {graph.layout.lengths[x.space] for x in loop.order} == {sum(lengths)}
    agree(loss)


@pytest.mark.parametrize("kind", [Simple, LSTM, GRU, StandardLSTM, Own])
def test_recursions_hold_nothing_else(kind):
    """Of each instruction of a recursion the instruction itself is made, or else it is
    elementwise, and nothing outside has a use for it."""
    loss = outputs(kind(H, H), [list(np.ones((n, H))) for n in (5, 3, 4)])
    program = recipe(loss).program
    for loop in program.loops:
        for x in loop.order:
            used_here = loop.inside.issuperset(program.users[x])
            drawn = is_elementwise(x) and used_here and x not in program.kept
            assert x in reachable(x.inputs) or drawn


def test_what_only_a_recursion_uses_is_computed_in_it():
    """Sums of products with inputs need no arrays of all rows."""
    pytest.importorskip("numba")
    loss = outputs(LSTM(H, H), [list(np.ones((n, H))) for n in (5, 3, 4)])
    program = recipe(loss).program
    inside = {x for loop in program.loops for x in loop.order}
    for x in program.order:
        made = is_elementwise(x) and x.op is not OPS["reshape"]  # which is a view
        if made and x not in program.kept and x not in inside:
            users = program.users[x]
            assert not any(loop.inside.issuperset(users) for loop in program.loops)
    agree(loss)


FAMILY = [
    name
    for name, x in vars(variants).items()
    if isinstance(x, type) and issubclass(x, RecurrentUnit)
]


@pytest.mark.parametrize("name", FAMILY)
def test_recursions_of_the_family_can_be_kernels(name):
    """Forward and backward, of arrays and of lists of vectors."""
    pytest.importorskip("numba")
    cell = getattr(variants, name)(H, H, rng=0)
    arrays = [np.ones((4, 2, H))]
    vectors = [list(np.ones((n, H))) for n in (5, 3, 4)]
    for inputs in arrays, vectors:
        loss = outputs(cell, inputs)
        loops = recipe(loss).program.loops
        loops = [loop for loop in loops if len(loop.order) > 2]  # but sums of losses
        assert {loop.ascending for loop in loops} == {True, False}
        assert all(loop.kernel for loop in loops)
        agree(loss)


def test_sums_for_several_gates_are_parts_of_one():
    """Biases of gates that share a product get their gradients from one sum over all
    rows, and tables looked up by the same symbols theirs from one scatter."""
    loss = outputs(LSTM(-V, H), [[1, 2, 3, 2], [4, 0], [1]])
    order = recipe(loss).program.order
    sums = [x for x in order if x.op == "total" and x.type.shape == (3 * H,)]
    lookups = [x for x in order if x.op == "lookup"]
    assert len(sums) == len(lookups) == 1
    assert lookups[0].type.shape == (V, 3 * H)
    agree(loss)


def test_sums_of_products_need_no_products():
    """The gradients of peepholes are sums of products, which are nowhere kept; but of
    a product that something else needs."""
    loss = outputs(LSTM(-V, H), [[1, 2, 3, 2], [4, 0], [1]])
    order = recipe(loss).program.order
    assert [x.type.shape for x in order if x.op == "dots"] == [(H,)] * 2
    agree(loss)
    p, xs = weights(H), [weights(H, rng=k) for k in range(5)]
    products = [x * p for x in xs]
    agree(sum(asum(y) * asum(y * y) for y in products))


def test_what_is_always_the_same_is_computed_once():
    """What depends on nothing but where rows are is kept, with the layout, and not
    given away: a user may write to the gradients that he gets."""
    r, p = LSTM(H, H), parameter(np.ones(H))
    xs = [list(np.ones((n, H))) for n in (5, 3, 4)]

    def run():
        loss = outputs(r, xs) + asum(p)
        graph = recipe(loss)
        return graph, graph.run({}).gradients(False)

    graph, first = run()
    assert graph.layout.fixed
    expected = {x: g.copy() for x, g in first.items()}
    for g in first.values():
        g += 1
    for x, g in run()[1].items():
        np.testing.assert_array_equal(g, expected[x])


def test_products_of_inputs_stand_outside():
    """An LSTM multiplies all inputs before it starts: within a step there is one
    product, of the state with the weights of all gates side by side."""
    loss = outputs(LSTM(2, H), [list(np.ones((n, 2))) for n in (5, 3, 4)])
    program = recipe(loss).program
    (forward,) = [loop for loop in program.loops if loop.ascending]
    (product,) = [x for x in forward.order if x.op in PRODUCTS]
    assert product.type.shape == (3 * H,)
    outside = [x for x in program.items if getattr(x, "op", None) in PRODUCTS]
    assert (3 * H,) in [x.type.shape for x in outside]


def test_products_of_lookups_are_shared():
    """Products of what is looked up are computed once for each distinct symbol."""
    table, r = weights(V, 2), LSTM(2, H)
    found = recipe(outputs(r, [[table[k] for k in s] for s in ([1, 4, 1, 1], [4, 4])]))
    run = found.run({}).run
    (once,) = [x for x in found.program.order if x.op == "distinct"]
    assert run.lengths[once.space] == 2
    inside = [
        x for x in found.program.order if x.op in PRODUCTS and x.space is not None
    ]
    assert once.space in {x.space for x in inside}


def test_products_of_one_factor_are_one():
    """Several weights by which the same rows are multiplied stand side by side."""
    U, W = weights(H, 2), weights(H, 4, rng=1)
    xs = [tanh(constant(np.ones(H) * k)) for k in range(5)]
    loss = sum(asum(exp(dot(x, U))) + asum(exp(dot(x, W))) for x in xs)
    found = [x for x in recipe(loss).program.order if x.op in PRODUCTS]
    assert [x.type.shape for x in found] == [(6,)]
    agree(loss)


def test_products_of_what_is_joined_are_apart():
    """What is joined with the state is multiplied outside of the recursion, by its rows
    of the weight; joins that do not recur are left as they are."""
    W, U, h = weights(3 * H, H), weights(2 * H, H, rng=1), constant(np.zeros(H))
    xs = [tanh(constant(np.ones(H) * k)) for k in range(5)]
    for x in xs:
        h = tanh(dot(concatenate([x, h, x]), W))
    loss = asum(h) + sum(asum(exp(dot(concatenate([x, x]), U))) for x in xs)
    program = recipe(loss).program
    products = [x for x in program.order if x.op in PRODUCTS]
    inside = {x for loop in program.loops for x in loop.order}
    assert {x.inputs[1].type.shape for x in inside.intersection(products)} == {(H, H)}
    assert (2 * H, H) in {x.inputs[1].type.shape for x in products}
    agree(loss)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_a_state_may_be_joined_of_any_number_of_parts(parts):
    """Of one, with nothing else, as well."""
    W, h = weights(parts * H, H), constant(np.ones(H))
    for _ in range(5):
        h = tanh(dot(concatenate([h] * parts), W))
    agree(asum(h))
