"""Random numbers for augmentations of a few cells, by numpy; ``contrast.device_draws`` has those for training."""

from typing import Any

import numpy as np


class NumpyDraws:
    """Draws for numpy arrays; see ``augmentations.Draws``.

    Parameters
    ----------
    n_genes
        Of the profiles.
    seed
        The same seed gives the same views.
    """

    xp: Any = np

    def __init__(self, n_genes: int, seed: int) -> None:
        self.n_genes = n_genes
        self.rng = np.random.default_rng(seed)

    def copy(self, values: np.ndarray) -> np.ndarray:
        """A copy that may be written to."""
        return np.array(values, dtype=np.float32, order="C")

    def places(self, n: int) -> np.ndarray:
        """0, 1, ... n - 1."""
        return np.arange(n)

    def some(self, n: int, probability: float) -> np.ndarray:
        """Those of 0, 1, ... n - 1 that a chance has chosen."""
        return np.flatnonzero(self.rng.random(n) < probability)

    def genes(self, n_cells: int, n_chosen: int) -> np.ndarray:
        """Different genes for each cell, in random order."""
        return np.argsort(self.rng.random((n_cells, self.n_genes)), axis=1)[:, :n_chosen]

    def uniform(self, n_cells: int, n_columns: int) -> np.ndarray:
        """From [0, 1)."""
        return self.rng.random((n_cells, n_columns), dtype=np.float32)

    def normal(self, n_cells: int, n_columns: int) -> np.ndarray:
        """Standard normal."""
        return self.rng.standard_normal((n_cells, n_columns), dtype=np.float32)

    def integers(self, high: int, n_cells: int, n_columns: int) -> np.ndarray:
        """From 0 to high - 1."""
        return self.rng.integers(0, high, (n_cells, n_columns))

    def binomial(self, counts: np.ndarray, probability: float) -> np.ndarray:
        """How many of so many are kept."""
        return self.rng.binomial(counts.astype(np.int64), probability).astype(np.float32)
