"""Archives that users upload: unpacked with limits, and never outside the folder that they are given."""

import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import psutil

from scapp.core.errors import DataError, listed

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
MOST_FILES = 20_000
MOST_BYTES = 50e9
DISK_SHARE = 0.8


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive into an existing, empty folder.

    Raises
    ------
    DataError
        A member's path leaves the folder, is a link or a device, or the whole is too large.
    """
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            _check([(m.filename, m.file_size) for m in archive.infolist()], folder, path.name)
            archive.extractall(folder)
        return
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        strange = [m.name for m in members if not (m.isfile() or m.isdir())]
        if strange:
            raise DataError(
                f"'{path.name}' holds links or devices ({listed(strange, 3)}).",
                hint="Pack the files themselves, then upload the archive again.",
            )
        _check([(m.name, m.size) for m in members], folder, path.name)
        archive.extractall(folder, filter="data")


def _check(members: list[tuple[str, int]], folder: Path, name: str) -> None:
    outside = [member for member, _ in members if _leaves(member)]
    if outside:
        raise DataError(
            f"'{name}' holds paths that leave its folder ({listed(outside, 3)}).",
            hint="Pack the files again without '..' and without absolute paths.",
        )
    total = sum(size for _, size in members)
    limit = min(MOST_BYTES, DISK_SHARE * psutil.disk_usage(str(folder)).free)
    if total > limit or len(members) > MOST_FILES:
        raise DataError(
            f"'{name}' unpacks to {total / 1e9:.1f} GB in {len(members):,} files; at most {limit / 1e9:.1f} GB in"
            f" {MOST_FILES:,} are unpacked.",
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
            f"'{name}' could not be opened as an archive ({error}).", hint="Pack it again, then upload it once more."
        ) from error
