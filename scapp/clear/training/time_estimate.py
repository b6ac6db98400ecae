"""How long training will take, before it starts."""

from scapp.clear.config import ClearConfig
from scapp.clear.training.effective_sizes import effective_epochs, effective_sizes, steps_per_epoch

REFERENCE_CELLS_PER_S = 5_000.0
"""Measured on two cores at 2,000 genes and 1,024 hidden units (benchmarks/README.md); only a first guess elsewhere."""

REFERENCE_STEP_SECONDS = 0.04
"""What a step takes however few its cells: optimizer, momentum encoder and bookkeeping at 2,000 genes."""


def estimate_seconds(
    config: ClearConfig, n_cells: int, n_genes: int, measured_cells_per_s: float | None = None
) -> float:
    """Seconds of training.

    Parameters
    ----------
    config, n_cells, n_genes
        What will be trained on what.
    measured_cells_per_s
        Speed of an earlier run of the same shape on this machine; without one, the reference speed
        scaled by the number of weights.
    """
    batch, _ = effective_sizes(config, n_cells)
    steps = effective_epochs(config, n_cells) * steps_per_epoch(config, n_cells)
    if measured_cells_per_s is not None:
        return steps * batch / measured_cells_per_s
    weights = config.hidden * (n_genes + config.dim)
    speed = REFERENCE_CELLS_PER_S * (1024 * (2000 + 128)) / weights
    return steps * (REFERENCE_STEP_SECONDS + batch / speed)
