"""docs/errors.md is current, and every message says something."""

from pathlib import Path

import pytest

from penne.testing.errors import made, table, written

DOCUMENT = Path(__file__).parents[1] / "docs" / "errors.md"
KINDS = {"ValueError", "TypeError", "IndexError", "AxisError", "AttributeError"}
KINDS |= {"FloatingPointError", "FileNotFoundError", "WrongGradient"}


def test_current():
    """The document is what making the mistakes gives."""
    command = "python -m penne.testing.errors > docs/errors.md"
    assert DOCUMENT.read_text() == table(), f"docs/errors.md is not current: {command}"


@pytest.mark.parametrize(("section", "code"), list(written()))
def test_message(section, code):
    """A mistake is an error of a documented kind, at a line of the user's, whose
    message says more than its kind."""
    mistake = made(section, code)
    assert mistake.kind in KINDS
    assert mistake.line
    assert mistake.line in mistake.code
    assert len(mistake.message) > 15


def test_every_section():
    """Mistakes of every part of penne are made."""
    sections = {section for section, _ in written()}
    parts = ["Ops", "Gradients", "Layers", "Trainers", "Files", "Texts"]
    assert sections >= set(parts)
    assert len(list(written())) > 70
