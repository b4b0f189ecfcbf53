"""Compiled functions that outlive the process.

``function`` compiles a function of a text with numba for one signature and keeps the
machine code on disk, one file for each text, signature, processor and version of what
compiles; a later process loads it.  What cannot be written or read is compiled in
memory.  The directory is ``$PENNE_CACHE_DIR``, else ``penne`` in ``$XDG_CACHE_HOME``
or in ``~/.cache``; like numba's own cache it is trusted: who can write there can have
code run.  The least recently used files beyond ``MOST_FILES`` are removed.

numba is imported by the first call, not with this module, which imports ``tiles``.
"""

import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from inspect import getsource
from pathlib import Path
from typing import Any

import numpy as np

from . import tiles

FORMAT = 3  # of the files
MOST_FILES = 512
STRICT = frozenset({"contract"})
_DIGEST = sha256().digest_size
_counts = {"compiled": 0, "loaded": 0}


@cache
def available() -> bool:
    """Whether numba is installed."""
    return find_spec("numba") is not None


def stats() -> dict[str, int]:
    """How many functions were compiled here, and how many loaded from disk."""
    return dict(_counts)


def directory() -> Path:
    """Where machine code is kept."""
    named = os.environ.get("PENNE_CACHE_DIR")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    return Path(os.path.expanduser(home), "penne")


def array_type(dtype: str, axes: int, readonly: bool = True) -> str:
    """The type of a C-contiguous array, as numba writes it; where it is ``readonly``,
    arrays that may be written are taken too."""
    dtype = "boolean" if dtype == "bool" else dtype
    return f"Array({dtype}, {axes}, 'C', readonly={readonly})"


@lru_cache(maxsize=MOST_FILES)
def function(text: str, name: str, signature: str) -> Callable[..., Any]:
    """The function ``name`` of a module with source ``text``, compiled.

    ``signature`` is numba's for its arguments, such as ``"float64[::1], int64"``;
    arguments of other types are refused with a TypeError.  ``text`` finds ``np``,
    numba's ``njit``, the names of ``tiles``, and two decorators for functions that are
    pasted into their callers: ``inlined``, which keeps to the rules of IEEE 754 but
    that products and sums may be fused, and ``reordered``, by which sums may be taken
    in any order.

    With ``NUMBA_DISABLE_JIT=1`` it is the Python function, without NumPy's warnings.
    """
    numba = _library("numba")

    made = _module(text)[name]
    if numba.config.DISABLE_JIT:
        return np.errstate(all="ignore")(made)
    kernel = numba.njit(error_model="numpy", fastmath=set(STRICT), nogil=True)(made)
    _apart(kernel)
    kernel._cache = _Disk((text, name, signature), kernel._cache)
    kernel.compile(f"void({signature})")
    kernel.disable_compile()
    return kernel


def stored(text: str, name: str, signature: str) -> bool:
    """Whether ``function`` of the same would find machine code on disk."""
    if _library("numba").config.DISABLE_JIT:
        return True
    target = _library("numba.core.registry").cpu_target.target_context
    return _path((text, name, signature), target).exists()


def _module(text: str) -> dict[str, Any]:
    """The names that ``text`` defines."""
    numba = _library("numba")

    common: dict[str, Any] = dict(error_model="numpy", nogil=True)
    common.update(no_cpython_wrapper=True, no_cfunc_wrapper=True)  # half the time
    strict = numba.njit(fastmath=set(STRICT), forceinline=True, **common)
    loose = numba.njit(fastmath={*STRICT, "reassoc"}, forceinline=True, **common)

    def njit(f: Callable[..., Any]) -> Any:
        return _apart(numba.njit(fastmath=set(STRICT), **common)(f))

    scope = dict(__name__=__name__, np=np, njit=njit, inlined=strict, reordered=loose)
    scope.update(tiles.names())
    exec(compile(text, f"<kernel {_hash(text)[:12]}>", "exec"), scope)
    return scope


def _apart(compiled: Any) -> Any:
    """A function of numba's, compiled knowing that its arrays do not overlap: LLVM
    else compares them all when it runs, or, of many arrays, gives up its vectors."""

    def flagged(flags: Any) -> Any:
        if hasattr(flags, "noalias"):
            flags.noalias = True
        return flags

    if hasattr(compiled, "_compiler"):  # it is not, with NUMBA_DISABLE_JIT
        compiled._compiler._customize_flags = flagged
    return compiled


def _library(name: str) -> Any:
    """A library that is needed only where kernels are."""
    return import_module(name)


def _hash(*parts: Any) -> str:
    return sha256(repr(parts).encode()).hexdigest()


class _Disk:
    """What numba asks for machine code and gives it to, in place of its own cache."""

    def __init__(self, content: tuple[str, str, str], memory: Any):
        self.content, self.memory = content, memory

    def __getattr__(self, name: str) -> Any:
        return getattr(self.memory, name)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled function, or None."""
        try:
            found = self._load(_path(self.content, target), target)
        except Exception:  # no file, or no good one
            return None
        _counts["loaded"] += 1
        return found

    def _load(self, path: Path, target: Any) -> Any:
        content = path.read_bytes()
        digest, payload = content[:_DIGEST], content[_DIGEST:]
        if sha256(payload).digest() != digest:
            raise ValueError(f"{path} is damaged")
        target.refresh()
        results = _library("numba.core.compiler").CompileResult
        found = results._rebuild(target, *pickle.loads(payload))
        _touch(path)
        return found

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled function, if that can be done."""
        _counts["compiled"] += 1
        try:
            payload = _library("numba.core.serialize").dumps(compiled._reduce())
            path = _path(self.content, compiled.target_context)
            _write(path, sha256(payload).digest() + payload)
        except Exception:  # no place, or a numba that keeps its results otherwise
            return
        _prune(path.parent)


def _path(content: tuple[str, str, str], target: Any) -> Path:
    numba, llvmlite = map(_library, ("numba", "llvmlite"))
    versions = [x.__version__ for x in (numba, llvmlite, np)]
    options = numba.config.BOUNDSCHECK, sorted(STRICT)
    machine = target.codegen().magic_tuple()
    key = (*content, FORMAT, _tiles(), versions, sys.version, options, machine)
    return directory() / f"{_hash(*map(str, key))[:40]}.kernel"


@cache
def _tiles() -> str:
    """What kernels find in ``tiles``, in short: machine code has it within."""
    return _hash(getsource(tiles))


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        return


def _write(path: Path, content: bytes) -> None:
    """Write a file at once: who reads sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _prune(place: Path) -> None:
    """Remove the files used least recently, if there are too many."""
    try:
        with os.scandir(place) as entries:
            ages = [(e.stat().st_mtime, e.path) for e in entries if _ours(e.name)]
        for _, path in sorted(ages)[: max(0, len(ages) - MOST_FILES)]:
            os.unlink(path)
    except OSError:  # another process removes them too
        return


def _ours(name: str) -> bool:
    return name.endswith((".kernel", ".part"))
