"""Pathways against gseapy itself, scipy, and a loop."""

import gseapy
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scapp.analysis.de.enrichment import COLUMNS, gsea, over_representation, running_sum
from scapp.core.errors import DataError

RNG = np.random.default_rng(2)
GENES = [f"g{i}" for i in range(300)]
SETS = {"up": GENES[:12], "down": GENES[-15:], "random": list(RNG.choice(GENES, 20, replace=False)), "tiny": GENES[:2]}
RANKING = pd.Series(np.linspace(4, -4, 300) + RNG.normal(0, 0.1, 300), index=GENES)
SIZES = {"min_size": 5, "max_size": 500}


def test_gsea_is_gseapys_own_result():
    found = gsea(RANKING, SETS, **SIZES, n_permutations=200, seed=3).set_index("set")
    usable = {name: genes for name, genes in SETS.items() if name != "tiny"}
    theirs = gseapy.prerank(
        rnk=RANKING.sort_values(ascending=False),
        gene_sets=usable,
        outdir=None,
        min_size=5,
        max_size=500,
        permutation_num=200,
        seed=3,
        threads=1,
        no_plot=True,
    )
    expected = theirs.res2d.set_index("Term")
    assert set(found.index) == {"up", "down", "random"}
    for ours, name in (
        ("score", "ES"),
        ("normalised_score", "NES"),
        ("p_value", "NOM p-val"),
        ("p_value_adjusted", "FDR q-val"),
    ):
        np.testing.assert_allclose(found[ours], expected.loc[found.index, name].astype(float))
    assert found.loc["up", "direction"] == "up"
    assert found.loc["down", "direction"] == "down"
    assert found["n_genes"].to_dict() == {"up": 12, "down": 15, "random": 20}
    assert set(found.loc["up", "leading_genes"].split()) <= set(SETS["up"])
    curve = running_sum(RANKING, SETS["random"])
    np.testing.assert_allclose(curve["running_sum"], theirs.results["random"]["RES"], atol=1e-8)


def test_the_running_sum_against_a_loop():
    ranking = pd.Series([3.0, 2, -1, -4, np.nan], index=list("abcde"))
    curve = running_sum(ranking, ["a", "d", "x"])
    hits, misses, expected = 0.0, 0.0, []
    for gene, value in zip("abcd", [3.0, 2, -1, -4], strict=True):
        if gene in "ad":
            hits += abs(value) / 7
        else:
            misses += 1 / 2
        expected.append(hits - misses)
    np.testing.assert_allclose(curve["running_sum"], expected)
    assert curve["running_sum"].iloc[-1] == pytest.approx(0)
    assert len(running_sum(ranking, ["x"])) == 0
    assert len(running_sum(ranking, list("abcd"))) == 0


def test_over_representation_against_the_hypergeometric_distribution():
    lists = {"up": GENES[:20], "down": []}
    found = over_representation(lists, GENES, SETS, **SIZES)
    assert set(found["direction"]) == {"up"}
    for row in found.itertuples():
        k = len(set(SETS[row.set]) & set(lists["up"]))
        assert row.p_value == pytest.approx(stats.hypergeom.sf(k - 1, 300, len(SETS[row.set]), 20))
        assert row.n_leading == k
    np.testing.assert_allclose(found["p_value_adjusted"], stats.false_discovery_control(found["p_value"]))
    assert list(found.columns) == list(COLUMNS)


def test_the_background_is_the_tested_genes():
    lists = {"up": GENES[:20], "down": []}
    wide = over_representation(lists, [*GENES, *(f"other{i}" for i in range(3000))], SETS, **SIZES)
    narrow = over_representation(lists, GENES, SETS, **SIZES)
    assert wide.set_index("set").loc["up", "p_value"] < narrow.set_index("set").loc["up", "p_value"]


def test_nothing_to_test_says_why():
    with pytest.raises(DataError, match="No gene passes"):
        over_representation({"up": [], "down": []}, GENES, SETS, **SIZES)
    with pytest.raises(DataError, match="the largest has 2"):
        gsea(RANKING, {"tiny": GENES[:2]}, **SIZES, n_permutations=100, seed=0)
    no_overlap = over_representation({"up": GENES[200:205], "down": []}, GENES, {"up": GENES[:12]}, **SIZES)
    assert len(no_overlap) == 0
    assert list(no_overlap.columns) == list(COLUMNS)
