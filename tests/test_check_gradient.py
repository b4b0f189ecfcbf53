"""``check_gradient`` finds what is wrong with a gradient, and says what and where."""

import itertools

import numpy as np
import pytest
from fixtures import registries  # noqa: F401  # for every test here
from hypothesis import example, given, settings
from hypothesis import strategies as st

import penne
from penne import (
    Dropout,
    Layer,
    LayerNorm,
    asum,
    cell,
    compute_value,
    detach,
    layer_norm,
    parameter,
)
from penne.differentiate import Pending
from penne.graph import OPS
from penne.ops.sorting import median
from penne.testing import WrongGradient, check_gradient
from penne.testing.gradients import NothingChecked

outer, matvec = OPS["outer"], OPS["matvec"]
X = [0.3, -0.7, 1.1]
W = [[0.5, 1.5], [-1.0, 2.0]]


def planted(signature, rule):
    """The forward of tanh, of a product, of a matrix and a vector, with this rule."""
    if signature == "()->()":

        @penne.op(signature, gradient=rule)
        def elementwise(x):
            return np.tanh(x)

        return elementwise
    if signature == "(),()->()":

        @penne.op(signature, gradient=rule)
        def product(a, b):
            return a * b

        return lambda x: product(x, x)

    @penne.op(signature, gradient=rule)
    def matrix_vector(W, x):
        return np.matmul(W, x[..., None])[..., 0]

    return matrix_vector


TANH, PRODUCT, MATVEC = "()->()", "(),()->()", "(n,n),(n)->(n)"
RIGHT = [
    (TANH, lambda g, y, x: (g * (1 - y * y),), [X]),
    (PRODUCT, lambda g, y, a, b: (g * b, g * a), [X]),
    (MATVEC, lambda g, y, W, x: (outer(g, x), matvec(W.T, g)), [W, [2.0, 3.0]]),
]
WRONG = {
    "a thousandth more": (TANH, lambda g, y, x: (1.001 * g * (1 - y * y),), [X]),
    "a thousandth less": (TANH, lambda g, y, x: (0.999 * g * (1 - y * y),), [X]),
    "wrong sign": (TANH, lambda g, y, x: (g * (y * y - 1),), [X]),
    "of the wrong thing": (TANH, lambda g, y, x: (g * (1 - x * x),), [X]),
    "ignores what comes in": (TANH, lambda g, y, x: (1 - y * y + 0 * g,), [X]),
    "missing accumulation": (PRODUCT, lambda g, y, a, b: (g * b, None), [X]),
    "wrong partner": (PRODUCT, lambda g, y, a, b: (g * 1.0, g * a), [X]),
    "transposed factor": (
        MATVEC,
        lambda g, y, W, x: (outer(g, x), matvec(W, g)),
        [W, [2.0, 3.0]],
    ),
    "transposed product": (
        MATVEC,
        lambda g, y, W, x: (outer(x, g), matvec(W.T, g)),
        [W, [2.0, 3.0]],
    ),
}


@pytest.mark.parametrize(("signature", "rule", "args"), RIGHT)
def test_right_gradients_pass(signature, rule, args):
    """A right gradient passes, to third order."""
    checked = check_gradient(planted(signature, rule), *args, order=3)
    assert checked == (3 * sum(np.size(a) for a in args), 0)


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_gradients_are_caught(fault):
    """A gradient wrong by a thousandth, of a wrong sign, with a term missing or a
    factor transposed is caught."""
    signature, rule, args = WRONG[fault]
    with pytest.raises(WrongGradient):
        check_gradient(planted(signature, rule), *args, order=1)


def test_one_wrong_element_of_many():
    """One element of thousands, wrong by a thousandth, is found and named."""
    wrong = np.ones(3000)
    wrong[1234] = 1.001

    @penne.op("(n)->()", gradient=lambda g, y, x: (2 * g * x * wrong,))
    def squares(x):
        return np.sum(x * x, axis=-1)

    x = np.random.default_rng(0).uniform(1, 2, 3000)
    with pytest.raises(WrongGradient) as caught:
        check_gradient(squares, x)
    assert caught.value.index == (1234,)
    assert caught.value.found / caught.value.expected == pytest.approx(1.001)


