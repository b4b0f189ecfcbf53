"""Peak memory of one gradient of a long chain, with ``checkpoint`` and without::

    python -m benchmarks.memory [STEPS]

Each figure is the growth of the resident memory of a process of its own, in MiB, from
after a short chain (numba and the programs are loaded) to the peak; and its seconds.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np

import penne
from penne import (
    LSTM,
    Transducer,
    asum,
    cell,
    checkpoint,
    compute_gradients,
    constant,
    default_dtype,
    parameter,
    tanh,
)


class Recurrent(Transducer):
    """h := tanh(h W + b), a batch of 32 states of 32 numbers."""

    def __init__(self) -> None:
        self.W = parameter(np.random.default_rng(0).normal(size=(32, 32)) / 6)
        self.b = parameter(np.zeros(32))
        self.zero = constant(np.full((32, 32), 0.5))

    def start(self) -> None:
        """The first state."""
        self.h = self.zero

    @cell
    def step(self, x: Any) -> Any:
        """The next state."""
        self.h = tanh(self.h @ self.W + self.b)
        return self.h


MODELS: dict[str, Callable[[], Transducer]] = {
    "tanh, 32 x 32": Recurrent,
    "LSTM, 1 x 128": lambda: LSTM(-50, 128, rng=0),
}


def loss(r: Transducer, steps: int, wrap: Callable[..., Any]) -> Any:
    """The chain, in segments of the square root of its length."""
    symbols = np.random.default_rng(1).integers(0, 50, steps).tolist()
    length = int(steps**0.5)
    segment = wrap(lambda some: [r.step(k) for k in some][-1])
    r.start()
    for k in range(0, steps, length):
        h = segment(symbols[k : k + length])
    return asum(h**2)


def peak() -> float:
    """The largest resident memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(model: str, executor: str, way: str, steps: int) -> str:
    """One figure, in this process."""
    wrap = checkpoint if way == "checkpoint" else lambda f: f
    with default_dtype("float32"):
        r = MODELS[model]()
    with suppress(ImportError):
        import_module("numba")  # some 50 MiB, which the fast executor loads in time
    with penne.plain() if executor == "plain" else penne.fast.enable():
        compute_gradients(loss(r, 100, wrap))
        before, start = peak(), time.perf_counter()
        compute_gradients(loss(r, steps, wrap))
    return f"{peak() - before:.0f} MiB, {time.perf_counter() - start:.1f} s"


def main(steps: int) -> None:
    """A table in Markdown."""
    print("| chain | executor | kept | checkpoint |\n| --- | --- | ---: | ---: |")
    for model in MODELS:
        for executor in ("plain", "fast"):
            command = [sys.executable, "-m", __spec__.name, model, executor]
            found = [
                subprocess.run(
                    [*command, way, str(steps)],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.strip()
                for way in ("kept", "checkpoint")
            ]
            print(f"| {model} | {executor} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(measure(*sys.argv[1:4], int(sys.argv[4])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
