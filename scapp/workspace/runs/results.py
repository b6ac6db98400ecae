"""A run leaves its result once, whenever the processes that carry it out are killed."""

import hashlib
from pathlib import Path
from typing import Any

from scapp.core import files
from scapp.core.errors import DataError
from scapp.workspace.datasets.store import Workspace

RESULT_FOLDER = "result"
"""Of a run: what could not be committed, because its inputs had changed."""
TEMPORARY = "temporary"
"""Of a run: what is needed while it works."""
_SUMMARY = "summary.json"


def dataset_of(run_id: str) -> str:
    """The id of the dataset that a run makes: the same whenever it is made."""
    return hashlib.blake2b(run_id.encode(), digest_size=8).hexdigest()


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Keep what a run says of its result in its folder, before the result itself is saved."""
    files.write_json(folder / _SUMMARY, summary)


def left_result(workspace: Workspace, run_id: str, dataset_id: str | None, folder: Path) -> dict[str, Any] | None:
    """What a run says of the result that it has saved already; None where it has saved none.

    Parameters
    ----------
    workspace
        Where results are saved.
    run_id, dataset_id
        The run, and the dataset that it works on.
    folder
        The run's own.
    """
    if not (folder / _SUMMARY).exists():
        return None
    for id in (dataset_of(run_id), dataset_id):
        if id is None:
            continue
        try:
            records = workspace.open(id).manifest.provenance.values()
        except DataError:
            continue  # it made none, or it is gone
        if any(record.run == run_id for record in records):
            return {**files.read_json(folder / _SUMMARY), "dataset": id}
    return None
