"""How long training will take, before it starts."""

import functools
import time

import numpy as np

from scapp.clear.config import ClearConfig, clear_config
from scapp.clear.training.effective_sizes import effective_epochs, effective_sizes, steps_per_epoch

CELLS_PER_S = {"recommended": 13_500.0, "paper": 3_600.0, "authors_code": 7_000.0}
"""By preset, on two cores at 2,000 genes and the preset's own sizes, where ``PRODUCT_SECONDS`` were measured."""
PRODUCT_SECONDS = 0.0028
"""Of the product of 256 x 2,000 and 2,000 x 512 there (float32): says how much faster or slower another machine is."""
STEP_SECONDS = 0.008
"""What a step takes however few its cells: optimizer, bookkeeping, what is looked at."""
AROUND_SECONDS, AROUND_CELL_SECONDS = 1.5, 0.0004
"""Before and after the steps: reading, PCA, embedding, and with batches as much again for Harmony."""


def n_steps(config: ClearConfig, n_cells: int) -> int:
    """Steps of a training."""
    return effective_epochs(config, n_cells) * steps_per_epoch(config, n_cells)


def estimate_seconds(
    config: ClearConfig,
    n_cells: int,
    n_genes: int,
    *,
    measured_step_seconds: float | None = None,
    slowness: float | None = None,
) -> float:
    """Seconds of a run of CLEAR.

    Parameters
    ----------
    config, n_cells, n_genes
        What will be trained on what.
    measured_step_seconds
        Of an earlier run of the same shape on this machine; without one, reference speeds are scaled by the number of
        weights and by ``slowness``.
    slowness
        Of this machine beside the reference; by default as ``machine_slowness`` measures it.
    """
    slowness = machine_slowness() if slowness is None else slowness
    batch, _ = effective_sizes(config, n_cells)
    around = slowness * (AROUND_SECONDS + AROUND_CELL_SECONDS * n_cells) * (1 if config.batch_key is None else 2)
    if measured_step_seconds is not None:
        return around + n_steps(config, n_cells) * measured_step_seconds
    own = clear_config(config.preset)
    weights = config.hidden * (n_genes + config.dim) / (own.hidden * (2_000 + own.dim))
    step = STEP_SECONDS + batch * weights / CELLS_PER_S[config.preset]
    return around + slowness * n_steps(config, n_cells) * step


@functools.cache
def machine_slowness() -> float:
    """How many times longer this machine takes for a matrix product than the reference: a guess for its trainings."""
    generator = np.random.default_rng(0)
    left, right = (generator.random(shape, dtype=np.float32) for shape in ((256, 2_000), (2_000, 512)))
    taken = []
    for _ in range(10):
        start = time.perf_counter()
        left @ right
        taken.append(time.perf_counter() - start)
    return min(taken) / PRODUCT_SECONDS
