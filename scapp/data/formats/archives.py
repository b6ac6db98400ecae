"""Archives that users upload: unpacked with limits, and never outside the folder that they are given."""

import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import psutil

from scapp.core.errors import DataError, listed
from scapp.core.memory import DISK_SHARE
from scapp.data.formats.decoding import is_gzip, open_unpacked

ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")
PACKED_FILES = (".h5ad.gz", ".h5.gz", ".hdf5.gz", ".loom.gz", ".h5mu.gz", ".rds.gz", ".rdata.gz", ".rda.gz")
BLOCK = 1 << 20
MOST_FILES = 20_000
MOST_BYTES = 50e9


class Allowance:
    """Bytes and files that may still be unpacked, over an archive and all archives inside it.

    Parameters
    ----------
    folder
        Where they go; at most 80% of its free space is used.
    """

    def __init__(self, folder: Path) -> None:
        self.limit = min(MOST_BYTES, DISK_SHARE * psutil.disk_usage(str(folder)).free)
        self.bytes = 0
        self.files = 0

    def take(self, n_bytes: int, name: str) -> None:
        """Count bytes as they are unpacked: what an archive declares is not believed.

        Raises
        ------
        DataError
            There are too many.
        """
        self.bytes += n_bytes
        if self.bytes > self.limit or self.files > MOST_FILES:
            raise DataError(
                f"'{name}' unpacks to more than {self.limit / 1e9:.1f} GB or {MOST_FILES:,} files.",
                hint="Unpack it yourself and import the folder by its path.",
            )


def unpack(path: Path, folder: Path, allowance: Allowance | None = None) -> None:
    """Unpack an archive into an existing, empty folder, checksums verified where the format has them.

    Raises
    ------
    DataError
        A member's path leaves the folder, is a link or a device, or the whole is too large.
    """
    allowance = allowance or Allowance(folder)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check([(m.filename, m.file_size) for m in archive.infolist()], allowance, path.name)
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as stream:
                        _write(stream, folder / info.filename, allowance, path.name)
        return
    with open_unpacked(path) as stream, tarfile.open(fileobj=stream, mode="r:") as packed:
        members = packed.getmembers()
        strange = [m.name for m in members if not (m.isfile() or m.isdir())]
        if strange:
            raise DataError(
                f"'{path.name}' holds links or devices ({listed(strange, 3)}).",
                hint="Pack the files themselves, then choose the archive again.",
            )
        _check([(m.name, m.size) for m in members], allowance, path.name)
        for member in members:
            content = packed.extractfile(member) if member.isfile() else None
            if content is not None:
                with content:
                    _write(content, folder / member.name, allowance, path.name)
        # what packs it says at its very end whether all was right; tar stops before that
        while stream.read(BLOCK):
            pass


def unpack_one(path: Path, target: Path, allowance: Allowance) -> None:
    """Unpack one file packed with gzip, bzip2 or xz, to its end, so that its checksum is verified."""
    with open_unpacked(path) as stream:
        _write(stream, target, allowance, path.name)


@contextmanager
def plain_file(path: Path) -> Iterator[Path]:
    """The file itself, or an unpacked copy of a gzipped one for as long as it is needed; its checksum is verified."""
    packed = is_gzip(path)
    if not packed and path.suffix.lower() not in (".gz", ".bz2"):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="scapp-") as name:
        target = Path(name) / "plain"
        if packed:
            unpack_one(path, target, Allowance(Path(name)))
        else:
            target.symlink_to(path.absolute())  # a reader that goes by names would unpack it
        yield target


def _write(stream: IO[bytes], target: Path, allowance: Allowance, name: str) -> None:
    allowance.files += 1
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb") as written:
        while block := stream.read(BLOCK):
            allowance.take(len(block), name)
            written.write(block)


def unpack_nested(folder: Path, allowance: Allowance, depth: int = 3) -> None:
    """Unpack archives and gzipped HDF5 and R files inside a folder, in place, some levels deep; GEO packs so."""
    for path in [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink()]:
        name = path.name.lower()
        if name.endswith(ENDINGS) and depth:
            inside = path.with_name(path.name[: -len(next(e for e in ENDINGS if name.endswith(e)))] or "archive")
            if inside.exists():
                inside = path.with_name(f"{path.name}.unpacked")
            inside.mkdir()
            unpack(path, inside, allowance)
            path.unlink()
            unpack_nested(inside, allowance, depth - 1)
        elif name.endswith(PACKED_FILES):
            unpack_one(path, path.with_name(path.name[:-3]), allowance)
            path.unlink()


def _check(members: list[tuple[str, int]], allowance: Allowance, name: str) -> None:
    outside = [member for member, _ in members if _leaves(member)]
    if outside:
        raise DataError(
            f"'{name}' holds paths that leave its folder ({listed(outside, 3)}).",
            hint="Pack the files again without '..' and without absolute paths.",
        )
    total = sum(size for _, size in members)
    if total > allowance.limit or len(members) > MOST_FILES:
        raise DataError(
            f"'{name}' unpacks to {total / 1e9:.1f} GB in {len(members):,} files; at most"
            f" {allowance.limit / 1e9:.1f} GB in {MOST_FILES:,} are unpacked.",
            hint="Unpack it yourself and import the folder by its path.",
        )


def _leaves(member: str) -> bool:
    parts = PurePosixPath(member.replace("\\", "/"))
    return parts.is_absolute() or ".." in parts.parts or (len(member) > 1 and member[1] == ":")


def members(stream: BinaryIO, name: str) -> list[str]:
    """Names of the files in an archive, without unpacking it.

    Raises
    ------
    DataError
        It is damaged, or no archive.
    """
    try:
        if name.lower().endswith(".zip"):
            with zipfile.ZipFile(stream) as packed:
                return [m.filename for m in packed.infolist() if not m.is_dir()]
        with tarfile.open(fileobj=stream) as archive:
            return [m.name for m in archive.getmembers() if m.isfile()]
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"'{name}' could not be opened as an archive ({error}).", hint="Pack it again, then import it again."
        ) from error
