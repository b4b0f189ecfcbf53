"""What the examples share as programs: options, and figures in PNG files."""

import argparse
from contextlib import contextmanager
from pathlib import Path


def options(doc, full=None, **first):
    """What the command line says: numbers, by name, of the kind of those given here.

    ``full``: the numbers that ``--full`` takes in their place, for a whole study.
    """
    parser = argparse.ArgumentParser(
        description=doc.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for name, value in first.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=" ")
    if full:
        said = ", ".join(f"{name} {value}" for name, value in full.items())
        parser.add_argument("--full", action="store_true", help=said)
    args = parser.parse_args()
    if full and args.full:
        vars(args).update(full)
    return args


@contextmanager
def figure(name, panels=1):
    """The axes to draw on, one or an array of them; saved as ``name`` at the end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn, axes = pyplot.subplots(
        1, panels, figsize=(5.5 * panels, 4), layout="constrained"
    )
    yield axes
    drawn.savefig(name, dpi=120)
    pyplot.close(drawn)
    print("figure:", Path(name).resolve())
