"""Groups of genes that vary together, for the augmentation that masks them. Imports no torch."""

import numpy as np

from scapp.data.blocks.blocked_matrix import AnyMatrix, blocked

N_GENE_GROUPS = 50
MOST_CELLS = 100_000
"""Cells that are looked at; of more, so many are drawn."""


def gene_groups(values: AnyMatrix, n_groups: int, seed: int) -> np.ndarray:
    """Groups of genes that vary together: k-means of their loadings, shape (n_genes,)."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD

    matrix = blocked(values)
    n_components = min(30, min(matrix.shape) - 1)
    if n_components < 1:
        return np.zeros(matrix.n_genes, dtype=np.int64)
    if matrix.n_cells > MOST_CELLS:
        matrix = matrix.select(np.sort(np.random.default_rng(seed).choice(matrix.n_cells, MOST_CELLS, replace=False)))
    decomposed = TruncatedSVD(n_components, random_state=seed).fit(matrix.to_csr())
    loadings = decomposed.components_.T * decomposed.singular_values_
    # direction alone: genes of one programme, strong and weak ones
    loadings /= np.maximum(np.linalg.norm(loadings, axis=1, keepdims=True), 1e-12)
    n_groups = min(n_groups, len(np.unique(loadings, axis=0)))
    return np.asarray(KMeans(n_groups, n_init=3, random_state=seed).fit_predict(loadings), dtype=np.int64)
