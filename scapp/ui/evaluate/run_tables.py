"""Tables that a comparison wrote."""

import pandas as pd

from scapp.ui.kit import state
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run

WORDS = ("title", "method", "clusterer", "from", "to", "gene", "barcode")


def table_of(run: Run, name: str) -> pd.DataFrame:
    """A table that a comparison wrote; empty where it wrote none."""
    file = f"{name}.csv"
    return state.run_table(run, file, WORDS) if (run.folder / file).exists() else pd.DataFrame()


def cells_of(dataset: Dataset, run: Run) -> dict[str, pd.DataFrame]:
    """Method -> what was kept of each cell for the first seed, in the dataset's order."""
    table = table_of(run, "cells")
    found = {} if not len(table) else dict(iter(table.groupby("title", sort=False)))
    return {str(title): part.reset_index(drop=True) for title, part in found.items() if len(part) == dataset.n_cells}
