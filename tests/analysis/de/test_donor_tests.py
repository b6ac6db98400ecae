"""Tests of donors against scipy, one by one, and against counting."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scapp.analysis.de.composition import compare_shares, mean_shares, shares_of
from scapp.analysis.de.config import StudyConfig
from scapp.analysis.de.design import make_study
from scapp.analysis.de.donor_tests import OVERALL, adjusted, compare_donors, donor_means

RNG = np.random.default_rng(1)


def table(sides, feature="f", paired=False):
    rows = []
    for condition, values in sides.items():
        for i, value in enumerate(values):
            donor = f"d{i}" if paired else f"{condition}{i}"
            rows.append(
                {
                    "feature": feature,
                    "sample": f"{donor}{condition}",
                    "donor": donor,
                    "condition": condition,
                    "value": value,
                }
            )
    return pd.DataFrame(rows)


def test_two_sides_agree_with_scipy():
    x, y = RNG.normal(0, 1, 6), RNG.normal(1, 2, 5)
    row = compare_donors(table({"a": x, "b": y}), ["a", "b"]).iloc[0]
    assert row["test"] == "independent"
    assert row["p_rank"] == pytest.approx(stats.mannwhitneyu(y, x, method="exact").pvalue)
    assert row["p_t"] == pytest.approx(stats.ttest_ind(y, x, equal_var=False).pvalue)
    assert row["cliffs_delta"] == pytest.approx(np.mean([np.sign(b - a) for a in x for b in y]))
    assert row["difference"] == pytest.approx(y.mean() - x.mean())
    assert row["smallest_p_rank"] == pytest.approx(2 / comb(11, 6))


def test_donors_with_both_conditions_are_compared_with_themselves():
    x = RNG.normal(0, 5, 7)
    y = x + RNG.normal(0.5, 0.3, 7)
    both = table({"a": x, "b": y}, paired=True)
    row = compare_donors(both.sample(frac=1, random_state=0), ["a", "b"]).iloc[0]
    assert row["test"] == "paired"
    assert row["p_rank"] == pytest.approx(stats.wilcoxon(y - x).pvalue)
    assert row["p_t"] == pytest.approx(stats.ttest_rel(y, x).pvalue)
    assert row["smallest_p_rank"] == pytest.approx(2 / 2**7)


def test_more_than_two_conditions_have_an_overall_row():
    sides = {name: RNG.normal(i, 1, 4 + i) for i, name in enumerate("abc")}
    found = compare_donors(table(sides), list("abc")).set_index("compared")
    assert list(found.index) == ["b", "c", OVERALL]
    assert found.loc[OVERALL, "p_rank"] == pytest.approx(stats.kruskal(*sides.values()).pvalue)
    assert found.loc[OVERALL, "p_t"] == pytest.approx(stats.f_oneway(*sides.values()).pvalue)
    separated = [np.arange(4), np.arange(4, 10), np.arange(10, 15)]
    assert found.loc[OVERALL, "smallest_p_rank"] <= stats.kruskal(*separated).pvalue
    assert found.loc["c", "p_rank"] == pytest.approx(stats.mannwhitneyu(sides["c"], sides["a"]).pvalue)


def test_p_values_are_adjusted_over_features_within_a_comparison():
    parts = [table({"a": RNG.normal(0, 1, 5), "b": RNG.normal(i, 1, 5)}, feature=f"f{i}") for i in range(4)]
    found = compare_donors(pd.concat(parts), ["a", "b"])
    p = found["p_t"].to_numpy()
    by_hand = [min(min(1, p[j] * 4 / (np.sum(p <= p[j]))) for j in range(4) if p[j] >= p[i]) for i in range(4)]
    np.testing.assert_allclose(found["p_t_adjusted"], by_hand)
    with_gap = adjusted(pd.Series([0.01, np.nan, 0.02]))
    assert with_gap.isna().tolist() == [False, True, False]
    assert with_gap[0] == pytest.approx(0.02)
    assert adjusted(pd.Series([np.nan])).isna().all()


def test_one_donor_a_side_equal_values_and_nothing_at_all():
    one = compare_donors(table({"a": [1.0], "b": [2.0, 3.0]}), ["a", "b"]).iloc[0]
    assert np.isnan(one["p_rank"])
    assert np.isnan(one["p_t"])
    assert one["difference"] == 1.5
    same = compare_donors(table({"a": [1.0, 1, 1], "b": [1.0, 1, 1]}), ["a", "b"]).iloc[0]
    assert np.isnan(same["p_rank"])
    assert same["cliffs_delta"] == 0
    assert (
        len(
            compare_donors(
                table({"a": [], "b": []}).reindex(columns=["feature", "donor", "condition", "value"]), ["a", "b"]
            )
        )
        == 0
    )
    missing = compare_donors(table({"a": [1.0, np.nan, 2], "b": [3.0, 4, 5]}), ["a", "b"]).iloc[0]
    assert missing["n_reference"] == 2


def study_of(rows):
    obs = pd.concat(
        [pd.DataFrame({"donor": d, "condition": c, "type": t}, index=range(n)) for d, c, t, n in rows],
        ignore_index=True,
    )
    return make_study(obs, StudyConfig(condition_key="condition", donor_key="donor", cell_type_key="type"))


def test_shares_by_hand_and_absent_types_are_zero():
    study = study_of(
        [
            ("d1", "a", "B", 3),
            ("d1", "a", "T", 1),
            ("d2", "a", "B", 2),
            ("d3", "b", "T", 5),
            ("d4", "b", "B", 1),
            ("d4", "b", "T", 3),
        ]
    )
    shares = shares_of(study).set_index(["sample", "cell_type"])["share"]
    assert shares.to_dict() == {
        ("d1", "B"): 0.75,
        ("d1", "T"): 0.25,
        ("d2", "B"): 1,
        ("d2", "T"): 0,
        ("d3", "B"): 0,
        ("d3", "T"): 1,
        ("d4", "B"): 0.25,
        ("d4", "T"): 0.75,
    }
    means = mean_shares(shares_of(study), ["a", "b"])
    assert means.loc["a", "B"] == pytest.approx((0.75 + 1) / 2)
    assert list(means.index) == ["a", "b"]


def test_t_tests_of_shares_look_at_logits():
    counts = {"a": [(5, 20), (0, 10), (8, 30)], "b": [(9, 20), (7, 10), (20, 30)]}
    rows = [
        (f"{c}{i}", c, t, n)
        for c, pairs in counts.items()
        for i, (k, total) in enumerate(pairs)
        for t, n in (("B", k), ("T", total - k))
        if n
    ]
    found = compare_shares(shares_of(study_of(rows)), ["a", "b"]).set_index("feature")
    logits = [[np.log((k + 0.5) / (total - k + 0.5)) for k, total in pairs] for pairs in counts.values()]
    assert found.loc["B", "p_t"] == pytest.approx(stats.ttest_ind(logits[1], logits[0], equal_var=False).pvalue)
    raw = [[k / total for k, total in pairs] for pairs in counts.values()]
    assert found.loc["B", "p_rank"] == pytest.approx(stats.mannwhitneyu(raw[1], raw[0]).pvalue)
    # two types mirror each other
    assert found.loc["B", "p_t"] == pytest.approx(found.loc["T", "p_t"])
    assert found.loc["B", "cliffs_delta"] == -found.loc["T", "cliffs_delta"]


def test_without_donors_shares_are_of_conditions():
    obs = pd.DataFrame({"condition": ["a"] * 4 + ["b"] * 2, "type": ["B", "B", "T", "T", "B", "B"]})
    study = make_study(obs, StudyConfig(condition_key="condition", cell_type_key="type"))
    shares = shares_of(study)
    assert shares.set_index(["condition", "cell_type"])["share"].to_dict() == {
        ("a", "B"): 0.5,
        ("a", "T"): 0.5,
        ("b", "B"): 1,
        ("b", "T"): 0,
    }
    assert compare_shares(shares, ["a", "b"])["p_t"].isna().all()


def test_means_of_donors_by_hand():
    samples = pd.DataFrame({"sample": ["x", "y", "z"], "donor": ["x", "y", "z"], "condition": ["a", "a", "b"]})
    codes = np.array([1, 0, 1, -1, 0])
    found = donor_means({"s": np.array([1.0, 2, 3, 100, 6])}, codes, samples, ["x", "y", "z"])
    assert found[["sample", "n_cells", "value"]].to_numpy().tolist() == [["x", 2, 4.0], ["y", 2, 2.0]]


def test_donors_with_every_condition_are_compared_by_friedman():
    sides = {name: RNG.normal(i, 1, 6) for i, name in enumerate("abc")}
    row = compare_donors(table(sides, paired=True), list("abc")).set_index("compared").loc[OVERALL]
    assert row["test"] == "paired"
    assert row["p_rank"] == pytest.approx(stats.friedmanchisquare(*sides.values()).pvalue)
    assert row["smallest_p_rank"] == pytest.approx(stats.chi2.sf(12, 2))
    assert np.isnan(row["p_t"])
