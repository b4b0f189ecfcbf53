"""Texts of any size, read piece by piece: as characters, as words, as sentences.

Memory does not grow with a text: it holds one piece, and the longest word or line that
is asked for whole.  This module imports ``counts``.
"""

from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from io import IncrementalNewlineDecoder
from itertools import chain
from os import PathLike, fspath
from typing import IO, Any

from ..counts import check_counts

BYTE_ORDER_MARK = "\ufeff"  # may stand before a text, and is no part of it

Source = str | PathLike[str] | IO[Any] | Iterable[str | bytes]


def read_text(path: str | PathLike[str]) -> str:
    """The text of a UTF-8 file, every line end as ``\\n``, no byte order mark.

    Raises OSError (FileNotFoundError and kin) for a file that cannot be read,
    ValueError for one that is empty or, saying where, not UTF-8.
    """
    text = "".join(_streamed(path, 1 << 20, "read_text"))
    if not text:
        raise ValueError(f"read_text: {path} is empty; give a file with a text in it")
    return text


def stream_text(source: Source, size: int = 1 << 16) -> Iterator[str]:
    """A text in pieces, none of them empty: joined, they are what ``read_text`` gives.

    ``source``: the path of a UTF-8 file; an open file, of text or of UTF-8 bytes; or
    any iterable of strings or bytes, cut wherever they are, within a character too.
    ``size``: how many bytes (or characters) of a file are read at a time.  The text
    is read as it is asked for, and a file given by its path is closed at the end.

    Raises, once it is come to, OSError for a file that cannot be read, ValueError for
    what is not UTF-8, saying at which byte of the whole, and for a size below 1;
    TypeError for what is no source.

    >>> "".join(stream_text([b"caf\\xc3", b"\\xa9\\r", b"\\nau lait"]))
    'café\\nau lait'
    """
    return _streamed(source, size, "stream_text")


def characters(source: Source) -> Iterator[str]:
    """The characters of a text, one by one; ``source`` as for ``stream_text``."""
    return chain.from_iterable(_streamed(source, 1 << 16, "characters"))


def words(source: Source) -> Iterator[str]:
    """The words of a text, one by one: what stands between white space.

    ``source`` as for ``stream_text``; a word may reach over several of its pieces.

    >>> list(words(["to be, o", "r not\\n", " to be"]))
    ['to', 'be,', 'or', 'not', 'to', 'be']
    """
    held: list[str] = []  # the parts of a word whose end is not yet seen
    for piece in _streamed(source, 1 << 16, "words"):
        found = piece.split()
        if held and (not found or piece[0].isspace()):
            yield "".join(held)
            held = []
        for k, word in enumerate(found):
            if k:
                yield "".join(held)
                held = []
            held.append(word)
        if held and piece[-1].isspace():
            yield "".join(held)
            held = []
    if held:
        yield "".join(held)


def lines(source: Source) -> Iterator[str]:
    """The lines of a text, without their ends, ``\\n``, ``\\r\\n`` or ``\\r``.

    ``source``: the path of a UTF-8 file, an open file, or any iterable of lines,
    strings or UTF-8 bytes, each whole, with its end or without.  Raises as
    ``stream_text`` does.

    >>> list(lines(["to be\\n", "or not"]))
    ['to be', 'or not']
    """
    return _lines(source, "lines")


def sentences(
    source: Source,
    split: Callable[[str], Iterable[str]] = str.split,
    end: str | None = "</s>",
) -> Iterator[list[str]]:
    """A list of symbols for each line of a text, one by one, with ``end`` after each.

    ``source`` as for ``lines``.  ``split``: makes the symbols of a line: ``str.split``
    its words, ``list`` its characters, or a tokenizer of one's own.  ``end``: None
    for none.  An empty line is a sentence too: ``[end]``.

    >>> list(sentences(["to be", "or not"]))
    [['to', 'be', '</s>'], ['or', 'not', '</s>']]
    >>> next(sentences(["to be"], split=list))
    ['t', 'o', ' ', 'b', 'e', '</s>']
    """
    ending = [] if end is None else [end]
    return ([*split(line), *ending] for line in _lines(source, "sentences"))


