"""Which executor evaluates: the doorway through which another one enters.

By default it is the fast one, loaded at the first evaluation; ``PENNE_FAST=0`` in the
environment, or ``with plain():``, choose the plain one.  This module imports
``settings``.
"""

import os
from importlib import import_module
from typing import Any

from .settings import Setting, Switch

executor: Switch[Any] = Switch("executor", None)


def current() -> Any:
    """The executor in force here."""
    found = executor.value
    if found is None:
        found = executor.default = _first()
    return found


def _first() -> Any:
    """The executor of a process that has not chosen one."""
    if os.environ.get("PENNE_FAST") == "0":
        return import_module(".compute", __package__).PLAIN
    return import_module(".fast", __package__).FAST


def plain() -> Setting[Any]:
    """Evaluate op by op, as the specification has it: for the process, or as a
    ``with`` block for the block alone.

    >>> from penne import compute_value, constant
    >>> with plain():
    ...     compute_value(constant(1.0) + 1)
    np.float64(2.0)
    """
    return executor(import_module(".compute", __package__).PLAIN)
