"""What the examples of word models share: a command line, and a book cut in two."""

import argparse
import re
from pathlib import Path

from program import check

from penne import lm

BOOK = Path(__file__).parent / "data" / "comedies.txt"
TOKENS = re.compile(r"[a-z]+(?:['’-][a-z]+)*|[^\sa-z]")  # words, and marks one by one


def prepared(prepare, numbers):
    """What the command line says, and what ``prepare(args, train, held_out)`` makes of
    the first nine tenths of a text and of the last: lines of words.

    ``numbers``: the options, each a name, a number, the least that it may be and what
    it is.
    """
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("file", nargs="?", default=BOOK, help="a UTF-8 text")
    for name, default, _, said in numbers:
        parser.add_argument(f"--{name}", type=int, default=default, help=said)
    args = parser.parse_args()
    check(parser, args, {name: least for name, _, least, _ in numbers})
    try:
        data = lm.read_data(args.file, lambda line: TOKENS.findall(line.lower()))
        cut = len(data) * 9 // 10
        if not cut:
            few = f"has too few lines to learn from: {len(data)}"
            raise ValueError(f"{args.file} {few}")
        return args, prepare(args, data[:cut], data[cut:])
    except (OSError, ValueError) as error:
        parser.exit(2, f"{Path(parser.prog).stem}: {error}\n")
