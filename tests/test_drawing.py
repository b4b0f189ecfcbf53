"""Graphs as text: folded, named, drawn in DOT, traced; gradients reported by name."""

import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penne
from penne import (
    LSTM,
    Layer,
    Module,
    Parameter,
    asum,
    constant,
    debug,
    detach,
    exp,
    log,
    logsoftmax,
    parameter,
    report_gradients,
    tanh,
    to_dot,
    trace_values,
)
from penne.repeats import Repeat, folded

NODE = re.compile(r'[np]\d+ \[(?:[a-z]+=(?:\w+|"(?:[^"\\]|\\.)*")(?:, )?)+\];')
EDGE = re.compile(r"[np]\d+ -> n\d+(?: \[style=dashed, constraint=false\])?;")
OTHER = re.compile(
    r"digraph penne \{|rankdir=BT; node \[shape=box\];"
    r'|subgraph cluster\d+_\d+ \{|label="x \d+";|\}'
)


def unfolded(items):
    """The places that a fold stands for."""
    for item in items:
        if isinstance(item, Repeat):
            once = list(unfolded(item.inside))
            for k in range(item.times):
                yield from (place + k * item.length for place in once)
        else:
            yield item


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(2, 4))
def test_folds(keys, least):
    """A fold stands for every place once, in order; what it repeats is the same."""
    items = folded(keys, least)
    assert list(unfolded(items)) == list(range(len(keys)))
    for item in items:
        if isinstance(item, Repeat):
            block = keys[item.start : item.start + item.length]
            assert keys[item.start : item.stop] == block * item.times
            assert item.times >= least


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True), st.integers(3, 9)
)
def test_folds_all(block, times):
    """A block that is repeated is found, whatever stands before and behind it."""
    before, behind = [7, 8], [9]
    found = folded([*before, *block * times, *behind])
    repeat = found[2]
    assert (repeat.start, repeat.length, repeat.times) == (2, len(block), times)


def test_folds_inside():
    """Repeats stand in repeats."""
    (outer,) = folded("aaab" * 5)
    assert (outer.length, outer.times) == (4, 5)
    assert (outer.inside[0].length, outer.inside[0].times) == (1, 3)


def valid(text):
    """Every line is one of the DOT language; every edge is between nodes there are."""
    lines = [line.strip() for line in text.splitlines()]
    for line in lines:
        assert any(form.fullmatch(line) for form in (NODE, EDGE, OTHER)), line
    assert text.count("{") == text.count("}")
    nodes = [line.split()[0] for line in lines if NODE.fullmatch(line)]
    assert len(nodes) == len(set(nodes))
    ends = {e for line in lines if "->" in line for e in re.findall(r"[np]\d+", line)}
    assert ends <= set(nodes)
    return lines


def model():
    r = LSTM(-5, 4, rng=0)
    r.out = Layer(4, 5, f=logsoftmax, rng=1)
    return r


def loss_of(r, length):
    hs = r.transduce([k % 5 for k in range(length)])
    return -sum(r.out(h)[k % 3] for k, h in enumerate(hs))


def test_steps_are_one_box():
    """A chain of 50 steps is one box, whose state comes from itself."""
    text = to_dot(loss_of(model(), 50))
    lines = valid(text)
    (box,) = [line for line in lines if "LongShortTermMemory.step" in line]
    assert "x 50" in box
    name = box.split()[0]
    assert f"{name} -> {name} [style=dashed, constraint=false];" in lines
    assert 'label="x 50";' in lines  # the layer, the symbol and the sum


def test_size_does_not_grow():
    """The picture of a longer chain is as large."""
    short, long = (len(to_dot(loss_of(model(), n)).splitlines()) for n in (20, 200))
    assert short == long


def test_parameters_by_name():
    """Parameters have their names; those of one model apart from those of another."""
    r = model()
    text = to_dot(loss_of(r, 5), r)
    assert all(name in text for name in r.names())
    assert text == to_dot(loss_of(r, 5), r)  # the same graph, the same text


def test_not_folded():
    """Steps with other weights are others."""
    a, b = (parameter(np.ones((2, 2))) for _ in range(2))
    x = constant(np.ones(2))
    for k in range(6):
        x = x @ (a if k % 2 else b)
    lines = valid(to_dot(x))
    assert sum("vecmat" in line for line in lines) == 2
    assert sum("->" in line for line in lines) == 5


def test_escapes():
    """Names with quotes, backslashes and line ends are strings still."""
    module = Module()
    module.held = {'a"b\\c\nd': parameter(np.ones(2))}
    (p,) = module.names().values()
    lines = valid(to_dot(tanh(p), module))
    assert any(r"held.a\"b\\c\nd" in line for line in lines)


def test_draws_leaves():
    """A leaf is a picture too."""
    valid(to_dot(parameter(1.0)))


