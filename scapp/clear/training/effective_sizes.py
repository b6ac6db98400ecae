"""Sizes that follow from settings and the number of cells: batch, queue, steps, epochs, memory. Imports no torch."""

import math

from scapp.clear.config import DENSE_LIMIT_BYTES, ClearConfig
from scapp.data.config import PrepareConfig

SMALLEST_BATCH = 16


def effective_sizes(config: ClearConfig, n_cells: int) -> tuple[int, int]:
    """Batch and queue size for a number of cells.

    Batches are small enough for ``min_steps_per_epoch``, but not below 16 cells. Below ``batch_size``
    cells the queue holds as many keys as there are cells (the authors' code: both are the number of cells).
    """
    for_steps = max(n_cells // config.min_steps_per_epoch, SMALLEST_BATCH)
    batch = min(config.batch_size, for_steps, n_cells)
    return batch, config.queue_size if n_cells >= config.batch_size else min(config.queue_size, n_cells)


LEAST_EPOCHS, MOST_EPOCHS = 4, 50
"""Bounds where epochs are left open. Fifty is what some 4,000 cells get for 800 steps; fewer cells that are gone
through more often fall into islands, which
Leiden splits and diffusion cannot cross (benchmarks/README.md)."""


def steps_per_epoch(config: ClearConfig, n_cells: int) -> int:
    """Steps in which every cell is seen about once."""
    batch, _ = effective_sizes(config, n_cells)
    return max(n_cells // batch, 1)


def effective_epochs(config: ClearConfig, n_cells: int) -> int:
    """Epochs for a number of cells: as given, else as many as ``steps`` needs, four at least and fifty at most."""
    if config.epochs is not None:
        return config.epochs
    needed = math.ceil(config.steps / steps_per_epoch(config, n_cells))
    return min(max(needed, LEAST_EPOCHS), MOST_EPOCHS)


def estimate_memory(config: ClearConfig, n_cells: int, n_genes: int) -> float:
    """Bytes that training takes beside the sparse values: these dense, where they are; the model with its optimizer,
    and the views of a batch; neighbours and embedding of every cell.
    """
    batch, queue = effective_sizes(config, n_cells)
    weights = config.hidden * (n_genes + config.dim)
    dense = 4.0 * n_cells * n_genes
    neighbours = 32.0 * config.n_neighbors if config.positives == "neighbours" else 0.0
    embedding = 4.0 * (config.representation_width + 2 * PrepareConfig().n_pcs * config.has_pca_beside)
    of_all = (dense if dense <= DENSE_LIMIT_BYTES else 0.0) + n_cells * (neighbours + embedding)
    return of_all + 4.0 * (6 * weights + 12 * batch * n_genes + 4 * batch * (queue + 2 * batch)) + 5e8
