"""Principal components from one pass over blocks of cells, and a second that places the cells."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, blocked
from scapp.data.blocks.moments import moments
from scapp.data.config import PrepareConfig

LARGEST_SCALED = 10.0
"""Scaled values are clipped here, on both sides (scanpy's tutorials)."""
LARGEST_GRAM = 6_000
"""Cells or genes, whichever are fewer, of which a whole matrix of products is made."""
SLAB = 2_048
MANY_CELLS, SPARSE = 20_000, 0.15
"""From so many cells on, and up to such a share of values that are not zero, products are made of these alone, by
compiled code; below, dense ones are as quick, and nothing has to be compiled.
"""

Transform = Callable[[sparse.csr_matrix], sparse.csr_matrix]


@dataclass(frozen=True)
class _Axes:
    """Directions of largest variance: loadings, shape (n_genes, n_pcs), and the mean of each gene."""

    loadings: np.ndarray
    mean: np.ndarray


def principal_components(log_values: AnyMatrix, genes: np.ndarray, config: PrepareConfig) -> np.ndarray:
    """PCA of the chosen genes, float32, shape (n_cells, n_pcs); see ``pca``."""
    return pca(log_values, genes, config)[0]


def pca(log_values: AnyMatrix, genes: np.ndarray, config: PrepareConfig) -> tuple[np.ndarray, np.ndarray]:
    """PCA of the chosen genes, and how to place other profiles in it.

    Computed from the products of genes summed over the cells (of cells, where these are fewer), with signs as in
    scikit-learn: each component's largest loading is positive.

    Parameters
    ----------
    log_values
        Shape (n_cells, n_genes).
    genes
        Bool, shape (n_genes,).
    config
        How many components, and whether each gene is scaled to a variance of 1 and clipped at 10 first.

    Returns
    -------
    components
        float32, shape (n_cells, n_pcs); fewer where cells or genes are few.
    loadings
        float32, shape (n_genes, n_pcs), zero for the genes that were not chosen: a profile's components are its log
        values times the loadings, but for one constant of all cells. Where genes were scaled, clipping at 10 is left
        out.
    """
    matrix = blocked(log_values)
    chosen = matrix if genes.all() else matrix.select(None, np.flatnonzero(genes))
    n_pcs = min(config.n_pcs, chosen.n_cells - 1, chosen.n_genes - 1)
    transform: Transform = _unchanged
    spread = np.ones(chosen.n_genes)
    if config.scale_for_pca:
        transform, spread = _scaling(chosen)
    if min(chosen.shape) > LARGEST_GRAM:
        axes = _axes_by_iteration(chosen, transform, n_pcs, config.seed)
    elif chosen.n_cells < chosen.n_genes:
        axes = _axes_by_cells(chosen, transform, n_pcs)
    else:
        axes = _axes_by_genes(chosen, transform, n_pcs)
    largest = np.abs(axes.loadings).argmax(axis=0)
    signs = np.where(axes.loadings[largest, np.arange(n_pcs)] < 0, -1.0, 1.0)
    directions = axes.loadings * signs
    offset = axes.mean @ directions
    placed = chosen.each_block(lambda _, block: (transform(block) @ directions - offset).astype(np.float32))
    loadings = np.zeros((len(genes), n_pcs), dtype=np.float32)
    loadings[genes] = directions / spread[:, None]
    return np.concatenate(list(placed)), loadings


def _unchanged(block: sparse.csr_matrix) -> sparse.csr_matrix:
    return block


def _scaling(matrix: BlockedMatrix) -> tuple[Transform, np.ndarray]:
    """How values are scaled, and the standard deviation of each gene.

    What a zero becomes is taken from every value of its gene, so that zeros stay zeros: components are centred, and so
    the same.
    """
    found = moments(matrix, np.zeros(matrix.n_cells, dtype=np.int64))
    mean, spread = found.mean[0], np.sqrt(np.maximum(found.variance[0], 0))
    spread[spread == 0] = 1
    zero = np.clip(-mean / spread, -LARGEST_SCALED, LARGEST_SCALED)

    def scaled(block: sparse.csr_matrix) -> sparse.csr_matrix:
        places = block.indices
        values = np.clip((block.data - mean[places]) / spread[places], -LARGEST_SCALED, LARGEST_SCALED) - zero[places]
        return sparse.csr_matrix((values.astype(np.float32), places, block.indptr), shape=block.shape)

    return scaled, spread


def _axes_by_genes(matrix: BlockedMatrix, transform: Transform, n_pcs: int) -> _Axes:
    n_genes, n_cells = matrix.n_genes, matrix.n_cells
    products, total = _gene_products(matrix, transform)
    products = np.triu(products) + np.triu(products, 1).T
    mean = total / n_cells
    covariance = (products / n_cells - np.outer(mean, mean)) * (n_cells / (n_cells - 1))
    _, vectors = linalg.eigh(covariance, subset_by_index=(n_genes - n_pcs, n_genes - 1))
    return _Axes(vectors[:, ::-1], mean)


def _gene_products(matrix: BlockedMatrix, transform: Transform) -> tuple[np.ndarray, np.ndarray]:
    """Products of genes summed over cells (the upper triangle), and the sum of each gene."""
    n_genes = matrix.n_genes
    first = transform(matrix.block(0, min(matrix.n_cells, SLAB)))
    if matrix.n_cells < MANY_CELLS or first.nnz > SPARSE * first.shape[0] * n_genes:
        # the order of what BLAS gives
        products, total = np.zeros((n_genes, n_genes), order="F"), np.zeros(n_genes)
        for block in matrix.each_block(lambda _, block: transform(block)):
            total += block.T @ np.ones(block.shape[0])
            for start in range(0, block.shape[0], SLAB):
                # products of float32 would be rounded by more than a gene of high mean and small spread varies
                products += linalg.blas.dsyrk(1.0, block[start : start + SLAB].toarray().astype(np.float64).T)
        return products, total

    from scapp.data.qc.gene_products import add_products

    def work(_: int, block: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        values, own = transform(block), np.zeros((n_genes, n_genes))
        add_products(values.indptr, values.indices, values.data, own)
        return own, values.T @ np.ones(values.shape[0])

    # summed in the order of the blocks: whichever thread is quicker, the result is the same to the last bit
    products, total = np.zeros((n_genes, n_genes)), np.zeros(n_genes)
    for own, sums in matrix.each_block(work):
        products += own
        total += sums
    return products, total


def _axes_by_cells(matrix: BlockedMatrix, transform: Transform, n_pcs: int) -> _Axes:
    n_cells = matrix.n_cells
    values = sparse.csc_matrix(sparse.vstack(list(matrix.each_block(lambda _, block: transform(block)))))
    products = np.zeros((n_cells, n_cells))
    for start in range(0, matrix.n_genes, SLAB):
        dense = values[:, start : start + SLAB].toarray().astype(np.float64)
        products += dense @ dense.T
    mean = np.asarray(values.sum(axis=0, dtype=np.float64)).ravel() / n_cells
    of_cell = products.mean(axis=1)
    centred = products - of_cell[:, None] - of_cell[None] + of_cell.mean()
    squares, vectors = linalg.eigh(centred, subset_by_index=(n_cells - n_pcs, n_cells - 1))
    squares, vectors = squares[::-1], vectors[:, ::-1]
    loadings = values.T @ vectors - np.outer(mean, vectors.sum(axis=0))
    # a direction without variance has no loadings
    lengths = np.sqrt(np.where(squares > squares.max(initial=0) * n_cells * np.finfo(float).eps, squares, np.inf))
    return _Axes(loadings / lengths, mean)


def _axes_by_iteration(matrix: BlockedMatrix, transform: Transform, n_pcs: int, seed: int) -> _Axes:
    """By products with vectors alone, of all chosen values in memory."""
    values = sparse.vstack(list(matrix.each_block(lambda _, block: transform(block))), format="csr").astype(np.float64)
    mean = np.asarray(values.sum(axis=0)).ravel() / matrix.n_cells

    def product(vector: np.ndarray) -> np.ndarray:
        placed = values @ vector.ravel() - mean @ vector.ravel()
        return np.asarray(values.T @ placed - mean * placed.sum())

    operator = LinearOperator((matrix.n_genes, matrix.n_genes), matvec=product, dtype=np.float64)
    start = np.random.default_rng(seed).normal(size=matrix.n_genes)
    _, vectors = eigsh(operator, k=n_pcs, v0=start)
    return _Axes(vectors[:, ::-1], mean)
