"""The benchmarks: penne does every workload, and what is recorded is told truly."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout's, never installed

from benchmarks import (
    __main__,
    building,
    family,
    first,
    peer_penne,
    report,
    running,
    time_update,
    workloads,
)
from penne.recurrent import variants
from penne.recurrent.unit import RecurrentUnit

SMALL = {
    "cat": dict(H=8),
    "charlm": dict(T=5, B=3, H=8, V=9),
    "sentences": dict(B=3, H=8, V=9, hi=6),
    "mycell": dict(T=5, B=3, H=8, V=9),
    "trees": dict(B=3, leaves=(2, 5), H=8, V=9),
    "sample": dict(H=8, V=9, chars=7),
    "reber": dict(),
}
FAMILY = {
    thing
    for thing in vars(variants).values()
    if isinstance(thing, type) and issubclass(thing, RecurrentUnit)
} - {variants.RecurrentOutput}
OFFERED = [w for w in workloads.WORKLOADS if w in running.offers("penne")]
TIMES = dict(import_s=0.5, first_s=0.25, peak_mib=99, version="1.0", python="3.11.7")


@pytest.fixture
def _small(monkeypatch):
    """The same workloads on small sizes."""
    for name, sizes in SMALL.items():
        smaller = {**workloads.SIZES[name], **sizes}
        monkeypatch.setitem(workloads.SIZES, name, smaller)
    monkeypatch.setattr(workloads, "CAT", workloads.CAT[:9])


def run(peer, workload, ms):
    """A line as ``time_update`` prints it."""
    return dict(peer=peer, workload=workload, ms=ms, **TIMES)


def record(runs, workloads, **absences):
    """A record of measurements."""
    machine = dict(processor="abacus", cores=2, system="Linux", load=0.5, date="2026")
    settings = dict(workloads=workloads, rounds=2, seconds=1.0, threads=1)
    settings["peers"] = list(time_update.PEERS)
    absences = {"missing": {}, "failed": {}, **absences}
    return dict(machine=machine, settings=settings, runs=runs, **absences)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("workload", sorted({*OFFERED} - {"sample"}))
def test_loss_falls(workload):
    """Every update gives a finite float, and updates make the loss smaller."""
    update = getattr(peer_penne, workload)()
    losses = [update() for _ in range(40)]
    assert all(type(loss) is float and np.isfinite(loss) for loss in losses)
    assert np.mean(losses[-8:]) < np.mean(losses[:8])


@pytest.mark.usefixtures("_small")
def test_sample():
    """A sample ends with a symbol of the vocabulary."""
    update = peer_penne.sample()
    assert all(update() in range(SMALL["sample"]["V"]) for _ in range(3))


@pytest.mark.usefixtures("_small")
def test_float64():
    """``charlm_float64`` has parameters in float64, and leaves the default alone."""
    update = peer_penne.charlm_float64()
    exact = update()
    assert exact != float(np.float32(exact))
    again = peer_penne.charlm()()
    assert again == float(np.float32(again))


def test_data():
    """The data are those that the peers' numbers were first recorded with."""
    x, y = workloads.cat()
    assert x.shape == y.shape == (23, 1)
    assert [a.shape for a in workloads.charlm()[0]] == [(64, 32)] * 2
    lengths = [len(s) - 1 for batch in workloads.sentences() for s in batch]
    assert len(lengths) == 256
    assert 3 <= min(lengths) < max(lengths) <= 80
    assert [len(batch) for batch in workloads.trees()] == [25] * 8
    x, y = workloads.reber()[0]
    assert x.shape == y.shape
    assert (x.sum(axis=1) == 1).all()
    assert (y.sum(axis=1) >= 1).all()


def test_measure(monkeypatch):
    """A measurement has all that a report needs."""
    monkeypatch.setenv("WORKLOAD", "")
    found = time_update.measure("penne", "reber", 0.05)
    assert {*run("penne", "reber", 1)} <= {*found}
    assert 0 < found["least_ms"] <= found["ms"]
    assert found["n"] >= time_update.LEAST
    assert json.loads(json.dumps(found)) == found


def test_missing_peer(monkeypatch):
    """A peer that cannot be imported is missing, and says why."""
    monkeypatch.setenv("WORKLOAD", "")
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "benchmarks.peer_torch", raising=False)
    found = time_update.measure("torch", "cat")
    assert "torch" in found["missing"]


def test_failure():
    """A process that fails is told with its last words."""
    found = running.run(sys.executable, 1, "benchmarks.time_update", "penne", "nothing")
    assert "nothing" in found["failed"]


def test_pinned():
    """Each library is told how many threads to use."""
    pins = running.pinned(2)
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    assert [pins[f"{name}_NUM_THREADS"] for name in libraries] == ["2"] * 4


def test_jobs():
    """Peers in turn; a variant that a peer lacks is not measured twice."""
    assert running.jobs(["cat", "cat_same", "trees"], ["jax", "penne"]) == [
        ("jax", "cat"),
        ("penne", "cat"),
        ("penne", "cat_same"),
        ("penne", "trees"),
    ]
    assert running.answering("torch", "cat_same") == "cat"
    assert running.answering("jax", "trees") is None
    for peer in time_update.PEERS:
        assert {"cat", "charlm", "mycell", "sample"} <= running.offers(peer)


