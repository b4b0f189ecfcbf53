"""Layers: affine maps with a nonlinearity, normalisation, dropout.

This module imports ``composite``, ``compute``, ``counts``, ``differentiate``,
``dtypes``, ``functions``, ``graph``, ``initializers``, ``modules``, ``ops``,
``ops.selection``, ``randomness``, ``settings``, ``symbols`` and ``tracing``.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from .composite import NOTHING, Body, projected, projection
from .compute import compute_value
from .counts import check_numbers, is_int, positive
from .differentiate import gradient
from .dtypes import INDEX
from .functions import hardtanh, layer_norm, logsoftmax, softmax
from .graph import Constant, Expression, Parameter, constant, parameter
from .initializers import Initializer, default
from .modules import Module
from .ops import add, dot, less, log, multiply, ravel, rectify, sigmoid, tanh, where
from .ops.selection import check_within, gather, index_of, note_limits, row
from .randomness import Mask, Random
from .settings import current_dtype, generator
from .symbols import Symbol
from .tracing import being_traced

Function = Callable[[Expression], Expression]
Size = int | str | Sequence[Any]
SYMBOL = "lookup: symbol"
MEASURED = 8  # the outputs of a function that are differentiated for its gain


_plans: "WeakKeyDictionary[Pure, dict[Any, Any]]" = WeakKeyDictionary()
_last: list[Any] = [(lambda: None,) * 2]  # of an array and its constant: weakly


class Pure(Module):
    """A module that is a function of its inputs and parameters: a call is one node."""

    def composed(self, inputs: Sequence[Any]) -> Expression:
        """The function, op by op."""
        raise NotImplementedError

    def symbols(self) -> list[tuple[int, int]]:
        """Which inputs are symbols, and how many of these there are."""
        return []

    def worth(self) -> bool:
        """Whether it is known to be pure, as penne's own are, and is of several ops."""
        return type(self).__module__ == __name__

    def applied(self, inputs: list[Any]) -> Expression:
        """The function as one node, of inputs that are expressions."""
        try:
            plan = _plans[self][tuple([x.type for x in inputs])]
        except (KeyError, AttributeError):
            return self._planned(inputs)
        op, kind, leaves, made, symbols = plan
        for k, size in symbols:
            if not isinstance(inputs[k], Constant) or being_traced.value:
                return self.composed(inputs)
            check_within(SYMBOL, inputs[k].value, 0, size)
        return projected(Expression(op, (*inputs, *leaves), NOTHING, kind), made)

    def _planned(self, inputs: list[Any]) -> Expression:
        """As for the first time: what is wrong with the inputs is found now."""
        y, sizes = self.composed(inputs), self.symbols()
        known = {k for k, _ in sizes}
        kinds = [Constant if k in known else Expression for k in range(len(inputs))]
        if not self.worth() or not all(map(isinstance, inputs, kinds)):
            return y
        if any(x.floating is (k in known) for k, x in enumerate(inputs)):
            return y
        if sizes and being_traced.value:
            return y  # as it is where symbols stand for symbols
        given = [Symbol(x.type, k in known) for k, x in enumerate(inputs)]
        z = self.composed(given)
        body = Body.of(type(self).__name__, given, [z])
        made = projection(body.op, body.type, body.places[z])
        plan = body.op, body.type, body.captured, made, sizes
        _plans.setdefault(self, {})[tuple([x.type for x in inputs])] = plan
        return self.applied(inputs)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        _plans.pop(self, None)


def given(x: Any) -> Any:
    """An input as an expression, if it is an array or an int.  The last array is known
    again: several layers in a row read one."""
    if is_int(x):
        return index_of(x)
    if not isinstance(x, np.ndarray):
        return x
    array, made = _last[0]
    found = made() if array() is x else None
    if found is None:
        found = constant(x)
        _last[0] = ref(x), ref(found)
    return found


