"""docs/cells.md says what the cells are: its equations are computed and compared."""

import contextlib
import inspect
import io
import re
from pathlib import Path

import numpy as np
import pytest
from fixtures import examples
from golden import evaluated
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.recurrent import variants
from penne.recurrent.unit import RecurrentUnit

PAGE = (Path(__file__).parent.parent / "docs" / "cells.md").read_text(encoding="utf-8")
NAMESPACE = {**vars(variants), "LSTM": LSTM, "GRU": GRU, "Simple": Simple}
LAYERS = {
    "i": "input_gate",
    "f": "forget_gate",
    "o": "output_gate",
    "g": "input_layer",
    "r": "reset_gate",
    "z": "update_gate",
}


def table(text):
    """The rows of the tables of a text, each a list of cells."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def equations(text):
    """Left sides and right sides."""
    return dict(line.split(" = ", 1) for line in text)


def rows():
    """Each cell of the page: how it is made, its equations, its formula, its source."""
    for section in PAGE.split("\n## ")[1:3]:
        base = equations(section.split("```")[1].strip().splitlines())
        for names, difference, formula, source, *_ in table(section):
            own = equations(re.findall("`(.*?)`", difference))
            for name in re.findall("`(.*?)`", names):
                yield pytest.param(name, {**base, **own}, formula, source, id=name)


ROWS = list(rows())


def made(name, n, m):
    """The cell that a row is about."""
    kind, _, options = name.partition("(")
    return NAMESPACE[kind](n, m, **eval(f"dict({options}" if options else "dict()"))


def numbers(r):
    """The parameters by the letters of the page."""
    there = {path.split(".")[0]: None for path in r.parameters()}
    found, recurring = {}, [x for x in "ifo" if LAYERS[x] in there]
    for x, name in LAYERS.items():
        if name in there:
            layer = getattr(r, name)
            W = layer.weights
            found |= {f"W{x}": W[0], f"U{x}": W[1], f"b{x}": layer.bias}
            found |= {f"u{x}": W[0], f"w{x}": W[1]}
            found |= {f"p{x}": w for w in W[2:3]}
            found |= {f"R{x}{y}": w for y, w in zip(recurring, W[3:])}
    for name, letters in {"layer": "WUb", "input_map": "W", "decay": "w"}.items():
        if name in there:
            layer = getattr(r, name)
            found |= dict(zip(letters, [*layer.weights, layer.bias]))
    if "recurrent_bias" in there:
        found["d"] = r.recurrent_bias
    return {letter: p.value for letter, p in found.items() if p is not None}


def python(right):
    """An equation's right side as Python: products from the right, primes."""
    right = re.sub(r"\b([WUR]\w*) (\w+'?|\([^()]*\))", r"(\2 @ \1)", right)
    return right.replace("'", "_before")


def needed(equations):
    """The left sides that h is made of, in the order in which they are computed."""
    found, new = set(), {"h"}
    while new:
        found |= new
        right = " ".join(equations[x] for x in new)
        new = {x for x in equations if re.search(rf"\b{x}\b", right)} - found
    return [x for x in "zrifgcoh" if x in found]


def computed(equations, names, xs, m):
    """The outputs of all steps, by the equations, as far as they are needed."""
    now = dict(tanh=np.tanh, s=lambda a: 1 / (1 + np.exp(-a)), **names)
    now |= {x: np.zeros(m) for x in "hcifo"}
    outputs = []
    for x in xs:
        now |= {f"{gate}_before": now[gate] for gate in "ifo"} | {"x": x}
        for left in needed(equations):
            now[left] = eval(python(equations[left]), now)
        outputs.append(now["h"])
    return outputs


@pytest.mark.parametrize(("name", "equations", "formula", "source"), ROWS)
@examples(0.2)
@given(n=st.integers(1, 3), m=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_equations(name, equations, formula, source, n, m, seed):
    """Each cell computes the equations of its row and has its number of parameters."""
    rng = np.random.default_rng(seed)
    with default_dtype("float64"):
        r = made(name, n, m)
    for p in r.parameters().values():
        p.value = rng.normal(0, 1, p.shape)
    xs = rng.normal(0, 1, (4, n))
    expected = computed(equations, numbers(r), xs, m)
    found = compute_value(r.transduce(xs))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert r.n_params() == evaluated(formula, n, m)


def test_all_are_there():
    """Every variant has its row, and no row is about nothing."""
    named = {row.id.partition("(")[0] for row in ROWS}
    family = {
        name
        for name, thing in vars(variants).items()
        if inspect.isclass(thing) and issubclass(thing, RecurrentUnit)
    }
    long = {"LongShortTermMemory", "GatedRecurrentUnit"}
    assert named == family - long | {"LSTM", "GRU"}


def test_sources():
    """The sources of a row are those that the docstrings of its cells name, or of what
    they are made of."""
    for names, _, _, source, *_ in table(PAGE.split("## Options")[0]):
        kinds = [NAMESPACE[name] for name in re.findall(r"`(\w+)", names)]
        texts = [part.__doc__ or "" for kind in kinds for part in kind.__mro__[:3]]
        for author, year in re.findall(r"([A-Z]\w+)[^;]*? (\d{4})", source):
            assert any(author in text and year in text for text in texts), names


def test_options():
    """The tables of options have every option, and nothing else; what they say of
    defaults is so."""
    section = PAGE.split("\n## Options")[1]
    listed = {}
    for names, _, default in table(section):
        both = re.findall("`(.*?)`", names)
        values = [v.strip("` ") for v in default.split(", ")] if default else []
        values = values * len(both) if len(values) == 1 else values
        listed |= dict(zip(both, values or [None] * len(both)))
    assert {*listed} == {*LSTM.options()}
    known = {}
    for kind in reversed(LSTM.__mro__[:2]):
        known |= inspect.signature(kind.__init__).parameters
    for name, value in listed.items():
        if name in known and value is not None and known[name].default != tanh:
            default = known[name].default
            assert default is inspect.Parameter.empty or eval(value) == default


def test_example():
    """The example prints what stands below it."""
    section = PAGE.split("\n## Options")[1]
    code, expected = re.findall(r"```\w*\n(.*?)```", section, re.DOTALL)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    assert out.getvalue() == expected
