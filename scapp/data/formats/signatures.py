"""What a file really is, by its first bytes: for files whose ending lies."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path


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
GZIP = Signature("gzipped data")
R_DATA = Signature("an R data file (.rds or .RData)")
EXCEL = Signature("an Excel workbook (.xlsx)")
TEXT = Signature("plain text", (".csv", ".tsv", ".txt"))
EMPTY = Signature("nothing (it is empty)")
UNKNOWN = Signature("bytes of an unknown kind")

_HEAD = 4096


def signature_of(path: Path) -> Signature:
    """What the first bytes of a file say."""
    with open(path, "rb") as stream:
        head = stream.read(_HEAD)
    if head.startswith(b"\x1f\x8b"):
        return _inside_gzip(path)
    return _plain(head)


def _plain(head: bytes) -> Signature:
    if not head:
        return EMPTY
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return HDF5
    if head.startswith(b"PK\x03\x04"):
        return EXCEL if b"[Content_Types].xml" in head or b"xl/" in head else ZIP
    if head[257:262] == b"ustar":
        return TAR
    if head.startswith((b"RDX", b"RDA", b"X\n\x00", b"A\n")):
        return R_DATA
    return TEXT if _is_text(head) else UNKNOWN


def _inside_gzip(path: Path) -> Signature:
    try:
        with gzip.open(path) as stream:
            inner = _plain(stream.read(_HEAD))
    except (OSError, EOFError, zlib.error):
        return GZIP
    return {TAR.title: GZIP_TAR, TEXT.title: GZIP_TEXT, R_DATA.title: R_DATA}.get(inner.title, GZIP)


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head[: max(len(head) - 4, 1)].decode()
    except UnicodeDecodeError:
        return False
    return True
