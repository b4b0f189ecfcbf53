"""The examples of word models, run as a user runs them: from somewhere else, on an own
text; and that the two ways to write a recurrent one are one model."""

import re
import subprocess
import sys

import numpy as np
import pytest
from fixtures import EXAMPLES, imported
from numpy.testing import assert_allclose

from penne import SGD, compute_gradients, default_dtype

SCRIPTS = ["nplm", "rnnlm1", "rnnlm2"]
LAST = re.compile(r"held out: (\d+\.\d) perplexity")
TINY = ["--words=30", "--hidden=8", "--batch=4", "--epochs=2"]
LINES = [[1, 4, 2, 2], [1, 0], [1, 3, 3, 4, 5, 2], [1, 2]]


def run(where, name, *options):
    """The finished process, started in the directory ``where``."""
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", *map(str, options)],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each prints for a text that is easily learnt."""
    where = tmp_path_factory.mktemp("books")
    text = "To be or not to be,\nthat is the question:\n\nto sleep -- don't ask.\n"
    (where / "book.txt").write_text(text * 10)
    return {name: run(where, name, "book.txt", *TINY) for name in SCRIPTS}


@pytest.mark.parametrize("name", SCRIPTS)
def test_example(said, name):
    """It says what it learns from, each epoch, and at last the held-out perplexity,
    which is below that of a guess among all words."""
    done = said[name]
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, *epochs, last = done.stdout.splitlines()
    assert re.fullmatch("207 words to learn from, 18 kinds", first)
    assert [line[:18] for line in epochs] == [
        "epoch 1: training ",
        "epoch 2: training ",
    ]
    assert float(epochs[1][18:]) < float(epochs[0][18:])
    assert 1 < float(LAST.fullmatch(last)[1]) < 19


def test_recurrent_examples_say_the_same(said):
    """The same seed, the same numbers, whichever way the model is written."""
    assert said["rnnlm1"].stdout == said["rnnlm2"].stdout


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("nplm", None, "cannot read book.txt: No such file"),
        ("rnnlm1", b"To be\n", "book.txt has too few lines to learn from: 1"),
        ("rnnlm2", b"\xff", "book.txt is not UTF-8, byte 0 is 0xff"),
    ],
)
def test_example_bad_files(tmp_path, name, content, wrong):
    """What is wrong is one sentence on stderr, and the exit status is 2."""
    if content is not None:
        (tmp_path / "book.txt").write_bytes(content)
    done = run(tmp_path, name, "book.txt")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert re.match(f"{name}: .*{wrong}", done.stderr)


@pytest.mark.parametrize(
    ("name", "option", "least"),
    [
        ("nplm", "n=1", 2),
        ("nplm", "features=0", 1),
        ("nplm", "hidden=0", 1),
        ("rnnlm1", "batch=0", 1),
        ("rnnlm1", "depth=0", 1),
        ("rnnlm2", "epochs=-1", 1),
        ("rnnlm2", "seed=-1", 0),
        ("nplm", "words=1", 3),
        ("rnnlm1", "words=2", 3),
    ],
)
def test_example_bad_options(tmp_path, name, option, least):
    """A number too small is told at once, with the least that it may be."""
    done = run(tmp_path, name, f"--{option}")
    said = f"--{option.replace('=', f' is at least {least}, got ')}"
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(said)
    assert not done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_fewest_words(tmp_path, name):
    """The special symbols alone are words to tell apart."""
    (tmp_path / "book.txt").write_text("To be or not to be\n" * 20)
    done = run(tmp_path, name, "book.txt", *TINY, "--words=3")
    assert done.returncode == 0, done.stderr
    assert "3 kinds" in done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_example_is_short(name):
    """Each is under 100 lines."""
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 100


def test_recurrent_models_are_one():
    """From one seed the two have equal losses and gradients, and stay so through
    training: word by word in a stack, and layer by layer."""
    losses, slopes = [], []
    with imported("rnnlm1", "rnnlm2", "words", "program") as (one, two, *_):
        kinds, loss = (one.Model, two.Model), one.mean_loss
    for kind in kinds:
        with default_dtype("float64"):
            model = kind(6, 4, 3, np.random.default_rng(1))
        trainer = SGD(0.5)
        slopes.append([*compute_gradients(loss(model, LINES)).values()])
        losses.append([trainer.receive(loss(model, LINES)) for _ in range(20)])
        losses[-1].append(one.perplexity(model, LINES))
    assert losses[0][-2] < losses[0][0] - 0.1
    assert_allclose(losses[0], losses[1], rtol=1e-12)
    shapes = [sorted((g.shape, round(abs(g).sum(), 9)) for g in gs) for gs in slopes]
    assert shapes[0] == shapes[1]


def test_nplm_by_hand():
    """Its loss is that of equation 1 of the paper, in plain NumPy."""
    with imported("nplm", "words", "program") as (nplm, *_), default_dtype("float64"):
        model = nplm.Model(6, 3, 2, 4, np.random.default_rng(1))
    grams = np.array([[0, 1, 2], [5, 5, 0]])
    C, H, d, U, W, b = (
        model.features.weights[0].value,
        model.hidden.weights[0].value,
        model.hidden.bias.value,
        *(w.value for w in model.output.weights),
        model.output.bias.value,
    )
    nats = 0.0
    for *context, word in grams:
        x = np.concatenate([C[k] for k in context])
        scores = b + x @ W + np.tanh(d + x @ H) @ U
        nats -= scores[word] - np.log(np.exp(scores).sum())
    assert_allclose(nplm.perplexity(model, grams), np.exp(nats / 2), rtol=1e-12)
