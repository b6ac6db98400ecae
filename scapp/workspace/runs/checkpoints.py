"""Checkpoints: numbered folders that appear complete, in one rename, or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from scapp.core import files


def write_checkpoint(parent: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill a folder, put it in place, and remove the ones before it."""
    building = files.temporary_folder(parent, ".checkpoint-")
    try:
        write(building)
        files.fsync_tree(building)
        earlier = _numbered(parent)
        number = max(earlier, default=0) + 1
        place = parent / f"checkpoint-{number:06d}"
        os.replace(building, place)
        files.fsync_directory(parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    for folder in earlier.values():
        shutil.rmtree(folder)
    return place


def latest_checkpoint(parent: Path) -> Path | None:
    """The newest complete checkpoint, if any."""
    found = _numbered(parent)
    return found[max(found)] if found else None


def _numbered(parent: Path) -> dict[int, Path]:
    return {int(path.name.split("-")[1]): path for path in parent.glob("checkpoint-*") if path.name[11:].isdigit()}
