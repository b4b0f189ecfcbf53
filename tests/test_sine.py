"""``examples/sine.py``: the loop that its scans stand for, and what it prints."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from penne import *

SCRIPT = Path(__file__).parents[1] / "examples" / "sine.py"


@pytest.fixture(scope="module")
def example():
    """The example's functions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        yield runpy.run_path(str(SCRIPT))


def test_task(example):
    """Two sequences of 32 vectors; what is to be said is what was read before."""
    read, correct = example["sequences"]()
    assert read.shape == correct.shape == (2, 32, 2)
    np.testing.assert_array_equal(correct[:, 1:], read[:, :-1])
    np.testing.assert_array_equal(correct[:, 0], read[:, -1])
    np.testing.assert_array_equal(read[1, 1:], read[0, :-1])


def test_loop(example):
    """The scan in a scan is two loops of NumPy's; 42 parameters, h0 among them."""
    with default_dtype("float64"):
        network = example["Network"](4, np.random.default_rng(0))
    assert network.n_params() == 2 * 4 + 4 * 4 + 4 + 4 * 2 + 2 + 4
    network.first.value[...] = [0.1, -0.2, 0.3, 0.4]
    for p in network.parameters().values():
        assert p.ndim < 2 or np.isclose(np.linalg.norm(p.value, 2), 1, atol=1e-12)
    W, U = (w.value for w in network.hidden.weights)
    V, b = network.output.weights[0].value, network.hidden.bias.value
    read, _ = example["sequences"]()
    expected = []
    for sequence in read:
        h = network.first.value
        for x in sequence:
            h = np.tanh(x @ W + h @ U + b)
            expected.append(h @ V + network.output.bias.value)
    said = compute_value(network(read))
    np.testing.assert_allclose(said.reshape(-1, 2), expected, atol=1e-12)


def test_example(tmp_path):
    """It prints a row of falling errors for each of three networks, and draws them."""
    done = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, "--updates=120"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    assert done.stdout.endswith(f"figure: {tmp_path / 'sine.png'}\n")
    rows = re.findall(r"^ +(\d) +(\S+) +(\S+) +(\S+) +(\S+) +(\S+)$", done.stdout, re.M)
    assert [row[0] for row in rows] == ["0", "1", "2"]
    for row in rows:
        first, hundredth, *_, last, _ = map(float, row[1:])
        assert 0.2 < first < 1
        assert last < hundredth < 0.02
    assert (tmp_path / "sine.png").read_bytes().startswith(b"\x89PNG")


def test_where_nothing_can_be_written(tmp_path):
    """A figure that cannot be written is no error: the numbers stand, and why."""
    (tmp_path / "sine.png").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, "--updates=2", "--seeds=1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert not done.stderr
    *_, row, last = done.stdout.splitlines()
    assert row.startswith("   0 ")
    assert re.fullmatch("not drawn: the figure .*directory.*", last)
