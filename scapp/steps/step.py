"""What a step gets and gives: values of a dataset in, values for slots or a new dataset out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from scapp.core import keys
from scapp.core.errors import DataError
from scapp.workspace.datasets.dataset import Dataset


class Reading:
    """A dataset that remembers the fingerprints of what was read from it."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.fingerprints: dict[str, str] = {}

    def __contains__(self, slot: str) -> bool:
        return slot in self.dataset

    def read(self, slot: str) -> Any:
        """Value of a slot."""
        value = self.dataset.read(slot)
        self.fingerprints[slot] = self.dataset.slots[slot].fingerprint
        return value

    def read_values(self) -> tuple[str, Any]:
        """The slot and matrix that later steps start from: counts, else other linear values."""
        for slot in (keys.COUNTS, keys.EXPRESSION):
            if slot in self.dataset:
                return slot, self.read(slot)
        raise DataError(
            f"'{self.dataset.name}' has no counts.", hint="Import a file with raw counts; see the Upload & QC page."
        )

    def names(self, slot: str) -> pd.Index:
        """``obs_names`` or ``var_names``."""
        return pd.Index(self.read(slot), dtype=object).astype(str)

    def frame(self, field_name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Annotations of cells or genes, in order, without their names."""
        columns = self.dataset.columns(field_name) if columns is None else columns
        length = self.dataset.n_cells if field_name == "obs" else self.dataset.n_genes
        values = {column: self.read(f"{field_name}/{column}") for column in columns}
        return pd.DataFrame(values, index=range(length))

    def column(self, name: str | None) -> pd.Series | None:
        """One cell annotation, or None when none was chosen."""
        if name is None:
            return None
        self.require_column(name)
        return pd.Series(self.read(keys.obs(name)))

    def require_column(self, name: str) -> None:
        """Refuse the name of a cell annotation that is not there."""
        if keys.obs(name) not in self.dataset:
            raise DataError(
                f"There is no annotation '{name}'; there are {', '.join(self.dataset.columns()) or 'none'}.",
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
