"""The plugin that penne gives to all, for a run from the source tree too; and the
figures of random graphs and programs, printed at the end."""

import figures

pytest_plugins = ["penne.testing.plugin"]


def pytest_terminal_summary(terminalreporter):
    """What was drawn at random, in figures."""
    lines = figures.lines()
    if lines:
        terminalreporter.section("random graphs and programs")
        failed = len(terminalreporter.stats.get("failed", []))
        for line in [*lines, f"disagreements: {failed}"]:
            terminalreporter.line(line)