def read_data(
    infile: Source, split: Callable[[str], Iterable[str]] = str.split
) -> list[list[str]]:
    """The lines of a text, each as a list of its words with "</s>" at the end.

    All at once; ``sentences`` gives the same one by one.  Penne's release of 2015,
    module ``lm``; unlike there a file is read as UTF-8 wherever one is, and closed.

    >>> read_data(["to be", "or not"])
    [['to', 'be', '</s>'], ['or', 'not', '</s>']]
    """
    return [[*split(line), "</s>"] for line in _lines(infile, "read_data")]


def _streamed(source: Any, size: int, asked: str) -> Iterator[str]:
    """The pieces of a text, decoded, with their line ends as ``\\n``."""
    check_counts(asked, size=size)
    name = fspath(source) if isinstance(source, (str, PathLike)) else "the text"
    utf8 = _Utf8(f"{asked}: {getattr(source, 'name', name)}")
    newlines = IncrementalNewlineDecoder(None, translate=True)
    mark = BYTE_ORDER_MARK
    for piece in chain(_pieces(source, size, asked), [None]):
        decoded = utf8(None) + piece if isinstance(piece, str) else utf8(piece)
        text = newlines.decode(decoded, final=piece is None)  # type: ignore[arg-type]  # typeshed knows no decoding of str
        if text:
            text, mark = text.removeprefix(mark), ""
        if text:
            yield text


class _Utf8:
    """Decodes UTF-8 in pieces; None ends it.  An error tells the byte of the whole."""

    def __init__(self, name: str):
        self.name = name
        self.read = 0
        self.decoder = getincrementaldecoder("utf-8")()

    def __call__(self, piece: bytes | None) -> str:
        before = self.read - len(self.decoder.getstate()[0])
        self.read += len(piece or b"")
        try:
            return self.decoder.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{self.name} is not UTF-8, byte {before + error.start} is "
                f"0x{error.object[error.start]:02x} ({error.reason}); "
                "convert it to UTF-8 first"
            ) from None


def _pieces(source: Any, size: int, asked: str) -> Iterator[Any]:
    """Strings and bytes as they come."""
    if isinstance(source, (str, PathLike)):
        try:
            with open(source, "rb") as file:
                yield from iter(lambda: file.read(size), b"")
        except OSError as error:
            reason = error.strerror or error
            raise type(error)(f"{asked}: cannot read {source}: {reason}") from None
        return
    kind = type(source).__name__
    if isinstance(source, bytes) or not hasattr(source, "__iter__"):
        raise TypeError(f"{asked}: takes a path, a file or an iterable, got {kind}")
    for piece in _read(source, size) if hasattr(source, "read") else source:
        if not isinstance(piece, (str, bytes)):
            kind = type(piece).__name__
            raise TypeError(f"{asked}: takes pieces of str or bytes, got {kind}")
        yield piece


def _read(file: Any, size: int) -> Iterator[Any]:
    while piece := file.read(size):
        yield piece


def _lines(source: Any, asked: str) -> Iterator[str]:
    if isinstance(source, (str, bytes, PathLike)) or hasattr(source, "read"):
        yield from _cut(_streamed(source, 1 << 16, asked))
        return
    utf8 = _Utf8(f"{asked}: the text")
    mark = BYTE_ORDER_MARK
    for line in _pieces(source, 1, asked):
        text = line if isinstance(line, str) else utf8(line) + utf8(None)
        yield text.removeprefix(mark).removesuffix("\n").removesuffix("\r")
        mark = ""


def _cut(pieces: Iterable[str]) -> Iterator[str]:
    held: list[str] = []
    for piece in pieces:
        first, *rest = piece.split("\n")
        held.append(first)
        for part in rest:
            yield "".join(held)
            held = [part]
    if any(held):
        yield "".join(held)
