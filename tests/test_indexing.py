"""Indexing is NumPy's: reading, writing, taking; and so are its gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from slopes import assert_gradients, projected

import penne
from penne import compute_value, constant, newaxis, parameter
from penne.graph import OPS, topological
from penne.testing.batched import batching

seeds = st.integers(0, 2**32 - 1)
x23 = np.arange(6.0).reshape(2, 3)
x234 = np.arange(24.0).reshape(2, 3, 4)


def same(x, expected):
    """The expression's value is the array, and its declared shape and dtype too."""
    value = np.asarray(compute_value(x))
    assert x.shape == value.shape == expected.shape
    assert x.dtype == value.dtype == expected.dtype
    assert (value == expected).all()


# --- hypothesis makes the index -------------------------------------------------------


@st.composite
def indices(draw):
    """A shape and any index that NumPy takes for it: ints, slices, ellipsis, newaxis,
    integer arrays that broadcast, masks; in any order."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    together = draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=2))
    dots = draw(st.sampled_from([None, "before", "behind", "among"]))
    axis = draw(st.integers(0, len(shape))) if dots == "before" else 0
    items = [...] if dots == "before" else []
    while axis < len(shape):
        kind = draw(st.sampled_from(["int", "slice", "array", "mask", "new", "end"]))
        if kind == "end" and dots != "before":
            break
        if kind == "new" and sum(i is None for i in items) < 2:
            items.append(None)
        elif kind not in ("new", "end"):
            items.append(draw(item(kind, shape[axis], together)))
            axis += 1
    if dots == "behind":
        items.append(...)
    if dots == "among" and axis == len(shape):  # where it stands for no axis
        items.insert(draw(st.integers(0, len(items))), ...)
    return shape, tuple(items)


def item(kind, size, together):
    """One item of an index, for an axis of ``size``."""
    whole = st.integers(-size, size - 1)
    if kind == "array":
        smaller = [together[k:] for k in range(len(together) + 1)]
        ones = [tuple(1 for _ in s) for s in smaller]
        shape = st.sampled_from(smaller + ones)
        return shape.flatmap(lambda s: hnp.arrays(np.intp, s, elements=whole))
    if kind == "mask":  # with one True it broadcasts against any other array
        return st.integers(0, size - 1).map(lambda k: np.arange(size) == k)
    return whole if kind == "int" else st.slices(size)


@given(indices())
def test_getitem(case):
    """``x[index]`` is NumPy's for every form of index and every mixture of them."""
    shape, index = case
    x = np.arange(np.prod(shape), dtype="float64").reshape(shape)
    same(constant(x)[index], x[index])


@given(indices(), seeds)
def test_getitem_again(case, seed):
    """An index of a form that came before names its own places; those that are not
    there are refused as the first time."""
    shape, index = case
    rng = np.random.default_rng(seed)
    x = np.arange(np.prod(shape), dtype="float64").reshape(shape)
    for _ in range(3):
        same(constant(x)[index], x[index])
        index = tuple(moved(k, min(shape), rng) for k in index)
    for k, place in enumerate(index):
        if isinstance(place, (int, np.ndarray)) and np.size(place):
            beyond = (*index[:k], place * 0 + max(shape), *index[k + 1 :])
            with pytest.raises(IndexError, match="out of range"):
                constant(x)[beyond]


def moved(place, size, rng):
    """Other places on an axis of at least this size; anything else as it is."""
    if isinstance(place, int):
        return int(rng.integers(-size, size))
    if isinstance(place, np.ndarray) and place.dtype.kind == "i":
        return rng.integers(-size, size, place.shape)
    return place


@pytest.mark.parametrize("shape", [(1, 2), (1, 1, 2), (1, 1)])
def test_setitem_of_more_axes(shape):
    """A value may have more axes than its place, if the first are of length 1."""
    value, expected = -np.ones(shape), x23.copy()
    expected[0, 1:] = value
    same(penne.setitem(x23, (0, slice(1, None)), value), expected)


