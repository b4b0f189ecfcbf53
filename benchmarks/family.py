"""What an update of each cell of the family costs, in this process::

    python -m benchmarks.family [SECONDS]

The cells are updated in turn, one after the other, for SECONDS each, once their kernels
are compiled.  Prints one line of JSON: for each its name, its parameters and the median
of an update, in milliseconds of processor time; where several threads are used, of
time.
"""

import json
import os
import statistics
import sys
import time
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
LEAST = 5
WARM_UPS = 10
Row = tuple[str, int, float]


def cells() -> dict[str, RecurrentUnit]:
    """Every variant by its name, then the gated unit and options of the LSTM."""
    H = SIZES["H"]
    found = {name: getattr(variants, name)(H, H, rng=0) for name in NAMES}
    found['GRU(reset="before")'] = GRU(H, H, rng=0)
    found['GRU(reset="after")'] = GRU(H, H, reset="after", rng=0)
    for options in (
        dict(layer_norm=True),
        dict(projection=H // 2),
        dict(gal_dropout=0.25),
        dict(semeniuta_dropout=0.25),
        dict(zoneout=0.1),
    ):
        ((option, value),) = options.items()
        name = f"StandardLSTM({option}={value})"
        found[name] = variants.StandardLSTM(H, H, rng=0, **options)
    return found


def updating(unit: RecurrentUnit, seed: int = 0) -> Callable[[], float]:
    """One update of a cell: towards random vectors, for random vectors."""
    T, B, H = (SIZES[name] for name in "TBH")
    rng = np.random.default_rng(seed)
    xs = rng.normal(0, 1, (T, B, H)).astype(np.float32)
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
    """Name, parameters and median milliseconds of each cell."""
    units = cells()
    updates = {name: updating(unit) for name, unit in units.items()}
    for update in updates.values():
        for _ in range(WARM_UPS):
            update()
    times: dict[str, list[float]] = {name: [] for name in units}
    now, began = clock(), time.perf_counter()
    while _lasting(began, seconds * len(units)) or len(times["CIFG"]) < LEAST:
        for name, update in updates.items():
            start = now()
            update()
            times[name].append(now() - start)
    medians = {name: statistics.median(found) * 1e3 for name, found in times.items()}
    return [(name, unit.n_params(), medians[name]) for name, unit in units.items()]


def _lasting(began: float, seconds: float) -> bool:
    return time.perf_counter() < began + seconds


def main(arguments: list[str]) -> None:
    """Measure, for as long as the command line says."""
    if len(arguments) > 1:
        sys.exit(__doc__)
    os.environ.setdefault("PENNE_FAST", "compiled")  # not NumPy until that pays
    measured: Any = measure(*map(float, arguments))
    print(json.dumps([(name, n, round(ms, 3)) for name, n, ms in measured]))


if __name__ == "__main__":
    main(sys.argv[1:])