class Layer(Pure):
    """y = f(x_1 W_1 + ... + x_k W_k + b).

    ``insize``: the size of the argument, or a list with one for each:

    - n > 0: a vector (n), or a batch (..., n); weight (n, outsize)
    - n < 0: an int in [0, -n) or a batch of them, standing for its one-hot vector;
      weight (-n, outsize), of which the row is looked up
    - ``"diag"``: a vector (outsize), multiplied elementwise; weight (outsize)

    ``f``: any function of an expression, None for none.  ``gain``: divides the scale
    of first weights; None takes |f'(0)|: tanh 1, sigmoid 1/4, rectify 1/2, softmax and
    logsoftmax 1 - 1/outsize.  Of an f of one's own it is measured, the mean of
    |d f(x)_k / d x_k| at x = -0.1 and 0.1, and kept within 1/4 and 1; of probabilities
    that of their logarithms.  ``bias``: the number it starts at, None for no bias.
    ``init``: the rule for first weights.  ``model``: a list that gets the parameters
    too.

    Raises TypeError for what is no such size or argument, ValueError for an argument
    of another size, IndexError for a symbol out of range.

    The documentation of Penne, module ``nn``; first weights: its 2015 release.

    >>> layer = Layer([-5, 3], 2, rng=0)
    >>> layer(4, np.zeros(3)).shape
    (2,)
    >>> layer([4, 0, 1], np.zeros((3, 3))).shape
    (3, 2)
    """

    def __init__(
        self,
        insize: Size,
        outsize: int,
        f: Function | None = tanh,
        gain: float | None = None,
        bias: float | None = 0.0,
        model: list[Parameter] | None = None,
        *,
        init: Initializer = default,
        rng: np.random.Generator | int | None = None,
    ):
        self.insize = insizes(insize)
        if not self.insize:
            raise ValueError("Layer: takes at least one argument, got no insize")
        self.outsize = positive("Layer", "outsize", outsize)
        self.f = f
        gain = guess_gain(f, outsize) if gain is None else gain
        _check_options(gain, bias, init)
        rng = generator(rng)
        weights = [self._weight(n, gain, init, rng) for n in self.insize]
        self.weights = tuple(weights)
        self.bias: Parameter | None = None
        if bias is not None:
            start = np.broadcast_to(np.asarray(bias, current_dtype()), (outsize,))
            self.bias = parameter(start)
        add_parameters(model, self)

    def _weight(
        self, n: int | str, gain: float, init: Initializer, rng: np.random.Generator
    ) -> Parameter:
        m = self.outsize
        shape, fan = ((m,), m) if isinstance(n, str) else ((abs(n), m), n)
        fan_in = None if isinstance(n, str) or fan < 0 else fan
        drawn = np.asarray(init(rng, shape, fan_in, m, gain), current_dtype())
        if drawn.shape != shape:
            raise ValueError(f"Layer: init is to draw {shape}, got {drawn.shape}")
        return parameter(drawn)

    def __call__(self, *args: Any) -> Expression:
        """f of the sum of the products; one argument for each ``insize``."""
        inputs = flat(args)
        if len(inputs) != len(self.insize):
            raise TypeError(
                f"Layer: takes {len(self.insize)} arguments for insize "
                f"{self.insize}, got {len(inputs)}"
            )
        if len(inputs) == 1 and is_int(inputs[0]):
            return self.composed(inputs)
        return self.applied(list(map(given, inputs)))

    def symbols(self) -> list[tuple[int, int]]:
        """Which inputs are symbols, and how many of these there are."""
        sizes = enumerate(self.insize)
        return [(k, -n) for k, n in sizes if n != "diag" and n < 0]

    def worth(self) -> bool:
        """Whether f is one of penne's, and there is more than a product."""
        own = super().worth() and is_own(self.f)
        return own and (self.f is not None or len(self.insize) > 1)

    def composed(self, inputs: Sequence[Any]) -> Expression:
        """f of the sum of the products, op by op."""
        return self.activated(self.products(inputs))

    def products(self, inputs: Sequence[Any], first: int = 0) -> list[Expression]:
        """The products of ``inputs`` with the weights from number ``first`` on."""
        sizes, weights = self.insize[first:], self.weights[first:]
        return list(map(self._term, inputs, sizes, weights))

    def activated(self, products: Sequence[Expression]) -> Expression:
        """f(sum of ``products`` + b): what the layer makes of its products."""
        z = reduce(add, products)
        if self.bias is not None:
            z = add(z, self.bias)
        return z if self.f is None else self.f(z)

    def _term(self, x: Any, n: Any, W: Parameter) -> Expression:
        diagonal = n == "diag"
        if not diagonal and n < 0:
            return lookup(W, x)
        x = constant(x)
        if x.type.shape[-1:] != W.type.shape[:1]:
            raise ValueError(
                f"Layer: takes vectors of {W.shape[0]} where insize is {n!r}, "
                f"got {x.shape}"
            )
        return multiply(x, W) if diagonal else dot(x, W)


