"""CLEAR: train a query and a momentum encoder on augmented views, then embed every cell."""

import numpy as np
import pandas as pd
import torch

from scapp.clear.config import ClearConfig
from scapp.clear.parallel import ranks
from scapp.clear.parallel.exchange import Together
from scapp.clear.training.cells import gather_cells
from scapp.clear.training.loop import ClearResult, Training
from scapp.core.errors import ConfigError, DataError
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import AnyMatrix


def train_clear(
    values: AnyMatrix,
    config: ClearConfig,
    context: StepContext,
    *,
    device: str = "cpu",
    processes: int = 1,
    batches: np.ndarray | None = None,
    totals: np.ndarray | None = None,
    target_sum: float = 1e4,
    labels: pd.Categorical | None = None,
    reference: np.ndarray | None = None,
) -> ClearResult:
    """Train CLEAR and embed every cell.

    Parameters
    ----------
    values
        Log-normalised values of the highly variable genes, shape (n_cells, n_genes). Cells are read in any order, many
        times: see ``packed_if_large``.
    config
        See ``clear_config`` for presets.
    context
        Gets progress, metrics, checkpoints and snapshots; training goes on from its last
        checkpoint where it has one.
    device
        Of torch: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    processes
        How many train together; each takes its part of a step's ``batch_size`` cells. With ``cuda``, each has a GPU of
        its own.
    batches
        Batch of each cell from 0, shape (n_cells,): differences between batches are not learnt. ``batch_key`` names it.
    totals, target_sum
        Counts of each cell, shape (n_cells,), and the number that ``values`` were scaled to: for thinning alone.
    labels
        Label of each cell, NaN where there is none: how well k-means finds them is logged beside the loss. Nothing is
        learnt from them.
    reference
        Another representation, shape (n_cells, d), whose agreement with the labels is logged as well.

    Raises
    ------
    DataError
        Fewer than two cells, or no batch of two.
    ConfigError
        Thinning without counts or of scaled genes; no negatives at all; more processes than GPUs, or than cells in a
        step.
    DivergedError
        The loss became NaN or infinite.
    RunError
        The checkpoint to go on from was made with other settings or other data; a process of several died.
    StepStopped
        The user asked to stop; a checkpoint of this very step was written.

    References
    ----------
    Han et al. 2022 (CLEAR), Briefings in Bioinformatics; equations 1 to 3.
    """
    if values.shape[0] < 2:
        raise DataError(
            f"CLEAR compares cells with each other; found {values.shape[0]}.",
            hint="Filter less, so that two cells or more are left.",
        )
    _check(config, batches, totals)
    cells = gather_cells(values, config, batches=batches, totals=totals, target_sum=target_sum)

    def train(device: torch.device, together: Together) -> ClearResult:
        training = Training(cells, config, device, together)
        training.observe(labels, reference)
        folder = context.latest_checkpoint()
        if folder is not None:
            training.restore(folder)
        training.run(context)
        return training.finish(context)

    if processes == 1:
        return train(torch.device(device), Together())
    with ranks.joined_by(cells, config, context, device=device, processes=processes) as (own, together):
        return train(own, together)


def _check(config: ClearConfig, batches: np.ndarray | None, totals: np.ndarray | None) -> None:
    """Refuse settings that cannot work together, with what to change."""
    if batches is not None and np.unique(batches, return_counts=True)[1].max() < 2:
        raise DataError(
            f"Every cell is a batch of its own in '{config.batch_key}'.",
            hint="Choose another batch column, or none.",
        )
    if config.augmentation.thin_probability > 0 and (totals is None or config.scale_input):
        raise ConfigError(
            "Thinning needs raw counts and genes that are not scaled.",
            hint="Turn 'Scale genes' off, or set 'Thinning: how often' to 0; data without counts cannot be thinned.",
        )
    if config.queue_size == 0 and not config.symmetric:
        raise ConfigError(
            "Without a queue and without the batch's other cells there are no negatives to contrast a cell with.",
            hint="Turn 'Symmetric loss' on, or give the queue a size.",
        )
    if config.key_encoder == "query" and not config.symmetric:
        raise ConfigError(
            "Keys that learn need the symmetric loss.",
            hint="Turn 'Symmetric loss' on, or let keys come from the momentum encoder.",
        )
