"""PCA beside CLEAR: two representations of the same cells as one, neither louder than the other.

CLEAR draws like cells together, and PCA keeps what separates the large groups. Beside each other, each centred and
divided so that its total variance is one, Euclidean distances weigh both alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scapp.data.blocks.blocked_matrix import BlockedMatrix

SLAB = 1 << 13
"""Cells whose values are widened to float64 at a time."""
CLEAR, PCA = "clear", "pca"


@dataclass(frozen=True)
class Placing:
    """How a part was put beside the others, so that other cells can be put there as well.

    Parameters
    ----------
    mean
        Of the part's columns over the cells, shape (d,).
    length
        Square root of the part's total variance; 1 where nothing varies.
    """

    mean: np.ndarray
    length: float

    def place(self, values: np.ndarray) -> np.ndarray:
        """A part of any cells, shape (n_cells, d), float32."""
        return np.asarray((values - self.mean) / self.length, dtype=np.float32)


def placing_of(values: np.ndarray) -> Placing:
    """How a part, shape (n_cells, d), is put beside others at a total variance of one."""
    slabs = range(0, len(values), SLAB)
    sums = [np.sum(values[start : start + SLAB], axis=0, dtype=np.float64) for start in slabs]
    mean = np.sum(sums, axis=0) / len(values)
    squares = sum(float(np.square(values[start : start + SLAB] - mean).sum()) for start in slabs)
    total = squares / len(values)
    return Placing(mean, float(np.sqrt(total)) if total > 0 else 1.0)


@dataclass(frozen=True)
class Beside:
    """PCA as it was put beside CLEAR.

    Parameters
    ----------
    loadings
        float32, shape (n_genes, n_pcs): profiles times these are components, but for a constant.
    of_pca, of_clear
        How the two parts were placed; ``of_pca`` takes the constant away.
    """

    loadings: np.ndarray
    of_pca: Placing
    of_clear: Placing

    @classmethod
    def fit(cls, matrix: BlockedMatrix, joined: np.ndarray, loadings: np.ndarray) -> "Beside":
        """Put PCA beside CLEAR's own embedding, in place: both parts of many cells are not in memory twice.

        Parameters
        ----------
        matrix
            Log-normalised values of the model's genes, shape (n_cells, n_genes).
        joined
            Shape (n_cells, n_pcs + d), with CLEAR's own columns after those for PCA. Afterwards it holds both parts,
            as ``join`` would place them.
        loadings
            Of the PCA of ``matrix``, shape (n_genes, n_pcs).
        """
        pca, own = joined[:, : loadings.shape[1]], joined[:, loadings.shape[1] :]
        for start, block in matrix.each_block(lambda start, block: (start, block @ loadings)):
            pca[start : start + len(block)] = block
        beside = cls(loadings, placing_of(pca), placing_of(own))
        for part, placing in ((pca, beside.of_pca), (own, beside.of_clear)):
            for start in range(0, len(joined), SLAB):
                part[start : start + SLAB] = placing.place(part[start : start + SLAB])
        return beside

    def join(self, values: Any, embedding: np.ndarray) -> np.ndarray:
        """Both parts of any cells, PCA first, float32, shape (n_cells, n_pcs + d).

        Parameters
        ----------
        values
            Log-normalised values of the model's genes, CSR or dense, shape (n_cells, n_genes).
        embedding
            CLEAR's own, shape (n_cells, d).
        """
        return np.hstack([self.of_pca.place(np.asarray(values @ self.loadings)), self.of_clear.place(embedding)])

    @property
    def columns(self) -> dict[str, list[int]]:
        """First column and the one after the last of each part."""
        n_pcs, width = self.loadings.shape[1], len(self.of_clear.mean)
        return {PCA: [0, n_pcs], CLEAR: [n_pcs, n_pcs + width]}

    def arrays(self) -> dict[str, np.ndarray]:
        """For a file; ``read`` takes them back."""
        return {
            "beside.loadings": self.loadings,
            "beside.pca.mean": self.of_pca.mean,
            "beside.pca.length": np.array([self.of_pca.length]),
            "beside.clear.mean": self.of_clear.mean,
            "beside.clear.length": np.array([self.of_clear.length]),
        }

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray]) -> "Beside | None":
        """From what ``arrays`` gave, among others; None where there is nothing of it."""
        if "beside.loadings" not in arrays:
            return None
        places = [
            Placing(arrays[f"beside.{part}.mean"], float(arrays[f"beside.{part}.length"][0])) for part in (PCA, CLEAR)
        ]
        return cls(arrays["beside.loadings"], *places)
