"""The examples on Reber's grammar: its facts, and what the programs print."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from penne import *

EXAMPLES = Path(__file__).parents[1] / "examples"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(EXAMPLES)
    import embedded_reber
    import program
    import reber
    import reber_models as M
    import reber_strings as R

COUNTS = [2, 3, 4, 7, 11, 16, 24, 36, 53, 78]  # strings of 5, 6, ... symbols


def successors(states):
    return [n for s in states for n in R.MOVES[s].values()]


def test_counts():
    """As many strings of each length as the grammar has, and a quarter of those drawn
    are of the shortest length."""
    states, found = [0], []
    for length in range(2, 15):
        states = successors(states)
        if length >= 5:
            found.append(states.count(6))
    assert found == COUNTS
    rng = np.random.default_rng(0)
    drawn = [R.word(rng.integers, 0) for _ in range(2000)]
    assert all(R.in_grammar(w) for w in drawn)
    shares = [np.mean([len(w) == n for w in drawn]) for n in (5, 6, 7)]
    np.testing.assert_allclose(shares, [0.25, 0.1875, 0.125], atol=0.04)
    assert min(len(R.word(rng.integers, 10)) for _ in range(100)) == 11


def test_membership_by_brute_force():
    """Of all strings of up to six symbols, five are in the grammar."""
    texts = map(
        "".join,
        itertools.chain(*(itertools.product(R.SYMBOLS, repeat=n) for n in range(7))),
    )
    found = sorted(filter(R.in_grammar, texts))
    assert found == ["BPTVVE", "BPVPSE", "BPVVE", "BTSXSE", "BTXSE"]


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("BTXSE", True),
        ("BTSSXXTVVE", True),
        ("BTXXTTVPSE", True),
        ("BTXS", False),
        ("BTXSEE", False),
        ("", False),
        ("B", False),
        ("TXSE", False),
    ],
)
def test_membership(text, inside):
    """Whole strings alone: no beginnings, nothing after the end, no end alone."""
    assert R.in_grammar(text) is inside
    assert R.in_embedded_grammar(f"BT{text}TE") is inside
    assert R.in_embedded_grammar(f"BP{text}PE") is inside
    assert not R.in_embedded_grammar(f"BT{text}PE")
    assert not R.in_embedded_grammar(f"BT{text}T")


def test_lessons():
    """What may come next is what the grammar has, at every step."""
    w, allowed = R.lesson("BTXSE")
    assert (w, [*map(sorted, allowed)]) == (
        "BTXS",
        [["P", "T"], ["S", "X"], ["S", "X"], ["E"]],
    )
    w, allowed = R.embedded_lesson("BTXSE", "P")
    assert w == "BPBTXSEP"
    assert ["".join(sorted(a)) for a in allowed] == [
        "PT",
        "B",
        "PT",
        "SX",
        "SX",
        "E",
        "P",
        "E",
    ]


class Knowing(Transducer):
    """Says of each symbol what the grammar says, as logits."""

    def __init__(self, error=0.0):
        self.error = error
        self.next = np.array([[s in m for s in R.SYMBOLS] for m in R.MOVES])
        self.to = np.array([[m.get(s, 6) for s in R.SYMBOLS] for m in R.MOVES])

    def start(self):
        self.at = None

    def step(self, symbols):
        symbols = np.asarray(symbols)
        at = (
            np.zeros(symbols.shape, int)
            if self.at is None
            else self.to[self.at, symbols]
        )
        self.at = at
        return constant(np.where(self.next[at], 30.0, -30.0 + self.error))


def test_measures():
    """Who knows the grammar foretells all, at no cost, and writes it with its
    probabilities; who holds one illegal symbol likelier foretells nothing."""
    rng = np.random.default_rng(1)
    lessons = [R.lesson(R.word(rng.integers, 0)) for _ in range(50)]
    assert M.foretold(Knowing(), lessons).all()
    assert compute_value(M.loss(Knowing(), lessons)) < 1e-9
    assert not M.foretold(Knowing(60.5), lessons).any()
    texts = M.written(Knowing(), 4000, rng)
    assert all(R.in_grammar(w) for w in texts)
    for w in ("BTXSE", "BPVVE"):
        assert texts.count(w) / 4000 == pytest.approx(1 / 8, abs=0.02)


def test_padding():
    """The cost and the measure of a batch are those of its strings one by one."""
    rng = np.random.default_rng(2)
    lessons = [R.lesson(R.word(rng.integers, 0)) for _ in range(7)]
    model = Simple(-7, 4, rng=3) >> Map(Layer(4, 7, f=None, rng=4))
    together = compute_value(M.loss(model, lessons))
    steps = [len(w) for w, _ in lessons]
    each = [compute_value(M.loss(model, [one])) for one in lessons]
    assert together == pytest.approx(np.average(each, weights=steps), rel=1e-5)
    alone = [M.foretold(model, [one])[0] for one in lessons]
    assert list(M.foretold(model, lessons)) == alone


@pytest.mark.parametrize(
    ("seed", "share"),
    [
        (0, 0.987),
        pytest.param(1, 0.560, marks=pytest.mark.slow),
        pytest.param(2, 0.333, marks=pytest.mark.slow),
    ],
)
def test_the_tutorial_s_recipe_is_that_of_a_program_in_numpy(seed, share):
    """From the same numbers drawn: what it foretold after 1,000 strings, with gradients
    by hand."""
    *_, (seen, foretold, _) = reber.train("tutorial", seed, 1000)
    assert seen == 1000
    assert foretold == pytest.approx(share, abs=0.01)


def run(where, script, *options, check=True):
    """The finished process, started in the directory ``where``."""
    command = [sys.executable, "-W", "error", EXAMPLES / script, *options]
    return subprocess.run(
        command, cwd=where, capture_output=True, text=True, timeout=200, check=check
    )


def test_reber(tmp_path):
    """It prints a learning curve for each recipe and seed, and draws them."""
    done = run(tmp_path, "reber.py", "--strings=300", "--seeds=1")
    assert not done.stderr
    assert re.findall(r"^(\w+), seed (\d)$", done.stdout, re.M) == [
        ("tutorial", "0"),
        ("own", "0"),
    ]
    rows = re.findall(r"(\d+) strings: (\d\.\d+) foretold, (\d\.\d+) in", done.stdout)
    assert [int(row[0]) for row in rows] == [*range(30, 301, 30)] * 2
    assert float(rows[-1][1]) > 0.02  # the recipe of one's own has begun to learn
    assert (tmp_path / "reber.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("script", "option", "said"),
    [
        ("reber.py", "--strings=1", "--strings is at least 10, got 1"),
        ("reber.py", "--seeds=0", "--seeds is at least 1, got 0"),
        ("embedded_reber.py", "--elman=-1", "--elman is at least 0, got -1"),
        ("embedded_reber.py", "--updates=1.5", "invalid int value: '1.5'"),
    ],
)
def test_wrong_options(tmp_path, script, option, said):
    """A number too small is told at once, with the smallest."""
    done = run(tmp_path, script, option, check=False)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


def test_no_matplotlib(monkeypatch, capsys):
    """Who cannot draw hears so before the work, not after it."""
    monkeypatch.setattr(program, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["reber.py"])
    with pytest.raises(SystemExit):
        program.options("Learn.", updates=1)
    assert 'pip install "penne-nn[examples]"' in capsys.readouterr().err


def test_embedded_reber(tmp_path):
    """It prints a row for each cell and what the tutorial's recipe does, and draws."""
    done = run(tmp_path, "embedded_reber.py", "--updates=2", "--elman=2", "--batches=2")
    assert not done.stderr
    for cell in ("tanh", "GRU", "LSTM", "LSTM, f = 1"):
        assert re.search(rf"^{cell} +(0/1 by +- *){{3}}$", done.stdout, re.M), (
            done.stdout
        )
    assert re.search(r"^tutorial: 0\.\d+ remembered$", done.stdout, re.M)
    assert (tmp_path / "embedded_reber.png").read_bytes().startswith(b"\x89PNG")


class Recalling(Transducer):
    """Says T or P, whichever it read in the second place; or the other."""

    def __init__(self, sign):
        self.sign = sign

    def start(self):
        self.read_before = []

    def step(self, symbols):
        self.read_before = [*self.read_before, np.asarray(symbols)]
        second = self.read_before[min(1, len(self.read_before) - 1)]
        one_hot = np.eye(7)[second]
        return constant(self.sign * one_hot)


def test_remembered():
    """Who recalls the second symbol remembers all; who says the other, nothing."""
    rng = np.random.default_rng(0)
    lessons = [embedded_reber.lesson(rng, 4) for _ in range(40)]
    assert M.remembered(Recalling(1), lessons) == 1
    assert M.remembered(Recalling(-1), lessons) == 0
    assert all(w[1] == w[-1] for w, _ in lessons)
