"""Which cells meet in a step, and which of them belong together."""

import numpy as np
import torch
from torch import Tensor

from scapp.clear.config import ClearConfig
from scapp.clear.training.effective_sizes import effective_sizes, steps_per_epoch
from scapp.clear.training.saved_state import generator_for
from scapp.data.blocks.blocked_matrix import AnyMatrix
from scapp.data.config import PrepareConfig
from scapp.data.qc.harmony import harmony
from scapp.data.qc.principal_components import principal_components
from scapp.metrics.nearest import nearest_others

MOST_SHARE = 0.05
"""Neighbours are at most this share of the cells, so that those of a small type are mostly of that type."""


class Schedule:
    """The steps of an epoch: random cells, or random cells of one batch at a time.

    Parameters
    ----------
    config
        Batch size and seed.
    n_cells
        Of the data.
    batches
        Batch of each cell from 0, shape (n_cells,), or none. A batch of a single cell, which has nothing to be compared
        with, is left out of training; it is embedded like the others.
    """

    def __init__(self, config: ClearConfig, n_cells: int, batches: np.ndarray | None = None) -> None:
        self.seed = config.seed
        self.n_cells = n_cells
        self.batch_size, _ = effective_sizes(config, n_cells)
        self.members: list[Tensor] = []
        if batches is not None:
            groups = [np.flatnonzero(batches == code) for code in np.unique(batches)]
            self.members = [torch.from_numpy(group) for group in groups if len(group) > 1]
        self.n_steps = (
            sum(self._n_parts(group) for group in self.members) if self.members else steps_per_epoch(config, n_cells)
        )

    def _n_parts(self, group: Tensor) -> int:
        return max(round(len(group) / self.batch_size), 1)

    def epoch(self, number: int) -> list[Tensor]:
        """Cells of each step: from seed and number alone, so that any step can be resumed."""
        generator = generator_for(self.seed, f"order {number}", torch.device("cpu"))
        if not self.members:
            order = torch.randperm(self.n_cells, generator=generator)
            return [order[step * self.batch_size : (step + 1) * self.batch_size] for step in range(self.n_steps)]
        parts: list[Tensor] = []
        for group in self.members:
            shuffled = group[torch.randperm(len(group), generator=generator)]
            parts.extend(shuffled.tensor_split(self._n_parts(group)))
        return [parts[int(place)] for place in torch.randperm(len(parts), generator=generator)]


def nearest_neighbours(
    values: AnyMatrix, config: ClearConfig, batches: np.ndarray | None = None, components: np.ndarray | None = None
) -> np.ndarray:
    """Nearest cells of each cell in PCA (50 components of the model's genes).

    With batches they are of the same batch, or of any after Harmony (``batch_positives``).

    Parameters
    ----------
    values
        What the model reads, shape (n_cells, n_genes).
    config
        ``n_neighbors``, ``batch_positives``, ``scale_input``, ``seed``.
    batches
        Batch of each cell, shape (n_cells,).
    components
        That PCA, shape (n_cells, n_pcs), where it has been computed already.

    Returns
    -------
    Cell numbers, int64, shape (n_cells, k); a cell that has fewer is its own neighbour in the places that are left.
    """
    n_cells, n_genes = values.shape
    found = np.repeat(np.arange(n_cells)[:, None], config.n_neighbors, axis=1)
    if n_cells < 3 or n_genes < 2:
        return found
    if components is None:
        prepare = PrepareConfig(scale_for_pca=config.scale_input, seed=config.seed)
        components = principal_components(values, np.ones(n_genes, dtype=bool), prepare)
    if batches is not None and config.batch_positives == "across":
        components = harmony(components, batches, seed=config.seed)
        batches = None
    groups = [np.arange(n_cells)] if batches is None else [np.flatnonzero(batches == b) for b in np.unique(batches)]
    for members in groups:
        n_near = min(config.n_neighbors, max(int(MOST_SHARE * len(members)), 1), len(members) - 1)
        if n_near < 1:
            continue
        near = members[nearest_others(components[members], n_near, config.seed)]
        found[members] = np.resize(near.T, (config.n_neighbors, len(members))).T
    return found
