"""Laws of how texts are read: whole, in pieces, as words and as sentences."""

import gc
import io
import tracemalloc
from itertools import islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penne.lm import (
    characters,
    lines,
    read_data,
    read_text,
    sentences,
    stream_text,
    words,
)

texts = st.text(st.sampled_from("ab \n\r\té€😀\u2028\u00a0"), max_size=30)


def whole(text):
    """What reading makes of a text: every line end a newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def cut(draw, data):
    """``data`` in pieces, some of them perhaps empty."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)])]


@pytest.mark.parametrize(
    "text", ["abc", "a\nb\n\n", "a\r\nb\rc\n\r", "æß😀\x00\u2028", " "]
)
def test_read_text(tmp_path, text):
    """A UTF-8 file gives back its text, with every line end as a newline."""
    (tmp_path / "book.txt").write_bytes(text.encode())
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert read_text(tmp_path / "book.txt") == expected


def test_read_text_byte_order_mark(tmp_path):
    """A byte order mark is no part of the text."""
    (tmp_path / "book.txt").write_bytes(b"\xef\xbb\xbfabc\r\n")
    assert read_text(str(tmp_path / "book.txt")) == "abc\n"


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (None, FileNotFoundError, "cannot read .*book.txt: No such file"),
        (b"", ValueError, "book.txt is empty"),
        (b"\xef\xbb\xbf", ValueError, "book.txt is empty"),
        (b"abc\xe9t\xe9", ValueError, "book.txt is not UTF-8, byte 3 is 0xe9"),
    ],
)
def test_read_text_errors(tmp_path, content, error, said):
    """What is wrong with a file is said in one sentence that names it."""
    path = tmp_path / "book.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=said) as caught:
        read_text(path)
    assert "\n" not in str(caught.value)


def test_read_text_directory(tmp_path):
    """A directory is an OSError that says so."""
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        read_text(tmp_path)


# --- in pieces ------------------------------------------------------------------------


@given(texts, st.booleans(), st.booleans(), st.data())
def test_stream_text(text, mark, encoded, data):
    """However a text is cut, within characters and line ends too, its pieces are the
    text; a byte order mark is no part of it."""
    marked = "\ufeff" * mark + text
    pieces = cut(data.draw, marked.encode() if encoded else marked)
    found = list(stream_text(pieces))
    assert "".join(found) == whole(text)
    assert "" not in found


@given(texts, st.integers(1, 5))
def test_stream_files(tmp_path_factory, text, size):
    """A file by its path, an open one of bytes and one of text give the same."""
    path = tmp_path_factory.mktemp("books") / "book.txt"
    path.write_bytes(text.encode())
    assert "".join(stream_text(path, size)) == whole(text)
    assert "".join(stream_text(str(path), size)) == whole(text)
    with open(path, "rb") as raw:
        assert "".join(stream_text(raw, size)) == whole(text)
        assert not raw.closed
    assert "".join(stream_text(io.StringIO(text, newline=""), size)) == whole(text)


@given(texts, st.data())
def test_characters_and_words(text, data):
    """Characters and words are those of the text in one piece."""
    pieces = cut(data.draw, text.encode())
    assert list(characters(pieces)) == list(whole(text))
    assert list(words(pieces)) == text.split()


@given(texts, st.integers(1, 9))
def test_lines(text, size):
    """Lines are those of Python's own reader; "\\u2028" ends none."""
    expected = [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]
    assert list(lines(io.BytesIO(text.encode()))) == expected
    assert list(lines(io.StringIO(text, newline=None))) == expected
    assert list(lines(expected)) == expected
    assert list(lines([line.encode() + b"\r\n" for line in expected])) == expected


@given(st.lists(texts.map(lambda text: text.replace("\n", "").rstrip("\r"))), st.data())
def test_lines_one_by_one(expected, data):
    """Lines as strings or bytes, with an end or without, are what they are; a byte
    order mark before the first is no part of it."""
    given = []
    for line in expected:
        whole = line if given else data.draw(st.sampled_from(["", "\ufeff"])) + line
        whole += data.draw(st.sampled_from(["", "\n", "\r\n"]))
        given.append(data.draw(st.sampled_from([whole, whole.encode()])))
    assert list(lines(given)) == expected
    assert list(sentences(given, list, end=None)) == list(map(list, expected))


