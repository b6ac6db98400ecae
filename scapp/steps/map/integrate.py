"""Harmony on principal components as a step: a representation of its own beside PCA and CLEAR."""

import numpy as np

from scapp.analysis.map.config import HarmonyConfig
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.core.step_context import StepContext
from scapp.data.qc.harmony import harmony
from scapp.metrics.mixing import ilisi, neighbours
from scapp.metrics.tuned_harmony import tuned_harmony
from scapp.steps.step import Inputs, Outcome

MOST_CELLS = 5_000
"""Cells of which the mixing is measured; of more, that many drawn at random (seed 0)."""


def integrate(inputs: Inputs, config: HarmonyConfig, context: StepContext) -> Outcome:
    """Write ``X_harmony``; the summary says how far batches mix before and after.

    Raises
    ------
    ConfigError
        No batch column was named.
    DataError
        It has one batch, or some cells have none; or there are no principal components.
    """
    data = inputs.data
    if config.batch_key is None:
        raise ConfigError(
            "No batch column was chosen.", hint="Choose the column that says what was processed together."
        )
    pca = keys.representation("pca")
    data.require(pca, "Harmony starts from principal components.")
    batches = data.batches(config.batch_key)
    assert batches is not None
    n_batches = len(np.unique(batches))
    if n_batches < 2:
        raise DataError(
            f"'{config.batch_key}' has one value: there is nothing to remove.", hint="Choose another batch column."
        )
    components = np.asarray(data.read(pca), dtype=np.float32)

    def report(done: int, total: int) -> None:
        context.raise_if_stopped()
        context.report(done, total, f"Harmony, setting {done + 1} of {total}")

    if config.tune:
        corrected = tuned_harmony(components, batches, seed=config.seed, report=report)
    else:
        report(0, 1)
        corrected = harmony(components, batches, seed=config.seed, theta=config.theta, sigma=config.sigma)
    context.raise_if_stopped()
    cells = np.arange(len(batches))
    if len(cells) > MOST_CELLS:
        cells = np.sort(np.random.default_rng(0).choice(cells, MOST_CELLS, replace=False))
    mixing = [ilisi(*neighbours(values[cells]), batches[cells]) for values in (components, corrected)]
    length = float(np.linalg.norm(components))
    moved = float(np.linalg.norm(corrected - components)) / length if length else 0.0
    summary = {"n_batches": n_batches, "ilisi_before": mixing[0], "ilisi_after": mixing[1], "moved": moved}
    return Outcome({keys.representation("harmony"): corrected}, summary=summary)
