"""The training matrix, one copy, handed out a batch at a time on the device."""

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from scapp.clear.config import DENSE_LIMIT_BYTES
from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, blocked
from scapp.data.blocks.moments import moments as moments_of

CLIP = 10.0
GPU_SHARE = 0.4
"""Of a GPU's free memory that a dense matrix may take."""


class CellMatrix:
    """Rows of a matrix as dense float32 tensors, scaled on the way where asked for.

    Small matrices are kept dense on the device. Larger ones stay sparse: on a GPU in its own memory, so that no row
    travels while training, else as they come.

    Parameters
    ----------
    values
        Log-normalised values of the genes that models read, shape (n_cells, n_genes).
    device
        Where batches are wanted.
    scale
        Centre each gene, divide by its standard deviation (n - 1), clip at 10.
    moments
        Mean and standard deviation by which genes are scaled, each of shape (n_genes,); those of the cells themselves
        where none are given.
    """

    def __init__(
        self, values: AnyMatrix, device: torch.device, *, scale: bool, moments: np.ndarray | None = None
    ) -> None:
        matrix = blocked(values)
        self.n_cells, self.n_genes = matrix.shape
        self.device = device
        self._sparse: BlockedMatrix | None = None
        self._dense: Tensor | None = None
        self._on_device: DeviceRows | None = None
        self._moments: tuple[Tensor, Tensor] | None = None
        if scale:
            given = _moments(matrix) if moments is None else moments
            self._moments = (torch.from_numpy(given[0].copy()), torch.from_numpy(given[1].copy()))
        if 4.0 * self.n_cells * self.n_genes <= dense_limit(device):
            self._dense = torch.empty(self.n_cells, self.n_genes, device=device)
            for start, block in matrix.each_block(lambda start, block: (start, torch.from_numpy(block.toarray()))):
                self._dense[start : start + len(block)] = self._scaled(block.to(device))
        elif device.type != "cpu":
            self._on_device = DeviceRows(matrix, device)
        else:
            self._sparse = matrix

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
        assert self._sparse is not None
        return self._scaled(torch.from_numpy(self._sparse.rows(cells.numpy()).toarray()))

    def _scaled(self, batch: Tensor) -> Tensor:
        if self._moments is None:
            return batch
        self._moments = (self._moments[0].to(batch.device), self._moments[1].to(batch.device))
        mean, sd = self._moments
        return batch.sub_(mean).div_(sd).clamp_(-CLIP, CLIP)


class DeviceRows:
    """A sparse matrix in the device's memory; nobody waits for the device when rows are made dense.

    Parameters
    ----------
    values
        Read in blocks.
    device
        Where it is kept.
    """

    def __init__(self, values: AnyMatrix, device: torch.device) -> None:
        matrix = blocked(values)
        self.n_genes = matrix.n_genes
        small = np.int16 if self.n_genes <= np.iinfo(np.int16).max else np.int32

        def parts(_: int, block: sparse.csr_matrix) -> tuple[np.ndarray, Tensor, Tensor]:
            return np.diff(block.indptr), torch.from_numpy(block.indices.astype(small)), torch.from_numpy(block.data)

        lengths, columns, found = zip(
            *((of_cell, places.to(device), own.to(device)) for of_cell, places, own in matrix.each_block(parts)),
            strict=True,
        )
        starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
        self._starts = torch.from_numpy(starts).to(device)
        self._columns, self._values = torch.cat(columns), torch.cat(found)
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


def _moments(matrix: BlockedMatrix) -> np.ndarray:
    """Mean and standard deviation (n - 1; 1 where nothing varies) of each gene, float32, shape (2, n_genes)."""
    found = moments_of(matrix, np.zeros(matrix.n_cells, dtype=np.int64))
    sd = np.sqrt(np.maximum(found.variance[0], 0))
    sd[sd == 0] = 1.0
    return np.stack([found.mean[0], sd]).astype(np.float32)
