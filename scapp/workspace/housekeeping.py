"""Removing what crashes and replaced values leave behind. The light worker does it when it starts."""

import shutil
import time
from pathlib import Path

from scapp.workspace.store import Workspace

LEFTOVER_SECONDS = 24 * 3600.0
"""Unfinished folders and uploads are leftovers when nobody has touched them for this long."""


def tidy(root: Path) -> int:
    """Sweep every dataset and delete old leftovers; how many things went."""
    workspace = Workspace(root)
    removed = sum(workspace.sweep(dataset.id) for dataset in workspace.datasets())
    leftovers = [
        *workspace.datasets_folder.glob(".new-*"),
        *(root / "runs").glob(".new-*"),
        *(root / "uploads").glob("*"),
        *(root / "trash").glob("*"),
    ]
    for path in leftovers:
        if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
            shutil.rmtree(path)
            removed += 1
    return removed
