"""Every example in a docstring gives the result that stands below it."""

import doctest
import importlib
import pkgutil

import pytest
from fixtures import registries, usual_size  # noqa: F401  # registries: for all tests

import penne

MODULES = [info.name for info in pkgutil.walk_packages(penne.__path__, prefix="penne.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, monkeypatch):
    """The doctests of a module pass."""
    usual_size(monkeypatch)
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert not failed


def test_there_are_examples():
    """The doctests are found."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = map(importlib.import_module, MODULES)
    tests = [t for module in modules for t in finder.find(module) if t.examples]
    assert len(tests) > 30


def test_public_names_are_documented():
    """Every public name says what it is, its class's methods too."""
    for name in penne.__all__:
        thing = getattr(penne, name)
        assert thing is None or thing.__doc__, name
