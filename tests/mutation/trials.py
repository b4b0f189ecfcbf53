"""Mutants against the tests that run their line.

Tests are collected once.  A mutant of what runs later, the body of a function, is put
in place of the original in a process forked from there; a mutant of what runs while
penne is imported, a default or a field, is imported in a process of its own.

A mutant is killed by the first test that fails, or that takes ``LIMIT`` seconds.  A
test that kills is once run alone without a mutant, and left out if it fails then too.
"""

import gc
import inspect
import json
import os
import resource
import signal
import sys
from collections import defaultdict
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from types import CodeType, FunctionType

import pytest
from hypothesis import Phase, settings
from mutants import ROOT, read

LIMIT = 20  # seconds of processor time for one test; none takes as much by itself
MEMORY = 6 << 30
OPTIONS = ["--assert=plain", "-p", "no:cacheprovider"]
TIME = "time"  # a mutant's verdict beside the test that killed it and None, survived


def collect(files, plugin):
    """Run pytest over files of tests with a plugin of ours."""
    paths = [f"{ROOT}/tests/{f}" for f in files]
    return pytest.main([*OPTIONS, *paths], [Unshrunk(), plugin])


def apart(work):
    """What ``work`` returns in a process of its own; ``TIME`` where it was ended."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        _quiet()
        found = "an error while penne or the tests were imported"
        try:
            found = work()
        finally:
            os.write(writing, json.dumps(found).encode())
            os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        found = pipe.read()
    os.waitpid(process, 0)
    return json.loads(found) if found else TIME


def _quiet():
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


class Unshrunk:
    """A plugin for which an input that fails is not made smaller."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self):
        """After the plugin of penne's own has chosen a profile."""
        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("unshrunk", settings(), phases=phases)
        settings.load_profile("unshrunk")


class Failures:
    """A plugin that notes whether a test failed."""

    failed = False

    def pytest_runtest_logreport(self, report):
        """Any phase counts."""
        self.failed = self.failed or report.failed


def failing(items):
    """The first of the tests that fails, by name; None if none does."""
    failures = Failures()
    items[0].config.pluginmanager.register(failures)
    for item, after in zip(items, [*items[1:], None]):
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if failures.failed:
            return item.nodeid
    return None


# --- mutants of what runs later -------------------------------------------------------


def changed(mutant):
    """Code of functions and what it becomes; None where what runs at import differs."""
    texts = read(mutant.file), mutant.source
    return _changed(*(compile(s, str(ROOT / mutant.file), "exec") for s in texts))


def _changed(old, new):
    inner, other = _inner(old), _inner(new)
    later = old.co_flags & inspect.CO_OPTIMIZED
    if len(inner) != len(other) or (not later and _own(old) != _own(new)):
        return None
    found = {old: new} if later and old != new else {}
    for pair in zip(inner, other):
        more = _changed(*pair)
        if more is None:
            return None
        found |= more
    return found


def _inner(code):
    return [c for c in code.co_consts if isinstance(c, CodeType)]


def _own(code):
    constants = [repr(c) for c in code.co_consts if not isinstance(c, CodeType)]
    return code.co_code, code.co_names, constants


def holders():
    """Penne's functions that there are, by their code."""
    gc.unfreeze()  # what the tests freeze once collected is not among the objects
    found = defaultdict(list)
    for f in gc.get_objects():
        if isinstance(f, FunctionType) and "/penne/" in f.__code__.co_filename:
            found[f.__code__].append(f)
    return found


def exchanged(codes, functions, items):
    """The verdict on a mutant of what runs later."""

    def work():
        for code in codes:
            for f in functions[code]:
                f.__code__ = codes[code]
        return failing(items)

    return apart(work)


# --- mutants of what runs at import ---------------------------------------------------


class Mutated(MetaPathFinder, SourceFileLoader):
    """Imports one module of penne from another source."""

    def __init__(self, file, source):
        name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        super().__init__(name, str(ROOT / file))
        self.source = source

    def find_spec(self, name, path=None, target=None):
        """The spec of this module alone."""
        if name != self.name:
            return None
        spec = PathFinder.find_spec(name, path, target)
        spec.loader = self
        return spec

    def get_code(self, name):
        """The code of the other source."""
        return compile(self.source, self.path, "exec")


class Chosen:
    """A plugin that runs the tests chosen, in their order."""

    def __init__(self, tests):
        self.tests = tests
        self.found = "an error while penne or the tests were imported"

    def pytest_runtestloop(self, session):
        """Instead of pytest's own."""
        if not session.testsfailed:
            items = {item.nodeid: item for item in session.items}
            self.found = failing([items[t] for t in self.tests])
        return True


def imported(mutant, tests):
    """The verdict on a mutant of what runs at import; None for mutant: on none."""

    def work():
        if mutant:
            sys.meta_path.insert(0, Mutated(mutant.file, mutant.source))
        chosen = Chosen(tests)
        collect(dict.fromkeys(map(file_of, tests)), chosen)
        return chosen.found

    return apart(work)


def file_of(test):
    """The file of a test, by name."""
    return test.partition("::")[0].split("/")[-1]
