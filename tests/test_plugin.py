"""The pytest plugin: options, profiles, decorators; what is said without hypothesis."""

import subprocess
import sys
from pathlib import Path

import pytest

import penne
from penne.doorway import current

pytest_plugins = ["pytester"]
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A folder for what Python compiles, once for all processes."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def run(pytester, monkeypatch, compiled):
    """Run pytest on a file of tests in a process of its own, with the plugin."""
    for name in ("PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(compiled))
    monkeypatch.setenv("PYTHONPATH", str(Path(penne.__file__).parents[1]))

    def run(text, *options, ini=""):
        pytester.makepyfile(text)
        pytester.makeini(f"[pytest]\n{ini}")
        plugin = ("-p", "penne.testing.plugin", "-p", "no:xdist")
        return pytester.runpytest_subprocess(*plugin, *options)

    return run


EXECUTOR = """
    import os, penne
    from penne.doorway import current

    def test_one():
        with open("seen", "a") as file:
            print(type(current()).__name__, file=file)
"""


@pytest.mark.parametrize(
    ("options", "seen"),
    [([], ["Fast"]), (["--executor=both"], ["Plain", "Fast"])],
)
def test_executor(run, pytester, options, seen):
    """Each test runs by both executors in turn, or by that in force."""
    run(EXECUTOR, *options).assert_outcomes(passed=len(seen))
    assert (pytester.path / "seen").read_text().split() == seen


def test_one_executor(pytestconfig):
    """Each test runs by the executor asked for: so these tests do."""
    asked = pytestconfig.getoption("--executor")
    if asked == "both":
        pytest.skip("of two")
    assert type(current()).__name__ == asked.title()


PROFILE = """
    from hypothesis import settings

    def test_profile():
        assert settings().max_examples == {}
"""

UNITTEST = """
    import unittest
    from penne.doorway import current

    class TestOfTheLibrary(unittest.TestCase):
        def test_one(self):
            self.assertEqual(type(current()).__name__, "Fast")

    def test_two():
        pass
"""


def test_both_where_nothing_runs_twice(run):
    """What pytest cannot run twice is run by the executor in force; that is said."""
    result = run(UNITTEST, "--executor=both", "-v", ini="filterwarnings = error")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["penne: run once, *: 1 of 3 tests"])


def test_own_profile(run, pytester):
    """A project's own profile of the same name stands."""
    pytester.makeconftest(
        """
        from hypothesis import settings
        settings.register_profile("ci", max_examples=7)
        """
    )
    text = PROFILE.replace("{}", "7")
    run(text, "--hypothesis-profile=ci").assert_outcomes(passed=1)


def test_unknown_profile(run):
    """A profile that there is not is an error of usage."""
    result = run("def test_one(): pass", ini="penne_profile = fast")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*penne_profile is one of ci, dev, thorough, got*"])


def test_decorators(run):
    """Each op, transducer and trainer of penne's is a test."""
    run(
        """
        from penne.testing import every_op, every_trainer, every_transducer

        @every_op
        def test_op(row):
            pass

        @every_transducer
        def test_transducer(row):
            pass

        @every_trainer
        def test_trainer(row):
            pass
        """,
        "--co",
        "-q",
    ).stdout.fnmatch_lines(["*test_op[[]tanh]", "*[[]LongShort*", "*[[]Adam]"])


@pytest.mark.parametrize(
    ("options", "ini", "expected"),
    [
        pytest.param(["--hypothesis-profile=thorough"], "", 500, marks=slow),
        pytest.param([], "penne_profile = ci", 25, marks=slow),
        (["--hypothesis-profile=thorough"], "penne_profile = ci", 500),
        (["--hypothesis-profile=ci"], "", 25),
        ([], "", 100),
    ],
)
def test_profiles(run, options, ini, expected):
    """A profile is there by option or configuration; else hypothesis is left alone."""
    text = PROFILE.replace("{}", str(expected))
    run(text, *options, ini=ini).assert_outcomes(passed=1)


WITHOUT = """
import sys
sys.modules[{0!r}] = None
import penne
penne.testing.check_gradient(penne.tanh, 1.0)
try:
    from penne.testing import {1}
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        ("hypothesis", "check_op"),
        ("hypothesis", "strategies"),
        ("pytest", "every_op"),
    ],
)
def test_without(missing, name):
    """Without hypothesis or pytest penne and check_gradient work, and what needs them
    says so."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(missing, name)],
        capture_output=True,
        text=True,
    )
    expected = (
        f"penne.testing.{name} needs {missing}; write pip install 'penne-nn[test]'"
    )
    assert done.stdout.strip() == expected, done.stderr
