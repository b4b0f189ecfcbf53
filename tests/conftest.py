"""Profiles of hypothesis (``ci``, repeatable; ``dev``; ``thorough``), and
``--executor=fast``: the whole suite by the executor that batches, whatever the size.
"""

import pytest
from hypothesis import HealthCheck, settings

import penne
from penne import fast

quiet = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", derandomize=True, max_examples=25, **quiet)
settings.register_profile("dev", max_examples=25, **quiet)
settings.register_profile("thorough", max_examples=500, **quiet)
settings.load_profile("ci")


def pytest_addoption(parser):
    parser.addoption("--executor", choices=["plain", "fast"], default="plain")


@pytest.fixture(autouse=True, scope="session")
def _executor(request):
    """Every test runs by the executor asked for; the fast one batches all it can."""
    if request.config.getoption("--executor") == "plain":
        penne.plain()
        return
    fast.LEAST_NODES, fast.MOST_KINDS = 0, 1
    fast.enable()
