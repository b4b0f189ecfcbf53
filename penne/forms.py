"""Forms: what arguments and results are, but for the expressions in them.

    opened(value, found)    the form of value; found gets its expressions
    closed(form, given)     the value again, with given for the expressions

A form is hashable where what is static in it is: two values of one form differ in
their expressions alone.

This module imports ``counts``, ``graph`` and ``ops.selection``.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .counts import is_int
from .graph import Expression, constant, literal
from .ops.selection import index_of

FLOAT = np.dtype(np.float64)  # of numbers, which adopt that of what they meet
EXPRESSION = object()  # stands in a form for the next expression
_KIND = object()  # begins the form of a list or a named tuple: then come type and parts


def opened(value: Any, found: list[Expression]) -> Any:
    """The form of ``value``: expressions, numbers and arrays are taken out of it."""
    if isinstance(value, Expression):
        found.append(value)
    elif type(value) is tuple:
        add, form = found.append, []
        for v in value:
            if isinstance(v, Expression):  # as most are: they are spared a call
                add(v)
                form.append(EXPRESSION)
            else:
                form.append(opened(v, found))
        return tuple(form)
    elif is_int(value):
        found.append(index_of(value))
    elif type(value) is float:
        found.append(literal(value, FLOAT))
    elif isinstance(value, (np.ndarray, np.floating)):
        found.append(constant(value))
    elif isinstance(value, list):
        if not value or any(isinstance(v, (Expression, tuple, list)) for v in value):
            return (_KIND, list, *[opened(v, found) for v in value])
        found.append(constant(np.asarray(value)))
    elif isinstance(value, tuple):
        return (_KIND, type(value), *[opened(v, found) for v in value])
    else:
        return value
    return EXPRESSION


def static(form: Any) -> list[Any]:
    """What is static in a form: all that is no expression."""
    if isinstance(form, tuple):
        return [x for part in form for x in static(part)]
    return [] if form is EXPRESSION or form is _KIND else [form]


def closed(form: Any, given: Iterator[Expression]) -> Any:
    """The value of a form, with ``given`` for its expressions."""
    if form is EXPRESSION:
        return next(given)
    if not isinstance(form, tuple):
        return form
    if form[:1] != (_KIND,):
        return tuple([closed(part, given) for part in form])
    _, kind, *parts = form
    make: Any = getattr(kind, "_make", kind)
    return make([closed(part, given) for part in parts])
