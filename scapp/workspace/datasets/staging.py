"""Elements on their way into a dataset: written, and not yet named by a manifest."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from scapp.core import files, keys
from scapp.core.provenance import Provenance, fingerprint, now, versions
from scapp.workspace.datasets.elements import new_id, write_element
from scapp.workspace.datasets.manifest import Entry


@dataclass(frozen=True)
class Staged:
    """Elements written and not yet part of a dataset."""

    folder: Path
    entries: dict[str, Entry]
    provenance: Provenance
    inputs: dict[str, str]


def stage(
    values: Mapping[str, Any], folder: Path, *, provenance: Provenance, inputs: dict[str, str] | None = None
) -> Staged:
    """Write values as elements into a folder, with a by-gene copy beside X."""
    values = dict(values)
    if keys.X in values:
        values[keys.X_BY_GENE] = values[keys.X].tocsc()
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for slot, value in values.items():
        element = new_id()
        write_element(folder / element, value)
        entries[slot] = Entry(element=element, fingerprint=fingerprint(value), provenance=provenance.id, version=0)
    files.fsync_tree(folder)
    outputs = {slot: entry.fingerprint for slot, entry in entries.items() if slot != keys.X_BY_GENE}
    return Staged(folder, entries, provenance.model_copy(update={"outputs": outputs}), inputs or {})


def new_provenance(step: str, **details: Any) -> Provenance:
    """A provenance record with a fresh id, the time and the versions of this process."""
    return Provenance(id=new_id(), step=step, versions=versions(), created=now(), **details)


def staging_prefix() -> str:
    """Name that says whose staging folder it is."""
    return f"{os.getpid()}-{int(psutil.Process().create_time())}-"


def writer_alive(name: str) -> bool:
    """Whether the process that made a staging folder is still there."""
    pid, started, _ = name.split("-", 2)
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(started)
    except psutil.NoSuchProcess:
        return False
