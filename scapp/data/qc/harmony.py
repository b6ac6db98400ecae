"""Harmony: batches of a representation are drawn over each other, cluster by cluster (Korsunsky et al. 2019)."""

import numpy as np
import pandas as pd

CELLS_A_CLUSTER = 30
MOST_CLUSTERS = 100
LIGHT = 1.0
"""Diversity penalty for a representation that is mixed already; Harmony's own is 2."""


def harmony(
    representation: np.ndarray,
    batches: np.ndarray,
    *,
    seed: int,
    theta: float | None = None,
    sigma: float = 0.1,
) -> np.ndarray:
    """Correct a representation for batches with harmonypy.

    Parameters
    ----------
    representation
        Shape (n_cells, d).
    batches
        Code or name of each cell's batch, shape (n_cells,).
    seed
        Of the clusters.
    theta
        Diversity penalty; None is Harmony's own, 2.
    sigma
        Width of the soft clusters.

    Returns
    -------
    float32, shape (n_cells, d).
    """
    import harmonypy

    found = harmonypy.run_harmony(
        np.asarray(representation, dtype=np.float64),
        pd.DataFrame({"batch": np.asarray(batches).astype(str)}),
        ["batch"],
        # harmonypy's own default, but one cluster at least
        nclust=int(np.clip(round(len(batches) / CELLS_A_CLUSTER), 1, MOST_CLUSTERS)),
        theta=theta,
        sigma=sigma,
        verbose=False,
        random_state=seed,
    )
    return np.asarray(found.Z_corr, dtype=np.float32)
