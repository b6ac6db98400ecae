"""How well an order of cells agrees with known stages, and with genes."""

import numpy as np
import pandas as pd
from scipy import sparse, stats
from sklearn.isotonic import IsotonicRegression

GENES_AT_ONCE = 256
"""So many genes are dense in memory at a time."""


def order_agreement(pseudotime: np.ndarray, stage: np.ndarray) -> dict[str, float]:
    """Rank correlations of a pseudotime with ordered stages.

    Parameters
    ----------
    pseudotime
        Shape (n_cells,); cells that are not finite were not reached from the root and do not count.
    stage
        Codes in order, -1 where unknown, shape (n_cells,).

    Returns
    -------
    ``spearman``, ``kendall`` (tau-b), ``n_cells`` (that count) and ``reached`` (share of cells with a stage that have a
    pseudotime). NaN where fewer than three cells count, or either is the same in all.
    """
    staged = stage >= 0
    known = staged & np.isfinite(pseudotime)
    x, y = pseudotime[known], stage[known]
    found = {
        "spearman": float("nan"),
        "kendall": float("nan"),
        "n_cells": float(known.sum()),
        "reached": float(known.sum() / staged.sum()) if staged.any() else float("nan"),
    }
    if len(x) >= 3 and np.ptp(x) > 0 and np.ptp(y) > 0:
        found["spearman"] = float(stats.spearmanr(x, y).statistic)
        found["kendall"] = float(stats.kendalltau(x, y).statistic)
    return found


def monotone_curve(pseudotime: np.ndarray, stage: np.ndarray) -> pd.DataFrame:
    """Cells in their inferred order beside their stages, and the rising curve that fits them best.

    Were the order perfect, every cell would lie on the curve.

    Parameters
    ----------
    pseudotime
        Shape (n_cells,); cells that are not finite do not count.
    stage
        Codes in order, -1 where unknown, shape (n_cells,).

    Returns
    -------
    A row per cell that counts, sorted: ``cell`` (its position), ``order`` (rank of its pseudotime, 1 is the root; equal
    times share their mean rank), ``stage`` and ``curve`` (of the same unit as ``stage``, never falling).

    References
    ----------
    Figure 4A of the CLEAR paper. The curve is the isotonic regression of stage on order (least squares).
    """
    known = np.flatnonzero((stage >= 0) & np.isfinite(pseudotime))
    order = stats.rankdata(pseudotime[known])
    table = pd.DataFrame({"cell": known, "order": order, "stage": stage[known]})
    table["curve"] = IsotonicRegression().fit_transform(order, table["stage"]) if len(known) else []
    return table.sort_values(["order", "cell"], ignore_index=True)


def rank_correlations(values: sparse.spmatrix, pseudotime: np.ndarray) -> np.ndarray:
    """Spearman correlation of every gene with a pseudotime.

    Parameters
    ----------
    values
        Expression, shape (n_cells, n_genes).
    pseudotime
        Shape (n_cells,); cells that are not finite do not count.

    Returns
    -------
    Shape (n_genes,); NaN for a gene, or a time, that is the same in all cells.
    """
    known = np.flatnonzero(np.isfinite(pseudotime))
    columns = sparse.csc_matrix(values)[known]
    found = np.full(columns.shape[1], np.nan)
    time = _standardised(stats.rankdata(pseudotime[known])[:, None])
    for start in range(0, columns.shape[1], GENES_AT_ONCE):
        ranks = stats.rankdata(columns[:, start : start + GENES_AT_ONCE].toarray(), axis=0)
        found[start : start + GENES_AT_ONCE] = (_standardised(ranks) * time).sum(axis=0)
    return found


def _standardised(ranks: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and length 1; NaN where a column does not vary."""
    centred = ranks - ranks.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return np.asarray(centred / np.where(length > 0, length, np.nan))
