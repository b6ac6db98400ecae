"""What a file really is, by its first bytes: for files whose ending lies."""

import lzma
import zlib
from dataclasses import dataclass
from pathlib import Path

from scapp.data.formats import decoding
from scapp.data.formats.decoding import Packing, encoding_of, packing_of


@dataclass(frozen=True)
class Signature:
    """One kind of content.

    Parameters
    ----------
    title
        Words for people.
    endings
        Endings that fit it; none where scapp cannot read it.
    """

    title: str
    endings: tuple[str, ...] = ()


HDF5 = Signature("an HDF5 file", (".h5ad", ".h5", ".hdf5", ".loom"))
ZIP = Signature("a zip archive", (".zip",))
TAR = Signature("a tar archive", (".tar",))
GZIP_TAR = Signature("a gzipped tar archive", (".tar.gz", ".tgz"))
GZIP_TEXT = Signature("gzipped text", (".csv.gz", ".tsv.gz", ".txt.gz"))
GZIP_HDF5 = Signature("a gzipped HDF5 file", (".h5ad.gz", ".h5.gz", ".loom.gz"))
GZIP = Signature("gzipped data")
PACKED = Signature("a file packed with bzip2 or xz, or twice", (".bz2", ".xz"))
R_DATA = Signature("an R data file (.rds or .RData)", (".rds", ".rdata", ".rda"))
EXCEL = Signature("an Excel workbook (.xlsx)")
TEXT = Signature("plain text", (".csv", ".tsv", ".txt"))
EMPTY = Signature("nothing (it is empty)")
UNKNOWN = Signature("bytes of an unknown kind")

_HEAD = 4096
_MOST = 1 << 20
"""A block of bzip2 is at most 900 kB."""


def signature_of(path: Path) -> Signature:
    """What the first bytes of a file say."""
    with open(path, "rb") as stream:
        head = stream.read(_HEAD)
    packing = packing_of(head)
    return _plain(head) if packing is None else _inside(packing, path)


def _inside(packing: Packing, path: Path) -> Signature:
    """What a packed file holds: what can be unpacked of its beginning tells, even where the end is missing."""
    try:
        with open(path, "rb") as stream:
            inside = packing.unpacker().decompress(stream.read(_MOST), _HEAD)
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return GZIP if packing is decoding.GZIP else UNKNOWN
    if packing_of(inside) is not None:
        return PACKED  # GEO gzips what R has gzipped
    inner = _plain(inside)
    if inner is R_DATA:
        return R_DATA  # R packs its own files, in any of these ways
    if packing is not decoding.GZIP:
        return PACKED
    known = {TAR.title: GZIP_TAR, TEXT.title: GZIP_TEXT, HDF5.title: GZIP_HDF5}
    return known.get(inner.title, GZIP)


def _plain(head: bytes) -> Signature:
    if not head:
        return EMPTY
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return HDF5
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return EXCEL if b"[Content_Types].xml" in head or b"xl/" in head else ZIP
    if head[257:262] == b"ustar":
        return TAR
    if head.startswith((b"RDX", b"RDA", b"X\n\x00", b"A\n2\n", b"A\n3\n", b"B\n\x02", b"B\n\x03")):
        return R_DATA
    return TEXT if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    """Words and numbers, in UTF-8, in UTF-16, or in a Western code page with few letters beyond ASCII."""
    if encoding_of(head).startswith(("utf-16", "utf-32")):
        return True
    if b"\x00" in head:
        return False
    try:
        head[: max(len(head) - 4, 1)].decode()
    except UnicodeDecodeError:
        plain = sum(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head)
        return plain > 0.9 * len(head)
    return True
