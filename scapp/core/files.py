"""Writing files so that a process killed at any moment leaves the old one or the new one."""

import contextlib
import errno
import json
import math
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it replaces ``path``, on failure it goes.

    The temporary name keeps the ending, because some writers choose a format by it.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        fsync_tree(temporary)
        os.replace(temporary, path)
        fsync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Atomically replace ``path`` with JSON."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1))


def read_json(path: Path) -> Any:
    """Parse a JSON file."""
    return json.loads(Path(path).read_text())


def append_json_line(path: Path, value: Any) -> None:
    """Append one line in a single write, so that readers see whole lines.

    Raises
    ------
    OSError
        The disk is full. What was written of the line is cut off by the next one.
    """
    line = (json.dumps(value) + "\n").encode()
    with open(path, "ab+", buffering=0) as stream:
        if stream.seek(0, os.SEEK_END):
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                line = b"\n" + line
        if stream.write(line) != len(line):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))


def read_json_lines(path: Path) -> list[Any]:
    """Lines of a JSON-lines file; lines that a full disk, a killed process or damage made unreadable are
    left out.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def fsync_tree(path: Path) -> None:
    """Flush a file, or every file below a folder, to disk."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def fsync_directory(path: Path) -> None:
    """Flush a folder's own entries, so that a rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the one where it would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


def size_of(path: Path) -> int:
    """Bytes in a file, or in all files of a folder; see ``sizes_of``."""
    return sum(sizes_of(path))


def sizes_of(path: Path) -> tuple[int, int]:
    """Bytes of files that stand in a folder alone, and of those that have names elsewhere as well.

    One that has several names in the folder counts once, and those that vanish meanwhile count for nothing.
    """
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for inside in path.rglob("*") if path.is_dir() else [path]:
        with contextlib.suppress(FileNotFoundError):
            status = inside.stat()
            if stat.S_ISREG(status.st_mode):
                place = status.st_dev, status.st_ino
                found[place] = status.st_size, status.st_nlink, found.get(place, (0, 0, 0))[2] + 1
    shared = sum(size for size, n_names, n_here in found.values() if n_names > n_here)
    return sum(size for size, _, _ in found.values()) - shared, shared


def size_in_words(n_bytes: float) -> str:
    """Bytes as people read them: 340 kB, 12 MB, 3.4 GB."""
    if n_bytes < 1e6:
        return f"{math.ceil(n_bytes / 1e3)} kB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes < 0.9995e9 else f"{n_bytes / 1e9:.1f} GB"


def link_or_copy(source: str, target: str) -> str:
    """Give a file that never changes a second name, or copy it where that cannot be; for ``shutil.copytree``."""
    try:
        os.link(source, target)
    except OSError:
        # another file system, or one without hard links
        shutil.copy2(source, target)
    return target


def remove(path: Path) -> None:
    """Delete a file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def temporary_folder(parent: Path, prefix: str) -> Path:
    """A fresh folder below ``parent``."""
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
