"""Fixtures that hold for all tests of a file that imports them; modules of examples."""

import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from penne import default_dtype
from penne.graph import OPS
from penne.operators import NUMPY

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(autouse=True)
def doubles():
    """Parameters are float64 here."""
    with default_dtype("float64"):
        yield


@pytest.fixture(autouse=True)
def registries():
    """What a test enters into the registries is taken out again."""
    before = dict(OPS), dict(NUMPY)
    yield
    for registry, contents in zip((OPS, NUMPY), before):
        registry.clear()
        registry.update(contents)


@contextmanager
def imported(*names):
    """Examples, and what they are made of, as modules for a block."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield [import_module(name) for name in names]
    finally:
        sys.path.remove(str(EXAMPLES))
        for name in (*names, "program"):
            sys.modules.pop(name, None)
