"""Expressions: immutable graphs of operations, built now and computed later.

An ``Expression`` knows its op, its arguments, and, from the moment it is built, its
shape and dtype; so a mistake is an error at the line that makes it.  An ``Op`` is a
forward function on arrays with a shape signature and a gradient rule on expressions;
``@op`` makes one from a plain NumPy function and enters it into ``OPS``.

Leaves are ``Constant`` and ``Parameter``.  This module imports ``calls``, ``dtypes``,
``leading``, ``operators``, ``pickling``, ``settings`` and ``signature``.
"""

import inspect
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from operator import attrgetter, is_
from typing import Any

import numpy as np

from .calls import bound
from .dtypes import (
    NUMBER,
    STRONG,
    WEAK,
    ArrayType,
    Rule,
    call_keys,
    common_dtype,
    floating_dtype,
    promoted_dtype,
    shared,
    strays,
    typed,
)
from .leading import prepared
from .operators import OPS, Operators, enter
from .pickling import reduced
from .settings import Cache, current_dtype
from .signature import Shape, signature

_NUMBERS = (bool, int, float)
_ALL = slice(None)
Nodes = Sequence["Expression"]
_serials = count()
# of a call of expressions: op, types, params -> params, type of the result
_built = Cache("shape checks", 1 << 16)
# of any other call: what each argument is to become first, then the same
_plans = Cache("calls to wrap or cast", 1 << 14)
# of numbers written in Python: their leaves
_numbers = Cache("numbers", 1 << 12)


class Expression(Operators):
    """A node of a graph.  Equality is identity; ``equal(x, y)`` compares values.

    ``serial`` counts expressions as they are made: arguments come before what uses
    them, so to sort by it is to sort topologically.
    """

    __slots__ = ("op", "args", "params", "type", "serial", "made", "__weakref__")
    made: Any  # where, if ``places`` records it

    def __init__(
        self,
        op: "Op | None",
        args: "tuple[Expression, ...]",
        params: Mapping[str, Any],
        type: ArrayType,
    ):
        self.op = op
        self.args = args
        self.params = params
        self.type = type
        self.serial = next(_serials)

    @property
    def shape(self) -> Shape:  # type: ignore[override]  # read-only here
        """Lengths of the axes."""
        return self.type.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.type.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Kind of the elements."""
        return self.type.dtype

    @property
    def floating(self) -> bool:
        """Whether a gradient can flow here."""
        return self.type.floating

    def __repr__(self) -> str:
        return f"<{_text(self, 3)}: {self.shape} {self.dtype}>"

    def __copy__(self) -> "Expression":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Expression":
        for x in topological([self]):
            if id(x) not in memo:
                memo[id(x)] = x._with([memo[id(a)] for a in x.args])
        return memo[id(self)]

    def _with(self, args: "Sequence[Expression]") -> "Expression":
        return Expression(self.op, tuple(args), self.params, self.type)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(topological([self]))


def _text(x: Expression, depth: int) -> str:
    if x.op is None:
        return type(x).__name__.lower()
    inside = ", ".join(_text(a, depth - 1) for a in x.args) if depth > 1 else "..."
    return f"{x.op.name}({inside})"


class Constant(Expression):
    """A leaf that no gradient is asked of; ``value`` may be changed later."""

    __slots__ = ("_value",)

    def __init__(self, value: np.ndarray[Any, Any], strength: int = WEAK):
        super().__init__(None, (), {}, ArrayType(value.shape, value.dtype, strength))
        self._value = value

    @property
    def value(self) -> np.ndarray[Any, Any]:
        """The array.  Another of the same shape may be assigned: a constant then
        holds that one, a parameter copies it into its own."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        array = np.asarray(value, dtype=self.dtype)
        if array.shape != self.shape:
            name = type(self).__name__.lower()
            raise ValueError(f"{name}: shape {self.shape} is fixed, got {array.shape}")
        self._assign(array)

    def _assign(self, array: np.ndarray[Any, Any]) -> None:
        self._value = array

    def _with(self, args: Sequence[Expression]) -> Expression:
        return type(self)(self._value.copy(), self.type.strength)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._value, self.type.strength)


class Parameter(Constant):
    """A leaf that is learnt: it owns its array, which ``value = a`` writes into."""

    __slots__ = ()

    def __init__(self, value: np.ndarray[Any, Any], strength: int = STRONG):
        super().__init__(value, STRONG)

    def _assign(self, array: np.ndarray[Any, Any]) -> None:
        self._value[...] = array


def constant(value: Any) -> Expression:
    """A constant expression of an array, a number or a nested list of numbers.

    Keeps the array itself, not a copy: a change in place is seen by the next
    evaluation.  Raises TypeError for what is no array of real numbers.

    >>> x = constant([1.0, 2.0])
    >>> x.shape, (x * x).dtype.name
    ((2,), 'float64')
    """
    return value if isinstance(value, Expression) else Constant(_array(value))


