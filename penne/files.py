"""Parameters, and what trainers remember of them, in files: named arrays, no pickle.

A file is an ``.npz`` of NumPy's, one array for each name: ``format``,
``model/PATH``, ``trainer/PATH.NAME``, ``average/PATH.average``, where PATH is the
attribute path of a parameter (``Module.names``).  So neither the order in which layers
were made nor the one in which attributes were assigned plays a part; a tied parameter
stands there once.  This module imports ``modules`` and ``optimize``.
"""

import os
import secrets
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from .modules import Module, check_module, fitted
from .optimize import Average, Trainer

Array = np.ndarray[Any, Any]
Place = str | os.PathLike[str]
FORMAT = 1
ZIP = b"PK\x03\x04"
WRITE = "load reads what save(module, path) wrote"


def save(
    module: Module,
    path: Place,
    *,
    trainer: Trainer | None = None,
    average: Average | None = None,
) -> None:
    """Write the parameters of ``module`` to a file, with all that ``trainer`` and
    ``average`` remember of them, so that a training can go on bit for bit (by
    ``plain()``, or with ``PENNE_FAST=compiled``: else kernels come when they pay).

    The file, whose name is ``path`` and nothing else, is there whole or as it was
    before.  Of several modules make one: ``both = Module(); both.a, both.b = a, b``.

    Raises TypeError for what is no module, ValueError where two parameters have one
    path, one has a path that no file can hold, or the trainer remembers parameters of
    another module, OSError where the file cannot be written.

    >>> import tempfile
    >>> from penne import Layer
    >>> one, two = Layer(3, 2, rng=0), Layer(3, 2, rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(one, folder + "/layer.npz")
    ...     load(folder + "/layer.npz", two)
    >>> bool((one.weights[0].value == two.weights[0].value).all())
    True
    """
    arrays = {"format": np.array(FORMAT), **_within("model", _values("save", module))}
    if trainer is not None:
        arrays |= _within("trainer", trainer.state(module))
    if average is not None:
        arrays |= _within("average", average.state)
    _check_names(arrays)
    _write(Path(os.path.realpath(path)), arrays)


def load(
    path: Place,
    module: Module,
    *,
    trainer: Trainer | None = None,
    average: Average | None = None,
) -> None:
    """Give the parameters of ``module``, what ``trainer`` remembers of them, and
    ``average`` the values in a file written by ``save``.

    Numbers of another precision are rounded.  What is in the file of a trainer or an
    average is passed over where none is given.

    Raises FileNotFoundError; ValueError for a file that ``save`` has not written or
    that is damaged, and for one that does not fit, with every name that is missing,
    not known here, of another shape, or of another kind of number; TypeError for what
    is no module.  Then nothing has changed.
    """
    wanted = {"format": np.array(FORMAT), **_within("model", _values("load", module))}
    found = _read(path)
    if trainer is not None:
        names = _inside("trainer", found)
        wanted |= _within("trainer", trainer.like(module, names))
    if average is not None:
        wanted |= _within("average", average.state)
    unasked = {"trainer/": trainer is None, "average/": average is None}
    skipped = tuple(section for section, skip in unasked.items() if skip)
    given = {name: x for name, x in found.items() if not name.startswith(skipped)}
    fitting = fitted(f"load: {path}", wanted, given)
    for name, p in module.names().items():
        p.value = fitting[f"model/{name}"]
    if trainer is not None:
        trainer.assign(module, _inside("trainer", fitting))
    if average is not None:
        average.assign(_inside("average", fitting))


def save_model(module: Module, path: Place) -> None:
    """``save(module, path)``, by the name that it had in Penne."""
    save(module, path)


def load_model(module: Module, path: Place) -> None:
    """``load(path, module)``, by the name that it had in Penne."""
    load(path, module)


def _values(name: str, module: Any) -> dict[str, Array]:
    check_module(name, module, "write save(module, path) and load(path, module)")
    return {path: p.value for path, p in module.names().items()}


def _check_names(names: Iterable[str]) -> None:
    """ValueError for a name that ends early in a zip file, or is no Unicode."""
    for name in names:
        if "\0" in name or name.encode(errors="ignore").decode() != name:
            path = name.partition("/")[2]
            raise ValueError(f"save: no file can hold the name {path!r}; rename a key")


def _within(section: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {f"{section}/{name}": x for name, x in arrays.items()}


def _inside(section: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    prefix = f"{section}/"
    found = {name: x for name, x in arrays.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): x for name, x in found.items()}


def _write(path: Path, arrays: dict[str, Any]) -> None:
    """Write beside, then rename: whoever looks sees the old file or the new one."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # where a folder can be opened, its entry is made to last
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Place) -> dict[str, Array]:
    """The arrays of a file, its check sums checked; nothing in it is ever run."""
    data = Path(path).read_bytes()
    if not data.startswith(ZIP):
        raise ValueError(f"load: {path} is no .npz file; {WRITE}")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            found = {
                member.removesuffix(".npy"): np.lib.format.read_array(
                    BytesIO(archive.read(member)), allow_pickle=False
                )
                for member in archive.namelist()
            }
    except Exception as error:  # zipfile knows many ways of being damaged
        raise ValueError(f"load: {path} is damaged: {error}; {WRITE}") from error
    number = found.get("format", np.array(None))
    if number.shape or number.dtype.kind != "i":
        raise ValueError(f"load: {path} is an .npz file, but not of save; {WRITE}")
    if number > FORMAT:
        raise ValueError(f"load: {path} is of a later penne, in format {number}")
    return found
