"""``debug``: errors and NaN found while evaluating name the line that built them."""

import subprocess
import sys
from inspect import currentframe
from pathlib import Path

import numpy as np
import pytest

import penne
from penne import (
    LSTM,
    Transducer,
    asum,
    cell,
    compute_gradients,
    compute_value,
    compute_values,
    constant,
    debug,
    log,
    parameter,
    sqrt,
)
from penne.dtypes import NUMBER
from penne.faults import FEW, note
from penne.places import place_of

HERE = Path(__file__).name
MANY = 40  # nodes of a kind: enough for them to run as one batch


def line():
    """The number of the line that calls this."""
    return currentframe().f_back.f_lineno


def said(f):
    """All that an evaluation says when it fails."""
    with np.errstate(all="ignore"), pytest.raises(Exception) as caught:
        f()
    notes = getattr(caught.value, "__notes__", [])
    return "\n".join([str(caught.value), *notes])


@pytest.fixture(params=["plain", "fast"], autouse=True)
def executor(request):
    with penne.plain() if request.param == "plain" else penne.fast.enable():
        yield


def test_places():
    """Every node knows the user's line: operators, functions, methods, leaves."""
    with debug():
        p, here = parameter(np.ones(2)), line()
        x, there = asum(log(p) * 2 + p[0]), line()
    order = penne.graph.topological([x])
    assert {place_of(y).line for y in order if place_of(y)} == {here, there}
    assert all(place_of(y) or y.type.strength == NUMBER for y in order)
    text = str(place_of(x))
    assert f"{HERE}:{there}: x, there = asum(log(p) * 2" in text


def test_off():
    """Without it nothing is recorded, and nothing stands between."""
    assert place_of(parameter(1.0) + 1) is None
    before = penne.graph.Expression.__init__
    with debug():
        with debug(False):
            assert place_of(parameter(1.0) + 1) is None
        assert place_of(parameter(1.0) + 1) is not None
    assert penne.graph.Expression.__init__ is before
    debug()
    assert place_of(parameter(1.0) + 1) is not None
    debug(False)
    assert penne.graph.Expression.__init__ is before


def test_nan():
    """A NaN names the line, among many nodes of its kind."""
    p = parameter(np.array([1.0, 2.0]))
    with debug():
        terms = [log(p * k + 1) for k in range(MANY)]
        bad, here = log(p - 1.5), line()
        loss = asum(sum(terms) + bad)
    text = said(lambda: compute_gradients(loss))
    assert "log: NaN" in text
    assert f"{HERE}:{here}: bad, here = log(p - 1.5)" in text


def test_nan_of_a_gradient():
    """A NaN of a gradient names the line of which it is the gradient."""
    p = parameter(np.zeros(2))
    with debug():
        y, here = sqrt(p) * 0, line()
        text = said(lambda: compute_gradients(asum(y)))
    assert f"the gradient of {HERE}:{here}" in text.replace("tests/", "")


@pytest.mark.parametrize("size", [1, 2, FEW, FEW + 1])
def test_nan_leaf(size):
    """A leaf that is NaN is named by where it was made, however many numbers it has."""
    value = np.linspace(-1.0, 1.0, size)
    value[-1] = np.nan
    with debug():
        p, here = parameter(value), line()
    text = said(lambda: compute_gradients(asum(p * 2)))
    assert "NaN in a leaf" in text
    assert f"{HERE}:{here}" in text


def test_nan_number():
    """A number that is NaN, which many lines may share, is named by who uses it."""
    with debug():
        y, here = parameter(np.ones(2)) * float("nan"), line()
    text = said(lambda: compute_gradients(asum(y)))
    assert f"{HERE}:{here}" in text


def test_error():
    """An error of an op keeps its type, and names op, shapes and line."""
    a = parameter(np.zeros((2, 2)))
    with debug():
        y, here = asum(penne.inverse(a)), line()
    text = said(lambda: compute_value(y))
    assert "Singular matrix" in text
    assert "(2, 2)" in text
    assert f"{HERE}:{here}" in text


def test_error_among_many():
    """So does one of many that run as one."""
    w, start = parameter(np.array([1.0, 2.0])), constant(0)
    with debug():
        y, here = sum(asum(w[start + k]) for k in range(MANY)), line()
    text = said(lambda: compute_gradients(y))
    assert "gather" in text
    assert f"{HERE}:{here}" in text


class Logs(Transducer):
    """A step that takes the logarithm of what may be negative."""

    def __init__(self):
        self.w = parameter(np.array([-1.0, 2.0]))

    def start(self):
        self.h = constant(np.array([1.0, 1.0]))

    @cell
    def step(self, x):
        product = self.h * self.w
        self.h = log(product) * x
        return self.h


def number(text):
    """The line of this file that holds a text first."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(k for k, found in enumerate(lines, 1) if text in found)


def test_inside_a_cell():
    """Inside a cell the line of the step is known without any switch; with it the line
    that took the step too."""
    inside = f"{HERE}:{number('self.h = log(product)')}: self.h = log(product) * x"
    loss = asum(sum(Logs().transduce([1.0] * MANY)))
    text = said(lambda: compute_gradients(loss))
    assert inside in text
    assert "built at" not in text
    with debug():
        outputs, here = Logs().transduce([1.0] * MANY), line()
        text = said(lambda: compute_gradients(asum(sum(outputs))))
    assert inside in text
    assert f"{HERE}:{here}" in text


def test_in_own_cells():
    """In a cell of penne's the line is one of penne's step."""
    r = LSTM(2, 3, rng=0)
    (h,) = r.transduce([np.array([np.inf, -np.inf])])
    text = said(lambda: compute_gradients(asum(h)))
    assert "in the step at" in text
    assert str(Path(penne.recurrent.__file__).parent.name) in text


def test_error_in_a_slot():
    """An error while a slot of a cell is read names the cell, whatever it is: nobody
    else knows what a signal or a debugger raises, or when."""
    norm = cell(lambda x: (log(x), sqrt(x)))
    y, _ = norm(constant([1.0, 2.0]))
    with penne.plain():
        values = compute_values(y)
    error = TimeoutError()
    note(error, y, values)
    assert error.__notes__ == ["<lambda>: of arguments (2,)"]


def test_environment():
    """PENNE_DEBUG=1 says it from the start, as 0 or nothing do not."""
    code = "from penne import *; from penne.places import place_of; "
    code += "print(place_of(parameter(1.0)) is None)"
    for value, expected in (("1", "False"), ("0", "True"), ("", "True")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={"PENNE_DEBUG": value, "PYTHONPATH": ":".join(sys.path)},
        )
        assert done.stdout.strip() == expected, done.stderr


def test_values_unchanged():
    """Recording changes no value and no gradient."""
    r = LSTM(2, 3, rng=0)
    xs = [np.ones(2) * k for k in range(5)]
    one = compute_gradients(asum(sum(r.transduce(xs))))
    with debug():
        two = compute_gradients(asum(sum(r.transduce(xs))))
    assert all(np.array_equal(one[p], two[p]) for p in one)
