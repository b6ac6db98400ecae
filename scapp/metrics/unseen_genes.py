"""Are neighbours alike in genes that the representation never read? A comparison that needs no labels."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

MOST_CELLS, MOST_GENES = 3_000, 1_000
N_NEIGHBOURS = 30
LEAST_DETECTED = 0.05
"""Share of the cells that a gene must be seen in to say anything."""
LEAST_GENES, LEAST_CELLS = 100, 60
CLEAR_DIFFERENCE = 0.002
"""Of median correlations. Chosen on the choosing side of ``benchmarks.clear_verdict``; its README says how often it is
right on the other side.
"""


@dataclass(frozen=True)
class UnseenGenes:
    """What neighbours in two representations say of genes that neither read.

    Attributes
    ----------
    ours, theirs
        Median over genes of the correlation, over cells, between a gene and its mean in a cell's neighbours; -1 to 1.
    shared
        Share of a cell's neighbours that are the same in both, 0 to 1.
    n_cells, n_genes
        How many were looked at.
    """

    ours: float
    theirs: float
    shared: float
    n_cells: int
    n_genes: int


def compare_by_unseen_genes(
    ours: np.ndarray, theirs: np.ndarray, values: sparse.csr_matrix, read: np.ndarray, *, seed: int = 0
) -> UnseenGenes | None:
    """Compare two representations by the genes that neither of them read.

    Neighbours that are close for a biological reason are alike in other genes too; noise that a representation has
    memorised is not shared by them. Batch effects are, so a representation that removes batches looks worse than it is.

    Parameters
    ----------
    ours, theirs
        Shape (n_cells, d); of more than 3,000 cells so many are drawn.
    values
        Log-normalised values of all genes, CSR, shape (n_cells, n_genes).
    read
        Genes that the representations were made from, bool, shape (n_genes,).
    seed
        Of the draw.

    Returns
    -------
    None where there are fewer than 60 cells, or fewer than 100 genes are left that are in 5% of the cells or more; of
    more than 1,000 genes those that vary most are taken.
    """
    cells = np.arange(values.shape[0])
    if len(cells) > MOST_CELLS:
        cells = np.sort(np.random.default_rng(seed).choice(cells, MOST_CELLS, replace=False))
    unseen = _unseen(sparse.csr_matrix(values[cells]), read)
    if len(cells) < LEAST_CELLS or unseen.shape[1] < LEAST_GENES:
        return None
    mine, other = nearest(ours[cells]), nearest(theirs[cells])
    shared = np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in zip(mine, other, strict=True)])
    return UnseenGenes(
        agreement_with_neighbours(mine, unseen),
        agreement_with_neighbours(other, unseen),
        float(shared),
        len(cells),
        unseen.shape[1],
    )


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


def verdict_of(found: UnseenGenes) -> str:
    """Which representation has the better neighbours: ``ours``, ``theirs`` or ``equal`` (a difference below 0.002)."""
    difference = found.ours - found.theirs
    if abs(difference) < CLEAR_DIFFERENCE:
        return "equal"
    return "ours" if difference > 0 else "theirs"
