"""Removing what crashes and replaced values leave behind. The light worker does it when it starts."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import Timeout

from scapp.core import files
from scapp.core.errors import ScappError
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.results import RESULT_FOLDER, TEMPORARY
from scapp.workspace.runs.run import ACTIVE, RunStore

LEFTOVER_SECONDS = 24 * 3600.0
"""Unfinished folders and uploads are leftovers when nobody has touched them for this long."""

LEFTOVERS = (
    *("datasets/.new-*", "runs/.new-*", "runs/.gone-*", "uploads/*", "trash/*", "steps/*"),
    *("runs/*/.checkpoint-*", f"runs/*/{TEMPORARY}", "runs/*/.*.json", "datasets/*/.*.json", "locks/*.lock"),
)
"""What a process that is killed leaves behind."""

logger = logging.getLogger(__name__)


def tidy(root: Path) -> int:
    """Sweep every dataset and delete old leftovers; how many things went.

    What cannot be removed is logged and left for the next time: tidying must never keep a worker from working.
    """
    workspace = Workspace(root)
    datasets = workspace.datasets()
    removed = 0
    for dataset in datasets:
        try:
            removed += workspace.sweep(dataset.id)
        except (OSError, ScappError, Timeout) as error:
            logger.warning("could not sweep %s: %s", dataset.id, error)
    for path in _leftovers(root, {dataset.id for dataset in datasets}):
        try:
            files.remove(path)
            removed += 1
        except OSError as error:
            logger.warning("could not remove %s: %s", path, error)
    return removed


def _leftovers(root: Path, ids: set[str]) -> Iterator[Path]:
    """What nobody waits for any longer, given the ids of the datasets that are there."""
    awaited, active = set(), set()
    for run in RunStore(root).list():
        state = run.observe().state
        uploaded = run.config.config.get("upload_folder")
        if uploaded is not None and state != "done":
            awaited.add(Path(uploaded).resolve())
        if state in ACTIVE:
            active.add(run.folder)
        # a result that waits to be adopted waits for nothing once its dataset is gone
        if run.config.dataset not in (None, *ids) and (run.folder / RESULT_FOLDER).exists():
            yield run.folder / RESULT_FOLDER
    for pattern in LEFTOVERS:
        for path in root.glob(pattern):
            used = path.resolve() in awaited or path.parent in active or _is_lock_in_use(path, ids)
            if not used and _untouched_for(path) > LEFTOVER_SECONDS:
                yield path


def _untouched_for(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # somebody else was quicker


def _is_lock_in_use(path: Path, ids: set[str]) -> bool:
    """Locks stay for datasets that are there and for the workers."""
    return path.suffix == ".lock" and (path.stem in ids or path.stem.startswith("worker-"))
