"""Paired tests, against scipy and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scapp.metrics.paired import paired_tests


def pairs(n_types=6, n_seeds=5, gain=0.05, seed=0):
    rng = np.random.default_rng(seed)
    types, seeds = np.meshgrid(np.arange(n_types), np.arange(n_seeds), indexing="ij")
    second = rng.uniform(0.4, 0.9, types.size)
    first = second + gain + rng.normal(0, 0.02, types.size)
    return pd.DataFrame({"first": first, "second": second, "type": types.ravel(), "seed": seeds.ravel()})


def test_they_are_scipys():
    table = pairs()
    found = paired_tests(table)
    tested = stats.ttest_rel(table["first"], table["second"])
    assert found["t"] == pytest.approx(tested.statistic)
    assert found["p_t"] == pytest.approx(tested.pvalue)
    assert found["p_wilcoxon"] == pytest.approx(stats.wilcoxon(table["first"], table["second"]).pvalue)
    # six types, all better: the smallest p that six pairs can have is 2 / 2^6
    assert found["p_wilcoxon_types"] == pytest.approx(2 / 64)
    assert (found["n_pairs"], found["n_types"]) == (30, 6)
    assert found["difference"] == pytest.approx((table["first"] - table["second"]).mean())


def test_what_is_missing_is_left_out():
    table = pairs()
    table.loc[table["type"] == 0, "first"] = np.nan
    found = paired_tests(table)
    assert (found["n_pairs"], found["n_types"]) == (25, 5)


def test_nothing_is_claimed_where_nothing_can_be_tested():
    same = pairs().assign(first=lambda t: t["second"])
    for table in (same, pairs()[:1], pairs()[:0]):
        found = paired_tests(table)
        assert np.isnan([found["p_t"], found["p_wilcoxon"], found["p_wilcoxon_types"]]).all()
    assert paired_tests(same)["difference"] == 0
    assert np.isnan(paired_tests(pairs()[:0])["difference"])
