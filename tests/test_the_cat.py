"""The documentation's example: the losses of PyTorch, and what the program prints."""

import json
import runpy
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from recorded import record_the_cat

from penne import *

EXAMPLE = Path(__file__).parents[1] / "examples" / "the_cat.py"
RECORDED = json.loads(record_the_cat.FILE.read_text())
Model = runpy.run_path(str(EXAMPLE))["Model"]


def test_recorded():
    """From equal weights in float64, all 100 losses are PyTorch's, to 1e-9."""
    weights = record_the_cat.weights()
    drawn = sum(np.abs(w).sum() for w in weights.values())
    assert drawn == pytest.approx(RECORDED["weights"], rel=1e-12)
    with default_dtype("float64"):
        model = Model(0)
    assert list(model.parameters()) == list(weights)
    for path, p in model.parameters().items():
        p.value = weights[path]
    trainer = Adagrad(learning_rate=0.1)
    losses = [trainer.receive(model.loss(record_the_cat.TEXT)) for _ in range(100)]
    np.testing.assert_allclose(losses, RECORDED["losses"], rtol=0, atol=1e-9)


def test_example(tmp_path):
    """Run from anywhere: ten epoch losses, falling as documented, one a line and
    nothing else, then the samples, of which at least 18 in 50 are the sentence."""
    done = subprocess.run(
        [sys.executable, EXAMPLE, "--samples", "50"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    losses, samples = [float(line) for line in lines[:10]], lines[10:]
    assert len(samples) == 50
    assert not done.stderr
    assert all(a > b for a, b in pairwise(losses))
    assert 840 <= losses[0] <= 930
    assert 440 <= losses[1] <= 510
    assert losses[-1] <= 11
    assert samples.count("the cat sat on the mat") >= 18
    assert max(map(len, samples)) <= 40


def test_sampling_is_linear():
    """A step of sampling evaluates its own nodes alone, however long the text: the
    mapping of values grows by as many at the last step as at the second."""
    model = Model(0)
    model.rnn.start()
    values, sizes = {}, []
    for symbol in record_the_cat.TEXT:
        compute_values(model.output(model.rnn.step(symbol)), values)
        sizes.append(len(values))
    grown = np.diff(sizes)
    assert grown.max() - grown.min() <= 1  # a literal seen before is no new node
    assert grown.max() < 60


@pytest.mark.parametrize("option", ["--seed=-1", "--samples=-1"])
def test_wrong_options(option):
    """A number too small is told at once."""
    done = subprocess.run(
        [sys.executable, EXAMPLE, option], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--seed and --samples are at least 0" in done.stderr.splitlines()[-1]
