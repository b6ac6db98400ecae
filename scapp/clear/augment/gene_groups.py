"""Groups of genes that vary together, for the augmentation that masks them. Imports no torch."""

from typing import Any

import numpy as np

N_GENE_GROUPS = 50


def gene_groups(values: Any, n_groups: int, seed: int) -> np.ndarray:
    """Groups of genes that vary together: k-means of their loadings, shape (n_genes,)."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD

    n_components = min(30, min(values.shape) - 1)
    if n_components < 1:
        return np.zeros(values.shape[1], dtype=np.int64)
    decomposed = TruncatedSVD(n_components, random_state=seed).fit(values)
    loadings = decomposed.components_.T * decomposed.singular_values_
    # direction alone: genes of one programme, strong and weak ones
    loadings /= np.maximum(np.linalg.norm(loadings, axis=1, keepdims=True), 1e-12)
    n_groups = min(n_groups, len(np.unique(loadings, axis=0)))
    return np.asarray(KMeans(n_groups, n_init=3, random_state=seed).fit_predict(loadings), dtype=np.int64)
