"""Every cell through a trained encoder."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from scapp.clear.config import ClearConfig
from scapp.clear.model import Encoder
from scapp.clear.objective import scaled_to
from scapp.clear.training.matrix import CellMatrix

INFERENCE_BATCH = 4096
LEAST_CELLS = 32
"""Smaller batches of cells are normalised like all cells together: their own mean would be that of the types that
happen to be in them.
"""


@torch.no_grad()
def embed(
    encoder: Encoder,
    matrix: CellMatrix,
    config: ClearConfig,
    batches: np.ndarray | None = None,
    between: Callable[[], None] | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Embed every cell; a batch normalisation layer is first set to the undistorted cells.

    During training the layer sees distorted cells (most genes masked), and with a batch column the cells of one batch
    at a time. So its statistics are taken anew from the cells as they are, and each batch of cells is normalised by its
    own. Afterwards the encoder keeps the statistics of all cells.

    Parameters
    ----------
    encoder
        Trained; its normalisation layer is changed.
    matrix
        The cells.
    config
        ``embedding_length``.
    batches
        Batch of each cell, shape (n_cells,).
    between
        Called between pieces, to stop.
    out
        Where it is written, float32, shape (n_cells, dim or hidden); by default a new array.

    Returns
    -------
    That array.
    """
    encoder.eval()
    everyone = np.arange(matrix.n_cells)
    _recalibrate(encoder, matrix, everyone, between)
    pieces = represent(encoder, matrix, everyone, config, between, out)
    if batches is not None and isinstance(encoder.normalisation, nn.BatchNorm1d):
        for batch in np.unique(batches):
            cells = np.flatnonzero(batches == batch)
            if len(cells) >= LEAST_CELLS:
                _recalibrate(encoder, matrix, cells, between)
                pieces[cells] = represent(encoder, matrix, cells, config, between)
        _recalibrate(encoder, matrix, everyone, between)
    return pieces


@torch.no_grad()
def represent(
    encoder: Encoder,
    matrix: CellMatrix,
    cells: np.ndarray,
    config: ClearConfig,
    between: Callable[[], None] | None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Some cells through an encoder as it is, float32, shape (len(cells), dim or hidden)."""
    found = np.empty((len(cells), config.representation_width), dtype=np.float32) if out is None else out
    done = 0
    for part in _parts(cells, matrix.device, between):
        embedding = scaled_to(config.embedding_length, encoder.represent(matrix.rows(part)))
        found[done : done + len(part)] = embedding.float().cpu().numpy()
        done += len(part)
    return found


def _recalibrate(encoder: Encoder, matrix: CellMatrix, cells: np.ndarray, between: Callable[[], None] | None) -> None:
    """Set a batch normalisation layer to mean and variance of some cells."""
    layer = encoder.normalisation
    if not isinstance(layer, nn.BatchNorm1d):
        return
    assert layer.running_mean is not None
    assert layer.running_var is not None
    total = torch.zeros(layer.num_features, dtype=torch.float64)
    squares = torch.zeros_like(total)
    # about the first cell, so that large means do not eat the digits of small variances
    origin: Tensor | None = None
    for part in _parts(cells, matrix.device, between):
        values = encoder.first(matrix.rows(part)).double().cpu()
        origin = values[0] if origin is None else origin
        total += (values - origin).sum(dim=0)
        squares += (values - origin).square().sum(dim=0)
    assert origin is not None
    mean = total / len(cells)
    layer.running_mean.copy_(mean + origin)
    layer.running_var.copy_((squares / len(cells) - mean.square()).clamp_min(0))


def _parts(cells: np.ndarray, device: torch.device, between: Callable[[], None] | None) -> Iterator[Tensor]:
    for start in range(0, len(cells), INFERENCE_BATCH):
        if between is not None:
            between()
        yield torch.from_numpy(cells[start : start + INFERENCE_BATCH]).to(device)
