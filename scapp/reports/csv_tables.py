"""Every table of a dataset as CSV, in one zip."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from scapp.core import keys
from scapp.core.csv_text import csv_text
from scapp.data.locations import safe_file_name
from scapp.workspace.datasets.dataset import Dataset


def tables_of(dataset: Dataset) -> dict[str, pd.DataFrame]:
    """File name without ending -> table: cells, genes, embeddings, marker genes, sweeps."""
    names = np.asarray(dataset.names(keys.OBS_NAMES))
    cells = dataset.obs(dataset.columns("obs"))
    genes = dataset.var().reset_index(drop=True)
    cells.insert(0, _free("cell", cells), names)
    genes.insert(0, _free("gene", genes), np.asarray(dataset.names(keys.VAR_NAMES)))
    tables = {"cells": cells, "genes": genes}
    for key in keys.names_in(dataset.slots, "obsm"):
        values = np.asarray(dataset.read(f"obsm/{key}"))
        columns = [f"{key.removeprefix('X_')}_{i + 1}" for i in range(values.shape[1])]
        tables[f"embedding_{key.removeprefix('X_')}"] = pd.DataFrame(values, columns=columns).assign(cell=names)
    for key in keys.names_in(dataset.slots, "uns"):
        value = dataset.read(f"uns/{key}")
        if isinstance(value, pd.DataFrame):
            tables[key] = value
    return tables


def write_tables(dataset: Dataset, path: Path) -> None:
    """Write them all."""
    used: set[str] = set()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in tables_of(dataset).items():
            stem = safe_file_name(name)
            while stem in used:
                stem += "_"
            used.add(stem)
            archive.writestr(f"{stem}.csv", csv_text(table))


def _free(name: str, table: pd.DataFrame) -> str:
    """The name of a new first column, which may be taken by one of the data's own."""
    return name if name not in table else f"{name}_name"
