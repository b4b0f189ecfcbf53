"""Remember one symbol past a whole string: python examples/embedded_reber.py

Each network learns from 3,200 strings, 32 in an update, by Adam at 0.02, beta1 0.98,
gradients clipped at 1, and is done when it foretells all of 500 new ones: so many of
seeds 0 to 4, by so many updates of 2,000.  The trainer, and the bias with which the GRU
begins, were chosen by seeds from 10 on.

    inner strings   over 4, 16 units   over 7, 32 units   over 10, 32 units
    tanh            4/5 by 1800        0/5                0/5
    GRU             5/5 by 600         5/5 by 300         5/5 by 600
    LSTM            5/5 by 1000        4/5 by 1000        1/5 by 700
    LSTM, f = 1     5/5 by 700         5/5 by 900         5/5 by 1800

With 16 units, over 7 and 10: tanh 0/5, 0/5; GRU 5/5 by 500, 5/5 by 900; LSTM, f = 1 4/5
by 700, 4/5 by 1900.  By the tutorial's recipe, tanh, 10 units, over 10: .494 remembered
after 50,000 strings.
"""

import numpy as np
from program import figure, options
from reber_models import foretold, loss, remembered
from reber_strings import embedded_lesson, word

from penne import GRU, SGD, Adam, Layer, Map, Simple
from penne.initializers import spectral, uniform
from penne.recurrent.variants import LSTMNFG, StandardLSTM

CELLS = {  # the class, its options; the gate whose bias begins elsewhere than at 0
    "tanh": (Simple, {}, None, 0),
    "GRU": (GRU, dict(reset="after", recurrent_bias=True), "update_gate", 2),
    "LSTM": (StandardLSTM, {}, "forget_gate", 1),
    "LSTM, f = 1": (LSTMNFG, dict(peepholes=None), "input_gate", -2),
}
SIZES = {4: 16, 7: 32, 10: 32}  # by what the inner strings are longer than


def lesson(rng, longer_than):
    return embedded_lesson(e="TP"[rng.integers(2)], w=word(rng.integers, longer_than))


def network(name, size, rng):
    kind, given, gate, bias = CELLS[name]
    output = Layer(size, 7, f=None, rng=rng, init=uniform)
    cell = kind(-7, size, rng=rng, init=uniform, **given)
    if gate:
        vars(cell)[gate].bias.value[...] = bias
    return cell >> Map(output)


def study(name, longer_than, seed, args):
    """After how many updates all new strings are foretold, or None."""
    rng = np.random.default_rng(seed)
    model = network(name, SIZES[longer_than], rng)
    some = lambda count: [lesson(rng, longer_than) for _ in range(count)]
    losses = [loss(model, some(32)) for _ in range(args.batches)]
    new, trainer = some(500), Adam(0.02, beta1=0.98, clip_gradients=1.0)
    for update in range(1, args.updates + 1):
        trainer.receive(losses[rng.integers(len(losses))])
        if update % min(100, args.updates) == 0 and foretold(model, new).all():
            return update


def tutorial(seed, count):
    """By the tutorial's recipe: the share remembered."""
    rng = np.random.default_rng(seed)
    output = Layer(10, 7, f=None, init=spectral, rng=rng)
    model = Simple(-7, 10, learned_start=True, init=spectral, rng=rng) >> Map(output)
    losses = [loss(model, [lesson(rng, 10)]) for _ in range(1000)]
    new, trainer = [lesson(rng, 10) for _ in range(1000)], SGD(0.2)
    for _ in range(count):
        trainer.receive(losses[rng.integers(1000)])
    return remembered(model, new)


def main():
    first = dict(updates=2000, seeds=1, elman=0, batches=100)
    args = options(__doc__, dict(seeds=5, elman=50_000), **first)
    print(" " * 12, *(f"over {n:2}, {size} units" for n, size in SIZES.items()))
    with figure("embedded_reber.png") as axes:
        for k, name in enumerate(CELLS):
            said = []
            for place, n in enumerate(SIZES):
                runs = [study(name, n, seed, args) for seed in range(args.seeds)]
                y = [update for update in runs if update]
                said.append(f"{len(y):6}/{args.seeds} by {max(y, default='-'):>5}")
                y = [update or 1.07 * args.updates for update in runs]
                x = place + (k - 1.8) / 5 + np.linspace(0, 0.12, len(y))
                axes.plot(x, y, f"C{k}.", label=None if place else name)
            print(f"{name:12}", *said, flush=True)
        axes.axhline(args.updates, color="grey", ls="--", label="above: not done")
        axes.set_xticks(range(3), [f"over {n}" for n in SIZES])
        axes.set(xlabel="inner symbols", ylabel="updates until done", ylim=(0, None))
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    if args.elman:
        print(f"tutorial: {tutorial(0, args.elman):.3f} remembered")


if __name__ == "__main__":
    main()
