"""What a step gets and gives: values of a dataset in, values for slots or a new dataset out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from scapp.core import keys
from scapp.core.errors import DataError
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.data.symbols import GeneNames, gene_names
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.staging import SameAs


class Source(Protocol):
    """Where the values of a step come from: a dataset of the workspace, or an AnnData in memory.

    Slots are named as in ``core.keys``. Fingerprints are equal when values are equal.
    """

    @property
    def name(self) -> str:
        """Name of the data, for people."""

    @property
    def n_cells(self) -> int:
        """Number of cells."""

    @property
    def n_genes(self) -> int:
        """Number of genes."""

    @property
    def slots(self) -> Collection[str]:
        """Names of the slots that hold something."""

    @property
    def source(self) -> dict[str, Any]:
        """What was recorded when the data were imported, such as ``units``."""

    def read(self, slot: str) -> Any:
        """Value of a slot; an empty one raises a ``DataError`` that says which step fills it."""

    def matrix(self, slot: str) -> BlockedMatrix:
        """Values of cells by genes that a slot holds, read in blocks; an empty one raises as ``read`` does."""

    def hint(self, slot: str) -> str:
        """What to click, or to call, when a slot is empty."""

    def fingerprint(self, slot: str) -> str:
        """Fingerprint of the value of a slot."""

    def maker(self, slot: str) -> str:
        """Name of the step that wrote a slot."""

    def is_current(self, slot: str, source: str) -> bool:
        """Whether a slot was made from what another holds now; False where either is empty."""

    def last_settings(self, step: str) -> dict[str, Any]:
        """Settings with which a step was last carried out; empty when it was not."""


class Reading:
    """The one door through which a step reads: it remembers the fingerprints of what was read.

    Parameters
    ----------
    source
        A dataset of the workspace, or an AnnData in memory.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.fingerprints: dict[str, str] = {}
        self.name, self.n_cells, self.n_genes = source.name, source.n_cells, source.n_genes
        self.source, self.slots = source.source, source.slots
        self.maker, self.last_settings = source.maker, source.last_settings
        self.is_current = source.is_current

    def __contains__(self, slot: str) -> bool:
        return slot in self.slots

    def require(self, slot: str, without: str) -> None:
        """Refuse to go on when a slot is empty.

        Raises
        ------
        DataError
            With what it means, and what fills the slot.
        """
        if slot not in self:
            raise DataError(without, hint=self._source.hint(slot))

    def columns(self, field_name: str = "obs") -> list[str]:
        """Names of the cell (or gene) annotations."""
        return keys.names_in(self.slots, field_name)

    def read(self, slot: str) -> Any:
        """Value of a slot; what the step makes then counts as made from it."""
        value = self._source.read(slot)
        self.fingerprints[slot] = self._source.fingerprint(slot)
        return value

    def matrix(self, slot: str) -> BlockedMatrix:
        """Values of cells by genes, read in blocks; what the step makes then counts as made from them."""
        matrix = self._source.matrix(slot)
        self.fingerprints[slot] = self._source.fingerprint(slot)
        return matrix

    def read_aside(self, slot: str) -> Any:
        """Value of a slot on which nothing that the step makes depends, such as labels that are only compared with."""
        return self._source.read(slot)

    def same_as(self, slot: str) -> SameAs:
        """The value of a slot for another one, without loading it.

        Raises
        ------
        DataError
            The slot is empty.
        """
        if slot not in self:
            self._source.read(slot)  # which says what fills it
        self.fingerprints[slot] = self._source.fingerprint(slot)
        return SameAs(slot)

    def equal(self, slot: str, other: str) -> bool:
        """Whether two slots are there and hold equal values."""
        return slot in self and other in self and self._source.fingerprint(slot) == self._source.fingerprint(other)

    def raw_slot(self) -> str:
        """The slot of the values that later steps start from: counts, else other linear values.

        Raises
        ------
        DataError
            There are neither.
        """
        for slot in (keys.COUNTS, keys.EXPRESSION):
            if slot in self:
                return slot
        raise DataError(f"'{self.name}' has no counts.", hint=self._source.hint(keys.COUNTS))

    def gene_names(self) -> GeneNames:
        """Every name that the dataset has for its genes."""
        return gene_names(self.names(keys.VAR_NAMES), self.frame("var"))

    def names(self, slot: str) -> pd.Index:
        """``obs_names`` or ``var_names``."""
        return pd.Index(self.read(slot), dtype=object).astype(str)

    def frame(self, field_name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Annotations of cells or genes, in order, without their names."""
        columns = self.columns(field_name) if columns is None else columns
        length = self.n_cells if field_name == "obs" else self.n_genes
        values = {column: self.read(f"{field_name}/{column}") for column in columns}
        return pd.DataFrame(values, index=range(length))

    def column(self, name: str | None) -> pd.Series | None:
        """One cell annotation, or None when none was chosen."""
        if name is None:
            return None
        self.require_column(name)
        return pd.Series(self.read(keys.obs(name)))

    def types(self, name: str) -> pd.Categorical:
        """Cell types to learn, without unused ones.

        Raises
        ------
        DataError
            The column is not there, or most of its labels are of a single cell, as names of cells are.
        """
        labels = pd.Categorical(self.column(name)).remove_unused_categories()
        n_cells = int((labels.codes >= 0).sum())
        if len(labels.categories) > max(n_cells // 2, 2):
            raise DataError(
                f"'{name}' has {len(labels.categories):,} different labels for {n_cells:,} cells: these are names, not"
                " cell types.",
                hint="Choose a column in which many cells share a type.",
            )
        return labels

    def batches(self, name: str | None) -> np.ndarray | None:
        """Batch of each cell as a code from 0, or None when no column was chosen.

        Raises
        ------
        DataError
            Some cells have no batch: they would become a batch of their own.
        """
        column = self.column(name)
        if column is None:
            return None
        without = int(column.isna().sum())
        if without:
            raise DataError(
                f"{without:,} cells have no '{name}'.",
                hint=(
                    "Choose another batch column, or make a dataset of the other cells first (Clusters & map page,"
                    " selections)."
                ),
            )
        return np.asarray(pd.factorize(column.astype(str))[0])

    def require_column(self, name: str) -> None:
        """Refuse the name of a cell annotation that is not there."""
        if keys.obs(name) not in self:
            raise DataError(
                f"There is no annotation '{name}'; there are {', '.join(self.columns()) or 'none'}.",
                hint="Choose one of the columns of this dataset.",
            )


@dataclass(frozen=True)
class Inputs:
    """What a step works with, besides its configuration."""

    reading: Reading | None
    folder: Path
    device: str = "cpu"
    run_id: str = ""
    processes: int = 0
    dataset: Dataset | None = None
    """The stored dataset, for reports alone: a step reads ``data``."""

    @property
    def stored(self) -> Dataset:
        """The stored dataset as a whole, which a report is made of.

        Raises
        ------
        DataError
            The report was started without one.
        """
        if self.dataset is None:
            raise DataError("This report needs a dataset of the workspace.", hint="Choose one on the home page.")
        return self.dataset

    @property
    def data(self) -> Reading:
        """The dataset.

        Raises
        ------
        DataError
            The step was started without one.
        """
        if self.reading is None:
            raise DataError("This step needs a dataset.", hint="Choose one on the home page.")
        return self.reading


@dataclass(frozen=True)
class NewDataset:
    """A dataset that a step wants made."""

    name: str
    values: Mapping[str, Any]
    source: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a step gives.

    Parameters
    ----------
    values
        Slot -> value, for the dataset that was read.
    new_dataset
        A dataset to make instead of, or besides, writing values.
    summary
        Plain numbers and words for the page and the command line.
    files
        Names of files that the step wrote into its folder.
    delete
        Copies that are not needed any longer once the result is saved.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    new_dataset: NewDataset | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    delete: list[Path] = field(default_factory=list)
