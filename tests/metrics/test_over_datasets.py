"""Methods over datasets: by hand, against scipy, and where nothing can be said."""

import itertools

import numpy as np
import pandas as pd
import pytest

from scapp.metrics.over_datasets import (
    compare_over_datasets,
    least_p,
    paired_over_datasets,
    scores_by_seed,
    shared_methods,
    summary_over_datasets,
)

TABLE = pd.DataFrame({"A": [0.9, 0.5, 0.7], "B": [0.8, 0.5, 0.9], "C": [0.1, 0.2, 0.3]}, index=["x", "y", "z"])


def test_means_ranks_and_the_best_by_hand():
    found = summary_over_datasets(TABLE).set_index("title")
    assert list(found.index) == ["A", "B", "C"]  # equal ranks keep their order
    assert found["mean_rank"].tolist() == pytest.approx([(1 + 1.5 + 2) / 3, (2 + 1.5 + 1) / 3, 3])
    assert found["best_on"].tolist() == [2, 2, 0]
    assert found.loc["A", ["mean", "median", "lowest", "highest"]].tolist() == pytest.approx([0.7, 0.7, 0.5, 0.9])
    assert found.loc["A", "sd"] == pytest.approx(0.2)


def signed_rank_p(difference):
    """Exact two-sided p-value, by going through every sign."""
    ranks = pd.Series(np.abs(difference)).rank().to_numpy()
    observed = abs(ranks[difference > 0].sum() - ranks[difference < 0].sum())
    signs = np.array(list(itertools.product([-1, 1], repeat=len(ranks))))
    return float((np.abs(signs @ ranks) >= observed - 1e-9).mean())


def test_paired_tests_against_every_sign():
    difference = np.array([0.1, -0.02, 0.3, 0.21, 0.08, 0.17])
    table = pd.DataFrame({"A": difference, "B": 0.0, "C": difference - 0.001})
    found = paired_over_datasets(table, "A").set_index("title")
    assert found.loc["B", "p"] == pytest.approx(signed_rank_p(difference))
    assert found.loc["C", "p"] == pytest.approx(least_p(6)) == pytest.approx(2 / 2**6)
    # Holm: the smaller p-value times two, the larger times one, never falling
    assert found.loc["C", "p_holm"] == pytest.approx(2 * found.loc["C", "p"])
    assert found.loc["B", "p_holm"] == pytest.approx(max(found.loc["B", "p"], 2 * found.loc["C", "p"]))
    assert found[["better_on", "worse_on"]].to_numpy().tolist() == [[5, 1], [0, 0]]
    assert found.loc["B", "difference"] == pytest.approx(difference.mean())


def test_where_nothing_can_be_tested():
    same = paired_over_datasets(TABLE.assign(C=TABLE["A"])[["A", "C"]], "A")
    assert same[["p", "p_holm"]].isna().all(axis=None)
    assert paired_over_datasets(TABLE[:1], "A")["p"].isna().all()
    assert not len(paired_over_datasets(TABLE[["A"]], "A"))
    assert least_p(1) == 1


def test_datasets_that_lack_a_method_take_no_part():
    scores = {"z": pd.Series({"B": 1.0, "A": 2}), "a": pd.Series({"B": 3.0}), "b": pd.Series({"A": 0.5, "B": 4.0})}
    assert shared_methods(scores) == ["B"]
    assert shared_methods({}) == []
    found = compare_over_datasets(scores, ["B", "A"], "A")
    assert found.scores.index.tolist() == ["z", "b"]
    assert found.scores.to_numpy().tolist() == [[1, 2], [4, 0.5]]
    assert found.left_out == ["a"]
    assert found.tests["difference"].tolist() == [(1 - 3.5) / 2]
    assert found.summary["n_datasets"].tolist() == [2, 2]


def test_no_dataset_with_all_methods():
    found = compare_over_datasets({"a": pd.Series({"B": 3.0})}, ["B", "A"], "A")
    assert not len(found.scores)
    assert found.tests["p"].isna().all()


def test_the_score_of_a_seed_is_its_mean_over_losses():
    results = pd.DataFrame(
        {
            "title": ["A"] * 6,
            "seed": [0, 0, 1] * 2,
            "level": [0, 0, 0, 0.1, 0.5, 0.5],
            "clusterer": ["k"] * 5 + ["l"],
            "ari": [1.0, 1, 1, 0.6, 0.2, 0],
        }
    )
    assert scores_by_seed(results, "ari", "k").to_numpy().tolist() == [["A", 0, 0.4]]
    without = scores_by_seed(results.assign(level=0.0), "ari", "k")
    assert without["value"].tolist() == pytest.approx([(1 + 1 + 0.6 + 0.2) / 4, 1])
    assert not len(scores_by_seed(results, "nmi"))
