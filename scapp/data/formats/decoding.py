"""Text as people have it: compressed or not whatever the ending says, in UTF-8, UTF-16 or a Western code page."""

import codecs
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

GZIP_START = b"\x1f\x8b"
HEAD_BYTES = 200_000
LONGEST_LINE = 400_000_000
"""Characters; a header that names ten million cells is shorter."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def is_gzip(path: Path) -> bool:
    """Whether a file's content is gzipped, whatever its name says."""
    with open(path, "rb") as stream:
        return stream.read(2) == GZIP_START


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """A file's content, unpacked where it is gzipped."""
    with gzip.open(path) if is_gzip(path) else open(path, "rb") as stream:
        yield stream  # type: ignore[misc]


def encoding_of(head: bytes) -> str:
    """How the beginning of a text is encoded; what is not UTF-8 or UTF-16 is read as Windows-1252."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    # Latin letters in UTF-16 have a zero for every other byte
    if len(head) > 3 and head[1::2].count(0) > 0.4 * len(head[1::2]):
        return "utf-16-le"
    if len(head) > 3 and head[::2].count(0) > 0.4 * len(head[::2]):
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A text file from its first character on; see ``encoding_of``."""
    with open_bytes(path) as stream:
        head = stream.read(HEAD_BYTES)
    with open_bytes(path) as stream:
        # what a code page has no letter for must not stop a table of numbers
        yield io.TextIOWrapper(stream, encoding=encoding_of(head), errors="replace", newline=None)


def decoded(head: bytes) -> str:
    """The beginning of a text, whose last character may be cut."""
    return codecs.getincrementaldecoder(encoding_of(head))(errors="replace").decode(head)
