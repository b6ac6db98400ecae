"""What a base model reads: genes and scaling, decided on training cells alone."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import sparse

from scapp.core.errors import DataError
from scapp.data.preprocessing import normalise

Scaling = Literal["log_cp10k", "max_log"]
TARGET_SUM = 1e4


@dataclass(frozen=True)
class Preparation:
    """How counts become a model's input.

    Parameters
    ----------
    genes
        Columns that are read, in order, shape (n_kept,).
    scaling
        ``log_cp10k``: log1p of counts per 10,000 (all genes of the cell). ``max_log``: log1p of counts over the largest training value.
    largest
        Largest value in the training cells, for ``max_log``.
    weights
        Share of each gene in what the model reads of the training cells, shape (n_kept,), sum 1: what it costs to miss it.
    """

    genes: np.ndarray
    scaling: Scaling
    largest: float
    weights: np.ndarray

    def apply(self, counts: Any) -> sparse.csr_matrix:
        """Input of a model, CSR float32, shape (n_cells, n_kept)."""
        counts = sparse.csr_matrix(counts, dtype=np.float32)
        if self.scaling == "log_cp10k":
            return sparse.csr_matrix(normalise(counts, TARGET_SUM)[:, self.genes], dtype=np.float32)
        chosen = sparse.csr_matrix(counts[:, self.genes], dtype=np.float32)
        chosen.data = np.log1p(chosen.data / np.float32(self.largest))
        return chosen


def prepare(counts: Any, train: np.ndarray, scaling: Scaling) -> Preparation:
    """Drop genes that no training cell has, and learn the scale (thesis, section 5.1).

    Parameters
    ----------
    counts
        CSR or dense, shape (n_cells, n_genes).
    train
        Numbers of the training cells.
    scaling
        See ``Preparation``.

    Raises
    ------
    DataError
        The training cells have no counts at all.
    """
    seen = sparse.csr_matrix(counts)[train]
    genes = np.flatnonzero(np.asarray((seen != 0).sum(axis=0)).ravel())
    if not len(genes):
        raise DataError("No gene is seen in any training cell.", hint="Filter less, or choose another label column.")
    rough = Preparation(genes, scaling, float(seen.max()), np.full(len(genes), 1 / len(genes)))
    means = np.asarray(rough.apply(seen).mean(axis=0), dtype=np.float64).ravel()
    return replace(rough, weights=means / means.sum())
