"""Removing what crashes and replaced values leave behind. The light worker does it when it starts."""

import logging
import time
from pathlib import Path

from filelock import Timeout

from scapp.core import files
from scapp.core.errors import ScappError
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import ACTIVE, RunStore

LEFTOVER_SECONDS = 24 * 3600.0
"""Unfinished folders and uploads are leftovers when nobody has touched them for this long."""

LEFTOVERS = (
    *("datasets/.new-*", "runs/.new-*", "runs/.gone-*", "uploads/*", "trash/*", "steps/*"),
    *("runs/*/.checkpoint-*", "runs/*/temporary", "runs/*/.*.json", "datasets/*/.*.json", "locks/*.lock"),
)
"""What a process that is killed leaves behind."""

RESULT_FOLDER = "result"
"""Of a run: what could not be committed, because its inputs had changed."""

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
    store = RunStore(root)
    runs = store.list()
    awaited = {
        Path(folder).resolve()
        for run in runs
        if run.observe().state != "done" and (folder := run.config.config.get("upload_folder"))
    }
    active = {run.folder for run in runs if run.observe().state in ACTIVE}
    ids = {dataset.id for dataset in workspace.datasets()}
    for run in runs:
        # a result that waits to be adopted waits for nothing once its dataset is gone
        if run.config.dataset not in (None, *ids) and (run.folder / RESULT_FOLDER).exists():
            files.remove(run.folder / RESULT_FOLDER)
            removed += 1
    for pattern in LEFTOVERS:
        for path in root.glob(pattern):
            if path.resolve() in awaited or path.parent in active or _is_lock_in_use(path, ids):
                continue
            try:
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    files.remove(path)
                    removed += 1
            except OSError as error:
                logger.warning("could not remove %s: %s", path, error)
    return removed


def _is_lock_in_use(path: Path, ids: set[str]) -> bool:
    """Locks stay for datasets that are there and for the workers."""
    return path.suffix == ".lock" and (path.stem in ids or path.stem.startswith("worker-"))
