"""The table of mistakes and the messages that they get, made by making them.

    python -m penne.testing.errors > docs/errors.md

This module imports ``operators`` and ``mistakes``.
"""

import contextlib
import io
import os
import tempfile
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..operators import NUMPY, OPS
from .mistakes import MISTAKES

HEAD = """# Mistakes and what penne says

Every message says what was seen and, where there is one thing to write instead, that.
It is raised where the mistake is made: an expression of the wrong shape at the line
that builds it, not at an evaluation. What depends on values (a symbol computed out of
range, NaN) is raised at the evaluation, and names the op.

ValueError: shapes, sizes and settings; IndexError: an index, a symbol or an axis out
of range; TypeError: the wrong kind of thing; AttributeError: state before `start()`;
FloatingPointError: NaN; FileNotFoundError: no such file. After any of them no
parameter, trainer or file has changed.

`x` is a (2, 3) array of parameters, `v` a vector of 3. Made by
`python -m penne.testing.errors > docs/errors.md`, which makes these {count} mistakes.
"""


class Mistake(NamedTuple):
    """What was written, and what was raised: its kind, its message, and the line."""

    section: str
    code: str
    kind: str
    message: str
    line: str


def written() -> Iterator[tuple[str, str]]:
    """Each of ``MISTAKES``, with its section."""
    section = ""
    for part in MISTAKES.strip().split("\n\n"):
        if part.startswith("# --- "):
            section = part.removeprefix("# --- ")
        else:
            yield section, part


def made(section: str, code: str) -> Mistake:
    """One mistake, made in a folder of its own; LookupError where nothing is raised."""
    before = dict(OPS), dict(NUMPY)
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(code, "yours", "exec"), _names())
        except Exception as error:
            return _seen(section, code, error)
        finally:
            os.chdir(here)
            for registry, contents in zip((OPS, NUMPY), before):
                registry.clear()
                registry.update(contents)
    raise LookupError(f"no mistake: {code}")


def _names() -> dict[str, Any]:
    names: dict[str, Any] = {"np": np}
    exec("from penne import *; import penne; from penne import op", names)
    exec("x = parameter(np.ones((2, 3))); v = parameter(np.arange(3.0))", names)
    return names


def _seen(section: str, code: str, error: Exception) -> Mistake:
    """What was raised, with its notes, and the last of the user's lines."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [f.lineno for f in frames if f.filename == "yours" and f.lineno]
    line = code.splitlines()[mine[-1] - 1].strip() if mine else ""
    notes = getattr(error, "__notes__", [])
    message = " ".join([str(error), *notes]).replace("\n", " ")
    return Mistake(section, code, type(error).__name__, message, line)


def table() -> str:
    """The text of docs/errors.md."""
    parts: list[str] = []
    section, count = "", 0
    for mistake in (made(*each) for each in written()):
        if mistake.section != section:
            section = mistake.section
            parts.append(f"\n## {section}\n\n| what was written | what is raised |")
            parts.append("|---|---|")
        code = "<br>".join(_code(line) for line in mistake.code.splitlines())
        parts.append(f"| {code} | {mistake.kind}: {_escaped(mistake.message)} |")
        count += 1
    return HEAD.format(count=count) + "\n".join(parts) + "\n"


def _code(line: str) -> str:
    inside = line.lstrip()
    indent = "&nbsp;" * (len(line) - len(inside))
    return f"{indent}`{inside}`".replace("|", "\\|")


def _escaped(text: str) -> str:
    for sign in "|<>*_":
        text = text.replace(sign, f"\\{sign}")
    return text


if __name__ == "__main__":
    print(table(), end="")
