"""How well an order of cells agrees with known stages."""

import numpy as np
from scipy import stats


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
    ``spearman``, ``kendall`` (tau-b), ``n_cells`` (that count) and ``reached`` (share of cells with a stage that have a pseudotime). NaN where fewer than three cells count, or
    either is the same in all.
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
