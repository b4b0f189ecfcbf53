"""Runs peers in turn, each measurement in a process of its own, threads pinned.

What comes back is a record, a dict that JSON can hold: ``machine``, ``settings``,
``runs`` (the lines of ``time_update``, with their round), and by peer or by peer and
workload what is ``missing`` and what has ``failed``.
"""

import ast
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .workloads import VARIANT_OF

Record = dict[str, Any]
HERE = Path(__file__).parent
PATIENCE = 1800  # seconds that one measurement may take; torch.compile takes minutes


def pinned(threads: int) -> dict[str, str]:
    """The environment in which libraries use this many threads."""
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    pins = {f"{library}_NUM_THREADS": str(threads) for library in libraries}
    if threads == 1:
        pins["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    return {**os.environ, **pins}


def run(python: str, threads: int, module: str, *arguments: str) -> Any:
    """What ``python -m module`` prints as JSON, or why it is missing or failed."""
    found = shutil.which(python)
    if found is None:
        return dict(missing=f"there is no {python}")
    command = [os.path.abspath(found), "-m", module, *arguments]
    told: dict[str, Any] = dict(cwd=HERE.parent, env=pinned(threads), timeout=PATIENCE)
    try:
        done = subprocess.run(command, capture_output=True, text=True, **told)
    except subprocess.TimeoutExpired:
        return dict(failed=f"took more than {PATIENCE} s")
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = done.stderr.strip().splitlines()[-1:]
        return dict(failed=f"exit status {done.returncode}: {''.join(last)}")
    return json.loads(lines[-1])


def offers(peer: str) -> set[str]:
    """The workloads that a peer has a function for; read, not imported."""
    tree = ast.parse((HERE / f"peer_{peer}.py").read_text(encoding="utf-8"))
    return {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}


def answering(peer: str, workload: str) -> str | None:
    """The function of a peer that stands in the row of a workload: for a variant that
    it does not have, the workload itself; None where it has neither."""
    for name in (workload, VARIANT_OF.get(workload, workload)):
        if name in offers(peer):
            return name
    return None


def jobs(workloads: Iterable[str], peers: list[str]) -> list[tuple[str, str]]:
    """What is to be measured, (peer, function), each once, peers in turn."""
    rows = [(peer, answering(peer, name)) for name in workloads for peer in peers]
    return list(dict.fromkeys((p, function) for p, function in rows if function))


def recorded(settings: dict[str, Any]) -> Iterator[Record]:
    """The record after each round; ``settings`` are those of the command line."""
    record: Record = dict(machine=machine(), settings=settings)
    record.update(runs=[], missing={}, failed={})
    todo = jobs(settings["workloads"], settings["peers"])
    for k in range(settings["rounds"]):
        for peer, name in todo:
            if peer in record["missing"] or f"{peer} {name}" in record["failed"]:
                continue
            print(f"round {k + 1}: {peer} {name}", file=sys.stderr, flush=True)
            _enter(record, peer, name, k + 1)
        yield record


def _enter(record: Record, peer: str, name: str, k: int) -> None:
    settings = record["settings"]
    python = settings["python"].get(peer, sys.executable)
    arguments = (peer, name, str(settings["seconds"]))
    made = run(python, settings["threads"], "benchmarks.time_update", *arguments)
    if "missing" in made:
        record["missing"][peer] = made["missing"]
    elif "failed" in made:
        record["failed"][f"{peer} {name}"] = made["failed"]
    else:
        record["runs"].append({**made, "round": k})
    for kind in ("missing", "failed"):
        if kind in made:
            print(f"{kind}: {peer}: {made[kind]}", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """Processor, cores, system, how busy it is, and today's date."""
    return dict(
        processor=_processor(),
        cores=os.cpu_count(),
        system=f"{platform.system()} {platform.release()}",
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        date=datetime.date.today().isoformat(),
    )


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return next(iter(names), platform.processor() or platform.machine())
