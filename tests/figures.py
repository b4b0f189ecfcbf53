"""What the random graphs and programs of a run amounted to, printed at its end."""

from collections import Counter

from hypothesis import settings

FIGURES = Counter()
OPS_COVERED = set()
ROUND = 1000  # inputs that hypothesis draws at once; it slows down with more
TESTS = (
    "test_random_graphs.py::test_random_graphs",
    "test_machine.py::test_programs",
)


def rounds(few, many):
    """(seed, count) pairs: ``few`` in all, ``many`` under the profile ``thorough``."""
    if settings().max_examples < 500:
        return [(0, few)]
    return [
        (k, min(ROUND, many - start)) for k, start in enumerate(range(0, many, ROUND))
    ]


def lines(failed):
    """The figures, one a line, and how many of the tests that draw disagreed, of those
    that ``failed``; none where no test counted any."""
    if not FIGURES:
        return []
    found = dict(sorted(FIGURES.items()))
    found["graphs and programs"] = FIGURES["graphs"] + FIGURES["programs"]
    found["ops and functions covered"] = len(OPS_COVERED)
    found["disagreements"] = sum(name.endswith(TESTS) for name in failed)
    return [f"{name}: {count:,}" for name, count in found.items()]
