"""Which paths on the server may be read, and safe names for what users upload."""

import re
from collections.abc import Sequence
from pathlib import Path

from scapp.core.errors import ConfigError


def checked_path(path: str, folders: list[Path], closed: Sequence[Path] = ()) -> Path:
    """A path on the server that the deployment allows to read.

    Parameters
    ----------
    path
        As it was typed.
    folders
        From which files may be read.
    closed
        Folders from which none may, wherever they are.

    Raises
    ------
    ConfigError
        It leaves the allowed folders, or is not there.
    """
    allowed = ", ".join(str(folder) for folder in folders) or "none"
    resolved = Path(path).expanduser().resolve()
    if not _is_open(resolved, folders, closed):
        raise ConfigError(
            f"'{path}' is outside the folders that may be read here ({allowed}).",
            hint="Choose a file inside them, or set SCAPP_DATA_DIRS when starting the app.",
        )
    if not resolved.exists():
        raise ConfigError(f"There is no '{path}'.", hint="Check the path, then try again.")
    return resolved


def _is_open(resolved: Path, folders: list[Path], closed: Sequence[Path]) -> bool:
    inside = any(resolved.is_relative_to(folder) for folder in folders)
    # nor a folder that holds a closed one: all of it would be read
    return inside and not any(resolved.is_relative_to(each) or each.is_relative_to(resolved) for each in closed)


def readable_places(
    folders: list[Path], endings: tuple[str, ...], most: int = 300, closed: Sequence[Path] = ()
) -> list[Path]:
    """Files and folders that may be chosen for import, those nearest to the allowed folders first.

    Parameters
    ----------
    folders
        Those that the deployment allows to read. Links that lead out of them are not followed.
    endings
        Of files that are offered; every folder is.
    most
        How many are listed at most.
    closed
        Folders from which none may be read.
    """
    found: list[Path] = []
    waiting = list(folders)
    while waiting and len(found) < most:
        folder = waiting.pop(0)
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue  # it may be seen and not read, or is gone
        for entry in entries:
            resolved = entry.resolve()
            if entry.name.startswith(".") or not any(resolved.is_relative_to(allowed) for allowed in folders):
                continue
            if any(resolved.is_relative_to(each) for each in closed):
                continue
            if entry.is_dir():
                if _is_open(resolved, folders, closed):
                    found.append(entry)
                if not entry.name.endswith(".zarr") and not entry.is_symlink():
                    waiting.append(entry)
            elif entry.name.lower().endswith(endings) and entry.is_file():
                found.append(entry)
    return found[:most]


def safe_file_name(name: str) -> str:
    """The last part of a user's file name, without anything that a path or a shell could misread."""
    last = re.split(r"[\\/]", name)[-1]
    cleaned = re.sub(r"_+", "_", re.sub(r"[^\w.\-]+", "_", last)).strip("_").lstrip(".")
    return cleaned[-120:] or "file"
