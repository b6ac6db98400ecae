"""What is left of batches after training is taken away, and how other cells follow."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from scapp.data.qc.harmony import LIGHT, harmony

MOST_KEPT = 20_000
"""Cells by which others are corrected."""
NEAREST = 15


@dataclass(frozen=True)
class Correction:
    """Harmony on a representation, kept at some of its cells.

    Parameters
    ----------
    before, change
        Representation of those cells as the encoder made it, and what was added to each, float32, shape (n_kept, d).
    """

    before: np.ndarray
    change: np.ndarray

    @classmethod
    def fit(cls, embedding: np.ndarray, batches: np.ndarray, seed: int) -> tuple["Correction", np.ndarray]:
        """Correct a representation, shape (n_cells, d); the correction, and the corrected cells."""
        corrected = harmony(embedding, batches, seed=seed, theta=LIGHT)
        n_cells = len(embedding)
        kept = np.arange(n_cells)
        if n_cells > MOST_KEPT:
            kept = np.sort(np.random.default_rng(seed).choice(n_cells, MOST_KEPT, replace=False))
        return cls(embedding[kept], (corrected - embedding)[kept]), corrected

    def apply(self, embedding: np.ndarray) -> np.ndarray:
        """Correct other cells, shape (n_cells, d), by the mean change of the nearest kept ones."""
        n_near = min(NEAREST, len(self.before))
        near = NearestNeighbors(n_neighbors=n_near).fit(self.before).kneighbors(embedding, return_distance=False)
        return np.asarray(embedding + self.change[near].mean(axis=1), dtype=np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """For a file; ``read`` takes them back."""
        return {"correction.before": self.before, "correction.change": self.change}

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray]) -> "Correction | None":
        """From what ``arrays`` gave, among others; None where there is nothing of it."""
        if "correction.before" not in arrays:
            return None
        return cls(arrays["correction.before"], arrays["correction.change"])
