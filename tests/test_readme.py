"""Every code block of the README, and of pages of docs/, runs, and prints what stands
below it."""

import contextlib
import io
import re
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from penne.graph import OPS
from penne.operators import NUMPY

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "docs/recurrent.md", "docs/debugging.md"]
NUMBER = re.compile(r"-?\d+(?:\.\d*)?")


def programs(page):
    """Each Python block with the output that follows it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)
    following = [*blocks[1:], ("", "")]
    return [
        (code, "" if next_language else expected)
        for (language, code), (next_language, expected) in zip(blocks, following)
        if language == "python"
    ]


@pytest.fixture
def _tables():
    """What a page adds to the tables of ops is taken back."""
    with patch.dict(OPS), patch.dict(NUMPY):
        yield


@pytest.mark.usefixtures("_tables")
@pytest.mark.parametrize("page", PAGES)
def test_blocks(page):
    """The blocks, run one after the other, print the text and numbers shown.

    The last digits may differ from machine to machine."""
    names: dict = {}
    assert len(programs(page)) >= 5
    for code, expected in programs(page):
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
    assert (ROOT / path).exists()
