"""``examples/g2p.py`` and the dictionary that it learns from."""

import gzip
import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest
from fixtures import EXAMPLES, imported
from hypothesis import given
from hypothesis import strategies as st

from penne import compute_value, default_dtype

TINY = ["--units=4", "--epochs=2", "--words=40", "--judged=12"]
LAST = r"beam (\d): (\d+\.\d\d) % of phones, (\d+\.\d\d) % of words wrong"


@pytest.fixture(scope="module")
def examples():
    """The example and its dictionary, as modules."""
    with imported("g2p", "cmudict") as modules:
        yield modules


def test_example(tmp_path):
    """Run from anywhere it prints a line for each epoch, whose loss falls, and one for
    each beam, and leaves its figure."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "g2p.py", *TINY],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    *epochs, one, four, figure = done.stdout.splitlines()
    losses = [float(re.match(r"epoch \d: (\S+) nats", line)[1]) for line in epochs]
    assert losses == sorted(losses, reverse=True)
    assert [re.fullmatch(LAST, line)[1] for line in (one, four)] == ["1", "4"]
    assert figure == f"figure: {tmp_path / 'g2p.png'}"
    assert (tmp_path / "g2p.png").read_bytes().startswith(b"\x89PNG")


def test_padding(examples):
    """The loss of a batch is the mean of those of its words, one by one; so is what
    ``step`` gives symbol by symbol."""
    g2p, cmudict = examples
    with default_dtype("float64"):
        vocabulary, words, *_ = cmudict.spelled(300)
        model = g2p.Speller(len(vocabulary), 3, 0)
        words = [word for word in words if len(word[0]) == 7]
        (batch,) = cmudict.batches(words, vocabulary, np.random.default_rng(0), 999)
        alone = []
        for letters, said in words:
            phones = vocabulary.numberize([cmudict.END, *said, cmudict.END])
            alone.append(compute_value(model.loss(letters[None], phones[None])))
            model.keys = model.encoder.transduce(letters)
            steps = model.transduce(phones[:-1].tolist())
            nats = -sum(p[k] for p, k in zip(steps, phones[1:]))
            np.testing.assert_allclose(compute_value(nats), alone[-1], rtol=1e-12)
        assert len({len(said) for _, said in words}) > 1
        np.testing.assert_allclose(
            compute_value(model.loss(*batch)), np.mean(alone), rtol=1e-12
        )


def test_batches(examples):
    """Each word is in one batch, once, with the words of its length."""
    _, cmudict = examples
    vocabulary, words, *_ = cmudict.spelled(200)
    found = []
    for letters, phones in cmudict.batches(
        words, vocabulary, np.random.default_rng(0), 9
    ):
        assert len(letters) == len(phones) <= 9
        for spelling, row in zip(letters, phones):
            said = [p for p in vocabulary.denumberize(row) if p != cmudict.END]
            assert row[0] == row[-1] == 0
            found.append((tuple(spelling), tuple(said)))
    assert sorted(found) == sorted((tuple(w), tuple(said)) for w, said in words)


texts = st.text("abc", max_size=6)


@given(texts, texts, texts)
def test_distance(examples, a, b, c):
    """It is a metric, and a letter more is one more at most."""
    distance = examples[1].distance
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))
    assert distance(a + "x", b + "x") == distance(a, b)


def test_error_rates(examples):
    """Worked by hand: kitten to sitting takes 3 of 7; one word in two is wrong."""
    phones, words = examples[1].error_rates(["kitten", "ab"], ["sitting", "ab"])
    assert phones == pytest.approx(100 * 3 / 9)
    assert words == 50


def test_dictionary(examples):
    """The file is the one that the numbers were measured on; its parts share no word,
    and are of the size that is said."""
    _, cmudict = examples
    readme = (EXAMPLES / "data" / "README.md").read_text()
    assert hashlib.sha256(cmudict.FILE.read_bytes()).hexdigest() in readme
    parts = [{word for word, _ in part} for part in cmudict.read()]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 27_659
    for part in parts:
        assert f"{len(part):,}" in readme
    assert len(gzip.decompress(cmudict.FILE.read_bytes()).splitlines()) == 27_659


def test_dictionary_is_made_anew(tmp_path):
    """Of the words themselves comes the same file again; what has no words with their
    phones leaves it as it was."""
    (tmp_path / "data").mkdir()
    script, file = tmp_path / "cmudict.py", tmp_path / "data" / "cmudict.txt.gz"
    for path in (script, file):
        path.write_bytes((EXAMPLES / path.relative_to(tmp_path)).read_bytes())
    before, text = file.read_bytes(), tmp_path / "text.txt"

    def made(*options):
        command = [sys.executable, "-W", "error", script, *options]
        return subprocess.run(command, capture_output=True, text=True)

    for words in ("a AH0\n\nto be or not\n;;; A  B\nabaco\nabalos to be", ""):
        text.write_text(words)
        refused = made(text)
        assert refused.returncode == 2
        assert re.fullmatch(
            r"cmudict: .*text\.txt (has no words|is empty).*\n", refused.stderr
        )
    assert made().returncode == made(tmp_path / "none").returncode == 2
    assert "usage" in made("--help").stdout
    assert file.read_bytes() == before
    text.write_bytes(gzip.decompress(before))
    file.write_bytes(b"")
    assert re.fullmatch(r"27659 words, \d+ bytes\n", made(text).stdout)
    assert gzip.decompress(file.read_bytes()) == gzip.decompress(before)


def test_pronunciations(examples):
    """Of the dictionary's own file: variants belong to their word, comments go."""
    text = "a AH0\na(2) EY1\naaker AA1 K ER0 # name, dutch\n"
    assert examples[1].pronunciations(text) == {
        "a": [["AH0"], ["EY1"]],
        "aaker": [["AA1", "K", "ER0"]],
    }
