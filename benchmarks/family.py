"""What an update of each cell of the family costs, in this process::

    python -m benchmarks.family [SECONDS]

Each cell is measured twice: with as many units as all others, and with about as many
parameters as the first.  They are updated in turn, one after the other, for
SECONDS each, once their kernels are compiled.  Prints one line of JSON: for each its
name, then, both times, its units, its parameters and the median of an update, in
milliseconds of processor time; where several threads are used, of time.
"""

import json
import os
import statistics
import sys
import time
from bisect import bisect
from collections.abc import Callable
from typing import Any

import numpy as np

from penne import GRU, Adagrad, asum
from penne.recurrent import variants
from penne.recurrent.unit import RecurrentUnit

SIZES = dict(T=32, B=32, H=256)
NAMES = (
    "StandardLSTM",
    "VanillaLSTM",
    "LSTMNFG",
    "LSTMNIG",
    "LSTMNOG",
    "LSTMNoPeepholes",
    "SimplifiedLSTM",
    "CIFG",
    "NIAF",
    "NOAF",
    "FGR",
    "DiagonalLSTM",
    "MinimalGatedUnit",
    "SimplifiedGRU",
    "VanillaRNN",
)
STEP = 8
LEAST = 5
WARM_UPS = 10
Size = tuple[int, int, float]  # units, parameters, milliseconds
Row = tuple[str, *Size, *Size]
Make = Callable[[int], RecurrentUnit]


def makes() -> dict[str, Make]:
    """Every variant by its name, then the gated unit and options of the LSTM: what
    makes it, from so many units to as many."""
    found = {name: _maker(getattr(variants, name)) for name in NAMES}
    found['GRU(reset="before")'] = _maker(GRU)
    found['GRU(reset="after")'] = _maker(GRU, reset="after")
    for options in (
        dict(layer_norm=True),
        dict(gal_dropout=0.25),
        dict(semeniuta_dropout=0.25),
        dict(zoneout=0.1),
    ):
        ((option, value),) = options.items()
        name = f"StandardLSTM({option}={value})"
        found[name] = _maker(variants.StandardLSTM, **options)
    found["StandardLSTM(projection=half)"] = lambda H: variants.StandardLSTM(
        H, H, rng=0, projection=H // 2
    )
    return found


def _maker(kind: Any, **options: Any) -> Make:
    return lambda H: kind(H, H, rng=0, **options)


def cells() -> list[tuple[str, RecurrentUnit]]:
    """Every cell with as many units; then with as many parameters as the first."""
    made = [(name, make(SIZES["H"])) for name, make in makes().items()]
    weights = made[0][1].n_params()
    return made + [(name, heavy(make, weights)) for name, make in makes().items()]


def heavy(make: Make, weights: int) -> RecurrentUnit:
    """The one that has about so many parameters; its units are a multiple of STEP, as
    products of matrices of odd sizes take longer."""
    sizes = range(STEP, 8 * SIZES["H"], STEP)
    k = bisect(sizes, weights, key=lambda n: make(n).n_params())
    near = map(make, sizes[max(k - 1, 0) : k + 1])
    return min(near, key=lambda unit: abs(unit.n_params() - weights))


def updating(unit: RecurrentUnit, seed: int = 0) -> Callable[[], float]:
    """One update of a cell: towards one number, for random vectors."""
    shape = SIZES["T"], SIZES["B"], unit.insize[0]
    xs = np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)
    trainer = Adagrad(learning_rate=0.01, delta=0)

    def update() -> float:
        ys = unit.transduce(xs)
        return trainer.receive(asum((ys - 0.1) ** 2))

    return update


def clock() -> Callable[[], float]:
    """Processor time, which others on the machine take little of, for one thread."""
    one = os.environ.get("OMP_NUM_THREADS", "1") == "1"
    return time.process_time if one else time.perf_counter


def measure(seconds: float = 2.0) -> list[Row]:
    """Name, and for both sizes units, parameters and median milliseconds."""
    units = [unit for _, unit in cells()]
    updates = [updating(unit) for unit in units]
    for update in updates:
        for _ in range(WARM_UPS):
            update()
    times: list[list[float]] = [[] for _ in units]
    now, began = clock(), time.perf_counter()
    while _lasting(began, seconds * len(units)) or len(times[0]) < LEAST:
        for found, update in zip(times, updates):
            start = now()
            update()
            found.append(now() - start)
    sizes = [
        (unit.outsize, unit.n_params(), round(statistics.median(found) * 1e3, 3))
        for unit, found in zip(units, times)
    ]
    half = len(sizes) // 2
    return [(name, *a, *b) for name, a, b in zip(makes(), sizes[:half], sizes[half:])]


def _lasting(began: float, seconds: float) -> bool:
    return time.perf_counter() < began + seconds


def main(arguments: list[str]) -> None:
    """Measure, for as long as the command line says."""
    if len(arguments) > 1:
        sys.exit(__doc__)
    os.environ.setdefault("PENNE_FAST", "compiled")  # not NumPy until that pays
    print(json.dumps(measure(*map(float, arguments))))


if __name__ == "__main__":
    main(sys.argv[1:])
