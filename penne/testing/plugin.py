"""The pytest plugin.

``--executor=plain|fast|both``: each test by the plain executor, by the one that batches
(graphs of any size), or by both in turn; without it, by the one in force.  What pytest
cannot run twice, as a ``unittest.TestCase``, is run by the one in force, and counted.

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

    if wanted and wanted not in PROFILES:
        known = ", ".join(PROFILES)
        raise pytest.UsageError(f"penne_profile is one of {known}, got {wanted!r}")
    quiet: dict[str, Any] = {
        "deadline": None,
        "suppress_health_check": [HealthCheck.too_slow],
    }
    for name, profile in PROFILES.items():
        try:
            own = not wanted and not _hypothesis_own(settings.get_profile(name))
        except InvalidArgument:
            own = False
        if not own:
            settings.register_profile(name, **profile, **quiet)
    if wanted and not given:
        settings.load_profile(wanted)


def _hypothesis_own(profile: Any) -> bool:
    """Whether it is the profile "ci" that hypothesis itself brings."""
    drawn = profile.derandomize, profile.max_examples, profile.print_blob
    return drawn == (True, 100, True) and profile.database is None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both executors in turn, where they are asked for."""
    if metafunc.config.getoption("--executor") == "both":
        both = ["plain", "fast"]
        metafunc.parametrize("penne_executor", both, indirect=True, scope="session")


def pytest_report_collectionfinish(
    config: pytest.Config, items: list[pytest.Item]
) -> list[str]:
    """How many tests are run once where they were to be run by both executors."""
    if config.getoption("--executor") != "both":
        return []
    calls = [getattr(getattr(x, "callspec", None), "params", {}) for x in items]
    once = sum("penne_executor" not in params for params in calls)
    text = "penne: run once, by the executor in force, as they take no parameters"
    return [f"{text}: {once} of {len(items)} tests"] if once else []


@pytest.fixture(autouse=True)
def _penne_executor_again(penne_executor: str | None) -> Iterator[None]:
    """A test that chose another for the process has chosen it for itself alone."""
    from ..doorway import executor

    before = executor.default
    yield
    if executor.default is not before:
        executor.default = before


@pytest.fixture(autouse=True, scope="session")
def penne_executor(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The executor that tests run by: "plain", "fast", or None for the one in force."""
    name = getattr(request, "param", request.config.getoption("--executor"))
    if name in (None, "both"):
        yield None
        return
    from .batched import process

    with process(name):
        yield name
