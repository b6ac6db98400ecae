"""Every table of a dataset as CSV, in one zip."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from scapp.core import keys
from scapp.data.locations import safe_file_name
from scapp.workspace.dataset import Dataset


def tables_of(dataset: Dataset) -> dict[str, pd.DataFrame]:
    """File name without ending -> table: cells, genes, embeddings, marker genes, sweeps."""
    cells = dataset.obs(dataset.columns("obs"))
    cells.insert(0, "cell", np.asarray(dataset.names(keys.OBS_NAMES)))
    tables = {"cells": cells, "genes": dataset.var().rename_axis("gene").reset_index()}
    names = cells["cell"]
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
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in tables_of(dataset).items():
            archive.writestr(f"{safe_file_name(name)}.csv", table.to_csv(index=False))