def parameter(value: Any) -> Parameter:
    """A parameter with a copy of ``value``, which may be a parameter or a constant;
    an array of floats keeps its dtype, numbers and lists get the default dtype (see
    ``default_dtype``).  Raises TypeError for what is no array of real numbers.

    >>> parameter([1, 2])
    <parameter: (2,) float32>
    """
    given = value.value if isinstance(value, Constant) else value
    array = _array(given, "parameter")
    floating = array.dtype.kind == "f" and isinstance(given, (np.ndarray, np.generic))
    return Parameter(np.array(array, array.dtype if floating else current_dtype()))


def _array(value: Any, name: str = "constant") -> np.ndarray[Any, Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        kind = type(value).__name__
        raise TypeError(f"{name}: {kind} is no array of real numbers ({array.dtype})")
    return array


def literal(value: float, dtype: np.dtype[Any]) -> Constant:
    """A number as a leaf; equal literals are shared, so cannot be written to."""
    key = (dtype, value or repr(value))  # 0.0 and -0.0 are equal, their texts are not
    found: Constant | None = _numbers.get(key)
    if found is None:
        array = np.array(value, dtype)
        array.flags.writeable = False
        found = _numbers[key] = Constant(array, NUMBER)
    return found


def _numbered(x: Any, other: Any) -> Any:
    """x; as a leaf, if it is a number written in Python that meets a floating one."""
    if type(x) in _NUMBERS[1:] and isinstance(other, Expression) and other.floating:
        return literal(x, other.dtype)
    return x


def _listed(x: Any) -> bool:
    return type(x) in (list, tuple) and all(isinstance(a, Expression) for a in x)


def topological(
    roots: Iterable[Expression], known: Container[Expression] = ()
) -> list[Expression]:
    """Everything that ``roots`` need and ``known`` lacks, arguments first.

    The order is that of creation: an argument is always older than what uses it.
    """
    stack = list(roots)
    for x in stack:
        if not isinstance(x, Expression):
            raise TypeError(f"takes expressions, got {type(x).__name__}: {x!r}")
    seen: set[Expression] = set()
    while stack:
        x = stack.pop()
        if x not in seen and x not in known:
            seen.add(x)
            stack.extend(x.args)
    return sorted(seen, key=_serial)


_serial = attrgetter("serial")
_type = attrgetter("type")


# --- ops ------------------------------------------------------------------------------


class Op:
    """A primitive: ``forward`` on arrays, ``signature`` on shapes, ``gradient``.

    ``forward(*arrays, **params)`` obeys the law of leading axes.  ``gradient(g, y,
    *args, **params)`` gives an expression or None for each argument; an op without
    it is constant to gradients.  ``total(terms)`` may give one expression equal to
    the sum of several applications of this op.

    Of ops that stand for several (``composite``, ``loops``): ``size``: how many;
    ``times``: how often; ``picks``: whether it gives one of several outputs of a node.
    """

    size = times = 1
    picks = False

    def __init__(
        self,
        forward: Callable[..., Any],
        signature: str | Callable[..., str],
        gradient: Callable[..., Any] | None = None,
        dtype: Rule = promoted_dtype,
        meet: slice = _ALL,
        normalize: Callable[..., dict[str, Any]] = lambda name, shapes, params: params,
        total: Callable[..., Expression | None] | None = None,
        batch: bool = True,
    ):
        self.name = forward.__name__.lstrip("_")
        self.__name__ = self.__qualname__ = forward.__name__
        self.__module__, self.__doc__ = forward.__module__, forward.__doc__
        self.forward = self.__wrapped__ = forward
        self.signature, self.gradient, self.dtype = signature, gradient, dtype
        self.meet, self.normalize = meet, normalize
        self.total, self.batch = total, batch
        kinds = inspect.signature(forward).parameters.values()
        self.arity = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in kinds)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in kinds)
        self.takes = ", ".join(p.name for p in kinds if p.name != "ndim")
        self.keywords = [p.name for p in kinds if p.kind is p.KEYWORD_ONLY]
        self.defaults = {p.name: p.default for p in kinds if p.default is not p.empty}

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> str:
        return self.__qualname__

    def __call__(self, *args: Any, **params: Any) -> Expression:
        """The expression of this op on ``args``: expressions, arrays or numbers."""
        try:
            if params:
                made = _built[(self, *map(_type, args), *typed(params))]
            elif len(args) == 2:
                x, y = args
                made = _built[self, x.type, y.type]
            elif len(args) == 1:
                made = _built[self, args[0].type]
            else:
                made = _built[(self, *map(_type, args))]
        except (AttributeError, KeyError, TypeError):
            # an argument is no expression; the call is new; a param is no key
            return self._build(args, params)
        return Expression(self, args, made[0], made[1])

    def opened(self, args: Sequence[Any], params: Any, type: ArrayType) -> Any:
        """The node of this op on other ``args`` of the same types; of an op that stands
        for several, the values of all that it computes (its slots), made of those."""
        return Expression(self, tuple(args), params, type)

    def _build(self, args: tuple[Any, ...], given: dict[str, Any]) -> Expression:
        """A call seen for the first time, or with arguments to wrap or to cast."""
        if self.arity == 2 == len(args) and self.meet is _ALL and not given:
            # x + 1: the number as a leaf of x's dtype, then called of two expressions
            x, y = map(_numbered, args, args[::-1])
            if x is not args[0] or y is not args[1]:
                return self(x, y)
        elif len(args) == 1 and self.variadic and _listed(args[0]):
            return self(*args[0], **given)
        arrays, params = bound(self, args, given)
        mixed = [a if type(a) in _NUMBERS else constant(a) for a in arrays]
        key = self, *call_keys([getattr(x, "type", x) for x in mixed]), *typed(params)
        found = _plans.get(key)
        if found is None:
            found = _plans[key] = self._plan(mixed, params)
        casts, *made = found
        if casts is None and len(mixed) == len(args) and all(map(is_, mixed, args)):
            with suppress(TypeError):  # a static param given as a list is no key
                _built[(self, *map(_type, mixed), *typed(given))] = made
        operands = mixed if casts is None else map(_cast, mixed, casts)
        return Expression(self, tuple(operands), *made)

    def _plan(self, mixed: list[Any], params: dict[str, Any]) -> tuple[Any, ...]:
        """For each argument what replaces or casts it; the params; the type."""
        casts = self._casts(mixed)
        types = [_cast(x, c).type for x, c in zip(mixed, casts)]
        shapes = [t.shape for t in types]
        params = shared(self, self.normalize(self.name, shapes, params))
        shape = signature(self.signature, shapes, **params).infer(self.name, shapes)
        dtype = self.dtype([t.dtype for t in types], params)
        parts = (
            t.strength if t.dtype.kind == "f" else min(t.strength, WEAK) for t in types
        )
        strength = max(parts, default=WEAK)
        kept = all(c is None for c in casts)
        return None if kept else casts, params, ArrayType(shape, dtype, strength)

    def _casts(self, mixed: list[Any]) -> list[Any]:
        """None to keep an argument, a literal to replace it, a dtype to cast it to."""
        meeting = range(len(mixed))[self.meet]
        together = [getattr(mixed[k], "type", mixed[k]) for k in meeting]
        floating = self.dtype is floating_dtype
        dtype, strict = common_dtype(together, floating)
        casts: list[Any] = [None] * len(mixed)
        for k, x in enumerate(mixed):
            met = k in meeting
            if not isinstance(x, Expression):
                casts[k] = literal(x, np.result_type(*[dtype] * met, x))
            elif met and strays(x.dtype, dtype, floating):
                number = x.type.strength == NUMBER and dtype.kind == "f"
                casts[k] = dtype if strict or number else None
        return casts


