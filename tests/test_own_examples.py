"""The examples of an own op and an own cell: what one sees, with a fault or without."""

import runpy
from pathlib import Path

import pytest
from fixtures import registries  # noqa: F401  # for every test here

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("name", ["own_op", "own_cell"])
def test_right(name, capsys, monkeypatch):
    """Without a fault every law holds, one a line, and the program ends with 0."""
    made = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    if name == "own_cell":  # as when run as a program, its classes can be imported
        monkeypatch.setattr(made["Cell"], "__module__", "__main__")
        monkeypatch.setattr("__main__.Cell", made["Cell"], raising=False)
    assert made["main"]([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (7 if name == "own_op" else 12)
    assert all(line.endswith("inputs  holds") for line in lines)


FAULTS = {
    "own_op": "that its gradients are derivatives: check_gradient: faulty_softsign: "
    "the gradient for argument 1 is 0.",
    "own_cell": "that examples in a batch do not see each other: example 0 of the "
    "batch and alone, output 0: ",
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name, capsys, monkeypatch):
    """With the planted fault one law is broken, and the message says what and where."""
    made = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    if name == "own_cell":
        monkeypatch.setattr(made["FaultyCell"], "__module__", "__main__")
        monkeypatch.setattr("__main__.FaultyCell", made["FaultyCell"], raising=False)
    assert made["main"](["--fault"]) == 1
    text = capsys.readouterr().out
    assert FAULTS[name] in text
    assert text.count("breaks the law") == 1
    assert "The smallest input found: " in text


@pytest.mark.parametrize(("name", "most"), [("own_op", 4), ("own_cell", 10)])
def test_length(name, most):
    """The op is four lines, the cell's body ten, docstrings and blank lines aside."""
    text = (EXAMPLES / f"{name}.py").read_text()
    begin = "@penne.op" if name == "own_op" else "    def __init__"
    end = "@penne.op" if name == "own_op" else "class FaultyCell"
    start = text.index(begin)
    part = text[start : text.index(end, start + 1)]
    lines = [x for x in part.splitlines() if x.strip() and '"""' not in x]
    assert len(lines) <= most
