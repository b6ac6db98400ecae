"""What a base model reads: genes and scaling, decided on training cells alone."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import sparse

from scapp.core.errors import DataError
from scapp.data.qc.preprocessing import normalise

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
        ``log_cp10k``: log1p of counts per 10,000 (all genes of the cell). ``max_log``: log1p of counts over the largest
        training value.
    largest
        Largest value in the training cells, for ``max_log``.
    means
        Of what the model reads, over the training cells, shape (n_kept,).
    shares
        Of a training cell's counts that lie in each gene, mean over cells, shape (n_kept,), sum 1.
    """

    genes: np.ndarray
    scaling: Scaling
    largest: float
    means: np.ndarray
    shares: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Share of each gene in what the model reads of the training cells, shape (n_kept,), sum 1: what it costs to
        miss it.
        """
        return np.asarray(self.means / self.means.sum())

    def apply(self, counts: Any, there: np.ndarray | None = None) -> sparse.csr_matrix:
        """Input of a model, CSR float32, shape (n_cells, n_kept).

        Parameters
        ----------
        counts
            Shape (n_cells, n_genes).
        there
            Which of the kept genes were measured, bool, shape (n_kept,); all by default. A cell is then scaled to the
            share of the counts that training cells have in these genes: scaled to 10,000, a panel of few genes would
            look several times too high. Genes that are missing stay 0 here; ``expected`` says what to put in their
            place.
        """
        counts = sparse.csr_matrix(counts, dtype=np.float32)
        if self.scaling == "log_cp10k":
            measured = 1.0 if there is None else float(self.shares[there].sum())
            return sparse.csr_matrix(normalise(counts, TARGET_SUM * measured)[:, self.genes], dtype=np.float32)
        chosen = sparse.csr_matrix(counts[:, self.genes], dtype=np.float32)
        chosen.data = np.log1p(chosen.data / np.float32(self.largest))
        return chosen

    def expected(self, there: np.ndarray) -> np.ndarray:
        """What stands in for genes that were not measured: their mean over training cells; 0 for those that were, shape
        (n_kept,), float32.
        """
        return np.where(there, 0, self.means).astype(np.float32)


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
    nothing = np.zeros(len(genes))
    rough = Preparation(genes, scaling, float(seen.max()), nothing, nothing)
    means = np.asarray(rough.apply(seen).mean(axis=0), dtype=np.float64).ravel()
    totals = np.asarray(seen.sum(axis=1), dtype=np.float64).ravel()
    per_cell = np.divide(1, totals, out=np.zeros(len(totals)), where=totals > 0)
    shares = np.asarray(seen[:, genes].T @ per_cell).ravel()
    return replace(rough, means=means, shares=shares / shares.sum())
