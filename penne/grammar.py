"""How signatures are written, ``"(n),(n,m)->(m)"``: the groups of axes of a text.

This module imports nothing of penne.
"""

import re

Groups = tuple[tuple[str, ...], ...]
_GROUP = re.compile(r"\(([^()]*)\)")
_NAMED = r"\s*(?:[A-Za-z_]\w*|\d+)\s*"
_SUM = rf"{_NAMED}(?:\+{_NAMED})*"
_CORE = rf"\((?:{_NAMED}(?:,{_NAMED})*|\s*)\)"
_RESULT = rf"\((?:{_SUM}(?:,{_SUM})*|\s*)\)"
_WHOLE = re.compile(rf"\s*{_CORE}(?:\s*,\s*{_CORE})*\s*->\s*{_RESULT}\s*")


def parsed(text: str) -> tuple[Groups, tuple[str, ...]]:
    """The axes of each argument, and those of the result.

    Raises ValueError where that is not what ``text`` says.

    >>> parsed("(n),(n,2)->(2)")
    ((('n',), ('n', '2')), ('2',))
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(
            f"signature {text!r}: an argument is axes in brackets, with commas between "
            'them and between arguments, write "(n),(n,m)->(m)"'
        )
    *inputs, output = map(_axes, _GROUP.findall(text))
    known = {name for core in inputs for name in core}
    for name in (part.strip() for axis in output for part in axis.split("+")):
        if name not in known and not name.isdigit():
            wrong = f"the result has {name}, which no argument has"
            raise ValueError(f"signature {text!r}: {wrong}")
    return tuple(inputs), output


def _axes(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()
