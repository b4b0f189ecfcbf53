"""An op of one's own in four lines, checked by one call.

python examples/own_op.py            # all laws hold
python examples/own_op.py --fault    # what one is told of a wrong gradient
"""

import argparse

import numpy as np

import penne
from penne.testing import check_op


@penne.op("()->()", gradient=lambda g, y, x: (g / (1 + abs(x)) ** 2,))
def softsign(x):
    """x / (1 + |x|), elementwise."""
    return x / (1 + np.abs(x))


@penne.op("()->()", gradient=lambda g, y, x: (g / (1 + abs(x)),))
def faulty_softsign(x):
    """The same, but the square is forgotten in the gradient."""
    return x / (1 + np.abs(x))


def main(given=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fault", action="store_true", help="check a wrong op")
    op = faulty_softsign if parser.parse_args(given).fault else softsign
    try:
        print(check_op(op, reference=lambda x: x / (1 + np.abs(x))))
    except AssertionError as broken:
        print(broken)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
