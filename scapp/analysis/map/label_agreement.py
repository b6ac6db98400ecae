"""How well a representation agrees with labels that nobody told it."""

import numpy as np
import pandas as pd

from scapp.analysis.map.clusters import kmeans
from scapp.metrics.agreement import compare, silhouette


def kmeans_agreement(
    representation: np.ndarray, labels: pd.Categorical, *, seed: int, most_cells: int | None = None
) -> dict[str, float]:
    """Agreement of k-means with labels, told how many labels there are.

    Parameters
    ----------
    representation
        Shape (n_cells, d).
    labels
        One a cell; cells without one are clustered and not judged.
    seed
        Of k-means, and of the cells drawn.
    most_cells
        So many labelled cells are drawn where there are more; None takes every cell, labelled or not.

    Returns
    -------
    ``ari``, ``nmi`` and the other scores of ``metrics.agreement.compare``; empty with fewer than two labels.
    """
    codes = np.asarray(labels.remove_unused_categories().codes, dtype=int)
    if most_cells is not None:
        cells = np.flatnonzero(codes >= 0)
        if len(cells) > most_cells:
            cells = np.sort(np.random.default_rng(seed).choice(cells, most_cells, replace=False))
        representation, codes = representation[cells], codes[cells]
    n_labels = len(np.unique(codes[codes >= 0]))
    if n_labels < 2:
        return {}
    return compare(codes, kmeans(representation, n_clusters=n_labels, seed=seed).codes.astype(int))


def label_scores(
    representation: np.ndarray, leiden: pd.Categorical, labels: pd.Categorical, *, seed: int
) -> dict[str, float]:
    """Scores of a representation and of its Leiden clusters against labels.

    Returns
    -------
    ``kmeans_ari``, ``kmeans_nmi``, ``leiden_ari``, ``leiden_nmi``, ``silhouette``, to four digits; NaN where
    there are fewer than two labels.
    """
    codes = np.asarray(labels.codes, dtype=int)
    known = codes >= 0
    by_kmeans = kmeans_agreement(representation, labels, seed=seed)
    by_leiden = compare(codes, np.asarray(leiden.codes, dtype=int))
    scores = {
        f"{method}_{name}": found.get(name, float("nan"))
        for method, found in (("kmeans", by_kmeans), ("leiden", by_leiden))
        for name in ("ari", "nmi")
    }
    scores["silhouette"] = silhouette(representation[known], codes[known])
    return {name: round(value, 4) for name, value in scores.items()}
