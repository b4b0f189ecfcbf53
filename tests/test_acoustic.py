"""``examples/acoustic.py`` and the speech that it learns from."""

import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest
from fixtures import EXAMPLES, imported

from penne import compute_value, default_dtype

TINY = ["--units=4", "--updates=1"]
ROW = r"(.{15}) +(\d+) +([\d,]+) +(\d+\.\d\d) \(\S+\) +\d+"


@pytest.fixture(scope="module")
def examples():
    """The example and its speech, as modules."""
    with imported("acoustic", "speech") as modules:
        yield modules


def test_example(tmp_path, examples):
    """Run from anywhere it prints a row for each cell, of about equal weights, and
    leaves its figure."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "acoustic.py", *TINY],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    _, *rows, figure = done.stdout.splitlines()
    found = [re.fullmatch(ROW, row) for row in rows]
    assert [row[1].strip() for row in found] == list(examples[0].CELLS)
    assert figure == f"figure: {tmp_path / 'acoustic.png'}"
    assert (tmp_path / "acoustic.png").read_bytes().startswith(b"\x89PNG")


def test_speech_says_what_it_is(tmp_path):
    """Asked for help, it makes nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "speech.py", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("usage: speech.py")
    assert not done.stderr


@pytest.mark.parametrize("units", [32, 160])
def test_equal_weights(examples, units):
    """At the size of the default run, and at a large one, all are within 4 % of the
    LSTM, none above it."""
    acoustic, speech = examples
    phones, _ = speech.utterances()
    weights = acoustic.network(phones, acoustic.CELLS["LSTM"], units, 0).n_params()
    for cell in acoustic.CELLS.values():
        n, model = acoustic.near(weights, phones, cell, 0)
        assert 0.96 * weights <= model.n_params() <= weights
        assert acoustic.network(phones, cell, n + 1, 0).n_params() > weights


def test_utterances(examples):
    """Phones are numbered from 1 (0 stands before the first and after the last), those
    around are those of the frames around, and each is said from begin to end."""
    phones, lines = examples[1].utterances()
    assert len(lines) == 120
    follows = []
    for near, known, bands in lines:
        assert len(near) == len(known) == len(bands)
        assert bands.shape[1] == examples[1].BANDS
        assert 0 <= bands.min() <= bands.max() <= 80
        before, here, following = near.T
        assert before[0] == 0
        assert 1 <= here.min() <= here.max() < phones
        said, step = known[:, 0], np.diff(known[:, 0])
        assert ((said > 0) & (said < 1)).all()
        assert (here[1:] == here[:-1])[step > 0].all()
        into = (before[1:] == here[:-1]) & (following[:-1] == here[1:])
        follows.extend(into[step < 0])
    assert np.mean(follows) > 0.9  # the others pass a phone that has no frame


def test_padding(examples):
    """The cost of a batch is the mean over the frames of its lines, one by one."""
    acoustic, speech = examples
    phones, lines = speech.utterances()
    lines = [
        tuple(part[: 3 + 2 * k] for part in line) for k, line in enumerate(lines[:4])
    ]
    scale = np.full(speech.BANDS, 40.0), 20.0
    with default_dtype("float64"):
        model = acoustic.network(phones, acoustic.CELLS["GRU"], 3, 0)
    alone = [compute_value(acoustic.cost(model, [line], scale)) for line in lines]
    frames = [len(bands) for *_, bands in lines]
    np.testing.assert_allclose(
        compute_value(acoustic.cost(model, lines, scale)),
        np.average(alone, weights=frames),
        rtol=1e-10,
    )


def test_bands(examples):
    """A tone has most in the band whose middle is nearest on the mel scale; ten times
    its amplitude is 20 dB more."""
    speech, rate = examples[1], 22_050
    time = np.arange(rate // 2) / rate
    tone = 0.05 * np.sin(2 * np.pi * 1000 * time)
    quiet, loud = (speech.bands(a * tone, rate)[5:-5] for a in (1, 10))
    mel = lambda hertz: 2595 * np.log10(1 + hertz / 700)
    expected = round(mel(1000) / mel(rate / 2) * (speech.BANDS + 1)) - 1
    assert (quiet.argmax(axis=1) == expected).all()
    np.testing.assert_allclose((loud - quiet)[:, expected], 20, atol=0.01)


def test_file(examples):
    """The file is the one that the numbers were measured on."""
    readme = (EXAMPLES / "data" / "README.md").read_text()
    assert hashlib.sha256(examples[1].FILE.read_bytes()).hexdigest() in readme