def test_bounds_that_are_no_ints():
    """A slice that equals one that came before, but is of floats, is refused."""
    x = constant(x23)
    same(x[0:1], x23[0:1])
    with pytest.raises(TypeError):
        x[0.0:1.0]


@given(indices(), st.booleans())
def test_setitem(case, whole):
    """``setitem(x, index, value)`` is ``x[index] = value`` on a copy; value broadcasts,
    and of two that are written to one place the later stays."""
    shape, index = case
    x = np.arange(np.prod(shape), dtype="float64").reshape(shape)
    expected, target = x.copy(), x[index]
    value = -1 - np.arange(target.size).reshape(target.shape) if whole else -1.0
    expected[index] = value
    same(penne.setitem(x, index, value), expected)
    assert x.min() >= 0


@given(indices(), seeds)
def test_getitem_gradient(case, seed):
    """The gradient of ``x[index]`` puts back what was taken, summed where an element
    was taken more than once."""
    shape, index = case
    rng = np.random.default_rng(seed)
    p = parameter(rng.normal(size=shape))
    assert_gradients(projected(p[index] * p[index], rng))


@pytest.mark.parametrize("step", [1, -1])
def test_of_two_at_one_place_the_later(step):
    """However the index lies in memory: NumPy itself goes as it lies there."""
    rng = np.random.default_rng(0)
    index, value = rng.integers(0, 3, (4, 6)), rng.normal(size=(4, 6))
    expected = np.zeros((4, 3))
    for row, k in np.ndindex(4, 6):
        expected[row, index[row, k]] = value[row, k]
    v, i = (np.array(x[:, ::step])[:, ::step] for x in (value, index))
    found = OPS["overwrite"].forward(np.zeros((4, 3)), v, i)
    assert (found == expected).all()


@given(indices(), seeds)
def test_setitem_gradient(case, seed):
    """The gradient of ``setitem`` is 0 where x was written over, and that of the value
    is 0 where a later one was written over it."""
    shape, index = case
    rng = np.random.default_rng(seed)
    p = parameter(rng.normal(size=shape))
    v = parameter(rng.normal(size=np.empty(shape)[index].shape))
    y = penne.setitem(p, index, v)
    assert_gradients(projected(y * y, rng))


@given(indices())
def test_expressions_as_indices(case):
    """Integers and integer arrays may be expressions, whose values come later."""
    shape, index = case
    x = np.arange(np.prod(shape), dtype="float64").reshape(shape)
    later = tuple(
        constant(i) + 0 if isinstance(i, np.ndarray) and i.dtype != bool else i
        for i in index
    )
    same(constant(x)[later], x[index])


# --- forms by name --------------------------------------------------------------------

FORMS = [
    (0,),
    (-1, 2),
    (slice(None, None, -1),),
    (slice(None), slice(10, -10, -2)),
    (slice(5, 2), 0),
    (..., 0),
    (0, ..., slice(1, None, 2)),
    (newaxis, ..., newaxis),
    (slice(None), newaxis, 1),
    ([1, 0, 1],),
    ([0, 1], [2, 0]),
    ([0, 1], slice(None), [3, 0]),
    (slice(None), [0, 2], [3, 0]),
    ([0, 1], newaxis, [2, 0]),
    ([[0], [1]], [[2, 0, 1]]),
    (slice(None, None, -1), [[0, 1], [2, 2]]),
    (0, slice(None), [1, 2]),
    ([True, False],),
    (slice(None), [True, False, True], 0),
    ([False, False],),
    (np.array([], int),),
    ([],),
    (np.int32(1), np.uint8(2)),
    (x234 > 11,),
    (slice(None), x234[0] > 5),
    (..., [True, False, False, True]),
    (0, ..., [True, False, False, True]),
    (slice(None), [0, 1], ..., [0, 1]),
    (0, ..., 1, 2),
]


@pytest.mark.parametrize("index", FORMS, ids=repr)
def test_forms(index):
    """Each form of index by itself, read, written and differentiated."""
    same(constant(x234)[index], x234[index])
    expected = x234.copy()
    expected[index] = -1
    same(penne.setitem(x234, index, -1.0), expected)
    p = parameter(x234)
    found = penne.compute_gradients(penne.asum(p[index] * 2.0)).get(p, np.zeros(()))
    wanted = np.zeros(x234.shape)
    np.add.at(wanted, index, 2.0)
    assert (found == wanted).all()


