"""The plugin that penne gives to all, for a run from the source tree too; and the
figures of random graphs and programs, printed at the end."""

import gc

import figures

pytest_plugins = ["penne.testing.plugin"]


def pytest_collection_finish():
    """What is there before the first test stays to the last: no collection of cycles
    need look at it, as thousands would; and fewer will do, each of which hypothesis
    times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


def pytest_terminal_summary(terminalreporter):
    """What was drawn at random, in figures."""
    failed = [report.nodeid for report in terminalreporter.stats.get("failed", [])]
    lines = figures.lines(failed)
    if lines:
        terminalreporter.section("random graphs and programs")
        for line in lines:
            terminalreporter.line(line)
