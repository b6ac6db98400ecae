"""Datasets that hold a map and little else: to see how a map of many cells feels."""

import numpy as np
import pandas as pd

from scapp.core import keys
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.datasets.store import Workspace

N_GROUPS = 20


def make_map(workspace: Workspace, n_cells: int, *, seed: int = 0) -> Dataset:
    """A dataset of so many cells in 20 clouds, with a map, clusters, a label and a number, and no counts."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(N_GROUPS, size=n_cells)
    centres = rng.uniform(-15, 15, size=(N_GROUPS, 2))
    points = (centres[groups] + rng.normal(size=(n_cells, 2))).astype(np.float32)
    names = [str(i) for i in range(N_GROUPS)]
    report = {f"n_{what}_{when}": 1 for what in ("cells", "genes") for when in ("before", "after")}
    values = {
        keys.OBS_NAMES: np.array([f"cell{i}" for i in range(n_cells)], dtype=object),
        keys.VAR_NAMES: np.array(["GeneA", "GeneB"], dtype=object),
        keys.var(keys.HIGHLY_VARIABLE): np.ones(2, dtype=bool),
        keys.obs("leiden_pca"): pd.Categorical.from_codes(groups, names),
        keys.obs("cell_type"): pd.Categorical.from_codes((groups + 3) % N_GROUPS, [f"type {name}" for name in names]),
        keys.obs("depth"): rng.lognormal(size=n_cells),
        keys.representation("pca"): points,
        keys.umap("pca"): points,
        keys.PREPARATION: {**report, "removed": {}},
    }
    return workspace.create(f"{n_cells:,} cells", values, provenance=new_provenance("import"))
