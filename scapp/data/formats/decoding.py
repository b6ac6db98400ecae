"""Text as people have it: compressed or not whatever the ending says, in UTF-8, UTF-16 or a Western code page."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO, cast


@dataclass(frozen=True)
class Packing:
    """A way to compress one file.

    Parameters
    ----------
    start
        How such a file begins.
    open
        Gives what is inside; read to its end, it verifies the checksum.
    unpacker
        Makes one that unpacks a beginning, whatever is missing after it.
    """

    start: bytes
    open: Callable[[Path], IO[bytes]]
    unpacker: Callable[[], Any]


GZIP = Packing(b"\x1f\x8b", cast(Callable[[Path], IO[bytes]], gzip.open), lambda: zlib.decompressobj(wbits=31))
PACKINGS = (
    GZIP,
    Packing(b"BZh", cast(Callable[[Path], IO[bytes]], bz2.open), bz2.BZ2Decompressor),
    Packing(b"\xfd7zXZ\x00", cast(Callable[[Path], IO[bytes]], lzma.open), lzma.LZMADecompressor),
)
LONGEST_START = max(len(packing.start) for packing in PACKINGS)
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
        return packing_of(stream.read(LONGEST_START)) is GZIP


def packing_of(head: bytes) -> Packing | None:
    """How the content of a file is packed, by its beginning."""
    return next((packing for packing in PACKINGS if head.startswith(packing.start)), None)


def open_unpacked(path: Path) -> IO[bytes]:
    """A file's content for reading, unpacked where it is packed, whatever its ending says."""
    with open(path, "rb") as stream:
        packing = packing_of(stream.read(LONGEST_START))
    return open(path, "rb") if packing is None else packing.open(path)


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