def _check_options(gain: Any, bias: Any, init: Any) -> None:
    """TypeError or ValueError for what is no such option of a layer."""
    if not gain > 0:
        raise ValueError(f"Layer: gain is above 0, got {gain}")
    if isinstance(bias, (bool, np.bool_)):
        meant = "the number it starts at, None for no bias"
        raise TypeError(f"Layer: bias is {meant}, got {bias}")
    if not callable(init):
        rules = "as penne.initializers.glorot is"
        raise TypeError(f"Layer: init is a rule, {rules}, got {init!r}")


def add_parameters(model: Any, made: Module) -> None:
    """Have ``model``, if there is one, get the parameters of what was made."""
    if model is None:
        return
    if not isinstance(model, list):
        name, kind = type(made).__name__, type(model).__name__
        meant = f"a list that gets the parameters too, got {kind}"
        raise TypeError(f"{name}: model is {meant}; write Stack(a, b) for two in a row")
    model.extend(made.parameters().values())


def insizes(insize: Size) -> list[Any]:
    """``insize`` as a flat list of ints and ``"diag"``, or TypeError, ValueError."""
    if isinstance(insize, (list, tuple)):
        return [n for part in insize for n in insizes(part)]
    if isinstance(insize, str):
        if insize != "diag":
            raise ValueError(f'Layer: insize is a size or "diag", got {insize!r}')
        return [insize]
    if not is_int(insize):
        raise TypeError(f'Layer: insize is an int, "diag" or a list, got {insize!r}')
    if insize == 0:
        raise ValueError("Layer: insize 0 takes nothing, write n > 0 or -n")
    return [int(insize)]


def flat(args: Sequence[Any]) -> list[Any]:
    """Arguments with tuples opened: several inputs at once are a tuple."""
    for a in args:
        if isinstance(a, tuple):
            break
    else:
        return list(args)
    return [x for a in args for x in (flat(a) if isinstance(a, tuple) else [a])]


def lookup(W: Expression, symbols: Any) -> Expression:
    """The rows of W for an int, a list or an array of ints in [0, len(W)).

    Raises IndexError, naming the symbol, for one outside; TypeError for what is no
    integer.
    """
    if is_int(symbols) and 0 <= symbols < W.type.shape[0]:
        return row(W, symbols)
    if not isinstance(symbols, Expression):
        symbols = _symbols(symbols)
    if symbols.dtype.kind not in "iu":
        raise TypeError(f"lookup: takes ints, got numbers of {symbols.dtype}")
    if isinstance(symbols, Constant):
        check_within(SYMBOL, symbols.value, 0, W.shape[0])
    elif not note_limits(symbols, 0, W.shape[0]):
        # a computed symbol below 0 is out of range too, found at evaluation
        symbols = where(less(symbols, 0), W.shape[0], symbols)
    return gather(W, symbols, rank=symbols.ndim, after=1)


def _symbols(given: Any) -> Expression:
    """Ints from outside as an index."""
    array = np.asarray(given)
    if isinstance(given, list) and not array.size:
        array = array.astype(INDEX)
    if array.dtype.kind not in "iu":
        kind = type(given).__name__
        raise TypeError(f"lookup: takes ints, got {kind} of {array.dtype}")
    return constant(array)


def is_own(f: Function | None) -> bool:
    """Whether f is None or one of penne's own functions, which may be traced."""
    return any(f is known for known, _ in _GAINS)


