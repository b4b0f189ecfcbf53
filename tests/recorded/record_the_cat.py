"""Record the 100 losses of ``the_cat`` as PyTorch computes them, from weights drawn
here by NumPy.

To run it (any PyTorch; CPU; float64; 20 seconds), from anywhere::

    python tests/recorded/record_the_cat.py

It writes ``the_cat.json`` beside itself.  ``tests/test_the_cat.py`` draws the same
weights by ``weights()`` and holds penne's losses against the recorded ones.
"""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

TEXT = [ord(c) for c in "^the cat sat on the mat$"]
SEED, SYMBOLS, SIZE = 2026, 256, 100
FILE = Path(__file__).with_name("the_cat.json")


def weights():
    """First weights in float64 by penne's names and rule; RandomState is frozen."""
    rng = np.random.RandomState(SEED)
    own, out = SIZE**-0.5, ((SIZE + SYMBOLS) / 2) ** -0.5 / (1 - 1 / SYMBOLS)
    found = {}
    for name, gain in (("input_gate", 4), ("output_gate", 4), ("input_layer", 1)):
        shapes = [(SYMBOLS, SIZE), (SIZE, SIZE), (SIZE,)][: 3 if gain == 4 else 2]
        for k, shape in enumerate(shapes):
            found[f"rnn.{name}.weights.{k}"] = rng.normal(0, own * gain, shape)
        found[f"rnn.{name}.bias"] = np.zeros(SIZE)
    found["output.weights.0"] = rng.normal(0, out, (SIZE, SYMBOLS))
    found["output.bias"] = np.zeros(SYMBOLS)
    return found


def torch_loss(torch, p):
    """Minus the log-probability of the text, by the equations of the coupled LSTM."""

    def layer(name, x, h, c=None):
        z = p[f"{name}.bias"] + p[f"{name}.weights.0"][x] + h @ p[f"{name}.weights.1"]
        return z if c is None else z + c * p[f"{name}.weights.2"]

    h = c = torch.zeros(SIZE)
    loss = 0.0
    for x, y in pairwise(TEXT):
        i = torch.sigmoid(layer("rnn.input_gate", x, h, c))
        c = (1 - i) * c + i * torch.tanh(layer("rnn.input_layer", x, h))
        h = torch.sigmoid(layer("rnn.output_gate", x, h, c)) * torch.tanh(c)
        o = h @ p["output.weights.0"] + p["output.bias"]
        loss = loss - torch.log_softmax(o, -1)[y]
    return loss


def main():
    """Run the 100 updates and write the losses."""
    import torch

    torch.set_default_dtype(torch.float64)
    p = {k: torch.tensor(w, requires_grad=True) for k, w in weights().items()}
    trainer = torch.optim.Adagrad(
        p.values(), lr=0.1, initial_accumulator_value=1.0, eps=0.0
    )
    losses = []
    for _ in range(100):
        trainer.zero_grad()
        loss = torch_loss(torch, p)
        loss.backward()
        trainer.step()
        losses.append(loss.item())
    check = float(sum(np.abs(w).sum() for w in weights().values()))
    made = f"PyTorch {torch.__version__}, tests/recorded/record_the_cat.py"
    text = json.dumps({"made_by": made, "weights": check, "losses": losses}, indent=1)
    FILE.write_text(text + "\n")


if __name__ == "__main__":
    main()
