"""Filter and normalise, in blocks of cells."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core import keys
from scapp.core.errors import ConfigError
from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, InMemory, LogNormalised, blocked
from scapp.data.config import PrepareConfig
from scapp.data.qc.thresholds import failing


@dataclass(frozen=True)
class Kept:
    """Cells and genes that pass the filters."""

    cells: np.ndarray
    genes: np.ndarray


def filter_data(counts: AnyMatrix, metrics: pd.DataFrame, config: PrepareConfig) -> Kept:
    """Which cells and genes pass, as sorted positions; genes are counted in the kept cells.

    Raises
    ------
    ConfigError
        When nothing would be left, or a filter has nothing to measure.
    """
    if config.max_pct_mt is not None and keys.PCT_MT not in metrics:
        raise ConfigError(
            f"No gene of this dataset is known as mitochondrial, so '{PrepareConfig.model_fields['max_pct_mt'].title}'"
            " cannot be used.",
            hint="Leave that filter out, or give the mitochondrial genes names that begin with 'MT-' and import again.",
        )
    matrix = blocked(counts)
    removed = failing(metrics, config)
    keep_cells = ~np.logical_or.reduce(list(removed.values())) if removed else np.ones(matrix.n_cells, bool)
    if keep_cells.sum() < 2:
        worst = max(removed, key=lambda name: removed[name].sum())
        title = PrepareConfig.model_fields[worst].title
        raise ConfigError(
            f"The filters leave {keep_cells.sum()} of {matrix.n_cells:,} cells; at least 2 are needed. '{title}' alone"
            f" removes {removed[worst].sum():,}.",
            hint="Loosen that filter, then filter again.",
        )
    cells = np.flatnonzero(keep_cells)
    n_cells_of_gene = np.zeros(matrix.n_genes, dtype=np.int64)
    for seen in matrix.select(cells).each_block(lambda _, block: np.bincount(block.indices, minlength=matrix.n_genes)):
        n_cells_of_gene += seen
    genes = np.flatnonzero(n_cells_of_gene >= config.min_cells)
    if genes.size < 2:
        raise ConfigError(
            f"{genes.size} of {matrix.n_genes:,} genes are seen in {config.min_cells} cells or more; at least 2 are"
            " needed.",
            hint="Lower 'Minimum cells per gene', then filter again.",
        )
    return Kept(cells, genes)


def normalised(counts: BlockedMatrix, target_sum: float, totals: np.ndarray) -> LogNormalised:
    """log1p of counts scaled to ``target_sum`` per cell; cells without counts stay zero.

    Parameters
    ----------
    counts
        Shape (n_cells, n_genes).
    target_sum
        What every cell is scaled to.
    totals
        What each cell adds up to, shape (n_cells,).
    """
    return LogNormalised(counts, totals.astype(np.float32) / np.float32(target_sum))


def normalise(counts: sparse.csr_matrix, target_sum: float) -> sparse.csr_matrix:
    """``normalised`` in memory, CSR float32."""
    return normalised(InMemory(counts), target_sum, np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()).to_csr()


def linear(log_values: sparse.csr_matrix) -> sparse.csr_matrix:
    """What ``normalise`` took the logarithm of, CSR; places of entries are shared with ``log_values``."""
    parts = (np.expm1(log_values.data), log_values.indices, log_values.indptr)
    return sparse.csr_matrix(parts, shape=log_values.shape)