@pytest.mark.parametrize("dtype", ["float32", "int8", "int64", "bool"])
def test_any_dtype(dtype):
    """An indexed array keeps its dtype."""
    x = x23.astype(dtype)
    for index in [(0,), (slice(None), [0, 0]), (x23 > 2,), (newaxis,)]:
        same(constant(x)[index], x[index])


def test_int_is_an_input():
    """Two different ints give two expressions of one op with equal params, so that a
    different symbol is not a different op."""
    p = parameter(x23)
    for a, b in [(p[0], p[1]), (p[[0, 1]], p[[1, 1]]), (p[:, 0], p[:, 2])]:
        assert a.op is b.op
        assert (a.params, a.type) == (b.params, b.type)


def test_later_values_of_an_index():
    """An index that is a constant is read at each evaluation."""
    i = constant(np.array([0, 1]))
    y = constant(x23)[i]
    assert (compute_value(y) == x23).all()
    i.value = [1, 1]
    assert (compute_value(y) == x23[[1, 1]]).all()
    i.value[...] = 0
    assert (compute_value(y) == x23[[0, 0]]).all()


@given(data=st.data(), seed=seeds)
def test_take(data, seed):
    """``take`` and ``take_along_axis`` are NumPy's, and their gradients are those of
    central differences, also where an index is repeated."""
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    places = st.integers(-shape[axis], shape[axis] - 1)
    i = data.draw(hnp.arrays(np.intp, hnp.array_shapes(max_dims=2), elements=places))
    rng = np.random.default_rng(seed)
    p = parameter(rng.normal(size=shape))
    for index in (i, constant(i) + 0):
        y = penne.take(p, index, axis)
        same(y, np.take(p.value, i, axis))
    assert_gradients(projected(y * y, rng))
    along = list(shape)
    along[axis] = 2
    i = data.draw(hnp.arrays(np.intp, along, elements=places))
    y = penne.take_along_axis(p, i, axis)
    same(y, np.take_along_axis(p.value, i, axis))
    assert_gradients(projected(y * y, rng))


@pytest.mark.parametrize("rows", [3, 5])
@pytest.mark.parametrize("turned", [True, False])
def test_rows_and_columns(rows, turned):
    """Rows and columns of one array, picked by expressions, add to its gradient."""
    W, k = parameter(np.arange(rows * 3.0).reshape(rows, 3)), constant(1)
    picked = [W[..., k] ** 3, W[k] ** 2] if turned else [W[k] ** 2, W[..., k] ** 3]
    loss = sum(map(penne.asum, picked))
    expected = np.zeros((rows, 3))
    expected[1] += 2 * W.value[1]
    expected[:, 1] += 3 * W.value[:, 1] ** 2
    np.testing.assert_allclose(penne.compute_gradients(loss)[W], expected)


def test_one_hot():
    """A 1 in the place of each index, of the default dtype; expressions too."""
    with penne.default_dtype("float64"):
        same(penne.one_hot(1, 3), np.array([0.0, 1.0, 0.0]))
    hot = np.eye(3, dtype="float32")
    same(penne.one_hot([2, 0], 3), hot[[2, 0]])
    same(penne.one_hot([[2], [0]], 3), hot[[[2], [0]]])
    same(penne.one_hot(np.int64(2), 3), hot[2])
    same(penne.one_hot([], 3), hot[:0])
    same(penne.one_hot(penne.argmax(x23[0]), 3), hot[2])