def test_table():
    """Medians over rounds; ratios to the fastest peer; variants show the workload."""
    runs = [run("torch", "cat", ms) for ms in (9.0, 11.0)]
    runs += [run("jax", "cat", 4.0), run("penne", "cat", 5.0)]
    runs += [run("penne", "cat_same", 2.0), run("penne", "trees", 1234.5)]
    missing = {"dynet": "no module"}
    failed = {"jax trees": "exit status 1"}
    made = record(runs, ["cat", "cat_same", "trees"], missing=missing, failed=failed)
    lines = report.table_text(made).splitlines()
    assert "| workload | torch | jax | penne |" in lines
    assert "| `cat` | 10.0 (2.50) | **4.00 (1.00)** | 5.00 (1.25) |" in lines
    assert "| `cat_same` | 10.0 (2.50) | **4.00 (1.00)** | 2.00 (0.50) |" in lines
    assert "| `trees` | – | – | 1,234 |" in lines
    assert "| `cat` | 0.25 | 0.25 | 0.25 |" in lines
    assert "| `cat` | 99 | 99 | 99 |" in lines
    assert "- missing: dynet: no module" in lines
    assert "- failed: jax trees: exit status 1" in lines


def test_table_of_nothing():
    """With every peer missing there is still a report."""
    gone = dict.fromkeys(time_update.PEERS, "gone")
    assert "missing: penne" in report.table_text(record([], ["cat"], missing=gone))


def test_building():
    """Building is measured in microseconds, and written as a table."""
    measured = building.measure()
    assert all(0 < value < 1e6 for _, value in measured)
    text = report.building_text(measured)
    assert all(f"| {what} | " in text for what, _ in measured)


@pytest.mark.usefixtures("_small")
def test_first(monkeypatch):
    """First and second times of shapes are told apart; the table gives their ratio."""
    monkeypatch.setattr(first, "SHAPES", 2)
    for shapes in (first.lengths, first.sentences, first.trees):
        assert all(0 < ms < 1e5 for ms in shapes())
    idle = lambda batches: lambda: None
    assert first.twice(idle, [1, 2, 3, 4]) < (1.0, 1.0)
    assert "| new | 3.00 | 2.00 | 1.50 |" in report.first_text([("new", 3.0, 2.0)])


def test_family(monkeypatch):
    """Every variant is there, under its name, and learns, twice: as large as all, then
    with about as many parameters; the table gives the time for each parameter against
    that of the first."""
    for size in "TBH":
        monkeypatch.setitem(family.SIZES, size, 4)
    monkeypatch.setattr(family, "WARM_UPS", 1)
    monkeypatch.setattr(family, "STEP", 1)
    units = family.cells()
    assert {type(unit) for _, unit in units} == FAMILY
    for _, unit in units:
        update = family.updating(unit)
        losses = [update() for _ in range(8)]
        assert losses[-1] < losses[0]
    measured = family.measure(0.0)
    names = [name for name, *_ in measured]
    assert names * 2 == [name for name, _ in units]
    assert {units for _, units, *_ in measured} == {4}
    weights = measured[0][2]
    assert all(0.7 < row[5] / weights < 1.3 for row in measured)
    assert all(row[3] > 0 and row[6] > 0 for row in measured)
    rows = [("A", 4, 2000, 10.0, 4, 2000, 10.0), ("B", 4, 500, 5.0, 9, 1600, 8.8)]
    text = report.family_text(rows).splitlines()
    assert "| `A` | 4 | 2,000 | 10.0 | 1.00 | 4 | 2,000 | 10.0 | 1.00 |" in text
    assert "| `B` | 4 | 500 | 5.00 | 2.00 | 9 | 1,600 | 8.80 | 1.10 |" in text


def test_command(tmp_path, capsys):
    """The command measures who is there, and writes a table, numbers, a picture."""
    words = "reber --peers penne,torch --python torch=nowhere/python --seconds 0.05"
    arguments = [*words.split(), "--rounds", "1", "--out", str(tmp_path)]
    assert __main__.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "missing: torch: there is no nowhere/python" in printed
    assert (tmp_path / "table.md").read_text(encoding="utf-8") in printed
    runs = json.loads((tmp_path / "table.json").read_text())["runs"]
    assert [(r["peer"], r["round"]) for r in runs] == [("penne", 1)]
    assert (tmp_path / "benchmarks.png").stat().st_size > 10_000


def test_rounds(monkeypatch):
    """Round by round the record grows by who is there; who is not, is asked once."""
    asked = []

    def measured(python, threads, module, peer, *rest):
        asked.append(peer)
        return dict(missing="gone") if peer == "torch" else run(peer, "reber", 5.0)

    monkeypatch.setattr(running, "run", measured)
    settings = dict(workloads=["reber"], peers=["torch", "penne"], rounds=3)
    records = running.recorded(dict(settings, seconds=1.0, threads=1, python={}))
    seen = [[r["round"] for r in record["runs"]] for record in records]
    assert seen == [[1], [1, 2], [1, 2, 3]]
    assert asked == ["torch", "penne", "penne", "penne"]


@pytest.mark.parametrize(
    "wrong",
    [
        "nothing",
        "cat building",
        "family cat",
        "--peers tensorflow",
        "--python torch",
        "--rounds 0",
    ],
)
def test_wrong_command(wrong, capsys):
    """What the command does not know, it says."""
    with pytest.raises(SystemExit):
        __main__.main(wrong.split())
    assert "error: " in capsys.readouterr().err
