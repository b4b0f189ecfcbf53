"""Train a character model on a book, then let it write: python examples/char_lm.py

The model reads a text character by character and says, before each one, how probable
it holds every character there is.  A character to which it gave probability p costs
-log2 p bits: the fewer bits per character, the better it knows how the book is
written.  It is judged on the last tenth of the book, which it does not learn from.
"""

import argparse
import os
import signal
import sys
from contextlib import nullcontext
from itertools import count
from math import log
from pathlib import Path

# Products as small as these gain little from a second thread, which costs as much.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from penne import LSTM, Adam, Layer, Map, Stack, lm, logsoftmax

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

BOOK = Path(__file__).parent / "data" / "comedies.txt"


def number(text):
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def command_line():
    parser = argparse.ArgumentParser(
        description="Train a character model on a book, then let it write.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("file", nargs="?", default=BOOK, type=Path, help="the book, a UTF-8 text")
    add("--steps", type=number, default=4000, help="updates of the parameters")
    add("--hidden", type=number, default=128, help="size of the LSTM's state")
    add("--batch", type=number, default=64, help="places read side by side")
    add("--length", type=number, default=10, help="characters of each in one update")
    add("--rate", type=float, default=1.2e-2, help="first learning rate; falls to 0")
    add("--seed", type=int, default=0, help="of the first weights and the samples")
    return parser


def prepare(args):
    """The vocabulary, the batches to learn from, the numbers to be judged on."""
    text = lm.read_text(args.file)
    vocabulary = lm.Vocabulary(text)
    numbers = vocabulary.numberize(text)
    cut = len(numbers) * 9 // 10
    batches = lm.stateful_batches(numbers[:cut], args.batch, args.length)
    print(f"{args.file}: {len(text):,} characters, {len(vocabulary)} different ones")
    return vocabulary, batches, numbers[cut - 1 :]


def readings(model, batches):
    """The batches again and again, the model started now and then: else it would
    learn only how to go on, and be lost for long wherever it begins to read."""
    for k in count():
        place = k % len(batches)
        if place % 50 == 0:
            model.start()
        yield batches[place]


def updates(model, batches, args):
    """One update of the parameters after the other; gives the loss of each, in nats."""
    trainer = Adam(args.rate, clip_gradients=5.0)
    for step, (inputs, targets) in zip(range(args.steps), readings(model, batches)):
        trainer.learning_rate = args.rate * (1 - step / args.steps)
        values = {}
        loss = trainer.receive(lm.chunk_loss(model, inputs, targets), values)
        model.detach(values)  # what came before is remembered, but no more learnt from
        yield loss


def train(model, batches, held_out, args):
    """The learning curve: at ten marks the update, training and held-out bits."""
    marks = {args.steps * k // 10 for k in range(1, 11)}
    total = args.steps * args.batch * args.length
    bar = tqdm(total=total, unit="char", unit_scale=True) if tqdm else nullcontext()
    say = tqdm.write if tqdm else print
    stop, curve, bits = [], [], []
    signal.signal(signal.SIGINT, lambda *_: stop.append("Ctrl-C"))
    with bar:
        for step, loss in enumerate(updates(model, batches, args), 1):
            bits.append(loss / log(2))
            if tqdm:
                bar.set_postfix_str(f"loss {loss:.2f}, {bits[-1]:.2f} bits/char", False)
                bar.update(args.batch * args.length)
            if step in marks or stop:
                judged = lm.bits_per_character(model, held_out, 128, 50)
                curve.append((step, np.mean(bits), judged))
                say("{:6} updates: training {:.3f}, held out {:.3f}".format(*curve[-1]))
                bits = []
            if stop:
                break
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return curve


def write(model, vocabulary, rng):
    """A few samples; the colder, the more the model keeps to what it is sure of."""
    start = "\n" if "\n" in vocabulary else ""
    for heat in (0.5, 0.75, 1.0):
        text = lm.sample(model, vocabulary, 300, start=start, temperature=heat, rng=rng)
        print(f"--- sample at temperature {heat}", "".join(text), sep="\n")


def draw(curve, characters):
    """The learning curve, as a PNG in the current directory."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    step, training, held_out = zip(*curve)
    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    axes.plot(step, training, "o-", label="training (mean since the mark before)")
    axes.plot(step, held_out, "s-", label="held out")
    axes.set(
        xlabel=f"updates ({characters} characters each)",
        ylabel="bits per character",
        xlim=(0, None),
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig("char_lm.png", dpi=150)
    print("learning curve:", Path("char_lm.png").resolve())


def main():
    parser = command_line()
    args = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")
    try:
        vocabulary, batches, held_out = prepare(args)
    except (OSError, ValueError) as error:
        parser.exit(2, f"char_lm: {error}\n")
    rng, size = np.random.default_rng(args.seed), len(vocabulary)
    output = Layer(args.hidden, size, f=logsoftmax, rng=rng)
    model = Stack(LSTM(-size, args.hidden, rng=rng), Map(output))
    curve = train(model, batches, held_out, args)
    write(model, vocabulary, rng)
    missing = [] if tqdm else ["the progress bar (no tqdm)"]
    try:
        draw(curve, args.batch * args.length)
    except (ImportError, OSError) as error:
        missing.append(f"the learning curve ({error})")
    if missing:
        print("not drawn:", ", ".join(missing))
    bits = lm.bits_per_character(model, held_out)
    print(f"held out: {bits:.2f} bits per character")


if __name__ == "__main__":
    main()
