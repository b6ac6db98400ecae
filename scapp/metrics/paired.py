"""Is one classifier better than another over the same types and seeds?"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats


def paired_tests(pairs: pd.DataFrame) -> dict[str, Any]:
    """Compare two columns of figures that belong together.

    Parameters
    ----------
    pairs
        ``first``, ``second`` (for example AUPRC with and without a component), ``type`` and ``seed``; rows that lack a
        figure are left out.

    Returns
    -------
    ``n_pairs``; ``difference`` (mean of first - second); ``t`` and ``p_t`` (paired t-test over (seed, type) pairs, the
    thesis's); ``p_wilcoxon`` (over the same pairs); ``n_types`` and ``p_wilcoxon_types`` (Wilcoxon over per-type means
    of the seeds: pairs of one type are not independent of each other, so this is the test to believe). NaN where
    nothing can be tested: fewer than two pairs, or differences that are all zero.

    References
    ----------
    Thesis, section 5.4.
    """
    known = pairs.dropna(subset=["first", "second"])
    difference = (known["first"] - known["second"]).to_numpy(dtype=np.float64)
    by_type = pd.Series(difference).groupby(known["type"].to_numpy(), sort=False).mean().to_numpy()
    found: dict[str, Any] = {
        "n_pairs": len(difference),
        "difference": float(difference.mean()) if len(difference) else np.nan,
        "t": np.nan,
        "p_t": np.nan,
        "p_wilcoxon": _wilcoxon(difference),
        "n_types": len(by_type),
        "p_wilcoxon_types": _wilcoxon(by_type),
    }
    if len(difference) > 1 and np.ptp(difference) > 0:
        tested = stats.ttest_rel(known["first"], known["second"])
        found |= {"t": float(tested.statistic), "p_t": float(tested.pvalue)}
    return found


def _wilcoxon(difference: np.ndarray) -> float:
    if len(difference) < 2 or not difference.any():
        return float("nan")
    return float(stats.wilcoxon(difference).pvalue)
