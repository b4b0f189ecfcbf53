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
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from penne import asum, logsoftmax, take_along_axis
from penne.optimize import Adagrad

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


def in_new_process(folder: str, **environment: str) -> float:
    """Seconds of the first update of ``mycell`` after the import."""
    told = {**os.environ, "PENNE_CACHE_DIR": folder, **environment}
    command = [sys.executable, "-c", ONE]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
    return float(done.stdout)


def twice(update: Callable[[Any], Any], shapes: Iterable[Any]) -> Pair:
    """Medians, in milliseconds, of the first and the second update of each shape."""
    pairs = []
    for shape in shapes:
        times = [time.perf_counter()]
        for _ in range(2):
            update(shape)
            times.append(time.perf_counter())
        pairs.append(np.diff(times) * 1e3)
    first, second = zip(*pairs)
    return statistics.median(first), statistics.median(second)


def _trained(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    trainer = Adagrad(0.01, 0.0)
    return lambda shape: trainer.receive(loss(shape))


def lengths() -> Pair:
    """Arrays of symbols of a length not seen before, by ``mycell``."""
    s, rng = W.SIZES["mycell"], np.random.default_rng(0)
    H, V = s["H"], s["V"]
    layer = peer_penne.Layer(H, V, f=logsoftmax)
    model = peer_penne.Stack(peer_penne.MyCell(-V, H), peer_penne.Map(layer))

    def loss(data: Any) -> Any:
        logp = model.transduce(data[0])
        return -asum(take_along_axis(logp, data[1][..., None], -1))

    data = [rng.integers(0, V, (2, s["T"] + k, s["B"])) for k in range(SHAPES + 3)]
    return _after_some(_trained(loss), data)


def sentences() -> Pair:
    """Lists of sentences, of other lengths each time."""
    s = W.SIZES["sentences"]
    H, V = s["H"], s["V"]
    model = peer_penne.lm(peer_penne.StandardLSTM(H, H), H, V)

    def loss(batch: Any) -> Any:
        return sum(peer_penne.nats(model, sentence) for sentence in batch)

    return _after_some(_trained(loss), W.sentences(SHAPES + 3))


def trees() -> Pair:
    """Trees of other shapes each time."""
    s = W.SIZES["trees"]
    model = peer_penne.TreeLSTM(s["V"], s["H"], s["labels"])

    def loss(batch: Any) -> Any:
        return sum(model.nats(tree, label) for tree, label in batch)

    return _after_some(_trained(loss), W.trees(SHAPES + 3))


def _after_some(update: Callable[[Any], Any], shapes: list[Any]) -> Pair:
    twice(update, shapes[:3])
    return twice(update, shapes[3:])


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
