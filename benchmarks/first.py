"""What comes first: an update in a new process, and one of a shape not seen before::

    python -m benchmarks.first

Prints one line of JSON: rows of what is done, seconds (or milliseconds) of the first
time, and of the second.  Processes of their own measure the first update of ``mycell``,
with no compiled kernel on disk and with all of them; for new shapes all kernels are
compiled before.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import peer_penne
from . import workloads as W

Pair = tuple[float, float]
ONE = """
import time
from benchmarks.peer_penne import mycell
began = time.perf_counter()
update = mycell()
update()
print(time.perf_counter() - began)
"""
SHAPES = 15  # new ones, of each of which the first time and the second are measured
FEW = 3  # that come before


def in_new_process(folder: str, **environment: str) -> float:
    """Seconds of the first update of ``mycell`` after the import."""
    told = {**os.environ, "PENNE_CACHE_DIR": folder, **environment}
    command = [sys.executable, "-c", ONE]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
    return float(done.stdout)


def twice(make: Callable[..., Callable[[], Any]], shapes: list[Any]) -> Pair:
    """Medians, in milliseconds, of the first and the second update of each shape but
    the first few; ``make`` gives the updates of a workload on batches."""
    update = make(batches=[shape for shape in shapes for _ in range(2)])
    times = [time.perf_counter()]
    for _ in range(2 * len(shapes)):
        update()
        times.append(time.perf_counter())
    first, second = np.diff(times)[2 * FEW :].reshape(-1, 2).T * 1e3
    return statistics.median(first.tolist()), statistics.median(second.tolist())


def lengths() -> Pair:
    """Arrays of symbols of a length not seen before, by ``mycell``."""
    s, rng = W.SIZES["mycell"], np.random.default_rng(0)
    sizes = [(2, s["T"] + k, s["B"]) for k in range(SHAPES + FEW)]
    return twice(peer_penne.mycell, [rng.integers(0, s["V"], n) for n in sizes])


def sentences() -> Pair:
    """Lists of sentences, of other lengths each time."""
    return twice(peer_penne.sentences, W.sentences(SHAPES + FEW))


def trees() -> Pair:
    """Trees of other shapes each time."""
    return twice(peer_penne.trees, W.trees(SHAPES + FEW))


def measure() -> list[tuple[str, float, float]]:
    """Rows: what is done; the first time; the second (or with kernels on disk)."""
    with tempfile.TemporaryDirectory() as folder:
        cold = in_new_process(folder)
        in_new_process(folder, PENNE_FAST="compiled")
        warm = in_new_process(folder)
    os.environ["PENNE_FAST"] = "compiled"
    return [
        ("`mycell`, s: no kernel on disk; all of them", cold, warm),
        ("a new length of arrays, `mycell`, ms", *lengths()),
        ("new lengths of lists, `sentences`, ms", *sentences()),
        ("new trees, `trees`, ms", *trees()),
    ]


if __name__ == "__main__":
    print(json.dumps(measure()))
