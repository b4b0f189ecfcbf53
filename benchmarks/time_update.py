"""Time one workload of one peer, in this process, and print one line of JSON::

    python -m benchmarks.time_update PEER WORKLOAD [SECONDS]

``ms``: median of one update in steady state, after ten updates and three seconds;
``import_s``: importing the peer; ``first_s``: from there to the end of the first
update; ``cores``: processor time by wall time, in steady state; ``peak_mib``: largest
resident memory of the process; ``loss``: of the first and the last update.

Threads are pinned from outside, before the process starts (``running.pinned``).
"""

import gc
import importlib
import json
import os
import platform
import resource
import statistics
import sys
import time
from typing import Any

PEERS = ("torch", "jax", "dynet", "penne")
WARM_UPS, WARM_SECONDS = 10, 3.0
LEAST = 5


def measure(peer: str, workload: str, seconds: float = 3.0) -> dict[str, Any]:
    """The numbers above; of a peer that cannot be imported, why ``missing``."""
    os.environ["WORKLOAD"] = workload
    began = time.perf_counter()
    try:
        module = importlib.import_module(f"benchmarks.peer_{peer}")
    except (ImportError, OSError) as error:
        return dict(peer=peer, workload=workload, missing=str(error))
    imported = time.perf_counter()
    update = getattr(module, workload)()
    first_loss = update()
    first = time.perf_counter()
    return dict(
        peer=peer,
        workload=workload,
        version=module.VERSION,
        python=platform.python_version(),
        import_s=round(imported - began, 3),
        first_s=round(first - imported, 3),
        **_steady(update, first_loss, seconds),
    )


def _steady(update: Any, first_loss: float, seconds: float) -> dict[str, Any]:
    began, warm = time.perf_counter(), 0
    while warm < WARM_UPS or time.perf_counter() < began + WARM_SECONDS:
        update()
        warm += 1
    gc.collect()
    began, busy = time.perf_counter(), time.process_time()
    times: list[float] = []
    while time.perf_counter() < began + seconds or len(times) < LEAST:
        start = time.perf_counter()
        loss = update()
        times.append(time.perf_counter() - start)
    cores = (time.process_time() - busy) / (time.perf_counter() - began)
    return dict(
        ms=round(statistics.median(times) * 1e3, 4),
        least_ms=round(min(times) * 1e3, 4),
        n=len(times),
        cores=round(cores, 2),
        peak_mib=round(peak_mib()),
        loss=[float(first_loss), float(loss)],
    )


def peak_mib() -> float:
    """The largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def stay_on_cores(threads: int) -> None:
    """Stay on as many cores as threads: XLA starts a thread for each it may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def main(arguments: list[str]) -> None:
    """Measure what the command line names."""
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    peer, workload, *rest = arguments
    stay_on_cores(int(os.environ.get("OMP_NUM_THREADS", "1")))
    print(json.dumps(measure(peer, workload, *map(float, rest))))


if __name__ == "__main__":
    main(sys.argv[1:])
