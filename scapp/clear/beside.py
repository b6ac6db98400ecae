"""PCA beside CLEAR: two representations of the same cells as one, neither louder than the other.

CLEAR draws like cells together, and PCA keeps what separates the large groups. Beside each other, each centred and
divided so that its total variance is one, Euclidean distances weigh both alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    wide = np.asarray(values, dtype=np.float64)
    total = float(wide.var(axis=0).sum())
    return Placing(wide.mean(axis=0), float(np.sqrt(total)) if total > 0 else 1.0)


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
    def fit(cls, values: Any, embedding: np.ndarray, loadings: np.ndarray) -> tuple["Beside", np.ndarray]:
        """Put PCA beside CLEAR's own embedding; how that was done, and both parts of the cells.

        Parameters
        ----------
        values
            Log-normalised values of the model's genes, CSR or dense, shape (n_cells, n_genes).
        embedding
            CLEAR's own, shape (n_cells, d).
        loadings
            Of the PCA of ``values``, shape (n_genes, n_pcs).
        """
        components = np.asarray(values @ loadings)
        beside = cls(loadings, placing_of(components), placing_of(embedding))
        return beside, beside._placed(components, embedding)

    def join(self, values: Any, embedding: np.ndarray) -> np.ndarray:
        """Both parts of any cells, PCA first, float32, shape (n_cells, n_pcs + d)."""
        return self._placed(np.asarray(values @ self.loadings), embedding)

    def _placed(self, components: np.ndarray, embedding: np.ndarray) -> np.ndarray:
        return np.hstack([self.of_pca.place(components), self.of_clear.place(embedding)])

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