@pytest.mark.parametrize("lost", ["all but the last", "the last"])
def test_engine_without_accumulation(lost, monkeypatch):
    """An engine that loses terms where a value is used twice is caught."""
    total = Pending.total

    def losing(self):
        for terms in self.sums.values():
            terms[:] = terms[-1:] if lost == "all but the last" else terms[:1]
        return total(self)

    monkeypatch.setattr(Pending, "total", losing)
    with penne.plain(), pytest.raises(WrongGradient):
        check_gradient(lambda x: penne.tanh(x) + x * x, X)


def test_wrong_second_derivative():
    """A rule that is right, but not differentiable rightly, is caught by order 2."""

    @penne.op("()->()", gradient=lambda g, y, x: (g * penne.detach(1 - y * y),))
    def detached(x):
        return np.tanh(x)

    check_gradient(detached, X, order=1)
    with pytest.raises(WrongGradient, match="the second derivative for argument 1"):
        check_gradient(detached, X)


def test_message():
    """It names the op at fault among others, argument, index and both numbers."""

    @penne.op("(n),(n)->(n)", gradient=lambda g, y, a, b: (g * b, 1.001 * g * a))
    def own_product(a, b):
        return a * b

    def f(x, y):
        return asum(penne.exp(own_product(x, penne.tanh(y))), axis=0)

    with pytest.raises(WrongGradient) as caught:
        check_gradient(f, [1.0, 2.0], [0.5, 0.25])
    wrong = caught.value
    assert (wrong.op, wrong.argument, wrong.order) == ("own_product", "argument 2", 1)
    assert len(wrong.index) == 1
    assert abs(wrong.found - wrong.expected) > 1e-4
    message = str(wrong)
    assert message.startswith(
        "check_gradient: own_product: the gradient for argument 2"
    )
    for number in (wrong.found, wrong.expected):
        assert f"{number:.10g}" in message


def test_parameters_within():
    """What a layer or a cell owns is varied too, and called by its path."""
    with penne.default_dtype("float64"):
        layer = Layer([3, 2], 2, rng=0)
    assert check_gradient(layer, X, [1.0, 2.0], order=1).numbers == 17

    @penne.op("()->()", gradient=lambda g, y, x: (g * y * 1.01,))
    def own_exp(x):
        return np.exp(x)

    with penne.default_dtype("float64"):
        layer = Layer(2, 2, f=own_exp, rng=0)
    with pytest.raises(WrongGradient, match=r"own_exp: the gradient for argument 1"):
        check_gradient(layer, [1.0, 2.0])

    @cell
    def stepped(x):
        return layer(x)

    with pytest.raises(WrongGradient, match=r"own_exp: the gradient for argument 1 at"):
        check_gradient(stepped, [1.0, 2.0])


def test_float32():
    """Of float32 differences show too little: it is refused, unless asked for."""
    with pytest.raises(TypeError, match=r"argument 1 is float32.*float32=True"):
        check_gradient(penne.tanh, np.float32([1, 2]))
    with pytest.raises(TypeError, match=r"weights\.0 is float32.*default_dtype"):
        check_gradient(Layer(3, 2), X)
    assert check_gradient(Layer(3, 2), X, float32=True).numbers == 22
    with pytest.raises(WrongGradient):
        check_gradient(planted(*WRONG["wrong sign"][:2]), np.float32(X), float32=True)


def test_kinks():
    """Numbers at kinks and jumps are skipped and counted, the others checked; where
    all stand at one, that is an error, not a success."""
    checked = check_gradient(penne.rectify, [0.0, 1.0, -1.0], order=1)
    assert checked == (2, 1)
    assert check_gradient(lambda x: x * penne.floor(x), [1.0, 1.5], order=1) == (1, 1)
    assert check_gradient(penne.amax, [2.0, 2.0, 1.0], order=1) == (1, 2)
    with pytest.raises(ValueError, match="all 2 numbers stand at kinks of absolute"):
        check_gradient(penne.absolute, [0.0, 0.0], order=1)


