"""Elements on their way into a dataset: written, and not yet named by a manifest."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scapp.core import files, keys
from scapp.core.processes import started_at
from scapp.core.provenance import Provenance, fingerprint, now, versions
from scapp.data.blocks.blocked_matrix import BlockedMatrix, LogNormalised, blocked
from scapp.workspace.datasets.elements import new_id, write_element
from scapp.workspace.datasets.manifest import Entry
from scapp.workspace.datasets.stored_matrix import write_log_normalised, write_matrix


@dataclass(frozen=True)
class SameAs:
    """Stands for the value of another slot: both slots then name one element, and nothing is written twice."""

    slot: str


@dataclass(frozen=True)
class Staged:
    """Elements written and not yet part of a dataset.

    Parameters
    ----------
    folder
        Where the elements stand.
    entries
        Slot -> what it will hold.
    links
        Slot -> slot of the dataset whose element it will name as well.
    provenance
        The step that wrote them.
    inputs
        Slot -> fingerprint of what the step read.
    """

    folder: Path
    entries: dict[str, Entry]
    links: dict[str, str]
    provenance: Provenance
    inputs: dict[str, str]

    def keep(self, place: Path) -> None:
        """Move the folder to ``place``, with a record from which ``kept`` reads it again."""
        content = {
            "entries": {slot: entry.model_dump() for slot, entry in self.entries.items()},
            "links": self.links,
            "provenance": self.provenance.model_dump(),
            "inputs": self.inputs,
        }
        files.write_json(self.folder / _RECORD, content)
        files.remove(place)
        shutil.move(self.folder, place)


_RECORD = "staged.json"


def kept(folder: Path) -> Staged:
    """What ``Staged.keep`` put into a folder."""
    content = files.read_json(folder / _RECORD)
    entries = {slot: Entry.model_validate(entry) for slot, entry in content["entries"].items()}
    provenance = Provenance.model_validate(content["provenance"])
    return Staged(folder, entries, content.get("links", {}), provenance, content["inputs"])


def stage(
    values: Mapping[str, Any], folder: Path, *, provenance: Provenance, inputs: dict[str, str] | None = None
) -> Staged:
    """Write values as elements into a folder.

    A value that is ``SameAs`` another slot names that one's element: one of the values, or one that the
    step read.
    """
    links = {slot: value.slot for slot, value in values.items() if isinstance(value, SameAs)}
    values = {slot: value for slot, value in values.items() if slot not in links}
    values |= {slot: blocked(value) for slot, value in values.items() if keys.is_matrix(slot)}
    folder.mkdir(parents=True, exist_ok=True)
    # what is derived first: the fingerprint of what it is derived from is found on the way
    derived = [slot for slot in values if isinstance(values[slot], LogNormalised)]
    fingerprints = {slot: fingerprint(values[slot]) for slot in [*derived, *(s for s in values if s not in derived)]}
    entries = {}
    for slot, value in values.items():
        element = new_id()
        if isinstance(value, LogNormalised):
            of = next(other for other in values if values[other] is value.base)
            write_log_normalised(folder / element, value, of, fingerprints[of])
        elif isinstance(value, BlockedMatrix):
            write_matrix(folder / element, value)
        else:
            write_element(folder / element, value)
        entries[slot] = Entry(element=element, fingerprint=fingerprints[slot], provenance=provenance.id, version=0)
    files.fsync_tree(folder)
    inputs = inputs or {}
    for slot in [slot for slot, target in links.items() if target in entries]:
        entries[slot] = entries[links.pop(slot)]
    outputs = {slot: entry.fingerprint for slot, entry in entries.items()}
    outputs |= {slot: inputs[target] for slot, target in links.items()}
    return Staged(folder, entries, links, provenance.model_copy(update={"outputs": outputs}), inputs)


def new_provenance(step: str, **details: Any) -> Provenance:
    """A provenance record with a fresh id, the time and the versions of this process."""
    return Provenance(id=new_id(), step=step, versions=versions(), created=now(), **details)


def plain(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The single numbers and words of a step's summary, for its record."""
    return {
        name: value for name, value in summary.items() if value is None or isinstance(value, (bool, int, float, str))
    }


def staging_prefix() -> str:
    """Name that says whose staging folder it is."""
    return f"{os.getpid()}-{int(started_at(os.getpid()) or 0)}-"


def writer_alive(name: str) -> bool:
    """Whether the process that made a staging folder is still there."""
    pid, started, _ = name.split("-", 2)
    found = started_at(int(pid))
    return found is not None and int(found) == int(started)
