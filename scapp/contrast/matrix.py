"""The training matrix, one copy, handed out a batch at a time on the device."""

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from scapp.contrast.config import DENSE_LIMIT_BYTES

CLIP = 10.0


class CellMatrix:
    """Rows of a matrix as dense float32 tensors, scaled on the way where asked for.

    Parameters
    ----------
    values
        Log-normalised values of the genes that models read, CSR or dense, shape (n_cells, n_genes).
    device
        Where batches are wanted.
    scale
        Centre each gene, divide by its standard deviation (n - 1), clip at 10.
    """

    def __init__(self, values: Any, device: torch.device, *, scale: bool) -> None:
        self.n_cells, self.n_genes = values.shape
        self.device = device
        self._sparse = sparse.csr_matrix(values, dtype=np.float32)
        self._dense: Tensor | None = None
        self._moments: tuple[Tensor, Tensor] | None = _moments(self._sparse) if scale else None
        if 4.0 * self.n_cells * self.n_genes <= DENSE_LIMIT_BYTES:
            self._dense = self._scaled(torch.from_numpy(self._sparse.toarray()).to(device))
            self._sparse = None

    def rows(self, cells: Tensor) -> Tensor:
        """Profiles of some cells, shape (len(cells), n_genes)."""
        if self._dense is not None:
            return self._dense[cells]
        batch = torch.from_numpy(self._sparse[cells.cpu().numpy()].toarray())
        return self._scaled(batch.to(self.device, non_blocking=True))

    def _scaled(self, batch: Tensor) -> Tensor:
        if self._moments is None:
            return batch
        mean, sd = (moment.to(batch.device) for moment in self._moments)
        return batch.sub_(mean).div_(sd).clamp_(-CLIP, CLIP)


def _moments(values: sparse.csr_matrix) -> tuple[Tensor, Tensor]:
    mean = np.asarray(values.mean(axis=0), dtype=np.float64).ravel()
    square = np.asarray(values.multiply(values).mean(axis=0), dtype=np.float64).ravel()
    n_cells = values.shape[0]
    variance = np.maximum(square - mean**2, 0) * n_cells / max(n_cells - 1, 1)
    sd = np.sqrt(variance)
    sd[sd == 0] = 1.0
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(sd.astype(np.float32))