def test_wrong_beside_a_kink():
    """A kink hides no fault beside it."""

    @penne.op("()->()", gradient=lambda g, y, x: (1.001 * g * penne.sign(x),))
    def own_absolute(x):
        return np.abs(x)

    with pytest.raises(WrongGradient, match=r"at \[2\]|at \[1\]"):
        check_gradient(own_absolute, [0.0, 1.0, -1.0])


def test_steep():
    """What is curved or steep is no kink: it is checked."""
    assert check_gradient(lambda x: penne.exp(20 * x), [1.0, -1.0]) == (4, 0)
    assert check_gradient(lambda x: 1e6 * x**3, [1.0, 3.0]) == (4, 0)
    assert check_gradient(penne.tanh, [1e-7, 12.0]) == (4, 0)


def test_what_stays():
    """Ints and bools stay; random masks hold still; nothing is changed."""
    assert check_gradient(lambda x, i: x[i], X, [0, 2, 2], order=1) == (3, 0)
    assert check_gradient(penne.where, [True, False, True], X, X).numbers == 12
    assert check_gradient(Dropout(0.5, rng=0), X).skipped == 0
    p = parameter(np.array(X))
    array, before = p.value, p.value.copy()
    check_gradient(penne.tanh, p)
    assert p.value is array
    assert (array == before).all()


def test_several_outputs():
    """f may give several expressions: all of them count."""
    check_gradient(lambda x: [penne.tanh(x), (x * x, 3)], X)
    wrong = planted(TANH, WRONG["wrong sign"][1])
    with pytest.raises(WrongGradient):
        check_gradient(lambda x: [penne.tanh(x), {"y": wrong(x)}], X)
    with pytest.raises(TypeError, match="gives no floating expression, but ndarray"):
        check_gradient(lambda x: np.ones(2), X)
    with pytest.raises(ValueError, match="has nothing to vary"):
        check_gradient(lambda i: i + 1, 2)


@pytest.mark.parametrize("dtype", ["float64"])
def test_layers(dtype):
    """Penne's own layers pass, with all their parameters."""
    with penne.default_dtype(dtype):
        norm = LayerNorm(3)
    assert check_gradient(norm, [X, [1.0, 2.0, 4.0]]).numbers == 24


def test_steep_is_not_wrong():
    """Where differences are inexact because they are too wide, as beside the knee of a
    layer norm of two numbers that are almost equal, a right gradient passes, and one
    that is wrong by a thousandth does not."""
    weights, rng = np.array([1.0, 2.0]), np.random.default_rng(0)
    for _ in range(10):
        a = rng.normal()
        near = a + rng.normal() * 10.0 ** rng.uniform(-4, -2)
        x = parameter(np.array([[a, near], [4.0, -1.0]]))
        check_gradient(lambda x=x: asum(layer_norm(x) * weights), order=1)
        wrong = 1.001 * x - 0.001 * detach(x)
        with pytest.raises(AssertionError):
            check_gradient(lambda y=wrong: asum(layer_norm(y) * weights), order=1)


def test_kinks_that_one_direction_does_not_show():
    """The median of equal numbers does not move with one of them alone: it is passed
    over; a wrong gradient beside numbers that differ is not."""
    x, z = parameter(np.array([0.0, 0.0, 3.0, 0.0, 0.0, 0.0])), parameter(np.ones(2))
    assert check_gradient(lambda: median(x * 2) + asum(z), order=1).skipped
    y = parameter(np.array([0.0, 1.0, 3.0, -1.0, 2.0, 4.0]))
    wrong = 1.001 * y - 0.001 * detach(y)
    with pytest.raises(WrongGradient):
        check_gradient(lambda: median(wrong), order=1)


@pytest.mark.parametrize(
    "equals", [np.zeros((2, 3)), np.array([[0, 0, 3.0, 0], [0] * 4])]
)
def test_kinks_that_few_directions_show(equals):
    """The median of many equals moves only where half of them do: whatever numbers are
    drawn, it is passed over."""
    x = parameter(equals)
    for seed in range(20):
        check_gradient(
            lambda: median(x) + asum(x) / 9, order=1, projections=1, seed=seed
        )


