"""Every code block of the README runs, and prints what stands below it."""

import contextlib
import io
import re
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from penne.graph import OPS
from penne.operators import NUMPY

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d*)?")


def programs():
    """Each Python block with the output that follows it."""
    following = [*BLOCKS[1:], ("", "")]
    return [
        (code, "" if next_language else expected)
        for (language, code), (next_language, expected) in zip(BLOCKS, following)
        if language == "python"
    ]


@pytest.fixture
def _tables():
    """What the README adds to the tables of ops is taken back."""
    with patch.dict(OPS), patch.dict(NUMPY):
        yield


@pytest.mark.usefixtures("_tables")
def test_blocks():
    """The blocks, run one after the other, print the text and numbers shown.

    The last digits may differ from machine to machine."""
    names: dict = {}
    assert len(programs()) >= 5
    for code, expected in programs():
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, names)
        seen = out.getvalue()
        assert NUMBER.sub("#", seen).split() == NUMBER.sub("#", expected).split()
        wanted = [float(n) for n in NUMBER.findall(expected)]
        given = [float(n) for n in NUMBER.findall(seen)]
        assert np.allclose(given, wanted, rtol=1e-3, atol=0.011)


@pytest.mark.parametrize("path", re.findall(r"`(penne/\w+(?:\.py|/))`", README))
def test_paths(path):
    """What the README names exists."""
    assert (Path(__file__).parent.parent / path).exists()
