"""``examples/tagger.py``: tags of ragged batches, read both ways."""

import re
import subprocess
import sys

import numpy as np
import pytest
from fixtures import EXAMPLES, imported

from penne import Map, compute_value, default_dtype

TINY = ["--units=4", "--epochs=2", "--words=40"]
ROW = r"(.{15}) +([\d,]+) +(\d+\.\d\d) +(\d+\.\d\d) +\d+"


@pytest.fixture(scope="module")
def examples():
    """The example and its dictionary, as modules."""
    with imported("tagger", "cmudict") as modules:
        yield modules


def test_example(tmp_path):
    """Run from anywhere it prints a line for the baseline and one for each tagger, and
    leaves its figure."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "tagger.py", *TINY],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    _, *rows, figure = done.stdout.splitlines()
    names = [re.fullmatch(ROW, row)[1].strip() for row in rows]
    assert names == ["commonest mark", "so far", "both ways"]
    assert figure == f"figure: {tmp_path / 'tagger.png'}"
    assert (tmp_path / "tagger.png").read_bytes().startswith(b"\x89PNG")


def test_stressed(examples):
    """Consonants have mark 0, vowels that of their stress; phones lose it."""
    _, cmudict = examples
    size, *parts = cmudict.stressed(100)
    assert [len(part) for part in parts] == [100] * 3
    for part, words in zip(parts, cmudict.read()):
        for (phones, marks), (_, said) in zip(part, words):
            assert len(phones) == len(said)
            assert all(0 <= p < size for p in phones)
            for mark, p in zip(marks, said):
                assert mark == {"0": 1, "1": 2, "2": 3}.get(p[-1], 0)
    vowels = {p for part in parts for x, y in part for p, m in zip(x, y) if m}
    others = {p for part in parts for x, y in part for p, m in zip(x, y) if not m}
    assert len(vowels) == 15
    assert not vowels & others


@pytest.mark.parametrize("name", ["so far", "both ways"])
def test_ragged(examples, name):
    """The loss of a ragged batch is the mean of those of its words alone."""
    tagger, cmudict = examples
    phones, words, *_ = cmudict.stressed(12)
    assert len({len(x) for x, _ in words}) > 2
    with default_dtype("float64"):
        model = tagger.taggers(phones, 3, 0)[name]
    alone = []
    for x, y in words:
        logp = compute_value(model.transduce(np.array(x)))
        alone.append(-logp[np.arange(len(y)), y].sum())
    found = compute_value(tagger.loss(model, words))
    np.testing.assert_allclose(found, np.mean(alone), rtol=1e-12)


def test_wrong(examples):
    """Of vowels and of words: one of three vowels, in one of two words; consonants do
    not count."""
    tagger, _ = examples
    words = [([0, 1, 2], [0, 1, 2]), ([2], [1])]
    logp = np.log(
        np.array([[0.1, 0.6, 0.2, 0.1], [0.1, 0.6, 0.2, 0.1], [0.1, 0.2, 0.6, 0.1]])
    )
    vowels, some = tagger.wrong(Map(lambda x: logp[np.asarray(x)]), words)
    assert vowels == pytest.approx(100 / 3)
    assert some == 50


def test_commonest(examples):
    """The baseline is wrong where a vowel has not the mark that it most often has."""
    tagger, _ = examples
    learn = [([0, 1], [0, 2]), ([1], [2]), ([1], [1])]
    vowels, words = tagger.commonest(2, learn, learn)
    assert [vowels, words] == pytest.approx([100 / 3] * 2)
