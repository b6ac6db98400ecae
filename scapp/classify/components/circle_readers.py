"""Each type's probability from its own circle alone (the thesis's idea for the Cell Ontology)."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True)
class CircleReaders:
    """One logistic regression per type, on its own space.

    Parameters
    ----------
    weights
        Shape (n_types, dims).
    offsets
        Shape (n_types,); of a type that cannot be read (without training cells, or without others), minus infinity's
        stand-in.
    """

    weights: np.ndarray
    offsets: np.ndarray

    def probabilities(self, circles: np.ndarray) -> np.ndarray:
        """Of each type, from unit vectors (n_cells, n_types, dims), shape (n_cells, n_types); rows sum to 1."""
        margins = np.einsum("nkd,kd->nk", circles.astype(np.float64), self.weights) + self.offsets
        single = 1 / (1 + np.exp(-np.clip(margins, -500, 500)))
        # a cell that no circle claims is as good as any type
        return np.asarray((single + 1e-12) / (single + 1e-12).sum(axis=1, keepdims=True))


NEVER = -500.0


def learn_readers(circles: np.ndarray, codes: np.ndarray) -> CircleReaders:
    """From training cells' unit vectors (n_cells, n_types, dims) and types."""
    n_types, dims = circles.shape[1:]
    weights, offsets = np.zeros((n_types, dims)), np.full(n_types, NEVER)
    for code in range(n_types):
        member = codes == code
        if member.any() and not member.all():
            model = LogisticRegression().fit(circles[:, code], member)
            weights[code], offsets[code] = model.coef_[0], model.intercept_[0]
    return CircleReaders(weights, offsets)
