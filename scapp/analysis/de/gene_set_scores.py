"""A score of every cell for a gene set."""

from collections.abc import Callable, Sequence

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

TOP_SHARE = 0.05
"""Of the genes of the dataset: how far down its ranking a cell is looked at (AUCell's own default)."""
CHUNK = 4096


def module_score(
    log_values: sparse.csr_matrix, positions: np.ndarray, *, pool: np.ndarray | None = None, seed: int = 0
) -> np.ndarray:
    """Mean of a set's genes less the mean of control genes that are expressed alike, by scanpy.

    Parameters
    ----------
    log_values
        log1p of normalised counts, shape (n_cells, n_genes).
    positions
        Of the set's genes, at least one; and at least one gene must be left over as control.
    pool
        Positions of the genes that may be controls; all by default.
    seed
        Draws the control genes.

    Returns
    -------
    Shape (n_cells,), float32; in units of the log values, 0 where the set is expressed like its controls.

    References
    ----------
    ``scanpy.tl.score_genes``; Satija et al. 2015; Tirosh et al. 2016.
    """
    n_genes = log_values.shape[1]
    names = pd.Index([str(i) for i in range(n_genes)])
    adata = ad.AnnData(log_values, var=pd.DataFrame(index=names))
    # scanpy wants the set's own genes in the pool, and leaves them out of the controls itself
    allowed = names if pool is None else names[np.union1d(pool, positions)]
    # few genes make few bins, or a bin may hold none but the set's own
    n_bins = int(np.clip(len(allowed) // 20, 1, 25))
    sc.tl.score_genes(
        adata, list(names[positions]), gene_pool=list(allowed), n_bins=n_bins, random_state=seed, use_raw=False
    )
    return adata.obs["score"].to_numpy(dtype=np.float32)


def rank_scores(
    values: sparse.csr_matrix,
    sets: Sequence[np.ndarray],
    *,
    top_share: float = TOP_SHARE,
    report: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """How high each set's genes stand among a cell's own: area under the recovery curve over its top genes.

    Genes of a cell are ranked from the highest value, equal values share their mean rank, and genes that are not seen
    have no rank. A gene of rank r among the top R counts R + 1 - r; the sum is divided by what it would be if the set's
    genes came first.

    Parameters
    ----------
    values
        Any values whose order within a cell means something, zero for not seen, shape (n_cells, n_genes).
    sets
        Positions of each set's genes.
    top_share
        R is this share of the genes of the dataset, rounded up.
    report
        Called with cells done and in all.

    Returns
    -------
    0 to 1, shape (n_cells, n_sets), float32. Not moved by any strictly increasing transformation within a cell.

    References
    ----------
    AUCell: Aibar et al. 2017, SCENIC. Unlike it, equal values are not ordered at random.
    """
    n_cells, n_genes = values.shape
    top = max(int(np.ceil(top_share * n_genes)), 1)
    member = np.zeros((n_genes, len(sets)), dtype=np.float32)
    for column, positions in enumerate(sets):
        member[positions, column] = 1
    n_first = np.minimum([len(positions) for positions in sets], top)
    best = np.maximum(n_first * (top + 1) - n_first * (n_first + 1) / 2, 1)
    found = np.zeros((n_cells, len(sets)), dtype=np.float32)
    for start in range(0, n_cells, CHUNK):
        if report is not None:
            report(start, n_cells)
        found[start : start + CHUNK] = _gains(values[start : start + CHUNK], top) @ member / best
    return found


def _gains(values: sparse.csr_matrix, top: int) -> sparse.csr_matrix:
    """R + 1 - rank of each cell's top genes, zero elsewhere, in the shape of the values."""
    rows = np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))
    seen = values.data > 0
    rows, genes, data = rows[seen], values.indices[seen], values.data[seen]
    order = np.lexsort((-data, rows))
    rows, genes, data = rows[order], genes[order], data[order]
    starts = np.searchsorted(rows, np.arange(values.shape[0]))
    rank = np.arange(len(rows)) - starts[rows] + 1.0
    # equal values of a cell share their mean rank
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]) | (data[1:] != data[:-1])
    tie = np.cumsum(new) - 1
    rank = (np.bincount(tie, weights=rank) / np.bincount(tie))[tie] if len(tie) else rank
    high = rank < top + 1
    return sparse.csr_matrix((top + 1 - rank[high], (rows[high], genes[high])), shape=values.shape)
