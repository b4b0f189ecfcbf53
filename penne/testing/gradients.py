"""Is a gradient the derivative?  Asked along random directions, to second order.

This module imports ``composite``, ``compute``, ``differentiate``, ``graph``,
``modules``, ``ops``, ``randomness``, ``directions``, ``elsewhere`` and ``rebuilt``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..composite import PROJECT, Several
from ..compute import compute_gradients, compute_values
from ..differentiate import gradient
from ..graph import OPS, Constant, Expression, Op, Parameter, constant, topological
from ..modules import Module
from ..ops import asum, numerical
from ..randomness import fixed_masks
from .directions import Derivative, Directions
from .elsewhere import largest, largest_varying, steepest
from .rebuilt import Apart, rebuilt

Array = np.ndarray[Any, Any]
CLOSE = {"complex step": 1e-9, "central difference": 1e-6}
ROUNDED = 1e-6, 1e-4  # what rounding does between graphs of the same ops; in float32
FLOAT32 = 2e-3  # the part of a number that a float32 gradient may be away
NUMERICAL = (1e-8, 1e-4)  # and that of ``numerical``, and a gradient of it


REBUILT = "the graph built again where numbers have moved"
BAKED = "; compute_value(x) and NumPy give what does not change with x, write ops of x"


class Checked(NamedTuple):
    """How many derivatives were checked, and how many skipped: at a kink, or hidden by
    rounding."""

    numbers: int
    skipped: int


class NothingChecked(ValueError):
    """All numbers were skipped."""


class WrongGradient(AssertionError):
    """A gradient that is no derivative: of which ``argument``, at which ``index``, the
    number ``found`` and the one ``expected``, the ``op`` at fault, the ``order``."""

    def __init__(
        self, argument: str, index: Any, found: float, expected: Derivative, order: int
    ):
        self.argument, self.index, self.order = argument, index, order
        self.found, self.expected, self.op = found, expected.value, ""
        self.how = expected.how

    def __str__(self) -> str:
        which = ["value", "gradient", "second derivative"][min(self.order, 2)]
        if self.order > 2:
            which = f"derivative of order {self.order}"
        place = f" at {list(self.index)}" if self.index else ""
        return (
            f"check_gradient: {self.op}: the {which} for {self.argument}{place} is "
            f"{self.found:.10g}, by {self.how} {self.expected:.10g}"
            + (BAKED if self.how == REBUILT else "")
        )


def check_gradient(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    float32: bool = False,
    projections: int = 3,
    seed: int = 0,
    **params: Any,
) -> Checked:
    """Compare the gradients of ``f(*args, **params)`` with differences of its values.

    ``f`` is an op, a layer, any function that gives an expression or several;
    floating ``args``, and all parameters that f reaches, are varied; ints and bools
    stay.  For a random u, the derivative of sum(u * y) along a random direction v of
    one argument is compared with what its gradient says, v . g: by central
    differences to 6 digits and, where the functions take complex numbers, by a complex
    step (Squire and Trapp 1998) to 9.  ``order=2`` does the same with the gradient of
    sum(u * y * y), and so on.  Where left and right differences disagree at every
    width there is no derivative: a kink; that number is skipped, at this order and
    those above, and counted.  So is one whose derivative is lost in the rounding of
    the values, which is measured (Moré and Wild 2011).  Then f is called again where
    numbers have moved by a hundredth: the graph that it builds there has to be that
    which it built at first, with no value of another place in it; of a function that
    builds another graph each time nothing is asked.

    Raises WrongGradient, an AssertionError that names argument, index, both numbers
    and the op at fault; TypeError for float32, of which differences show little, unless
    ``float32=True`` (then to 3 digits); ValueError where nothing can be varied, or all
    that is is skipped.

    Nothing is changed: values are put in place of the parameters' own.

    >>> from penne import sigmoid
    >>> check_gradient(sigmoid, [[0.5, -1.0]])
    Checked(numbers=4, skipped=0)
    """
    if not callable(f):
        kind = f"{type(f).__name__}{'; write r.transduce' * hasattr(f, 'transduce')}"
        raise TypeError(f"check_gradient: f is a function, got {kind}")
    if order < 1 or projections < 1:
        raise ValueError(
            "check_gradient: order and projections are at least 1, got "
            f"{order} and {projections}"
        )
    check = _Check(f, args, params, float32, projections, seed)
    with fixed_masks():
        try:
            check.orders(order)
        except WrongGradient as wrong:
            wrong.op = _at_fault(check.outputs, wrong, float32) or name_of(f)
            raise
    if check.skipped and not check.numbers:
        raise NothingChecked(
            f"check_gradient: all {check.skipped} numbers stand at kinks of "
            f"{name_of(f)}, or rounding hides its derivatives; give other arguments"
        )
    return Checked(check.numbers, check.skipped)


def flat(y: Any) -> list[Expression]:
    """The floating expressions of what a function gave; or TypeError."""
    parts = floating(y)
    if not parts and not isinstance(y, (Expression, int, str, type(None))):
        kind = type(y).__name__
        raise TypeError(f"check_gradient: f gives no floating expression, but {kind}")
    return parts


def floating(y: Any) -> list[Expression]:
    """The floating expressions among lists, tuples, dicts and whatever else."""
    if isinstance(y, dict):
        y = list(y.values())
    if isinstance(y, (list, tuple)):
        return [x for part in y for x in floating(part)]
    return [y] if isinstance(y, Expression) and y.floating else []


def named_targets(
    f: Any, given: Sequence[Any], outputs: Sequence[Expression]
) -> dict[str, Parameter]:
    """What is varied, by the name that a message calls it by."""
    targets = {
        f"argument {k}": a for k, a in enumerate(given, 1) if isinstance(a, Parameter)
    }
    paths = f.parameters() if isinstance(f, Module) else {}
    targets |= {path: p for path, p in paths.items() if p not in targets.values()}
    known = set(targets.values())
    found = [x for x in topological(outputs) if isinstance(x, Parameter)]
    rest = [p for p in found if p not in known]
    targets |= {f"parameter {k} {p.shape}": p for k, p in enumerate(rest, 1)}
    if not targets or not outputs:
        raise ValueError(
            f"check_gradient: {name_of(f)} has nothing to vary; give floating arguments"
        )
    return targets


def check_numbers(targets: dict[str, Parameter], float32: bool) -> None:
    """TypeError where a number is too coarse for differences, ValueError where it is
    not finite."""
    for name, p in targets.items():
        if not np.isfinite(p.value).all():
            raise ValueError(
                f"check_gradient: {name} has numbers that are not finite and cannot be "
                "varied; write them as constants within f"
            )
        if p.dtype != np.float64 and not (float32 and p.dtype == np.float32):
            raise TypeError(
                f"check_gradient: {name} is {p.dtype}, which differences show too "
                "coarsely; write float64 (with penne.default_dtype('float64'): for "
                "layers), or float32=True for 3 digits"
            )


def name_of(f: Any) -> str:
    """What a function is called in a message."""
    return str(getattr(f, "name", "") or getattr(f, "__name__", type(f).__name__))


def _varied(a: Any, float32: bool) -> Any:
    if isinstance(a, Parameter):
        return a
    if isinstance(a, Expression):
        if isinstance(a, Constant) and a.floating:
            return Parameter(np.array(a.value))
        return a
    array = np.array(a)
    if float32 and array.dtype.kind == "f":
        array = array.astype(np.float32)
    return Parameter(array) if array.dtype.kind == "f" else a


HIDDEN = 0.1  # the part of a derivative that may be unknown where it is checked
MOST_OTHERS = 64  # that are moved at once
MORE_TRIES = 60  # of any number of others: equals may show their kink in one of ten


class _Check:
    """One check: the numbers counted, the random generator, what is close."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        params: Mapping[str, Any],
        float32: bool,
        projections: int = 1,
        seed: int = 0,
    ):
        given = [_varied(a, float32) for a in args]
        self.rng, self.seed = np.random.default_rng(seed), seed
        self.float32, self.projections = float32, projections
        self.build = lambda: flat(f(*given, **params))
        self.outputs = self.build()
        self.targets = named_targets(f, given, self.outputs)
        self.parameters = list(self.targets.values())
        check_numbers(self.targets, float32)
        self.smooth = {p: np.ones(p.size, bool) for p in self.parameters}
        self.numbers = self.skipped = 0
        self.part = 0.0  # of a number that the gradient may be away

    def orders(self, most: int) -> None:
        """The derivatives up to an order, and the graph built again; or
        WrongGradient."""
        for order in range(1, most + 1):
            self.order(order)
        first, again = self._losses(most, self.outputs), lambda: self._again(most)
        apart = rebuilt(first, again, self.parameters, ROUNDED[self.float32])
        if apart:
            self._raise_apart(apart)

    def _raise_apart(self, apart: Apart) -> None:
        name = "the sum of its outputs"
        index: tuple[int, ...] = ()
        for path, p in self.targets.items():
            if p is apart.parameter:
                name, index = path, self._index(p, apart.at)
        right = Derivative(apart.expected, 0.0, REBUILT)
        raise WrongGradient(name, index, apart.found, right, apart.order)

    def _again(self, most: int) -> list[Expression]:
        outputs = self.build()
        assert [y.shape for y in outputs] == [y.shape for y in self.outputs]
        return self._losses(most, outputs)

    def _losses(self, most: int, outputs: list[Expression]) -> list[Expression]:
        """The numbers of all orders, by the same random ones each time."""
        self.rng = np.random.default_rng(self.seed)
        return [self._loss(k, outputs) for k in range(1, most + 1)]

    def order(self, order: int) -> None:
        """The derivatives of one order, or WrongGradient."""
        loss = self._loss(order, self.outputs)
        self.part = FLOAT32 if self.float32 else _inexact(loss, order)
        dtype = np.float32 if self.float32 else np.float64
        directions = Directions(loss, dtype, self._within(order))
        found = compute_gradients(loss)
        for name, p in self.targets.items():
            g = np.asarray(found.get(p, np.zeros(p.shape)), np.float64).reshape(-1)
            if not g.size:
                continue
            for k in range(self.projections):
                v = self._random(p.shape).reshape(-1)
                before = self.numbers, self.skipped
                support = self._support(p, k)
                self.skipped += g.size - len(support)
                if len(support):
                    self._along(order, name, p, g, v, support, directions)
                if k:  # each number is counted once
                    self.numbers, self.skipped = before

    def _within(self, order: int) -> float:
        """About how large that is which may cancel in the number of an order above the
        first: random numbers twice, the outputs that vary, and slopes on the way to
        them."""
        if order == 1:
            return 0.0
        most = largest_varying(self.outputs, self.parameters)
        size = max(1.0, *(largest(p.value) for p in self.parameters))
        slope = min(most, max(1.0, most / size))
        return 4 * most * slope / size ** (order - 2)

    def _support(self, p: Parameter, k: int) -> Array:
        """The numbers of p that are moved together: all that have not been skipped, at
        an order below either, and from the second time on half of them."""
        support = np.flatnonzero(self.smooth[p])
        if k and len(support) > 3:
            return self.rng.choice(support, len(support) // 2, replace=False)
        return support

    def _loss(self, order: int, outputs: list[Expression]) -> Expression:
        """A number whose gradient is that of ``order``."""
        ys = outputs if order == 1 else [y * y for y in outputs]
        loss = self._projected(ys)
        for _ in range(order - 1):
            loss = self._projected(gradient(loss, self.parameters))
        return loss

    def _projected(self, ys: Sequence[Expression]) -> Expression:
        parts = [asum(y * constant(self._random(y.shape))) for y in ys]
        return sum(parts[1:], parts[0])

    def _random(self, shape: tuple[int, ...]) -> Array:
        """Numbers of which none is small."""
        return self.rng.uniform(0.5, 1.5, shape) * self.rng.choice([-1.0, 1.0], shape)

    def _along(
        self,
        order: int,
        name: str,
        p: Parameter,
        g: Array,
        v: Array,
        support: Array,
        directions: Directions,
    ) -> None:
        """One direction; where it fails or has a kink, its two halves."""
        direction = np.zeros(g.size)
        direction[support] = v[support]
        expected = directions.derivative({p: direction.reshape(p.shape)})
        terms = g[support] * v[support]
        verdict = self._verdict(terms, expected)
        if verdict == "close" or self._nearly_0(order, p, support, terms, expected):
            self.numbers += len(support)
        elif len(support) > 1:
            for half in np.array_split(support, 2):
                self._along(order, name, p, g, v, half, directions)
        elif verdict == "away" and not self._bends(p, support[0], directions):
            self._raise(order, name, p, g, v, support, expected)
        else:
            self.skipped += 1
            self.smooth[p][support] = False

    def _nearly_0(
        self,
        order: int,
        p: Parameter,
        support: Array,
        terms: Array,
        expected: Derivative | None,
    ) -> bool:
        """Whether the derivative for one number is rounding, and that is small beside
        what derivatives are between here and elsewhere: of the outputs, for orders
        above the first twice."""
        if expected is None or len(support) > 1:
            return False
        if not abs(float(terms[0]) - expected.value) <= expected.rounding < np.inf:
            return False
        usual = steepest(self.outputs, p, support[0])
        size = max(1.0, abs(float(p.value.flat[support[0]])))
        usual = usual if order == 1 else usual**2 / size ** (order - 2)
        return expected.rounding <= HIDDEN * usual

    def _bends(self, p: Parameter, at: int, directions: Directions) -> bool:
        """Whether the derivative at one number and that along some others do not add up
        to that along all of them: a kink that one number alone does not show, as that
        of a median of equals; others that have a kink without it say nothing."""
        starts = np.cumsum([0, *(q.size for q in self.parameters)]).tolist()
        places = dict(zip(self.parameters, starts))
        mine = places[p] + at
        others = np.delete(np.arange(starts[-1]), mine)
        if not others.size:
            return False
        most = min(others.size, MOST_OTHERS)
        few = np.repeat([1, min(2, most)], 6)
        for count in (*few, *self.rng.integers(1, most + 1, MORE_TRIES)):
            some = self.rng.choice(others, count, replace=False)
            numbers = self._random((starts[-1],))
            alone, theirs, all = (
                directions.derivative(self._moving(numbers, which))
                for which in ([mine], some, [*some, mine])
            )
            if alone is None or theirs is None:
                continue
            if all is None:
                return True
            slack = 1e-5 * (abs(alone.value) + abs(theirs.value)) + 4 * all.noise
            if abs(alone.value + theirs.value - all.value) > slack:
                return True
        return False

    def _moving(self, numbers: Array, which: Any) -> dict[Parameter, Array]:
        """The direction that has ``which`` of the numbers for all parameters."""
        direction = np.zeros(len(numbers))
        held = [np.ravel(p.value).astype(float) for p in self.parameters]
        sizes = np.maximum(1, np.abs(np.concatenate(held)))
        direction[which] = (numbers * sizes)[which]
        ends = np.cumsum([p.size for p in self.parameters])
        parts = zip(self.parameters, np.split(direction, ends[:-1]))
        return {p: d.reshape(p.shape) for p, d in parts if d.any()}

    def _raise(
        self,
        order: int,
        name: str,
        p: Parameter,
        g: Array,
        v: Array,
        support: Array,
        expected: Derivative | None,
    ) -> None:
        assert expected is not None
        at = int(support[0])
        index = self._index(p, at)
        exact = expected._replace(value=expected.value / v[at])
        raise WrongGradient(name, index, float(g[at]), exact, order)

    def _index(self, p: Parameter, at: int) -> tuple[int, ...]:
        return tuple(int(i) for i in np.unravel_index(at, p.shape))

    def _verdict(self, terms: Array, expected: Derivative | None) -> str:
        """Whether what the gradient says is "close" to what was found, is "away", or
        may be either: there is no derivative, or too much is not known of it."""
        if expected is None:
            return "hidden"
        size = max(abs(expected.value), float(np.hypot.reduce(terms)))
        away = abs(float(np.sum(terms)) - expected.value)
        near = max(self.part, CLOSE[expected.how]) * size
        for unknown in (0.0, expected.rounding, expected.noise):
            if away <= near + unknown < np.inf:
                return "close" if unknown <= HIDDEN * size else "hidden"
        return "away"


def _inexact(loss: Expression, order: int) -> float:
    """The part of a number that rules may be away that are differences themselves."""
    rules = [x.op.gradient for x in topological([loss]) if x.op]
    slopes = [rule for rule in rules if rule in (numerical, OPS["slope"].gradient)]
    return NUMERICAL[min(order, 2) - 1] if slopes else 0.0


Application = tuple[Op, list[Any], Mapping[str, Any]]


def _at_fault(outputs: list[Expression], wrong: WrongGradient, float32: bool) -> str:
    """The first op whose own rule is wrong where it stands, by its name; where none is
    by itself, the op that is applied last, but for a graph with values in it, which f
    has put there."""
    found = list(_applications(outputs))
    for op, arrays, params in found:
        try:
            if op.gradient is not None:
                _Check(op, arrays, params, float32).orders(wrong.order)
        except WrongGradient:
            return op.name
        except Exception:  # where it stands nothing can be said of it
            continue
    return found[-1][0].name if found and wrong.how != REBUILT else ""


def _applications(outputs: list[Expression]) -> Iterator[Application]:
    """Every op on the way to ``outputs``, within composite ops too, and its arrays."""
    values = compute_values(outputs)
    for x in topological(outputs):
        if x.op is not None:
            yield from _within(x.op, [values[a] for a in x.args], x.params)


def _within(op: Op, arrays: list[Any], params: Any) -> Iterator[Application]:
    """An op and its arrays, or those that it is made of."""
    if isinstance(op, Several):
        for inner, given, static, _ in op.applications(arrays):
            yield from _within(inner, given, static)
    elif op is not PROJECT:
        yield op, arrays, params
