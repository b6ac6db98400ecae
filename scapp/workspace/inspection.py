"""Is what a workspace holds what was written? Every value against its fingerprint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scapp.core import keys
from scapp.core.errors import DataError
from scapp.core.provenance import fingerprint, is_fingerprint_of
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.datasets.stored_matrix import open_afresh, verify_by_gene


@dataclass(frozen=True)
class Damage:
    """A value that is not what was written.

    Parameters
    ----------
    dataset, name
        Id and name of the dataset; a dataset whose manifest is damaged has no name.
    slot
        Which value; empty where the whole dataset cannot be opened.
    reason
        What is wrong with it.
    made_by
        Name of the step that made it; empty where the whole dataset cannot be opened.
    """

    dataset: str
    name: str
    slot: str
    reason: str
    made_by: str


def inspect(root: Path) -> tuple[int, list[Damage]]:
    """How many datasets a workspace holds, and what of them is damaged."""
    workspace = Workspace(root)
    datasets = workspace.datasets()
    damages = [Damage("", "", "", error.message, "") for error in workspace.unreadable()]
    n_datasets = len(datasets) + len(damages)
    for dataset in datasets:
        damages += inspect_dataset(dataset)
    return n_datasets, damages


def inspect_dataset(dataset: Dataset) -> list[Damage]:
    """What of a dataset is not what was written."""
    open_afresh()
    found = []
    for slot, entry in dataset.slots.items():
        try:
            value = dataset.read(slot)
            sound = is_fingerprint_of(entry.fingerprint, value) or entry.fingerprint == fingerprint(_with_lists(value))
            if keys.is_matrix(slot):
                verify_by_gene(dataset.matrix(slot))
            reason = "" if sound else "its content has changed."
        except DataError as error:
            reason = error.message
        if reason:
            found.append(Damage(dataset.id, dataset.name, slot, reason, dataset.maker(slot)))
    return found


def _with_lists(value: Any) -> Any:
    """The value with lists in the place of arrays: files know no lists, and give back an array for one."""
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
