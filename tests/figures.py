"""What the random graphs and programs of a run amounted to, printed at its end."""

from collections import Counter

from hypothesis import settings

FIGURES = Counter()
OPS_COVERED = set()
ROUND = 1000  # inputs that hypothesis draws at once; it slows down with more


def rounds(few, many):
    """(seed, count) pairs: ``few`` in all, ``many`` under the profile ``thorough``."""
    if settings().max_examples < 500:
        return [(0, few)]
    return [
        (k, min(ROUND, many - start)) for k, start in enumerate(range(0, many, ROUND))
    ]


def lines():
    """The figures, one a line; none where no test counted any."""
    if OPS_COVERED:
        FIGURES["ops and functions covered"] = len(OPS_COVERED)
    return [f"{name}: {count:,}" for name, count in sorted(FIGURES.items())]
