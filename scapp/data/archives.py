"""Archives that users upload: unpacked with limits, and never outside the folder that they are given."""

import tarfile
import zipfile
from pathlib import Path, PurePosixPath

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
            f"'{name}' unpacks to {total / 1e9:.1f} GB in {len(members):,} files; at most {limit / 1e9:.1f} GB in {MOST_FILES:,} are unpacked.",
            hint="Unpack it yourself and import the folder by its path.",
        )


def _leaves(member: str) -> bool:
    parts = PurePosixPath(member.replace("\\", "/"))
    return parts.is_absolute() or ".." in parts.parts or (len(member) > 1 and member[1] == ":")


def content_of(folder: Path) -> Path:
    """The one dataset in an unpacked archive: a 10x folder, a .zarr, or the only file.

    Raises
    ------
    DataError
        There is none, or more than one.
    """
    entries = [p for p in sorted(folder.rglob("*")) if "__MACOSX" not in p.parts and not p.name.startswith(".")]
    tenx = sorted({p.parent for p in entries if p.name.removesuffix(".gz").endswith("matrix.mtx")})
    zarr = [p for p in entries if p.is_dir() and p.suffix == ".zarr"]
    files = [p for p in entries if p.is_file() and not any(z in p.parents for z in zarr) and p.parent not in tenx]
    found = [*tenx, *zarr] or files
    if len(found) != 1:
        names = [str(p.relative_to(folder)) or "." for p in found]
        raise DataError(
            f"The archive holds {len(found)} datasets ({listed(names)}); one is needed.",
            hint="Pack one 10x folder, one .zarr or one file, and upload that.",
        )
    return found[0]
