"""What the examples share as programs: options, and figures in PNG files."""

import argparse
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

INK, FAINT = "#2b2b2b", "#d9d9d9"
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


def options(doc, full=None, least=None, **first):
    """What the command line says: whole numbers, by name, of at least 1, or 0 where
    that is the number here.

    ``full``: the numbers that ``--full`` takes in their place, for a whole study.
    ``least``: other smallest numbers, by name.
    """
    parser = argparse.ArgumentParser(
        description=doc.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    least = {name: min(value, 1) for name, value in first.items()} | (least or {})
    for name, value in first.items():
        said = f"at least {least[name]}"
        parser.add_argument(f"--{name}", type=int, default=value, help=said)
    if full:
        said = ", ".join(f"{name} {value}" for name, value in full.items())
        parser.add_argument("--full", action="store_true", help=said)
    args = parser.parse_args()
    check(parser, args, least)
    if find_spec("matplotlib") is None:
        parser.error('figures take matplotlib: pip install "penne-nn[examples]"')
    if full and args.full:
        vars(args).update(full)
    return args


def check(parser, args, least):
    """End with a sentence where a number is below the least, both by name."""
    for name, number in least.items():
        if vars(args)[name] < number:
            parser.error(f"--{name} is at least {number}, got {vars(args)[name]}")


@contextmanager
def figure(name, panels=1):
    """The axes to draw on, one or an array of them; saved as ``name`` at the end, or
    said why not."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        drawn, axes = pyplot.subplots(1, panels, figsize=(5.5 * panels, 4))
        yield axes
        try:
            drawn.savefig(name, dpi=120)
            print("figure:", Path(name).resolve())
        except OSError as error:
            print(f"not drawn: the figure ({error})")
        pyplot.close(drawn)
