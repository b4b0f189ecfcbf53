"""A recurrent cell of one's own in ten lines, checked by one call.

python examples/own_cell.py            # all laws hold
python examples/own_cell.py --fault    # what one is told of a wrong cell
"""

import argparse

from penne import Layer, Transducer, mean, sigmoid, tanh, zeros
from penne.testing import check_transducer


class Cell(Transducer):
    """h := f * h + (1 - f) * tanh(W x + U h + b), where f := sigmoid(V x + c)."""

    def __init__(self, insize, size):
        self.keep = Layer(insize, size, f=sigmoid, rng=0)
        self.write = Layer([insize, size], size, f=tanh, rng=1)
        self.zero = zeros(size)

    def start(self):
        self.h = self.zero

    def step(self, x):
        f = self.keep(x)
        self.h = f * self.h + (1 - f) * self.write(x, self.h)
        return self.h


class FaultyCell(Cell):
    """The same, centred by a mean that is taken over the batch as well."""

    def step(self, x):
        h = super().step(x)
        return h - mean(h)


def main(given=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fault", action="store_true", help="check a wrong cell")
    cell = FaultyCell if parser.parse_args(given).fault else Cell
    try:
        print(check_transducer(lambda: cell(3, 4), insize=3))
    except AssertionError as broken:
        print(broken)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
