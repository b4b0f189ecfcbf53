"""The pytest plugin.

``--executor=plain|fast|both``: each test by the plain executor, by the one that batches
(graphs of any size), or by both in turn; without it, by the one in force.

``--hypothesis-profile=ci|dev|thorough``, or ``penne_profile = ci`` in pytest's own
configuration: profiles of hypothesis.  ``ci`` draws the same in every run, ``dev``
others each time, ``thorough`` many.  Without either, hypothesis is left alone.

This module imports pytest.
"""

from collections.abc import Iterator
from typing import Any

import pytest

PROFILES: dict[str, dict[str, Any]] = {
    "ci": {"derandomize": True, "max_examples": 25},
    "dev": {"derandomize": False, "max_examples": 25},
    "thorough": {"derandomize": False, "max_examples": 500},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("penne")
    group.addoption(
        "--executor",
        choices=["plain", "fast", "both"],
        help="run tests by penne's plain executor, by the one that batches, by both",
    )
    parser.addini("penne_profile", "a hypothesis profile: ci, dev or thorough")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the profiles, where one of them is asked for."""
    wanted = config.getini("penne_profile")
    given = config.getoption("--hypothesis-profile", None)
    if wanted or given in PROFILES:
        register(wanted, given)


def register(wanted: str, given: str | None = None) -> None:
    """Register the profiles and load the one wanted, unless another is given.  A
    project's own profile of the same name stands, if it did not ask for ours."""
    from hypothesis import HealthCheck, settings
    from hypothesis.errors import InvalidArgument

    quiet: dict[str, Any] = {
        "deadline": None,
        "suppress_health_check": [HealthCheck.too_slow],
    }
    for name, profile in PROFILES.items():
        try:
            known = settings.get_profile(name) and not wanted
        except InvalidArgument:
            known = False
        if not known:
            settings.register_profile(name, **profile, **quiet)
    if wanted and not given:
        settings.load_profile(wanted)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both executors in turn, where they are asked for."""
    if metafunc.config.getoption("--executor") == "both":
        both = ["plain", "fast"]
        metafunc.parametrize("penne_executor", both, indirect=True, scope="session")


@pytest.fixture(autouse=True, scope="session")
def penne_executor(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The executor that tests run by: "plain", "fast", or None for the one in force."""
    name = getattr(request, "param", request.config.getoption("--executor"))
    if name is None:
        yield None
        return
    from .batched import process

    with process(name):
        yield name
