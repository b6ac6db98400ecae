"""The training matrix, one copy, handed out a batch at a time on the device."""

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from scapp.clear.config import DENSE_LIMIT_BYTES

CLIP = 10.0
GPU_SHARE = 0.4
"""Of a GPU's free memory that a dense matrix may take."""


class CellMatrix:
    """Rows of a matrix as dense float32 tensors, scaled on the way where asked for.

    Small matrices are kept dense on the device. Larger ones stay sparse: on a GPU in its own memory, so that no row
    travels while training, else as SciPy holds them.

    Parameters
    ----------
    values
        Log-normalised values of the genes that models read, CSR or dense, shape (n_cells, n_genes).
    device
        Where batches are wanted.
    scale
        Centre each gene, divide by its standard deviation (n - 1), clip at 10.
    moments
        Mean and standard deviation by which genes are scaled, each of shape (n_genes,); those of the cells themselves
        where none are given.
    """

    def __init__(self, values: Any, device: torch.device, *, scale: bool, moments: np.ndarray | None = None) -> None:
        self.n_cells, self.n_genes = values.shape
        self.device = device
        self._sparse = sparse.csr_matrix(values, dtype=np.float32)
        self._dense: Tensor | None = None
        self._on_device: DeviceRows | None = None
        self._moments: tuple[Tensor, Tensor] | None = None
        if scale:
            given = _moments(self._sparse) if moments is None else moments
            self._moments = (torch.from_numpy(given[0].copy()), torch.from_numpy(given[1].copy()))
        if 4.0 * self.n_cells * self.n_genes <= dense_limit(device):
            self._dense = self._scaled(torch.from_numpy(self._sparse.toarray()).to(device))
            self._sparse = None
        elif device.type != "cpu":
            self._on_device = DeviceRows(self._sparse, device)
            self._sparse = None

    @property
    def moments(self) -> np.ndarray | None:
        """Mean and standard deviation of each gene, shape (2, n_genes), where genes are scaled."""
        return None if self._moments is None else torch.stack(self._moments).cpu().numpy()

    def rows(self, cells: Tensor) -> Tensor:
        """Profiles of some cells, shape (len(cells), n_genes)."""
        if self._dense is not None:
            return self._dense[cells]
        if self._on_device is not None:
            return self._scaled(self._on_device.rows(cells))
        return self._scaled(torch.from_numpy(self._sparse[cells.numpy()].toarray()))

    def _scaled(self, batch: Tensor) -> Tensor:
        if self._moments is None:
            return batch
        self._moments = (self._moments[0].to(batch.device), self._moments[1].to(batch.device))
        mean, sd = self._moments
        return batch.sub_(mean).div_(sd).clamp_(-CLIP, CLIP)


class DeviceRows:
    """A CSR matrix in the device's memory; nobody waits for the device when rows are made dense.

    Parameters
    ----------
    values
        CSR.
    device
        Where it is kept.
    """

    def __init__(self, values: sparse.csr_matrix, device: torch.device) -> None:
        self.n_genes = values.shape[1]
        starts = np.asarray(values.indptr, dtype=np.int64)
        self._starts = torch.from_numpy(starts).to(device)
        small = values.shape[1] <= np.iinfo(np.int16).max
        self._columns = torch.from_numpy(values.indices.astype(np.int16 if small else np.int32)).to(device)
        self._values = torch.from_numpy(values.data).to(device)
        # the longest row: a size that the host knows without asking the device
        self._steps = torch.arange(int(np.diff(starts).max(initial=0)), device=device)

    def rows(self, cells: Tensor) -> Tensor:
        """Dense rows, shape (len(cells), n_genes)."""
        dense = torch.zeros(len(cells), self.n_genes, device=cells.device)
        if not len(self._values):
            return dense
        starts = self._starts[cells]
        lengths = self._starts[cells + 1] - starts
        places = (starts[:, None] + self._steps).clamp_(max=len(self._values) - 1)
        # what lies beyond a row's end is added as zero
        values = self._values[places] * (self._steps < lengths[:, None])
        return dense.scatter_add_(1, self._columns[places].long(), values)


def dense_limit(device: torch.device) -> float:
    """Bytes that a dense matrix may take."""
    if device.type != "cuda":
        return DENSE_LIMIT_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return GPU_SHARE * free


def _moments(values: sparse.csr_matrix) -> np.ndarray:
    """Mean and standard deviation (n - 1; 1 where nothing varies) of each gene, float32, shape (2, n_genes)."""
    mean = np.asarray(values.mean(axis=0), dtype=np.float64).ravel()
    square = np.asarray(values.multiply(values).mean(axis=0), dtype=np.float64).ravel()
    n_cells = values.shape[0]
    variance = np.maximum(square - mean**2, 0) * n_cells / max(n_cells - 1, 1)
    sd = np.sqrt(variance)
    sd[sd == 0] = 1.0
    return np.stack([mean, sd]).astype(np.float32)
