"""Mean and variance of genes in groups of cells."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from scapp.data.blocks.blocked_matrix import BlockedMatrix


@dataclass(frozen=True)
class Moments:
    """Mean and variance of each gene in each group of cells.

    Parameters
    ----------
    n_cells
        Of each group, shape (n_groups,).
    n_seen
        Cells with a value other than zero, shape (n_groups, n_genes).
    mean, variance
        Shape (n_groups, n_genes); the variance is the unbiased one.
    """

    n_cells: np.ndarray
    n_seen: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


def moments(matrix: BlockedMatrix, groups: np.ndarray, *, linear: bool = False) -> Moments:
    """Mean and variance of each gene in each group of cells, in one pass.

    Parameters
    ----------
    matrix
        Shape (n_cells, n_genes).
    groups
        Code of each cell's group from 0; cells with -1 are left out.
    linear
        Take log1p back first.
    """
    n_groups = int(groups.max(initial=-1)) + 1

    def sums(start: int, block: sparse.csr_matrix) -> tuple[np.ndarray, ...]:
        codes = groups[start : start + block.shape[0]]
        known = np.flatnonzero(codes >= 0)
        members = sparse.csr_matrix((np.ones(len(known)), (codes[known], known)), shape=(n_groups, block.shape[0]))
        values = (np.expm1(block.data) if linear else block.data).astype(np.float64)
        return tuple(_summed(members, block, part) for part in ((values != 0).astype(np.float64), values, values**2))

    n_seen, total, squares = found = np.zeros((3, n_groups, matrix.n_genes))
    for parts in matrix.each_block(sums):
        for sum_so_far, part in zip(found, parts, strict=True):
            sum_so_far += part
    n_cells = np.bincount(groups[groups >= 0], minlength=n_groups)
    mean = total / n_cells[:, None]
    # unbiased; a single cell has no variance
    variance = (squares / n_cells[:, None] - mean**2) * np.where(n_cells > 1, n_cells / np.maximum(n_cells - 1, 1), 0)[
        :, None
    ]
    return Moments(n_cells, n_seen, mean, variance)


def _summed(members: sparse.csr_matrix, block: sparse.csr_matrix, values: np.ndarray) -> np.ndarray:
    """Sums of values over the cells of each group, shape (n_groups, n_genes)."""
    with_values = sparse.csr_matrix((values, block.indices, block.indptr), shape=block.shape)
    if members.shape[0] == 1:
        return np.asarray(with_values.T @ members.toarray()[0])[None]
    return (members @ with_values).toarray()
