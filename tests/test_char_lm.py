"""``examples/char_lm.py``, run as a user runs it: from somewhere else, on own texts."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPT = EXAMPLES / "char_lm.py"
LAST = re.compile(r"held out: (\d+\.\d\d) bits per character")
TINY = ["--steps=20", "--hidden=8", "--batch=4", "--length=10", "--rate=0.05"]
BARE = "tqdm,matplotlib"
WITHOUT = """
import runpy, sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
del sys.argv[:2]
sys.argv.insert(0, "char_lm.py")
runpy.run_path({!r}, run_name="__main__")
"""


def run(where, *options, without=None, timeout=120, by=()):
    """The finished process, started in the directory ``where`` (by another)."""
    program = [str(SCRIPT)]
    if without:
        program = ["-c", WITHOUT.format(str(SCRIPT)), without]
    command = [*by, sys.executable, "-W", "error", *program, *map(str, options)]
    return subprocess.run(
        command, cwd=where, capture_output=True, text=True, timeout=timeout
    )


@pytest.fixture
def book(tmp_path):
    """A text that is easily learnt, in a directory of its own."""
    (tmp_path / "books").mkdir()
    path = tmp_path / "books" / "book.txt"
    path.write_text("to be or not to be, that is the question.\n" * 60)
    return path


def bits(done):
    """The number in the last line, which must be of the promised form."""
    last = LAST.fullmatch(done.stdout.splitlines()[-1])
    assert last, done.stdout + done.stderr
    assert done.stdout.endswith("\n")
    return float(last[1])


def test_learns_and_reports(tmp_path, book):
    """It trains, shows a bar on stderr, writes samples, a curve and the last line."""
    done = run(tmp_path, book, *TINY)
    assert done.returncode == 0, done.stderr
    assert 0 < bits(done) < 4
    assert done.stdout.count("--- sample") == 3
    assert "char/s" in done.stderr
    assert re.search(r"loss \d\.\d\d, \d\.\d\d bits", done.stderr)
    assert "char/s" not in done.stdout
    assert "\r" not in done.stdout
    assert "not drawn" not in done.stdout
    png = tmp_path / "char_lm.png"
    assert f"learning curve: {png}" in done.stdout
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.stat().st_size > 10_000
    marks = re.findall(r"(\d+) updates: training \d+\.\d+, held out", done.stdout)
    assert [int(k) for k in marks] == list(range(2, 21, 2))


def test_repeats_and_does_without(tmp_path, book):
    """Without tqdm and matplotlib it ends as well, with the same numbers."""
    options = [book, *TINY, "--seed", "3"]
    done = run(tmp_path, *options, without=BARE)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (missing,) = re.findall("not drawn: .*", done.stdout)
    assert "progress bar" in missing
    assert "learning curve" in missing
    assert not (tmp_path / "char_lm.png").exists()
    again = run(tmp_path, *options, without="matplotlib")
    assert bits(again) == bits(done)
    assert "progress bar" not in again.stdout
    assert samples(done) == samples(again)


def samples(done):
    """What the model wrote."""
    return done.stdout.partition("---")[2].partition("not drawn")[0]


def test_best(tmp_path, book):
    """--best is other defaults, which help shows and options given override."""
    said = run(tmp_path, "--best", "--help").stdout
    assert "(default: GRU)" in said
    done = run(tmp_path, book, "--best", *TINY, "--steps=9")
    assert done.returncode == 0, done.stderr
    assert 0 < bits(done) < 4.5
    assert "     9 updates" in done.stdout


@pytest.mark.slow
def test_learns_from_what_it_may(tmp_path, book):
    """What it writes does not depend on the last tenth of the book; with --validate,
    nothing that it says depends on it."""
    other = book.with_name("rook.txt")
    text = book.read_text()
    cut = len(text) * 9 // 10
    other.write_text(text[:cut] + text[:cut:-1] + text[cut])
    options = [*TINY, "--steps=4"]
    one, two = (run(tmp_path, b, *options, without=BARE) for b in (book, other))
    assert samples(one) == samples(two)
    assert bits(one) != bits(two)
    options.append("--validate")
    one, two = (run(tmp_path, b, *options, without=BARE) for b in (book, other))
    assert one.stdout == two.stdout.replace("rook.txt", "book.txt")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("--steps=0", "--steps, --hidden, --batch, --length are at least 1"),
        ("--cell=RNN", "--cell is one of LSTM, GRU"),
        ("--dropout=1", "--dropout is at least 0 and below 1"),
        ("--rate=-1", "--rate is above 0"),
        ("--rate=inf", "--rate is above 0"),
        ("--beta2=1.5", "--beta2 is at least 0 and below 1"),
        ("--beta2=nan", "--beta2 is at least 0 and below 1"),
        ("--seed=-1", "--seed is at least 0"),
    ],
)
def test_bad_options(tmp_path, wrong, said):
    """A wrong option is refused before anything is read."""
    done = run(tmp_path, wrong)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_beside_the_peer(tmp_path):
    """On the book itself the curve that was recorded of PyTorch is drawn too."""
    done = run(tmp_path, *TINY, "--steps=1")
    assert done.returncode == 0, done.stderr
    assert "not drawn" not in done.stdout
    header, *rows = (EXAMPLES / "data" / "char_lm_torch.csv").read_text().splitlines()
    assert header == "updates,seconds,held out"
    updates, seconds, held_out = zip(*(map(float, row.split(",")) for row in rows))
    assert list(updates) == sorted(updates)
    assert list(seconds) == sorted(seconds)
    assert 2.0 < min(held_out) < 2.07 < 2.9 < max(held_out) < 3.0


@pytest.mark.slow
def test_best_on_the_book(tmp_path):
    """The recipe of --best reaches what docs/char_lm.md says, on the book."""
    assert bits(run(tmp_path, "--best", timeout=3600)) < 2.02


def test_ctrl_c(tmp_path, book):
    """Ctrl-C ends the training, not the report."""
    command = [sys.executable, str(SCRIPT), str(book), *TINY, "--steps", "1000000"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        seen = b""
        while b"bits" not in seen:
            piece = process.stderr.read1()
            assert piece, seen
            seen += piece
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"Traceback" not in err
    lines = out.decode().splitlines()
    assert LAST.fullmatch(lines[-1])
    assert out.count(b"--- sample") == 3
    assert (tmp_path / "char_lm.png").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read .*own.txt: No such file or directory"),
        (b"", "own.txt is empty"),
        (b"caf\xe9", "own.txt is not UTF-8, byte 3 is 0xe9"),
        (
            b"too short a text" * 2,
            "a batch of 4 streams .* at least 41 symbols, got 28",
        ),
    ],
)
def test_bad_files(tmp_path, content, said):
    """What is wrong is one sentence on stderr, and the exit status is 2."""
    path = tmp_path / "own.txt"
    if content is not None:
        path.write_bytes(content)
    done = run(tmp_path, path, *TINY)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert re.search(said, done.stderr)


@pytest.mark.skipif(os.name == "nt", reason="closed by a shell")
def test_closed_stdout(tmp_path, book):
    """Where nobody can read what it writes it learns and draws all the same."""
    done = run(tmp_path, book, *TINY, by=["sh", "-c", 'exec "$@" >&-', "sh"])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "char_lm.png").exists()


def test_unwritable_directory(tmp_path, book):
    """Where the curve cannot be written, the rest is said all the same."""
    (tmp_path / "char_lm.png").mkdir()
    done = run(tmp_path, book, *TINY)
    assert done.returncode == 0
    assert re.search("not drawn: the learning curve .*directory", done.stdout)
    assert bits(done) > 0


def test_the_book():
    """The book beside the example is the one that the numbers were measured on."""
    data = EXAMPLES / "data"
    digest = hashlib.sha256((data / "comedies.txt").read_bytes()).hexdigest()
    assert digest in (data / "README.md").read_text()
