"""The coordinates in which a component that reads genes is trained."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from sklearn.decomposition import PCA
from torch import Tensor

MOST_CELLS = 5_000
POWER = 3
"""Power iterations of the randomised decomposition."""


@dataclass(frozen=True)
class Basis:
    """Coordinates ``(x - origin) @ axes`` in which a component that reads genes is trained.

    Parameters
    ----------
    axes
        Shape (n_genes, n_coordinates).
    origin
        Shape (n_genes,).
    """

    axes: Tensor
    origin: Tensor


def basis_of(train: sparse.csr_matrix, n_components: int, seed: int, device: torch.device) -> Basis:
    """Principal components of the training cells, scaled alike so that the first has a standard deviation of 1.

    A component on thousands of genes is still a linear map of them, but Adam moves all its coordinates equally fast: on
    single genes, rare ones as fast as those that matter, and it learns its training cells by heart
    (benchmarks/README.md). Of more than 5,000 cells, so many are taken at random.
    """
    if train.shape[0] > MOST_CELLS:
        chosen = np.sort(np.random.default_rng(seed).choice(train.shape[0], MOST_CELLS, replace=False))
        train = train[chosen]
    n_components = max(min(n_components, min(train.shape) - 1), 1)
    origin = np.asarray(train.mean(axis=0), dtype=np.float32).ravel()
    if min(train.shape) < 2:
        return Basis(torch.eye(train.shape[1], device=device), torch.from_numpy(origin).to(device))
    few = n_components >= 0.5 * min(train.shape)
    pca = PCA(n_components, svd_solver="full" if few else "randomized", iterated_power=POWER, random_state=seed)
    pca.fit(train.toarray())
    scale = max(float(np.sqrt(pca.explained_variance_[0])), 1e-6)
    axes = torch.from_numpy(np.ascontiguousarray(pca.components_.T / scale, dtype=np.float32))
    return Basis(axes.to(device), torch.from_numpy(origin).to(device))
