"""A score of every cell for a gene set."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError
from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, blocked

TOP_SHARE = 0.05
"""Of the genes of the dataset: how far down its ranking a cell is looked at (AUCell's own default)."""
N_CONTROLS = 50
"""Control genes of each bin of expression, as scanpy draws them."""


def module_scores(
    log_values: AnyMatrix,
    sets: Sequence[np.ndarray],
    *,
    pool: np.ndarray | None = None,
    seed: int = 0,
    report: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Mean of a set's genes less the mean of control genes that are expressed alike.

    Parameters
    ----------
    log_values
        log1p of normalised counts, shape (n_cells, n_genes).
    sets
        Positions of each set's genes, at least one in each.
    pool
        Positions of the genes that may be controls; all by default.
    seed
        Draws the control genes of each set.
    report
        Called with cells done and in all.

    Returns
    -------
    Shape (n_cells, n_sets), float32; in units of the log values, 0 where the set is expressed like its controls.

    Raises
    ------
    DataError
        No gene that is expressed like a set's is left as its control.

    References
    ----------
    Satija et al. 2015; Tirosh et al. 2016. The values are those of ``scanpy.tl.score_genes``, which wants all values in
    memory.
    """
    matrix = blocked(log_values)
    totals = np.zeros(matrix.n_genes, dtype=np.float32)
    for block in matrix.blocks():
        # cell after cell in float32, as scanpy adds up: genes change bins with the last bit of these sums
        np.add.at(totals, block.indices, block.data)
    means = totals.astype(np.float64) / max(matrix.n_cells, 1)
    weights = np.zeros((matrix.n_genes, len(sets)))
    for column, positions in enumerate(sets):
        controls = _controls(means, positions, np.arange(matrix.n_genes) if pool is None else pool, seed)
        weights[controls, column] = -1 / len(controls)
        weights[positions, column] = 1 / len(positions)

    def work(block: sparse.csr_matrix) -> np.ndarray:
        return block.astype(np.float64) @ weights

    return _by_cell(matrix, len(sets), work, report)


def _controls(means: np.ndarray, positions: np.ndarray, pool: np.ndarray, seed: int) -> np.ndarray:
    """Genes out of the bins of expression in which a set's genes are, without these."""
    # the set's own genes take part in the bins
    allowed = np.union1d(pool, positions)
    # few genes make few bins, or a bin may hold none but the set's own
    n_bins = int(np.clip(len(allowed) // 20, 1, 25))
    mean = pd.Series(means[allowed], index=allowed)
    in_bin = mean.rank(method="min") // (int(np.round(len(allowed) / (n_bins - 1))) if n_bins > 1 else np.inf)
    state = np.random.RandomState(seed)
    found = np.zeros(0, dtype=np.int64)
    for wanted in np.unique(in_bin.loc[np.unique(positions)]):
        members = in_bin[in_bin == wanted].index.to_series()
        if len(members) > N_CONTROLS:
            members = members.sample(N_CONTROLS, random_state=state)
        found = np.union1d(found, members.to_numpy())
    found = np.setdiff1d(found, positions)
    if not len(found):
        raise DataError(
            f"No gene is left that is expressed like the {len(positions)} genes of a set and could be its control.",
            hint="Choose the scores by rank, or a smaller set.",
        )
    return found


def _by_cell(
    matrix: BlockedMatrix,
    n_sets: int,
    work: Callable[[sparse.csr_matrix], Any],
    report: Callable[[int, int], None] | None,
) -> np.ndarray:
    """What is made of each block, below each other, float32."""
    found = np.zeros((matrix.n_cells, n_sets), dtype=np.float32)
    done = 0
    for part in matrix.each_block(lambda _, block: work(block)):
        if report is not None:
            report(done, matrix.n_cells)
        found[done : done + part.shape[0]] = part
        done += part.shape[0]
    return found


def rank_scores(
    values: AnyMatrix,
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
    matrix = blocked(values)
    n_genes = matrix.n_genes
    top = max(int(np.ceil(top_share * n_genes)), 1)
    member = np.zeros((n_genes, len(sets)), dtype=np.float32)
    for column, positions in enumerate(sets):
        member[positions, column] = 1
    n_first = np.minimum([len(positions) for positions in sets], top)
    best = np.maximum(n_first * (top + 1) - n_first * (n_first + 1) / 2, 1)
    return _by_cell(matrix, len(sets), lambda block: _gains(block, top) @ member / best, report)


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
