"""``examples/expressions.py``: a network in the form of each expression's tree."""

import ast
import re
import subprocess
import sys

import numpy as np
import pytest
from fixtures import EXAMPLES, imported
from hypothesis import given
from hypothesis import strategies as st

from penne import compute_value, default_dtype

TINY = ["--units=4", "--updates=3", "--judged=5"]
ROW = r"(TreeLSTM|Reader) {3,}(\d+ +){11}([\d,]+) +\d+"


@pytest.fixture(scope="module")
def examples():
    """The example and its expressions, as modules."""
    with imported("expressions", "arithmetic") as modules:
        yield modules


def test_example(tmp_path):
    """Run from anywhere it prints a row for each network, and leaves its figure."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "expressions.py", *TINY],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    _, *rows, figure = done.stdout.splitlines()
    assert [re.fullmatch(ROW, row)[1] for row in rows] == ["TreeLSTM", "Reader"]
    assert figure == f"figure: {tmp_path / 'expressions.png'}"
    assert (tmp_path / "expressions.png").read_bytes().startswith(b"\x89PNG")


@given(st.integers(1, 12), st.integers(0, 2**32))
def test_texts(examples, numbers, seed):
    """A text has as many numbers as asked for, all else are the three operators; its
    symbols are known, and its result is below the modulus."""
    _, arithmetic = examples
    text = arithmetic.text_of(numbers, np.random.default_rng(seed))
    nodes = list(ast.walk(ast.parse(text, mode="eval").body))
    assert sum(isinstance(node, ast.Constant) for node in nodes) == numbers
    assert sum(isinstance(node, ast.BinOp) for node in nodes) == numbers - 1
    assert set(text) <= set(arithmetic.SYMBOLS)
    assert 0 <= arithmetic.results([text])[0] < arithmetic.MODULUS


def test_tree(examples):
    """The tree LSTM is that of its equations, in NumPy; trees in a batch do not see
    each other."""
    with default_dtype("float64"):
        model = examples[0].TreeLSTM(3, 0)
    number, output = (
        [p.value for p in (*layer.weights, layer.bias)]
        for layer in (model.number, model.output)
    )

    def gate(layer, op, left, right):
        wx, wl, wr = (w.value for w in layer.weights)
        return wx[op] + left @ wl + right @ wr + layer.bias.value

    def read(tree):
        if isinstance(tree, ast.Constant):
            c = number[0][tree.value] + number[1]
            return np.tanh(c), c
        op = ["Add", "Sub", "Mult"].index(type(tree.op).__name__)
        (left, lc), (right, rc) = read(tree.left), read(tree.right)
        found = [gate(layer, op, left, right) for layer in model.gates]
        i, o, fl, fr = (1 / (1 + np.exp(-z)) for z in found[:4])
        c = i * np.tanh(found[4]) + fl * lc + fr * rc
        return o * np.tanh(c), c

    texts = ["7", "3 - (4 + (1 * 2))", "(9 * 0) - 5", "1 + 1"]
    hs = np.array([read(ast.parse(text, mode="eval").body)[0] for text in texts])
    scores = hs @ output[0] + output[1]
    expected = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(compute_value(model(texts)), expected, rtol=1e-10)


def test_reader(examples):
    """Texts of a batch differ in length, and get what each gets alone."""
    with default_dtype("float64"):
        model = examples[0].Reader(3, 0)
    texts = ["7", "3 - (4 + (1 * 2))", "1 + 1"]
    alone = [compute_value(model([text]))[0] for text in texts]
    np.testing.assert_allclose(compute_value(model(texts)), alone, rtol=1e-12)


def test_learns(examples):
    """What it is trained on becomes likelier."""
    expressions, arithmetic = examples
    rng = np.random.default_rng(0)
    model = expressions.TreeLSTM(8, rng)
    texts = [arithmetic.text_of(n, rng) for n in (1, 1, 2, 2, 3) * 10]

    def loss():
        right = np.arange(len(texts)), arithmetic.results(texts)
        return -compute_value(model(texts))[right].mean()

    before = loss()
    expressions.train(model, 20, set(), rng)
    assert loss() < before