@pytest.mark.parametrize(
    ("given", "byte"),
    [
        ([b"caf\xc3"], 3),
        ([b"caf\xc3", "x"], 3),
        ([b"a\n", b"\xc3", b"\xa9"], 2),
        ([b"a\n", b"b\xff\n"], 3),
    ],
)
@pytest.mark.parametrize("read", [lines, sentences, read_data])
def test_lines_that_are_not_utf8(read, given, byte):
    """A line of bytes ends with a character, be it the last or not."""
    with pytest.raises(ValueError, match=f"^{read.__name__}: .*UTF-8, byte {byte} is"):
        list(read(given))


@given(st.text(max_size=9), st.integers(1, 4), st.sampled_from([b"\xff", b"\xe9a"]))
def test_stream_text_wrong_byte(text, size, wrong):
    """What is not UTF-8 is told by its place in the whole text, wherever it is cut."""
    good = text.encode()
    pieces = io.BytesIO(good + wrong + b"more")
    with pytest.raises(ValueError, match=rf"byte {len(good)} is 0x{wrong[0]:02x} "):
        list(stream_text(pieces, size))


@pytest.mark.parametrize("end", [b"\xe2\x82", b"\xf0"])
def test_stream_text_ends_within_a_character(end):
    """A text that ends within a character is not UTF-8."""
    with pytest.raises(ValueError, match=r"byte 1 is .*unexpected end of data"):
        list(stream_text([b"a", end]))
    with pytest.raises(ValueError, match="byte 1 is"):
        list(stream_text([b"a", end, "text"]))


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (b"abc", TypeError, "takes a path, a file or an iterable, got bytes"),
        (3, TypeError, "takes a path, a file or an iterable, got int"),
        ([1, 2], TypeError, "takes pieces of str or bytes, got int"),
        ("no such file", FileNotFoundError, "cannot read no such file: No such file"),
    ],
)
@pytest.mark.parametrize("read", [stream_text, characters, words, lines])
def test_stream_text_errors(read, source, error, said):
    """What is no text is an error that names the function and says what it takes."""
    with pytest.raises(error, match=f"^{read.__name__}: {said}"):
        list(read(source))


def test_stream_text_size():
    """Pieces hold something."""
    for size in (0, 2.0):
        with pytest.raises(
            ValueError, match=f"^stream_text: size is an int >= 1, got {size}"
        ):
            list(stream_text(["a"], size))


@pytest.mark.parametrize(
    ("read", "n"),
    [(stream_text, 10), (words, 40_000), (lines, 8000), (characters, 9**6)],
)
def test_memory(tmp_path, read, n):
    """Five times as much of a text takes no more memory."""
    path = tmp_path / "long.txt"
    path.write_text("to be or not to be, that is the question\n" * 100_000)
    found = read(path)
    peaks = []
    tracemalloc.start()
    for count in (n, 4 * n):
        assert sum(1 for _ in islice(found, count)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] < peaks[0] + 10_000
    assert peaks[1] < 3_000_000 < path.stat().st_size


def test_endless():
    """A text without an end is read as far as one asks."""
    assert list(islice(words(repeat(b"to be\n")), 3)) == ["to", "be", "to"]
    assert list(islice(sentences(repeat("to be")), 1)) == [["to", "be", "</s>"]]


def test_files_are_closed(tmp_path):
    """A file given by its path is closed, at the end and when no more is asked."""
    (tmp_path / "book.txt").write_text("to be\n" * 9)
    read_data(tmp_path / "book.txt")
    next(words(tmp_path / "book.txt"))
    gc.collect()  # an open file would warn here, and warnings are errors


# --- sentences ------------------------------------------------------------------------


def test_read_data(tmp_path):
    """A path, an open file and a list of lines give lists of words with "</s>"; an
    empty line is an empty sentence."""
    text = "to be\n\n or  not\nto be"
    expected = [["to", "be"], [], ["or", "not"], ["to", "be"]]
    expected = [[*line, "</s>"] for line in expected]
    path = tmp_path / "book.txt"
    path.write_text(text)
    assert read_data(str(path)) == expected
    with open(path) as file:
        assert read_data(file) == expected
    assert read_data(text.split("\n")) == expected
    assert list(sentences(path)) == expected


def test_sentences_of_characters():
    """``split`` says what a symbol is, ``end`` what stands after a sentence."""
    assert list(sentences(["ab c"], list, end=None)) == [["a", "b", " ", "c"]]
    assert read_data(["ab"], list) == [["a", "b", "</s>"]]
