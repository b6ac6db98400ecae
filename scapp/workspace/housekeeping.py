"""Removing what crashes and replaced values leave behind. The light worker does it when it starts."""

import logging
import time
from pathlib import Path

from filelock import Timeout

from scapp.core import files
from scapp.core.errors import ScappError
from scapp.workspace.datasets.store import Workspace

LEFTOVER_SECONDS = 24 * 3600.0
"""Unfinished folders and uploads are leftovers when nobody has touched them for this long."""

logger = logging.getLogger(__name__)


def tidy(root: Path) -> int:
    """Sweep every dataset and delete old leftovers; how many things went.

    What cannot be removed is logged and left for the next time: tidying must never keep a worker from working.
    """
    workspace = Workspace(root)
    removed = 0
    for dataset in workspace.datasets():
        try:
            removed += workspace.sweep(dataset.id)
        except (OSError, ScappError, Timeout) as error:
            logger.warning("could not sweep %s: %s", dataset.id, error)
    for pattern in ("datasets/.new-*", "runs/.new-*", "uploads/*", "trash/*"):
        for path in root.glob(pattern):
            try:
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    files.remove(path)
                    removed += 1
            except OSError as error:
                logger.warning("could not remove %s: %s", path, error)
    return removed