_GAINS: list[tuple[Any, Callable[[int], float]]] = [
    (None, lambda d: 1.0),
    (tanh, lambda d: 1.0),
    (hardtanh, lambda d: 1.0),
    (sigmoid, lambda d: 0.25),
    (rectify, lambda d: 0.5),
    (softmax, lambda d: 1 - 1 / d),
    (logsoftmax, lambda d: 1 - 1 / d),
]


def guess_gain(f: Function | None, d: int) -> float:
    """How steep f is at 0: |f'(0)|, at a kink averaged over +-0.1; what is not in the
    table is measured there, where it has a slope, and kept within 1/4 and 1.

    >>> guess_gain(sigmoid, 10)
    0.25
    """
    for known, gain in _GAINS:
        if f is known:
            return gain(d) or 1.0
    if f is None or not callable(f):
        raise TypeError(f"Layer: f is a function or None, got {f!r}")
    slopes = [slope for at in (-0.1, 0.1) for slope in _slopes(f, np.full(d, at))]
    known = [abs(slope) for slope in slopes if np.isfinite(slope)] or [1.0]
    return float(np.clip(np.mean(known), 0.25, 1.0))


def _slopes(f: Function, at: Any) -> list[Any]:
    """The slopes of f(x)[k] by x[k] for some k, NaN or infinite where there is none;
    of what are probabilities, as a softmax gives, that of their logarithms."""
    x, y = _tried(f, at)
    with np.errstate(all="ignore"):
        value = compute_value(y)
        if (value >= 0).all() and np.isclose(value.sum(), 1):
            y = log(y)
        size = min(y.size, at.size)
        places = np.linspace(0, size - 1, min(size, MEASURED), dtype=int).tolist()
        return [_slope(y[k], x, k) for k in places]


def _tried(f: Function, at: Any) -> tuple[Expression, Expression]:
    """A vector, or a batch of it where f takes no vectors, and f of it in a row."""
    try:
        x = parameter(at)
        return x, ravel(f(x))
    except (ValueError, IndexError) as error:
        try:
            x = parameter(at[None])
            return x, ravel(f(x))
        except (ValueError, IndexError):
            error.add_note("f is called to measure its gain; give gain=1.0 instead")
            raise error from None


def _slope(y: Expression, x: Expression, k: int) -> Any:
    """The gradient of y, a number, by number k of x."""
    try:
        return compute_value(ravel(gradient(y, x))[k])
    except (TypeError, ValueError):  # constant to gradients, as an int or a sign is
        return 0.0


class LayerNorm(Pure):
    """y = gain * (x - mean(x)) / sqrt(var(x) + eps) + bias over the last axis, (n).

    Ba, Kiros and Hinton 2016, *Layer Normalization*, equation 4.
    """

    def __init__(self, size: int, eps: float = 1e-5):
        self.size = positive("LayerNorm", "size", size)
        self.eps = eps
        self.gain = parameter(np.ones(size, current_dtype()))
        self.bias = parameter(np.zeros(size, current_dtype()))

    def __call__(self, x: Any) -> Expression:
        """x normalised over its last axis."""
        return self.applied([constant(x)])

    def composed(self, inputs: Sequence[Any]) -> Expression:
        """The same, op by op."""
        (x,) = inputs
        if x.shape[-1:] != (self.size,):
            raise ValueError(f"LayerNorm: takes vectors of {self.size}, got {x.shape}")
        return layer_norm(x, self.gain, self.bias, eps=self.eps)


class Dropout:
    """Sets each element to 0 with probability p and divides the others by 1 - p.

    The mask is drawn when the expression is evaluated, anew each time;
    ``with training(False):`` switches all dropouts off, ``with fixed_masks():``
    holds their masks.  Srivastava et al. 2014, *Dropout*, section 10 (scaled while
    training).  Raises ValueError unless 0 <= p < 1, TypeError for what is no number.
    """

    def __init__(self, p: float = 0.5, rng: np.random.Generator | int | None = None):
        check_numbers("Dropout", p=p)
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is at least 0 and below 1, got {p}")
        self.p = p
        self.rng = generator(rng)

    def __call__(self, x: Any) -> Expression:
        """x times a random mask."""
        x = constant(x)
        dtype = x.dtype if x.floating else current_dtype()
        return multiply(x, Random(Mask(self.p), 1.0, x.shape, dtype, self.rng))
