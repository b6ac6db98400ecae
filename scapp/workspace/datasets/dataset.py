"""One version of a dataset, as its manifest named it when it was opened."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core import keys
from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.workspace.datasets.elements import read_element
from scapp.workspace.datasets.manifest import Entry, Manifest, read_manifest
from scapp.workspace.datasets.stored_matrix import column_of_earlier, open_matrix

_PRODUCED_BY = (
    ("X", "Filter and normalise the dataset on the Upload & QC page."),
    ("layers/", "Import a file with raw counts on the Upload & QC page."),
    ("obsp/", "Click 'Make the map' on the Clusters & map page."),
    ("obsm/X_umap", "Click 'Make the map' on the Clusters & map page."),
    ("obsm/X_clear", "Train CLEAR on the Train CLEAR page."),
    ("obsm/", "Filter and normalise the dataset on the Upload & QC page."),
)
"""What to click next when a slot is empty, by how the slot begins."""


class Dataset:
    """One version of a dataset: what its manifest named when it was opened."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @property
    def id(self) -> str:
        """Random id, also the folder's name."""
        return self.manifest.id

    @property
    def name(self) -> str:
        """The user's name for it."""
        return self.manifest.name

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.manifest.n_cells

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return self.manifest.n_genes

    @property
    def source(self) -> dict[str, Any]:
        """What was recorded when the data were imported: where they come from, their units, what was noticed."""
        return self.manifest.source

    @property
    def slots(self) -> Mapping[str, Entry]:
        """Slots that hold something, in the order of writing."""
        return self.manifest.slots

    def __contains__(self, slot: str) -> bool:
        return slot in self.manifest.slots

    def columns(self, field: str = "obs") -> list[str]:
        """Names of the cell (or gene) annotations."""
        return keys.names_in(self.manifest.slots, field)

    def read(self, slot: str) -> Any:
        """The value of a slot.

        Raises
        ------
        DataError
            The slot is empty; the hint names the page that fills it.
        """
        return self.matrix(slot).to_csr() if keys.is_matrix(slot) else read_element(self._element(slot))

    def matrix(self, slot: str) -> BlockedMatrix:
        """The values of cells by genes that a slot holds, read in blocks.

        Raises
        ------
        DataError
            The slot is empty, or what it holds is damaged.
        """
        return open_matrix(self._element(slot), self._base)

    def _base(self, slot: str, fingerprint: str) -> BlockedMatrix:
        """What log-normalised values are derived from."""
        if slot not in self.slots or self.fingerprint(slot) != fingerprint:
            raise ValueError(f"{slot}, from which it was derived, holds something else")
        return self.matrix(slot)

    def hint(self, slot: str) -> str:
        """What to click when a slot is empty."""
        return next(
            (text for start, text in _PRODUCED_BY if slot.startswith(start)), "Run the step that makes it first."
        )

    def fingerprint(self, slot: str) -> str:
        """Fingerprint of the value of a slot."""
        return self.manifest.slots[slot].fingerprint

    def maker(self, slot: str) -> str:
        """Name of the step that wrote a slot."""
        return self.manifest.provenance[self.manifest.slots[slot].provenance].step

    def is_current(self, slot: str, source: str) -> bool:
        """Whether a slot was made from what another holds now; False where either is empty."""
        slots = self.manifest.slots
        if slot not in slots or source not in slots:
            return False
        return self.manifest.provenance[slots[slot].provenance].inputs.get(source) == slots[source].fingerprint

    def last_settings(self, step: str) -> dict[str, Any]:
        """Settings with which a step was last carried out; empty when it was not."""
        records = reversed(list(self.manifest.provenance.values()))
        return next((record.config for record in records if record.step == step), {})

    def obs(self, columns: list[str]) -> pd.DataFrame:
        """Some cell annotations, in file order, without loading the names of the cells."""
        return pd.DataFrame({column: self.read(keys.obs(column)) for column in columns}, index=range(self.n_cells))

    def names(self, slot: str) -> pd.Index:
        """``obs_names`` or ``var_names``."""
        return pd.Index(self.read(slot), dtype=object).astype(str)

    def var(self) -> pd.DataFrame:
        """All gene annotations, indexed by gene name."""
        columns = {column: self.read(keys.var(column)) for column in self.columns("var")}
        return pd.DataFrame(columns, index=self.names(keys.VAR_NAMES))

    def gene(self, position: int) -> np.ndarray:
        """log-normalised values of one gene, shape (n_cells,), without loading the matrix."""
        if not 0 <= position < self.n_genes:
            raise DataError(f"There is no gene number {position}.", hint="Choose a gene from the list.")
        if keys.X_BY_GENE in self:
            return column_of_earlier(self._element(keys.X_BY_GENE), position)
        return self.matrix(keys.X).column(position)

    def profiles(self, cells: np.ndarray) -> sparse.csr_matrix:
        """log-normalised values of some cells, shape (len(cells), n_genes), without loading the matrix."""
        return self.matrix(keys.X).rows(np.asarray(cells, dtype=np.int64))

    def _element(self, slot: str) -> Path:
        entry = self.manifest.slots.get(slot)
        if entry is None:
            raise DataError(
                f"'{self.name}' has no {slot}; it holds {listed(self.manifest.slots)}.", hint=self.hint(slot)
            )
        return self.folder / "elements" / entry.element


def read_slots(folder: Path, *slots: str) -> list[Any]:
    """Values of another dataset than the one that a step works on.

    Parameters
    ----------
    folder
        Of the dataset.
    slots
        What to read.

    Raises
    ------
    DataError
        The dataset was deleted, or a slot is empty.
    """
    try:
        dataset = Dataset(folder, read_manifest(folder))
    except FileNotFoundError:
        raise DataError(
            "The dataset that this one is compared with is not there; it may have been deleted.",
            hint="Choose another one.",
        ) from None
    return [dataset.read(slot) for slot in slots]
