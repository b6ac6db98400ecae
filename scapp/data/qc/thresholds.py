"""Suggested cut-offs, and what cut-offs remove: arrays in, numbers out, fast enough for a slider."""

from typing import Any

import numpy as np
import pandas as pd

from scapp.core import keys
from scapp.data.config import PrepareConfig


def mad_bounds(values: np.ndarray, n_mads: float, *, log: bool) -> tuple[float, float]:
    """Median minus and plus a number of median absolute deviations.

    Parameters
    ----------
    values
        One metric, shape (n_cells,).
    n_mads
        How many (unscaled) MADs.
    log
        Measure on log1p, for counts and genes, whose spread is multiplicative.

    References
    ----------
    Germain et al. 2020 (pipeComp), Heumos et al. 2023 (single-cell best practices): 5 MADs for counts
    and genes, 3 for the mitochondrial share.
    """
    measured = np.log1p(values) if log else np.asarray(values, dtype=float)
    median = np.median(measured)
    spread = n_mads * np.median(np.abs(measured - median))
    low, high = median - spread, median + spread
    return (float(np.expm1(low)), float(np.expm1(high))) if log else (float(low), float(high))


def suggest_thresholds(metrics: pd.DataFrame) -> dict[str, Any]:
    """Cut-offs by median absolute deviations, as values of ``PrepareConfig``.

    A mitochondrial cut-off is only suggested where any cell has mitochondrial counts, and never below
    5%, because on very clean data three MADs would discard healthy cells.
    """
    low_counts, high_counts = mad_bounds(metrics[keys.TOTAL_COUNTS].to_numpy(), 5, log=True)
    low_genes, high_genes = mad_bounds(metrics[keys.N_GENES].to_numpy(), 5, log=True)
    suggested: dict[str, Any] = {
        "min_counts": max(int(low_counts), 0),
        "max_counts": int(np.ceil(high_counts)),
        "min_genes": max(int(low_genes), 0),
        "max_genes": int(np.ceil(high_genes)),
    }
    if keys.PCT_MT in metrics and metrics[keys.PCT_MT].max() > 0:
        _, high_mt = mad_bounds(metrics[keys.PCT_MT].to_numpy(), 3, log=False)
        suggested["max_pct_mt"] = float(np.clip(np.ceil(high_mt * 10) / 10, 5, 100))
    return suggested


def usual_min_genes(n_genes: int) -> int:
    """Minimum genes per cell where nobody chose it: 200, or a twentieth of the genes of a panel that measures few."""
    return min(200, n_genes // 20)


def failing(metrics: pd.DataFrame, config: PrepareConfig) -> dict[str, np.ndarray]:
    """Which cells each filter removes, bool arrays of shape (n_cells,), by the filter's name."""
    rules = {
        "min_genes": (keys.N_GENES, "below", config.min_genes),
        "max_genes": (keys.N_GENES, "above", config.max_genes),
        "min_counts": (keys.TOTAL_COUNTS, "below", config.min_counts),
        "max_counts": (keys.TOTAL_COUNTS, "above", config.max_counts),
        "max_pct_mt": (keys.PCT_MT, "above", config.max_pct_mt),
        "max_doublet_score": (keys.DOUBLET_SCORE, "above", config.max_doublet_score),
    }
    removed = {}
    for name, (column, side, limit) in rules.items():
        if limit is None or column not in metrics:
            continue
        values = metrics[column].to_numpy()
        removed[name] = values < limit if side == "below" else values > limit
    return removed


def removal_table(metrics: pd.DataFrame, config: PrepareConfig, samples: pd.Series | None = None) -> pd.DataFrame:
    """Cells each filter removes, in total and per sample.

    Returns
    -------
    One row per filter and a last row ``any filter``; columns ``all cells`` and one per sample.
    """
    removed = failing(metrics, config)
    removed["any filter"] = np.logical_or.reduce(list(removed.values())) if removed else np.zeros(len(metrics), bool)
    groups = {"all cells": np.ones(len(metrics), dtype=bool)}
    if samples is not None:
        groups |= {str(name): (samples == name).to_numpy() for name in samples.dropna().unique()}
    rows = {
        name: {group: int((mask & members).sum()) for group, members in groups.items()}
        for name, mask in removed.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(groups))