def test_kinks_between_parameters():
    """So is that of equals which are parameters each."""
    xs = [parameter(np.zeros(())) for _ in range(4)]
    for seed in range(20):
        check_gradient(
            lambda: median(penne.stack(xs)) * 2, order=1, projections=1, seed=seed
        )


def test_small_kinks():
    """A kink that is a ten-thousandth of the slope is passed over; a gradient that is
    wrong by a thousandth is not, there or where the bend is that of a curve."""

    def f(x):
        return asum(x) + 1e-4 * asum(penne.rectify(x)) + asum(x**2)

    def own(x):  # the complex step of a maximum says nothing
        return f(penne.maximum(x, -9.0))

    x = parameter(np.array([0.0, 0.5, -0.25]))
    assert check_gradient(lambda: own(x), order=1).skipped == 1
    wrong = 1.001 * x - 0.001 * detach(x)
    with pytest.raises(WrongGradient):
        check_gradient(lambda: own(wrong), order=1)


@pytest.mark.parametrize(
    "matrix",
    [
        [[-2.0, -1.0, -0.5], [2.0, 0.5, 2.0], [2.0, 1.0, 0.5]],
        [[1.0, -0.5, -2.0], [0.5, -1.0, -2.0], [-0.5, 1.0, 2.0]],
        [[1.5, 1.0, 1.5], [1.0, 2.0, -1.0], [-1.5, -1.0, -1.5]],
    ],
)
def test_kinks_that_rounding_hides(matrix):
    """A singular value of 0 has a kink; where it is so small that differences cannot
    tell it from rounding, the gradient is not called wrong for it."""

    def f(x):
        return penne.svdvals(2 * penne.tanh(4 * x))

    assert check_gradient(f, matrix, order=1, projections=1).skipped


wrong_sign = lambda: planted(*WRONG["wrong sign"][:2])
some = np.array([True, True, False])
LARGE_BESIDE = {
    "masked": (lambda x: penne.softmax(penne.where(some, wrong_sign()(x), -1e9)), [X]),
    "masked by adding": (
        lambda x: penne.softmax(wrong_sign()(x) + np.where(some, 0, -1e12)),
        [X],
    ),
    "clipped far off": (lambda x: wrong_sign()(penne.clip(x, -1e38, 1e38)), [X]),
    "small": (lambda x: 1e-12 * wrong_sign()(x), [X]),
    "one large number": (lambda x: wrong_sign()(x), [[0.1, 0.5, -0.7, 1000.0]]),
    "a larger one": (lambda x: wrong_sign()(x), [[0.1, 0.5, -0.7, 1e9]]),
    "a large argument": (lambda s, x: wrong_sign()(x) + penne.log(s), [1e4, X]),
    "a large unit": (lambda s, x: wrong_sign()(x) * (s / 1e6), [1e6, X]),
    "large data": (
        lambda x, A: wrong_sign()(A @ (x / 1e5)),
        [[1e5, 2e5], [[0.1, 0.2], [0.3, 0.4]]],
    ),
}


@pytest.mark.parametrize("case", LARGE_BESIDE)
@pytest.mark.parametrize("order", [1, 2])
def test_large_numbers_hide_nothing(case, order):
    """A wrong sign is found whatever the numbers beside it and the size of a loss."""
    f, args = LARGE_BESIDE[case]
    with pytest.raises(WrongGradient):
        check_gradient(f, *args, order=order)


def test_large_and_small_are_smooth():
    """Numbers of very different sizes are no kinks, nor is the bottom of a square."""
    for large in (1e3, 1e6):
        assert check_gradient(penne.log, [large, 0.1]) == (4, 0)
        assert check_gradient(penne.sqrt, [large, 0.1]) == (4, 0)
    assert check_gradient(penne.log, [1e-4, 1e-5]) == (4, 0)
    assert check_gradient(lambda x: x * x, [0.0, 1e-12]) == (4, 0)
    assert check_gradient(lambda x: penne.maximum(x, -9.0) ** 2, [0.0]) == (2, 0)


