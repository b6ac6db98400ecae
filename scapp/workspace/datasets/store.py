"""Datasets on disk: immutable elements, and one manifest that is replaced atomically.

A commit first writes its elements into a staging folder, then takes the dataset's lock, reads the
manifest again, merges, and replaces it. So a process killed at any moment leaves the old or the new
dataset; two writers of different slots both get through; and a reader that loaded the manifest never
waits and never sees half a commit.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock

from scapp.core import files, keys
from scapp.core.errors import ConfigError, DataError, StaleInputError, listed
from scapp.core.provenance import Provenance, now
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.elements import new_id
from scapp.workspace.datasets.manifest import Entry, Manifest, Parent, Retired, read_manifest, write_manifest
from scapp.workspace.datasets.staging import Staged, kept, stage, staging_prefix, writer_alive

LOCK_SECONDS = 60
KEEP_RETIRED = timedelta(days=7)
"""Replaced elements stay this long: steps can be undone, and a reader with an older manifest still finds them."""

_ID = re.compile(r"[0-9a-f]{16}")


class Workspace:
    """All datasets below one folder.

    Parameters
    ----------
    root
        Created when it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.datasets_folder.mkdir(parents=True, exist_ok=True)

    @property
    def datasets_folder(self) -> Path:
        """Where datasets stand, one folder each."""
        return self.root / "datasets"

    def datasets(self) -> list[Dataset]:
        """Every dataset that can be read, newest first; see ``unreadable`` for the others."""
        found = [dataset for dataset in self._all() if isinstance(dataset, Dataset)]
        return sorted(found, key=lambda dataset: dataset.manifest.created, reverse=True)

    def unreadable(self) -> list[DataError]:
        """Why the other folders cannot be read as datasets."""
        return [fault for fault in self._all() if isinstance(fault, DataError)]

    def _all(self) -> Iterator[Dataset | DataError]:
        for folder in self.datasets_folder.iterdir():
            if _ID.fullmatch(folder.name):
                try:
                    yield self.open(folder.name)
                except DataError as error:
                    yield error

    def open(self, id: str) -> Dataset:
        """The current version of a dataset.

        Raises
        ------
        DataError
            There is none with this id, it is damaged, or it was written by a newer scapp.
        """
        folder = self._folder(id)
        try:
            return Dataset(folder, read_manifest(folder))
        except FileNotFoundError:
            raise DataError(
                "This dataset is not there; it may have been deleted.", hint="Open another one on the home page."
            ) from None

    def create(
        self,
        name: str,
        values: Mapping[str, Any],
        *,
        provenance: Provenance,
        source: dict[str, Any] | None = None,
        parent: Dataset | None = None,
        id: str | None = None,
    ) -> Dataset:
        """Write a new dataset; ``obs_names`` and ``var_names`` must be among the values.

        With an ``id`` of which there is a dataset already, that one is given back and nothing is written.
        """
        n_cells, n_genes = len(values[keys.OBS_NAMES]), len(values[keys.VAR_NAMES])
        made_from = None
        if parent is not None:
            made_from = Parent(id=parent.id, name=parent.name, n_cells=parent.n_cells, n_genes=parent.n_genes)
        manifest = Manifest(
            id=id or new_id(),
            name=_checked_name(name),
            created=now(),
            n_cells=n_cells,
            n_genes=n_genes,
            source=source or {},
            parent=made_from,
            provenance=dict(parent.manifest.provenance) if parent is not None else {},
        )
        building = files.temporary_folder(self.datasets_folder, ".new-")
        try:
            staged = stage(values, building / "elements", provenance=provenance)
            _merge(manifest, staged)
            write_manifest(building, manifest)
            files.fsync_tree(building)
            try:
                os.replace(building, self._folder(manifest.id))
            except OSError:
                if id is None or not self._folder(id).exists():
                    raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return self.open(manifest.id)

    def commit(
        self,
        id: str,
        values: Mapping[str, Any],
        *,
        provenance: Provenance,
        inputs: Mapping[str, str] | None = None,
        keep: Path | None = None,
    ) -> Dataset:
        """Write values into a dataset's slots, all or none.

        They are staged inside the dataset's own folder, so that they get into place by renames, wherever
        the step worked.

        Parameters
        ----------
        id
            The dataset.
        values
            Slot -> value.
        provenance
            The step that made them.
        inputs
            Slot -> fingerprint of what the step read; refused when any has changed since.
        keep
            Where what was refused is put, for ``adopt_kept``.

        Raises
        ------
        StaleInputError
            A slot that was read has changed meanwhile.
        """
        folder = self._folder(id)
        staging = files.temporary_folder(folder / "staging", staging_prefix())
        try:
            staged = stage(values, staging, provenance=provenance, inputs=dict(inputs or {}))
            try:
                return self._adopt(id, staged)
            except StaleInputError:
                if keep is not None:
                    staged.keep(keep)
                raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def adopt_kept(self, id: str, folder: Path) -> Dataset:
        """Commit what ``commit`` refused and kept, although what it was made from has changed since."""
        staging = files.temporary_folder(self._folder(id) / "staging", staging_prefix())
        try:
            return self._adopt(id, kept(Path(shutil.move(folder, staging / "kept"))), even_if_stale=True)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _adopt(self, id: str, staged: Staged, *, even_if_stale: bool = False) -> Dataset:
        """Move staged elements into a dataset and name them in its manifest."""
        folder = self._folder(id)
        with self._locked(id):
            manifest = self.open(id).manifest
            if not even_if_stale:
                _refuse_stale(manifest, staged)
            (folder / "elements").mkdir(exist_ok=True)
            for element in {entry.element for entry in staged.entries.values()}:
                os.replace(staged.folder / element, folder / "elements" / element)
            files.fsync_directory(folder / "elements")
            _merge(manifest, staged)
            write_manifest(folder, manifest)
        return self.open(id)

    def undo(self, id: str, provenance: str) -> Dataset:
        """Take back what a step wrote: each of its slots gets the value it held before, or goes.

        Raises
        ------
        DataError
            Nothing of the step is in place.
        """

        def change(manifest: Manifest) -> None:
            held = [slot for slot, entry in manifest.slots.items() if entry.provenance == provenance]
            if not held:
                raise DataError("This step has been taken back or replaced already.", hint="Reload the page.")
            earlier = {slot: _before(manifest, slot) for slot in held}
            lost = [slot for slot in held if earlier[slot] is None and _written_before(manifest, slot, provenance)]
            if lost:
                raise DataError(
                    f"The values that {listed(lost, 3)} held before are not kept any longer.",
                    hint="Run the earlier step again, with the settings that its entry shows.",
                )
            for slot, entry in earlier.items():
                _put(manifest, slot, entry)

        return self._changed(id, change)

    def bring_back(self, id: str, provenance: str) -> Dataset:
        """Put what a step wrote back in place, where it was taken back or replaced.

        Raises
        ------
        DataError
            Its values are not kept any longer.
        """

        def change(manifest: Manifest) -> None:
            found = {item.slot: item.entry for item in manifest.retired if item.entry.provenance == provenance}
            if not found:
                raise DataError("The earlier values are not kept any longer.", hint="Run the step again.")
            for slot, entry in found.items():
                _put(manifest, slot, entry)

        return self._changed(id, change)

    def _changed(self, id: str, change: Callable[[Manifest], None]) -> Dataset:
        with self._locked(id):
            manifest = self.open(id).manifest
            change(manifest)
            manifest.version += 1
            write_manifest(self._folder(id), manifest)
        return self.open(id)

    def rename(self, id: str, name: str) -> Dataset:
        """Change a dataset's name."""
        with self._locked(id):
            manifest = self.open(id).manifest
            manifest.name = _checked_name(name)
            write_manifest(self._folder(id), manifest)
        return self.open(id)

    def duplicate(self, id: str, name: str) -> Dataset:
        """An independent copy; elements never change, so they are shared by hard links where possible."""
        building = files.temporary_folder(self.datasets_folder, ".new-")
        try:
            with self._locked(id):
                original = self.open(id)
                shutil.copytree(original.folder / "elements", building / "elements", copy_function=files.link_or_copy)
            manifest = original.manifest.model_copy(
                update={"id": new_id(), "name": _checked_name(name), "created": now()}
            )
            write_manifest(building, manifest)
            os.replace(building, self._folder(manifest.id))
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return self.open(manifest.id)

    def delete(self, id: str) -> None:
        """Remove a dataset for good. It vanishes in one rename, whatever happens after."""
        with self._locked(id):
            doomed = self.root / "trash" / new_id()
            doomed.parent.mkdir(exist_ok=True)
            os.replace(self._folder(id), doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def sweep(self, id: str, *, keep: timedelta = KEEP_RETIRED) -> int:
        """Delete elements that no manifest names and staging folders of dead processes; how many."""
        folder = self._folder(id)
        with self._locked(id):
            manifest = self.open(id).manifest
            limit = (datetime.now(UTC) - keep).isoformat(timespec="milliseconds")
            kept = [item for item in manifest.retired if item.at > limit]
            if len(kept) < len(manifest.retired):
                manifest.retired = kept
                write_manifest(folder, manifest)
            named = {entry.element for entry in manifest.slots.values()} | {
                item.entry.element for item in manifest.retired
            }
            elements = folder / "elements"
            doomed = [path for path in elements.iterdir() if path.name not in named] if elements.exists() else []
            staging = folder / "staging"
            doomed += [path for path in staging.iterdir() if not writer_alive(path.name)] if staging.exists() else []
            for path in doomed:
                shutil.rmtree(path)
        return len(doomed)

    def _folder(self, id: str) -> Path:
        if not _ID.fullmatch(id):
            raise DataError(f"'{id[:40]}' is not the id of a dataset.", hint="Open a dataset on the home page.")
        return self.datasets_folder / id

    @contextmanager
    def _locked(self, id: str) -> Iterator[None]:
        folder = self._folder(id)
        if not folder.exists():
            self.open(id)
        locks = self.root / "locks"
        locks.mkdir(exist_ok=True)
        with FileLock(locks / f"{id}.lock", timeout=LOCK_SECONDS):
            yield


def _before(manifest: Manifest, slot: str) -> Entry | None:
    """What a slot held before the present value was written, if anything is kept."""
    present = manifest.slots[slot]
    earlier = [item.entry for item in manifest.retired if item.slot == slot and item.entry.version < present.version]
    return max(earlier, key=lambda entry: entry.version, default=None)


def _written_before(manifest: Manifest, slot: str, provenance: str) -> bool:
    """Whether a step before this one wrote the slot."""
    for record in manifest.provenance.values():
        if record.id == provenance:
            return False
        if slot in record.outputs:
            return True
    return False


def _put(manifest: Manifest, slot: str, entry: Entry | None) -> None:
    """Make an entry (or nothing) the value of a slot; the present one is kept among the retired."""
    present = manifest.slots.pop(slot, None)
    manifest.retired = [item for item in manifest.retired if not (item.slot == slot and item.entry == entry)]
    if present is not None:
        manifest.retired.append(Retired(slot=slot, entry=present, at=now()))
    if entry is not None:
        manifest.slots[slot] = entry


def _merge(manifest: Manifest, staged: Staged) -> None:
    manifest.version += 1
    linked = {slot: manifest.slots[target] for slot, target in staged.links.items()}
    own = {"provenance": staged.provenance.id, "version": manifest.version}
    for slot, entry in {**staged.entries, **linked}.items():
        if slot in manifest.slots:
            manifest.retired.append(Retired(slot=slot, entry=manifest.slots[slot], at=now()))
        manifest.slots[slot] = entry.model_copy(update=own)
    manifest.provenance[staged.provenance.id] = staged.provenance


def _refuse_stale(manifest: Manifest, staged: Staged) -> None:
    for slot, read in staged.inputs.items():
        current = manifest.slots.get(slot)
        if current is None or current.fingerprint != read:
            raise StaleInputError(
                f"{slot} was changed while this ran; the result was made from an older version.",
                hint="The result is kept in the run: use it anyway, or run the step again.",
            )


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise ConfigError(
            f"A dataset's name has 1 to 120 characters; found {len(name)}.", hint="Type a shorter, non-empty name."
        )
    return name
