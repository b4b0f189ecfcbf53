"""Text to spectral frames: which parts of the LSTM does speech need, weight for weight?

After Wu and King 2016, *Investigating gated recurrent neural networks for speech
synthesis*, small: espeak-ng says lines of the comedies (speech.py); for each frame of
10 ms a network gets the phones before, here and next, and how far this one is said, and
gives 20 mel bands.  Root mean square errors of 20 new lines, seed 0 (and seconds)::

                    units weights    dB   s
    RNN                72   9,020   8.05   2
    LSTM               32   9,076   9.09   3
    no peepholes       32   8,980   8.84   2
    no forget gate     38   8,950  11.11   2
    no input gate      38   8,950   8.96   2
    no output gate     38   8,950   8.75   2
    simplified LSTM    49   9,036   8.41   3
    GRU                38   8,874   8.24   2
    simplified GRU     48   8,804   8.06   2
"""

import time
from bisect import bisect

import numpy as np
import speech
from program import figure, options

from penne import *
from penne.recurrent import variants

CELLS = {
    "RNN": variants.VanillaRNN,
    "LSTM": variants.VanillaLSTM,
    "no peepholes": variants.LSTMNoPeepholes,
    "no forget gate": variants.LSTMNFG,
    "no input gate": variants.LSTMNIG,
    "no output gate": variants.LSTMNOG,
    "simplified LSTM": variants.SimplifiedLSTM,
    "GRU": lambda n, m, rng: GRU(n, m, rng=rng, reset="after", update="write"),
    "simplified GRU": variants.SimplifiedGRU,
}


def network(phones, cell, n, rng):
    first = Layer([-phones] * 3 + [3], 32, f=tanh, rng=rng)
    last = Layer(n, 20, f=None, rng=rng)
    return Map(lambda x: first(*x)) >> cell(32, n, rng=rng) >> Map(last)


def near(weights, phones, cell, rng):
    """The network of this cell that has about so many weights."""
    count = lambda n: network(phones, cell, n, rng).n_params()
    n = bisect(range(2, round(weights**0.5)), weights, key=count) + 1
    return n, network(phones, cell, n, rng)


def cost(model, lines, scale):
    """The mean over frames of the squared errors, in units of the bands' spread."""
    phones, known, bands, lengths = speech.padded(lines, *scale)
    steps = [(*near.T, said) for near, said in zip(phones, known)]
    found = stack(unroll(model, steps, lengths=lengths).outputs)
    return mmse(found, bands, np.arange(len(bands))[:, None] < lengths)


def train(model, lines, scale, updates, rng):
    trainer = Adam(schedules.Linear(5e-3, updates), clip_gradients=5.0)
    for _ in range(updates):
        some = [
            speech.stretch(lines[j], rng) for j in rng.integers(len(lines), size=32)
        ]
        trainer.receive(cost(model, some, scale))


def main():
    args = options(__doc__, dict(updates=600, seeds=5), units=32, updates=150, seeds=1)
    phones, lines = speech.utterances()
    learn, held_out = lines[:100], lines[100:]
    heard = np.concatenate([bands for *_, bands in learn])
    scale = heard.mean(axis=0), heard.std()
    weights = network(phones, CELLS["LSTM"], args.units, 0).n_params()
    print(f"{'':15} units weights    dB (seeds)         s")
    with figure("acoustic.png") as axes:
        for name, cell in CELLS.items():
            errors, begun = [], time.process_time()
            for seed in range(args.seeds):
                rng = np.random.default_rng(seed)
                n, model = near(weights, phones, cell, rng)
                train(model, learn, scale, args.updates, rng)
                squares = compute_value(cost(model, held_out, scale))
                errors.append(scale[1] * np.sqrt(squares / speech.BANDS))
            spent = (time.process_time() - begun) / args.seeds
            found = f"{np.mean(errors):.2f} ({min(errors):.2f}-{max(errors):.2f})"
            print(f"{name:15} {n:5} {model.n_params():7,} {found:>18} {spent:5.0f}")
            axes.plot(errors, [name] * len(errors), "C0o", alpha=0.7)
        axes.set(xlabel="error in 20 lines not learnt from, dB")
        axes.invert_yaxis()


if __name__ == "__main__":
    main()
