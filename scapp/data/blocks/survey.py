"""What the values of a matrix are like, from one look at each block of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Survey:
    """What was seen of a matrix; values that are zero count as not there.

    Parameters
    ----------
    lengths, totals
        Values of each cell, and their sum, shape (n_cells,).
    n_cells_of_gene
        Cells in which each gene has a value, shape (n_genes,).
    n_missing, n_infinite, n_negative
        Values that are NaN, infinite, below zero.
    least, greatest
        Of the finite values; zero where there are none.
    off
        Farthest distance of a finite value from a whole number.
    """

    lengths: np.ndarray
    totals: np.ndarray
    n_cells_of_gene: np.ndarray
    n_missing: int
    n_infinite: int
    n_negative: int
    least: float
    greatest: float
    off: float

    @property
    def smallest_types(self) -> tuple[np.dtype, np.dtype]:
        """Of positions of genes, and of values: the smallest integers that hold these, or float32."""
        whole = self.off == 0 and self.least >= 0 and self.greatest < LARGEST_WHOLE
        whole = whole and self.n_missing == self.n_infinite == 0
        values = np.min_scalar_type(int(self.greatest)) if whole else np.dtype(np.float32)
        return np.min_scalar_type(max(len(self.n_cells_of_gene) - 1, 0)), values


LARGEST_WHOLE = 2**24
"""float32 holds every whole number up to here."""


def survey_of(block: sparse.csr_matrix) -> Survey:
    """What is seen of one block, without stored zeros."""
    finite = block.data[np.isfinite(block.data)]
    n_missing = int(np.isnan(block.data).sum()) if len(finite) < block.nnz else 0
    with np.errstate(invalid="ignore"):
        totals = np.asarray(block.sum(axis=1, dtype=np.float64)).ravel()
    return Survey(
        lengths=np.diff(block.indptr).astype(np.int64),
        totals=totals,
        n_cells_of_gene=np.bincount(block.indices, minlength=block.shape[1]),
        n_missing=n_missing,
        n_infinite=block.nnz - len(finite) - n_missing,
        n_negative=int(np.count_nonzero(block.data < 0)),
        least=float(finite.min()) if len(finite) else 0.0,
        greatest=float(finite.max()) if len(finite) else 0.0,
        off=float(np.abs(finite - np.rint(finite)).max()) if len(finite) else 0.0,
    )


def joined_surveys(parts: Iterable[Survey]) -> Survey:
    """What was seen of all blocks together, in order; at least one."""
    lengths, totals = [], []
    of_gene: np.ndarray = np.zeros(0, dtype=np.int64)
    n_missing = n_infinite = n_negative = 0
    least, greatest, off = np.inf, -np.inf, 0.0
    for part in parts:
        lengths.append(part.lengths)
        totals.append(part.totals)
        of_gene = part.n_cells_of_gene + (of_gene if len(of_gene) else 0)
        n_missing, n_infinite = n_missing + part.n_missing, n_infinite + part.n_infinite
        n_negative += part.n_negative
        if part.lengths.any():
            least, greatest = min(least, part.least), max(greatest, part.greatest)
            off = max(off, part.off)
    if least > greatest:
        least = greatest = 0.0
    return Survey(
        lengths=np.concatenate(lengths),
        totals=np.concatenate(totals),
        n_cells_of_gene=of_gene,
        n_missing=n_missing,
        n_infinite=n_infinite,
        n_negative=n_negative,
        least=least,
        greatest=greatest,
        off=off,
    )
