"""How far a figure of test cells could have come out otherwise. Arrays in, numbers out."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

LEAST_TESTED = 10
"""Test cells of a type below which nothing is said of how well it is known."""
N_RESAMPLES = 1_000
LEVEL = 0.95
MOST_AT_ONCE = 5_000_000
"""Weights that are held at once: resamples times cells."""


def auprc_intervals(
    codes: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Bootstrap percentile interval of each type's AUPRC over test cells.

    Cells are drawn again with replacement, within each group where there are groups, so that every donor stays as large
    as it is: the interval then says what other cells of these donors would have given, not what other donors would.

    Parameters
    ----------
    codes
        True type of each test cell from 0, shape (n_cells,).
    probabilities
        Shape (n_cells, n_types).
    groups
        Donor or batch of each test cell, shape (n_cells,).
    n_resamples
        How often cells are drawn again.
    seed
        Of the draws.

    Returns
    -------
    One row per type, in order: ``auprc_low`` and ``auprc_high``, which hold 95% of the resamples; NaN for a type with
    fewer than two test cells, of which draws tell nothing, and where every cell is of the type.

    References
    ----------
    Efron and Tibshirani 1993, chapter 13.
    """
    n_types = probabilities.shape[1]
    found = np.full((n_types, 2), np.nan)
    truths = {code: codes == code for code in range(n_types)}
    known = [code for code, truth in truths.items() if 2 <= truth.sum() < len(codes)]
    drawn: dict[int, list[np.ndarray]] = {code: [] for code in known}
    if known:
        for weights in _resamples(np.zeros(len(codes)) if groups is None else groups, n_resamples, seed):
            for code in known:
                drawn[code].append(weighted_auprc(truths[code], probabilities[:, code], weights))
    for code in known:
        values = np.concatenate(drawn[code])
        # a resample without a cell of the type has no AUPRC
        found[code] = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return pd.DataFrame(found, columns=["auprc_low", "auprc_high"])


def weighted_auprc(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision for many weightings of the same cells at once.

    Parameters
    ----------
    truth
        Whether a cell is of the type, shape (n_cells,).
    scores
        Shape (n_cells,).
    weights
        Shape (n_weightings, n_cells).

    Returns
    -------
    Shape (n_weightings,); NaN where no true cell has weight. Equal to scikit-learn's ``average_precision_score`` with
    ``sample_weight``, in which cells with one score share one threshold.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    ordered = weights[:, order]
    reached = np.cumsum(ordered, axis=1, dtype=np.float64)[:, ends]
    right = np.cumsum(ordered * truth[order], axis=1, dtype=np.float64)[:, ends]
    precision = np.divide(right, reached, out=np.zeros_like(right), where=reached > 0)
    gained = np.diff(right, axis=1, prepend=0.0)
    total = right[:, -1]
    return np.divide((precision * gained).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)


def _resamples(groups: np.ndarray, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each cell is drawn, float32, in pieces of shape (at most n_resamples, n_cells)."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in pd.unique(pd.Series(groups))]
    piece = max(MOST_AT_ONCE // len(groups), 1)
    for start in range(0, n_resamples, piece):
        weights = np.empty((min(piece, n_resamples - start), len(groups)), dtype=np.float32)
        for cells in members:
            even = np.full(len(cells), 1 / len(cells))
            weights[:, cells] = rng.multinomial(len(cells), even, size=len(weights))
        yield weights
