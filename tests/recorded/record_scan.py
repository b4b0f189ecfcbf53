"""Record what Theano's ``scan`` gives, as its heir PyTensor has it: taps of sequences
and outputs, the order of arguments, n_steps, until.

To run it (PyTensor 3; a few seconds), from anywhere::

    python tests/recorded/record_scan.py

It writes ``scan.json`` beside itself, which ``tests/test_scan.py`` reads.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("scan.json")
OVER = 0.6  # the end, for the run that ends where the second output is above


def main():
    """Run the three scans and write what they gave."""
    import pytensor
    import pytensor.tensor as pt
    from pytensor.scan.utils import until

    pytensor.config.cxx = ""
    rng = np.random.RandomState(5)
    x, u = rng.normal(0, 1, 9), rng.normal(0, 1, 8)

    def run(n_steps=None, over=None):
        def f(a, b, c, y2, y1, z, w):
            outputs = [0.5 * y1 - 0.25 * y2 + a * w + b, z + c * y1, a * b * c]
            return (
                outputs if over is None else (outputs, until(pt.gt(outputs[1], over)))
            )

        found = pytensor.scan(
            f,
            sequences=[{"input": pt.constant(x), "taps": [-2, 1]}, pt.constant(u)],
            outputs_info=[
                {"initial": pt.constant(np.array([0.5, -1.0])), "taps": [-2, -1]},
                pt.constant(np.float64(0.25), dtype="float64"),
                None,
            ],
            non_sequences=[pt.constant(2.0, dtype="float64")],
            n_steps=n_steps,
            return_updates=False,
        )
        return [np.asarray(y.eval()).tolist() for y in found]

    made = f"PyTensor {pytensor.__version__}, tests/recorded/record_scan.py"
    recorded = {"made_by": made, "x": x.tolist(), "u": u.tolist(), "over": OVER}
    recorded |= {"all": run(), "three": run(3), "until": run(over=OVER)}
    FILE.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main()
