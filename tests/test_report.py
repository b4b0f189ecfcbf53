"""``python -m penne.testing``: a report over all of penne, as a table and as JSON."""

import json

import pytest
from fixtures import wrong_gradients

from penne.testing.__main__ import main


def test_report(capsys, tmp_path):
    """Subjects are chosen by name; the table has a line for each, the file all that is
    in it; it ends with 0."""
    path = tmp_path / "report.json"
    names = ["tanh", "Simple", "Adam"]
    assert main([*names, "--examples", "2", "--json", str(path)]) == 0
    text = capsys.readouterr().out
    assert "1 ops, 2 transducers, 1 trainers: 36 laws tried on " in text
    assert " 0 broken" in text
    found = json.loads(path.read_text())
    assert {o["subject"] for o in found["transducers"]} == {"Simple(3)", "Simple(-5)"}
    assert {o["law"] for o in found["ops"]} >= {"reference", "gradient"}
    assert all(o["verdict"] == "holds" and o["cases"] for o in found["trainers"])


def test_names(capsys):
    """A subject has the name by which penne gives it away, too."""
    assert main(["SGD", "--examples", "1"]) == 0
    assert "StochasticGradientDescent " in capsys.readouterr().out


def test_broken(capsys, monkeypatch):
    """What is broken is shown, with the sentence, and the command ends with 1."""
    wrong_gradients(monkeypatch)
    assert main(["Simple", "--examples", "2"]) == 1
    text = capsys.readouterr().out
    assert "BROKEN" in text
    assert "Simple(3) breaks the law that both executors give the same numbers" in text


def test_nothing(capsys):
    """A name that nothing has is an error."""
    with pytest.raises(SystemExit):
        main(["tanhh"])
    assert "nothing called tanhh" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["tanh", "--examples", "0"])
    assert "--examples is at least 1, got 0" in capsys.readouterr().err
