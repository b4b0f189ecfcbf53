"""Train a character model on a book, then let it write: python examples/char_lm.py

The model says before each character of a text how probable it holds every one there
is: that to which it gave probability p costs -log2 p bits.  It is judged on the last
tenth of the book, which it does not learn from.  docs/char_lm.md: how --best was found.
"""

import argparse
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from time import process_time

# Products as small as these gain little from a second thread, which costs as much.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from penne import GRU, LSTM, Adam, Dropout, Layer, Map, Stack, lm, logsoftmax, schedules

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

DATA = Path(__file__).parent / "data"
BOOK, TORCH = DATA / "comedies.txt", DATA / "char_lm_torch.csv"
CELLS = {"LSTM": LSTM, "GRU": GRU}
OPTIONS = {  # usually, with --best, and what it is
    "steps": (4000, 5000, "updates of the parameters"),
    "cell": ("LSTM", "GRU", "what remembers"),
    "hidden": (128, 256, "size of the cell's state"),
    "dropout": (0.0, 0.25, "part of the cell's outputs left out while learning"),
    "batch": (64, 64, "places read side by side"),
    "length": (10, 20, "characters of each in one update"),
    "rate": (1.2e-2, 1.2e-2, "top learning rate; falls to 0, --best: rises first"),
    "beta2": (0.999, 0.99, "how long Adam remembers squares of gradients"),
    "seed": (0, 0, "of the first weights, the dropout and the samples"),
}


def command_line():
    parser = argparse.ArgumentParser(
        description="Train a character model on a book, then let it write.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("file", nargs="?", default=BOOK, type=Path, help="the book, a UTF-8 text")
    add("--best", action="store_true", help="a larger model, trained for longer")
    add("--validate", action="store_true", help="do as if the last tenth did not exist")
    for name, (*defaults, text) in OPTIONS.items():
        default = defaults["--best" in sys.argv]
        add(f"--{name}", default=default, type=type(default), help=text)
    args = parser.parse_args()
    for right, said in ranges(args):
        if not right:
            parser.error(said)
    return parser, args


def ranges(args):
    """Of each option whether it is in its range, and which that is."""
    counts = args.steps, args.hidden, args.batch, args.length
    yield args.cell in CELLS, f"--cell is one of {', '.join(CELLS)}"
    yield min(counts) >= 1, "--steps, --hidden, --batch, --length are at least 1"
    yield 0 <= args.dropout < 1, "--dropout is at least 0 and below 1"
    yield 0 < args.rate < np.inf, "--rate is above 0"
    yield 0 <= args.beta2 < 1, "--beta2 is at least 0 and below 1"
    yield args.seed >= 0, "--seed is at least 0"


def prepare(args):
    """The vocabulary, the batches to learn from, the numbers to be judged on."""
    text = lm.read_text(args.file)
    vocabulary = lm.Vocabulary(text)
    numbers = vocabulary.numberize(text)
    cut = len(numbers) * 9 // 10
    if args.validate:
        numbers, cut = numbers[:cut], cut * 8 // 9
    batches = lm.stateful_batches(numbers[:cut], args.batch, args.length)
    print(f"{args.file}: {len(text):,} characters, {len(vocabulary)} different ones")
    return vocabulary, batches, numbers[cut - 1 :]


def updates(model, batches, args):
    """One update of the parameters after the other; gives the loss of each, in nats."""
    linear = schedules.Linear(args.rate, args.steps)
    cycle = schedules.OneCycle(args.rate, args.steps, rise=0.1, start=0.1, end=0.0)
    trainer = Adam(cycle if args.best else linear, beta2=args.beta2, clip_gradients=5.0)
    for step in range(args.steps):
        place = step % len(batches)
        if place % 50 == 0:  # else it would learn only how to go on, not to begin
            model.start()
        values = {}
        loss = trainer.receive(lm.chunk_loss(model, *batches[place]), values)
        model.detach(values)  # what came before is remembered, but no more learnt from
        yield loss


def train(model, batches, held_out, args):
    """The learning curve: ten marks (update, training and held-out bits, seconds)."""
    total = args.steps * args.batch * args.length
    bar = tqdm(total=total, unit="char", unit_scale=True) if tqdm else nullcontext()
    say = tqdm.write if tqdm else print
    stop, curve, bits, began = [], [], [], process_time()
    signal.signal(signal.SIGINT, lambda *_: stop.append("Ctrl-C"))
    with bar:
        for step, loss in enumerate(updates(model, batches, args), 1):
            bits.append(loss / np.log(2))
            if tqdm:
                bar.set_postfix_str(f"loss {loss:.2f}, {bits[-1]:.2f} bits/char", False)
                bar.update(args.batch * args.length)
            if 10 * step // args.steps > len(curve) or stop:
                seconds = process_time() - began
                judged = lm.bits_per_character(model, held_out, 128, 50)
                began = process_time() - seconds
                curve.append((step, np.mean(bits), judged, seconds))
                say("{:6} updates: training {:.3f}, held out {:.3f}".format(*curve[-1]))
                bits = []
            if stop:
                break
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return curve


def write(model, vocabulary, rng):
    """A few samples; the colder, the more the model keeps to what it is sure of."""
    start = "\n" * ("\n" in vocabulary)
    for heat in (0.5, 0.75, 1.0):
        text = lm.sample(model, vocabulary, 300, start=start, temperature=heat, rng=rng)
        print(f"--- sample at temperature {heat}", "".join(text), sep="\n")


def draw(curve, args):
    """The learning curve, as a PNG in the current directory."""
    from matplotlib.figure import Figure

    _, training, held_out, seconds = zip(*curve)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(seconds, training, "o-", label="training (mean since the mark before)")
    axes.plot(seconds, held_out, "s-", label="held out")
    if args.file.samefile(BOOK) and not args.validate:
        _, *torch = np.loadtxt(TORCH, delimiter=",", skiprows=1).T
        axes.plot(*torch, "k:", label="held out, PyTorch's LSTM(128), recorded")
    axes.set(xlabel="seconds of one core", ylabel="bits per character", xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig("char_lm.png", dpi=150)
    print("learning curve:", Path("char_lm.png").resolve())


def main():
    parser, args = command_line()
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # where closed
    sys.stdout.reconfigure(errors="replace")
    try:
        vocabulary, batches, held_out = prepare(args)
    except (OSError, ValueError) as error:
        parser.exit(2, f"char_lm: {error}\n")
    rng, size = np.random.default_rng(args.seed), len(vocabulary)
    output = Layer(args.hidden, size, f=logsoftmax, rng=rng)
    cell = CELLS[args.cell](-size, args.hidden, rng=rng)
    dropout = [Map(Dropout(args.dropout, rng))] if args.dropout else []
    model = Stack(cell, *dropout, Map(output))
    curve = train(model, batches, held_out, args)
    write(model, vocabulary, rng)
    missing = [] if tqdm else ["the progress bar (no tqdm)"]
    try:
        draw(curve, args)
    except (ImportError, OSError) as error:
        missing.append(f"the learning curve ({error})")
    if missing:
        print("not drawn:", ", ".join(missing))
    print(f"held out: {lm.bits_per_character(model, held_out):.2f} bits per character")


if __name__ == "__main__":
    main()
