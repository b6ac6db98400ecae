"""Harmony at the setting that mixes batches best for what it costs of PCA's neighbours; no labels are read."""

from collections.abc import Callable
from itertools import product

import numpy as np

from scapp.data.qc.harmony import harmony
from scapp.metrics.mixing import ilisi, neighbours

THETAS = (1.0, 2.0, 4.0, 8.0)
SIGMAS = (0.05, 0.1, 0.2, 0.4)
N_NEIGHBOURS = 15


def tuned_harmony(
    components: np.ndarray,
    batches: np.ndarray,
    *,
    seed: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """The best of a grid of diversity penalties and cluster widths.

    At its defaults Harmony leaves some small datasets as they are, so that a comparison with those defaults says
    little. Settings are judged by the mean of iLISI and of the share of each cell's neighbours in PCA, within its own
    batch, that are kept.

    Parameters
    ----------
    components
        PCA, shape (n_cells, n_pcs).
    batches
        Code of each cell's batch, shape (n_cells,).
    seed
        Of Harmony.
    report
        Called with the number of settings that have been tried, and of all.

    Returns
    -------
    float32, shape (n_cells, n_pcs).
    """
    best, best_score = components, -np.inf
    settings = list(product(THETAS, SIGMAS))
    for done, (theta, sigma) in enumerate(settings):
        report(done, len(settings))
        corrected = harmony(components, batches, seed=seed, theta=theta, sigma=sigma)
        positions, distances = neighbours(corrected)
        score = (ilisi(positions, distances, batches) + neighbours_kept_within(components, corrected, batches)) / 2
        if score > best_score:
            best, best_score = corrected, score
    return np.asarray(best, dtype=np.float32)


def neighbours_kept_within(before: np.ndarray, after: np.ndarray, batches: np.ndarray) -> float:
    """Share of each cell's nearest neighbours of its own batch that stay such, the mean over cells.

    Batches of fewer than three cells are left out; NaN where none is left.
    """
    shares = []
    for batch in np.unique(batches):
        own = np.flatnonzero(batches == batch)
        if len(own) < 3:
            continue
        k = min(N_NEIGHBOURS, len(own) - 1)
        first, second = neighbours(before[own], k)[0], neighbours(after[own], k)[0]
        shares += [len(set(a) & set(b)) / k for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    return float(np.mean(shares)) if shares else float("nan")
