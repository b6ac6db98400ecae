import numpy as np
import pandas as pd

from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.data.qc.thresholds import failing, mad_bounds, removal_table, suggest_thresholds

METRICS = pd.DataFrame(
    {
        "total_counts": [10.0, 100, 100, 100, 1000],
        "n_genes_by_counts": [5, 50, 50, 60, 500],
        "pct_counts_mt": [1.0, 1, 2, 50, 1],
    }
)


def config(**values):
    return PrepareConfig(**{**KEEP_EVERYTHING, **values})


def test_mad_bounds_by_hand():
    # median 3, deviations 2 1 0 1 97, their median 1
    assert mad_bounds(np.array([1, 2, 3, 4, 100]), 2, log=False) == (1, 5)
    low, high = mad_bounds(np.expm1(np.array([1.0, 2, 3, 4, 100])), 2, log=True)
    np.testing.assert_allclose([low, high], np.expm1([1, 5]))


def test_each_filter_removes_what_it_says():
    removed = failing(METRICS, config(min_genes=50, max_genes=400, max_pct_mt=10.0))
    assert removed["min_genes"].tolist() == [True, False, False, False, False]
    assert removed["max_genes"].tolist() == [False, False, False, False, True]
    assert removed["max_pct_mt"].tolist() == [False, False, False, True, False]
    assert "max_doublet_score" not in failing(METRICS, config(max_doublet_score=0.2))


def test_limits_themselves_are_kept():
    removed = failing(METRICS, config(min_counts=10, max_counts=1000))
    assert not removed["min_counts"].any()
    assert not removed["max_counts"].any()


def test_table_counts_in_total_and_per_sample():
    samples = pd.Series(["a", "a", "b", "b", "b"])
    table = removal_table(METRICS, config(min_genes=50, max_pct_mt=10.0), samples)
    assert table.loc["any filter"].tolist() == [2, 1, 1]
    assert table.loc["min_genes"].tolist() == [1, 1, 0]


def test_suggestions_are_valid_settings_and_spare_most_cells(study, imported):
    metrics = imported.obs(["total_counts", "n_genes_by_counts", "pct_counts_mt"])
    suggested = suggest_thresholds(metrics)
    assert suggested["max_pct_mt"] >= 5
    removed = removal_table(metrics, config(**suggested)).loc["any filter", "all cells"]
    dying = study.obs["is_dying"].sum()
    assert 0.5 * dying <= removed <= 2 * dying
    assert "max_pct_mt" not in suggest_thresholds(metrics.assign(pct_counts_mt=0.0))