def test_what_cannot_be_drawn():
    """What is no expression, no module or no count is an error that says so."""
    with pytest.raises(TypeError, match="to_dot: takes an expression, got float"):
        to_dot(1.0)
    x = parameter(1.0)
    with pytest.raises(TypeError, match=r"got int; write to_dot\(x, module, least=3\)"):
        to_dot(x, 5)
    for least in (0, 1, -1, True, 2.5):
        with pytest.raises(ValueError, match="to_dot: least is an int >= 2, got"):
            to_dot(x, least=least)


def test_tooltips():
    """Where lines were recorded, they are tooltips."""
    with debug():
        x = tanh(parameter(1.0))
    assert "test_drawing.py:" in to_dot(x)
    valid(to_dot(x))


# --- values step by step --------------------------------------------------------------


def traced(x):
    out = io.StringIO()
    trace_values(x, file=out)
    return out.getvalue().splitlines()


def test_traces():
    """Each step: op, arguments, shape, dtype, what its values are."""
    p = parameter(np.array([1.0, 3.0]))
    with debug():
        y = exp(p)
    lines = traced(y * p)
    assert lines[0] == "%0  parameter  (2,) float64  min 1 mean 2 max 3"
    assert lines[1].startswith("%1  exp(%0)  (2,) float64  min 2.718 mean 11.4 max 20.")
    assert lines[1].endswith("y = exp(p)")
    assert lines[2].startswith("%2  multiply(%1, %0)  (2,) float64")


def test_traces_folded():
    """A long chain is a short text."""
    lines = traced(loss_of(model(), 100))
    assert len(lines) < 45
    assert any("99 times more this step" in line for line in lines)


def test_traces_the_first_nan():
    """The step that makes NaN is printed, in the midst of what is folded."""
    with np.errstate(invalid="ignore"):
        terms = [log(parameter(np.array([k, 1.0]))) for k in (1.0,) * 20 + (-1.0,)]
        lines = traced(sum(terms))
    found = [line for line in lines if "NaN 1" in line and "log(" in line]
    assert len(found) == 1


def test_traces_to_standard_output(capsys):
    """Standard output is where it goes by default."""
    trace_values(constant([1, 2]))
    assert capsys.readouterr().out == "%0  constant  (2,) int64  min 1 mean 1.5 max 2\n"


# --- gradients by name ----------------------------------------------------------------


def test_reports():
    """Each parameter is in the state that it is in, by the name that files have."""
    m = Module()
    for name in ("fine", "unused", "stopped", "dead", "exploding", "bad", "half"):
        setattr(m, name, Parameter(np.ones(3)))
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = asum(m.fine * 2 + detach(m.stopped) + m.dead * 0 + m.exploding * 1e4)
        loss = loss + asum(log(m.bad * 0) * 0) + asum(m.half * np.array([1.0, 0, 0]))
        report = report_gradients(loss, m)
    states = {row.name: row.state for row in report.rows}
    assert states == {
        "fine": "",
        "unused": "unused",
        "stopped": "stopped",
        "dead": "dead",
        "exploding": "exploding",
        "bad": "NaN",
        "half": "",
    }
    assert {row.name: row.dead_units for row in report.rows}["half"] == 2
    assert report.named("unused") == ["unused"]
    lines = str(report).splitlines()
    assert len(lines) == 1 + len(states)
    assert any(re.match(r"half +\(3,\) +1 +1 +2 of 3$", line) for line in lines)


def test_reports_agree():
    """The sizes are those of the gradients."""
    r = model()
    loss = loss_of(r, 6)
    gradients = penne.compute_gradients(loss)
    for row in report_gradients(loss, r).rows:
        g = gradients[r.names()[row.name]]
        assert row.gradient == pytest.approx(abs(g).max(), rel=1e-4)
        assert row.shape == g.shape


def test_reports_of_every_shape():
    """A parameter may be a number, or have an axis without units."""
    m = Module()
    shapes = [(), (0,), (0, 3), (3, 0), (2, 3, 4)]
    for k, shape in enumerate(shapes):
        setattr(m, f"p{k}", Parameter(np.ones(shape)))
    loss = sum((asum(p) for p in m.names().values()), 0 * asum(m.p0))
    rows = {row.shape: row for row in report_gradients(loss, m).rows}
    assert [rows[shape].dead_units for shape in shapes] == [0, 0, 3, 0, 0]
    assert [rows[shape].gradient for shape in shapes] == [1, 0, 0, 0, 1]


def test_reports_refuse():
    """What is no module, or no scalar, is refused."""
    p = parameter([1.0, 2.0])
    with pytest.raises(TypeError, match="takes a module, got list"):
        report_gradients(asum(p), [p])
    with pytest.raises(ValueError, match="the loss is no scalar"):
        report_gradients(p, Module())