def _cast(x: Any, cast: Any) -> Expression:
    if cast is None:
        return x
    return cast if isinstance(cast, Expression) else OPS["astype"](x, dtype=cast)


def op(signature: str | Callable[..., str], **rules: Any) -> Callable[..., Op]:
    """Make an op of the decorated function of arrays.

    The function works on the last axes of its arguments, those that ``signature``
    names, and must broadcast over any before them, as NumPy's own functions do: then
    the op takes batches, and many of its nodes can run as one.  Where it cannot, as
    around code that knows one sample at a time, say ``batch=False``: it is then
    called once for each sample.  Its keywords are static params.

    ``gradient(g, y, *args, **params)``: for each argument an expression, what g, the
    gradient of the result y, means for it, or None; broadcasting is undone for you.
    ``gradient=penne.numerical`` is central differences, a stop-gap.  Without it the op
    is constant to gradients: to ask for one through it is a ValueError.

    >>> import numpy as np
    >>> from penne import compute_gradients, compute_value, parameter
    >>> @op("(n)->(n)", gradient=lambda g, y, x: (g[..., ::-1],))
    ... def backwards(x):
    ...     return x[..., ::-1]
    >>> x = parameter([1.0, 2.0])
    >>> compute_value(backwards([[1.0, 2.0], [3.0, 4.0]]))
    array([[2., 1.],
           [4., 3.]])
    >>> compute_gradients(backwards(x) @ [3.0, 4.0])[x]
    array([4., 3.], dtype=float32)

    For the rest: ``signature`` is a text, or a function of shapes and params that
    gives it.  ``dtype``: the result's, if it is not that of arithmetic: ``float``
    (integers are cast before), another dtype, or a function of dtypes and params.
    ``meet``: the slice of the arguments that are brought to one dtype.
    ``normalize(name, shapes, params)``: params as forward wants them.
    ``total(terms)``: one expression for a sum of applications.
    """

    def make(forward: Callable[..., Any]) -> Op:
        made = Op(prepared(forward, signature, rules), signature, **rules)
        enter(made)
        return made

    return make
