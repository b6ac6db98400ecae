"""Two representations compared without labels: their neighbours, and genes that neither has read."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scapp.data.blocks.blocked_matrix import AnyMatrix, blocked

MOST_CELLS, MOST_GENES = 3_000, 1_000
N_NEIGHBOURS = 30
LEAST_DETECTED = 0.05
"""Share of the cells that a gene must be seen in to say anything."""
LEAST_GENES, LEAST_CELLS = 100, 100
"""Of fewer cells, 30 neighbours are the same in any two representations."""


@dataclass(frozen=True)
class NeighboursCompared:
    """What the neighbours of two representations have in common, and what they say of genes that neither has read.

    Attributes
    ----------
    shared
        Share of a cell's 30 nearest neighbours that are the same in both, 0 to 1.
    n_cells
        How many were looked at.
    ours, theirs
        Median over genes of the correlation, over cells, between a gene and its mean in a cell's neighbours, -1 to 1;
        None where there are too few such genes.
    n_unseen
        Number of these genes.
    """

    shared: float
    n_cells: int
    ours: float | None = None
    theirs: float | None = None
    n_unseen: int = 0


def compare_neighbours(
    ours: np.ndarray, theirs: np.ndarray, values: AnyMatrix, read: np.ndarray, *, seed: int = 0
) -> NeighboursCompared | None:
    """Compare the neighbours of two representations of the same cells.

    Neighbours that are close for a biological reason are alike in other genes too; noise that a representation has
    memorised is not shared by them. Batch effects are, so a representation that removes batches looks worse than it is.

    Parameters
    ----------
    ours, theirs
        Shape (n_cells, d); of more than 3,000 cells so many are drawn.
    values
        Log-normalised values of all genes, shape (n_cells, n_genes).
    read
        Genes that the representations were made from, bool, shape (n_genes,).
    seed
        Of the draw.

    Returns
    -------
    None of fewer than 100 cells. Of genes that were not read those count that 5% of the cells have or more, and of
    more than 1,000 those that vary most; with fewer than 100, only ``shared`` is known.
    """
    cells = np.arange(values.shape[0])
    if len(cells) < LEAST_CELLS:
        return None
    if len(cells) > MOST_CELLS:
        cells = np.sort(np.random.default_rng(seed).choice(cells, MOST_CELLS, replace=False))
    mine, other = nearest(ours[cells]), nearest(theirs[cells])
    shared = np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in zip(mine, other, strict=True)])
    unseen = _unseen(blocked(values).select(cells).to_csr(), read)
    if unseen.shape[1] < LEAST_GENES:
        return NeighboursCompared(float(shared), len(cells))
    agreements = [agreement_with_neighbours(positions, unseen) for positions in (mine, other)]
    return NeighboursCompared(float(shared), len(cells), agreements[0], agreements[1], unseen.shape[1])


def _unseen(values: sparse.csr_matrix, read: np.ndarray) -> np.ndarray:
    """Values of the genes that were not read, are seen in some cells, and vary most; shape (n_cells, n_unseen)."""
    detected = np.asarray((values != 0).sum(axis=0)).ravel() >= max(LEAST_DETECTED * values.shape[0], 1)
    dense = np.asarray(values[:, np.flatnonzero(~read & detected)].toarray(), dtype=np.float64)
    return dense[:, np.argsort(-dense.var(axis=0), kind="stable")[:MOST_GENES]]


def nearest(representation: np.ndarray) -> np.ndarray:
    """The 30 nearest other cells of each cell (Euclidean), shape (n_cells, 30), or as many as there are."""
    search = NearestNeighbors(n_neighbors=min(N_NEIGHBOURS, len(representation) - 1)).fit(representation)
    return np.asarray(search.kneighbors(return_distance=False))


def agreement_with_neighbours(positions: np.ndarray, values: np.ndarray) -> float:
    """Median over genes of the correlation between a gene and its mean in a cell's neighbours.

    Parameters
    ----------
    positions
        Of each cell's neighbours, shape (n_cells, k).
    values
        Shape (n_cells, n_genes); genes that do not vary, or whose means do not, are left out.
    """
    n_cells, k = positions.shape
    average = sparse.csr_matrix(
        (np.full(positions.size, 1 / k), positions.ravel(), np.arange(0, positions.size + 1, k)),
        shape=(n_cells, n_cells),
    )
    own, around = values - values.mean(axis=0), average @ values
    around = around - around.mean(axis=0)
    lengths = np.linalg.norm(own, axis=0) * np.linalg.norm(around, axis=0)
    known = lengths > 0
    return float(np.median((own * around).sum(axis=0)[known] / lengths[known])) if known.any() else float("nan")