SATURATED = {
    "softmax": penne.softmax,
    "quotient": lambda x: penne.exp(x) / asum(penne.exp(x)),
    "logsoftmax": penne.logsoftmax,
    "sigmoid": penne.sigmoid,
    "tanh": lambda x: penne.tanh(x) ** 2,
}


@pytest.mark.parametrize("f", SATURATED.values(), ids=SATURATED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_cancels_is_not_wrong(f):
    """Second derivatives of what is nearly constant are of numbers that cancel in the
    gradient: rounding that differences cannot show is not taken for a derivative."""
    rng = np.random.default_rng(0)
    logits = [[0, 30], [0, 300], [3, 4, 30], [-50, 50, 0, 1]]
    for x in [*logits, *(k * rng.normal(size=5) for k in (10, 20, 50, 100))]:
        check_gradient(f, np.array(x, float))


def cube(first, second):
    """The cube, its first and its second derivative by these factors too large."""

    @penne.op("()->()", gradient=lambda g, y, x: (g * slope(x) * first,))
    def own_cube(x):
        return x**3

    @penne.op("()->()", gradient=lambda g, y, x: (g * 6 * x * second,))
    def slope(x):
        return 3 * x**2

    return own_cube


BESIDE = {
    "masked": lambda y, c: penne.where(some, y, c),
    "joined": lambda y, c: penne.concatenate([y, np.full(1, c)]),
    "another output": lambda y, c: [y, penne.constant(np.full(2, c))],
    "multiplied": lambda y, c: y * np.array([1.0, 1.0, 0.0]) + c * np.eye(3)[2],
    "added": lambda y, c: y + c,
}


@given(
    st.sampled_from(sorted(BESIDE)),
    st.floats(0, 150).map(lambda digits: 10.0**digits) | st.just(0.0),
    st.sampled_from([(1, 0), (1, -1), (1, 2), (0, 1), (-1, 1), (1, 1)]),
    st.booleans(),
)
@example("masked", 1e9, (1, 0), False)
@example("joined", 1e30, (1, 0), True)
@example("added", 1e30, (-1, 1), False)
@settings(max_examples=60, deadline=None)
def test_constants_hide_nothing(how, size, factors, float32):
    """A wrong derivative beside a constant of any size is found, or counted as skipped;
    where no number of the outputs is made of both, a wrong second one is found."""
    if float32:
        size = min(size, 1e18)
    f, c, skipped = cube(*factors), -size, 0
    with np.errstate(all="ignore"):
        try:
            skipped = check_gradient(
                lambda x: BESIDE[how](f(x), c), [0.3, 0.7, -1.2], float32=float32
            ).skipped
        except WrongGradient:
            assert factors != (1, 1)
        except NothingChecked:
            skipped = True
        else:
            assert skipped or factors == (1, 1)
    assert not skipped or how == "added" or factors[0] != 1


def test_what_rounding_hides_is_not_checked():
    """What differences cannot tell from rounding is skipped, and not called right."""
    smooth = planted(*RIGHT[0][:2])
    for f in (lambda x: 1e6 + 1e-6 * wrong_sign()(x), lambda x: 1e12 + wrong_sign()(x)):
        with pytest.raises(ValueError, match="all 3 numbers stand at kinks"):
            check_gradient(f, X, order=1)
    assert check_gradient(lambda x: 1e6 + 1e-6 * smooth(x), X, order=1) == (3, 0)


@pytest.mark.parametrize("much", [np.inf, 1e200, 1e308])
@pytest.mark.parametrize("order", [1, 2])
def test_endless_gradients(much, order):
    """A gradient that is infinite, or larger than can be squared, is wrong."""

    @penne.op("()->()", gradient=lambda g, y, x: (g * much,))
    def own_tanh(x):
        return np.tanh(x)

    with np.errstate(over="ignore"), pytest.raises(WrongGradient):
        check_gradient(own_tanh, X, order=order)


KINKS = {
    "absolute": (penne.absolute, [[0.0, 1.0]], (2, 2)),
    "log of it": (lambda x: penne.log(penne.absolute(x) + 1), [[0.0, 0.5]], (2, 2)),
    "hypot": (np.hypot, [[0.0, 1.0], [0.0, 1.0]], (4, 4)),
    "largest": (penne.amax, [[2.0, 2.0, 1.0]], (2, 4)),
    "rectify": (penne.rectify, [[0.0, 1.0, -1.0]], (4, 2)),
}


@pytest.mark.parametrize("case", KINKS)
def test_kinks_of_every_order(case):
    """A number at a kink is skipped at the orders above too; the others are checked."""
    f, args, expected = KINKS[case]
    assert check_gradient(f, *args) == expected


@pytest.mark.parametrize("beside", [0.0, 1.0])
def test_kinks_in_float32(beside):
    """A kink is one at whatever width, whatever is drawn, in float32 too."""

    def leaky(x):
        return penne.where(penne.greater(x, 0), x, 0.1 * x)

    for seed in range(30):
        x = np.array([0.0, 0.0, 0.0, 0.0, beside])
        try:
            checked = check_gradient(leaky, x, float32=True, order=1, seed=seed)
            assert checked == (1, 4)
        except ValueError:
            assert not beside


def baked_sine():
    """sin, in whose gradient stands a value of x."""

    @penne.op("()->()", gradient=lambda g, y, x: (g * np.cos(compute_value(x)),))
    def own_sin(x):
        return np.sin(x)

    return own_sin


BAKED = {
    "rule": (lambda x: penne.tanh(baked_sine()(x)), "own_sin: the gradient for argum"),
    "rule alone": (lambda x: baked_sine()(x), "own_sin: the gradient for argument 1"),
    "factor": (lambda x: x * compute_value(x), "<lambda>: the value for the sum of"),
    "the array itself": (lambda x: x * x.value, "<lambda>: the value for the sum of"),
    "term": (
        lambda x: penne.tanh(x) + np.cos(x.value),
        "<lambda>: the value for the s",
    ),
}


@pytest.mark.parametrize("case", BAKED)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("float32", [False, True])
def test_values_in_the_graph(case, order, float32):
    """A value that stands in the graph, or in that of its gradient, where x should, is
    an error that names what has it there; parameters are as before."""
    f, message = BAKED[case]
    p = parameter(np.array(X, np.float32 if float32 else float))
    array, before = p.value, p.value.copy()
    with penne.plain(), pytest.raises(WrongGradient, match="built again") as caught:
        check_gradient(f, p, order=order, float32=float32)
    assert f"check_gradient: {message}" in str(caught.value)
    assert str(caught.value).endswith("write ops of x")
    assert p.value is array
    assert (array == before).all()


def test_values_that_choose():
    """What chooses by values, where there is a choice, is no value in the graph; nor is
    what is drawn anew, counts, or can be built once alone."""
    first, counted = iter([2.0]), itertools.count(1.0)
    chosen = [
        lambda x: x[int(np.argmax(x.value))],
        lambda x: x if compute_value(asum(x)) > 4 else 2 * x,
        lambda x: Dropout(0.5, rng=0)(x),
        lambda x: x * next(counted),
        lambda x: x * next(first),
    ]
    for f in chosen:
        assert check_gradient(f, np.ones(4), order=1) == (4, 0)


def test_fault_beside_what_is_not_finite():
    """The op at fault is named where others stand at numbers that are not finite; such
    numbers cannot be varied."""
    wrong, mask = wrong_sign(), penne.constant(np.array([1.0, 1.0] + [0.0] * 5))
    with np.errstate(divide="ignore"), pytest.raises(WrongGradient) as caught:
        check_gradient(
            lambda x: wrong(penne.softmax(x + penne.log(mask))), np.linspace(-1, 1, 7)
        )
    assert caught.value.op == "elementwise"
    for number in (np.inf, -np.inf, np.nan):
        with pytest.raises(ValueError, match="argument 1 has numbers that are not fin"):
            check_gradient(penne.tanh, [number, 1.0])


@pytest.mark.parametrize("given", [{"order": 0}, {"order": -3}, {"projections": 0}])
def test_nothing_is_no_success(given):
    """No order and no projection are errors: nothing would be checked."""
    with pytest.raises(ValueError, match="order and projections are at least 1, got"):
        check_gradient(penne.tanh, X, **given)