@pytest.mark.parametrize("executor", [penne.plain, batching])
@pytest.mark.parametrize("at", [-1, 3])
def test_computed_places_are_checked(executor, at):
    """A place that is computed out of range, or written into a constant later, is an
    IndexError at the evaluation, one of many too; within range it is none."""
    places = [
        lambda i: penne.asum(penne.one_hot(i, 3)),
        lambda i: penne.asum(penne.segment_sum(np.ones(2), i, 3)),
    ]
    for name, build in zip(["one_hot", "segment_sum"], places):
        later = constant(np.array([2, 0]))
        computed = [constant(np.array([k, 1])) + 0 for k in (0, 2, at)]
        good = sum(map(build, computed[:2]))
        with executor():
            assert compute_value(good) == compute_value(build(later)) + 2
            with pytest.raises(IndexError, match=f"{name}: index {at} is out of"):
                compute_value(good + build(computed[2]))
            y = build(later)
            later.value = [1, at]
            with pytest.raises(IndexError, match=f"{name}: index {at} is out of"):
                compute_value(y)


def test_what_is_constant_is_named():
    """A loss that reaches x only through places that are computed names their op."""
    x = parameter([[1.0, 2.0]])
    places = penne.argmax(x, -1)
    for y in (penne.take([1.0, 2.0], places), penne.segment_sum([1.0], places, 2)):
        with pytest.raises(ValueError, match="only through argmax"):
            penne.compute_gradients(penne.asum(y))


# --- errors ---------------------------------------------------------------------------

WRONG = [
    (lambda x: x[2], IndexError, "getitem: index 2 is out of range, the axis has 2"),
    (lambda x: x[-3], IndexError, "getitem: index -3 "),
    (lambda x: x[0, 3], IndexError, "index 3 .* 3"),
    (lambda x: x[[0, 5]], IndexError, "index 5 .* 2"),
    (lambda x: x[:, [0, -4]], IndexError, "index -4 .* 3"),
    (lambda x: x[0, 0, 0], IndexError, "too many indices.*\\(2, 3\\)"),
    (lambda x: x[..., ...], IndexError, "more than one '...'"),
    (lambda x: x[0][0][0], IndexError, "too many indices"),
    (lambda x: x[[True, False, True]], IndexError, "mask .*\\(3,\\).*\\(2, 3\\)"),
    (lambda x: x[np.ones((2, 2), bool)], IndexError, "mask of shape"),
    (lambda x: x[0.5], TypeError, "an index is an int.*float64"),
    (lambda x: x[np.array(True)], TypeError, "an index is an int.*got bool"),
    (lambda x: x[True], TypeError, "an index is an int.*got bool"),
    (lambda x: x["a"], TypeError, "str|<U1"),
    (lambda x: x[x], TypeError, "an index is an int.*float64"),
    (lambda x: x[x > np.zeros(3)], TypeError, "write less"),
    (lambda x: x[penne.greater(x, 1)], TypeError, "mask.*compute_value"),
    (lambda x: x[[0, 1], [0, 1, 2]], IndexError, "not broadcast.*\\(3,\\)"),
    (lambda x: penne.setitem(x, 5, 0), IndexError, "index 5"),
    (lambda x: penne.setitem(x, 0, np.zeros(2)), ValueError, "broadcast"),
    (lambda x: penne.take(x, 6), IndexError, "take: index 6 .* 6"),
    (lambda x: penne.take_along_axis(x, [[3]], 1), IndexError, "take_along_axis: "),
]


@pytest.mark.parametrize(("build", "kind", "message"), WRONG)
def test_errors(build, kind, message):
    """An index that cannot be is an error when the expression is built."""
    with pytest.raises(kind, match=message):
        build(constant(x23))


def test_length_and_iteration():
    """``len`` and iteration run over the first axis, and end."""
    x = constant(x23)
    assert len(x) == 2
    assert [compute_value(row).tolist() for row in x] == x23.tolist()
    first, second = x
    assert compute_value(second - first).tolist() == [3, 3, 3]
    assert list(constant(x23[:0])) == []
    for fails in (len, list):
        with pytest.raises(TypeError, match="axes"):
            fails(constant(1.0))


def test_slices_are_one_op():
    """A basic index of a matrix is at most a slice, a lookup and a reshape."""
    for index in [(0,), (slice(1),), (0, slice(None, None, 2)), (newaxis, 0)]:
        y = parameter(x23)[index]
        assert sum(node.op is not None for node in topological([y])) <= 3
