"""Where machine code is kept: on disk, for later processes, or in memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures import compiled, kernels_apart  # noqa: F401  # for every test here

pytest.importorskip("numba")
from penne.fast import store

DOUBLE = "def double(x):\n    for k in range(len(x)):\n        x[k] = x[k] * 2\n"
PROGRAM = f"""
import numpy as np
from penne.fast import store
double = store.function({DOUBLE!r}, "double", "float64[::1]")
x = np.ones(3)
double(x)
assert x.tolist() == [2, 2, 2], x
print(*store.stats().values())
"""


def _start(place, **environment):
    root = Path(store.__file__).parents[2]
    known = dict(os.environ, PENNE_CACHE_DIR=str(place), PYTHONPATH=str(root))
    command = [sys.executable, "-c", PROGRAM]
    known.update(environment)
    return subprocess.Popen(command, env=known, stdout=subprocess.PIPE, text=True)


def _counts(*processes):
    found = [tuple(map(int, p.communicate()[0].split())) for p in processes]
    assert all(p.returncode == 0 for p in processes)
    return found if len(found) > 1 else found[0]


@compiled
def test_two_processes_at_once_and_a_third(tmp_path):
    """Who starts together may each compile; who comes later loads."""
    for counts in _counts(_start(tmp_path), _start(tmp_path)):
        assert sum(counts) == 1
    assert _counts(_start(tmp_path)) == (0, 1)
    assert [p.suffix for p in tmp_path.iterdir()] == [".kernel"]


@compiled
def test_damaged_files_are_replaced(tmp_path):
    """A file cut short, with a bit turned, or emptied is compiled anew."""
    assert _counts(_start(tmp_path)) == (1, 0)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    turned = whole[:999] + bytes([whole[999] ^ 1]) + whole[1000:]
    for damaged in (whole[:999], turned, b""):
        path.write_bytes(damaged)
        assert _double(tmp_path) == {"compiled": 1, "loaded": 0}
        assert _double(tmp_path) == {"compiled": 0, "loaded": 1}


def _double(place):
    """What compiling a function anew in this process took."""
    before = store.stats()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PENNE_CACHE_DIR", str(place))
        double = store.function.__wrapped__(DOUBLE, "double", "float64[::1]")
    x = np.ones(3)
    double(x)
    assert x.tolist() == [2, 2, 2]
    return {key: store.stats()[key] - before[key] for key in before}


@compiled
def test_other_versions_have_other_files(tmp_path, monkeypatch):
    """What another version of the format kept is not loaded."""
    assert _double(tmp_path)["compiled"] == 1
    monkeypatch.setattr(store, "FORMAT", -1)
    assert _double(tmp_path)["compiled"] == 1
    assert len(list(tmp_path.iterdir())) == 2


@compiled
def test_a_directory_that_cannot_be(tmp_path):
    """Where nothing can be kept, functions are compiled in memory."""
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert _double(tmp_path / "file" / "kernels")["compiled"] == 1


@compiled
def test_the_directory_is_bounded(tmp_path, monkeypatch):
    """The files used least recently go when there are too many."""
    monkeypatch.setattr(store, "MOST_FILES", 2)
    for k in range(3):
        path = tmp_path / f"{k}.kernel"
        path.write_text("")
        os.utime(path, (k, k))
    _double(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert (tmp_path / "2.kernel").exists()


def test_without_compiler_it_is_python(tmp_path):
    """With NUMBA_DISABLE_JIT=1 functions run as Python and nothing is kept."""
    assert _counts(_start(tmp_path, NUMBA_DISABLE_JIT="1")) == (0, 0)
    assert not list(tmp_path.iterdir())


@compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_compiles(tmp_path):
    """A child of a process that used kernels makes and uses its own."""
    _double(tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(0 if _double(tmp_path / "other")["compiled"] == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
