"""What a study found, in sentences."""

import numpy as np
import pandas as pd

from scapp.analysis.de.donor_tests import compare_donors
from scapp.analysis.de.findings import (
    TIED,
    changes_of,
    donor_differences,
    gene_changes,
    pathway_changes,
    set_changes,
    ties,
    usual_test,
)

RNG = np.random.default_rng(0)
GENES = pd.DataFrame(
    {
        "gene": list("abcde"),
        "symbol": list("ABCDE"),
        "log2_fold_change": [2.0, -1.0, 0.1, 1.5, -3.0],
        "p_value_adjusted": [0.001, 0.01, 0.001, 0.2, np.nan],
        "strength": [5.0, 2.0, 0.1, 1.0, 0.0],
    }
)
ABOUT = {
    "cell_type": "T",
    "compared": "ill",
    "reference": "well",
    "method": "pseudobulk",
    "n_donors_compared": 3,
    "n_donors_reference": 4,
}


def donors(sides, feature="f"):
    rows = [
        {"feature": feature, "donor": f"{condition}{i}", "condition": condition, "value": value}
        for condition, values in sides.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_sentences_name_what_differs_and_what_few_donors_cannot_show():
    clear = donors({"a": RNG.normal(0, 1, 6), "b": RNG.normal(20, 1, 6)}, feature="up")
    found = compare_donors(clear, ["a", "b"])
    assert donor_differences(found, "t", what="share") == ["b against a: higher share of up."]
    few = compare_donors(donors({"a": [1.0, 2, 3], "b": [4.0, 5, 6]}), ["a", "b"])
    assert "cannot give p below 0.1" in donor_differences(few, "rank", what="share")[0]
    one = compare_donors(donors({"a": [1.0], "b": [2.0, 3]}), ["a", "b"])
    assert "too few donors" in donor_differences(one, "t", what="share")[0]


def test_ranks_are_taken_where_donors_suffice_whatever_they_say():
    same = {"a": RNG.normal(0, 1, 6), "b": RNG.normal(0, 1, 6)}  # smallest p 2 / 924
    assert usual_test(compare_donors(donors(same), ["a", "b"])) == "rank"
    few = {"a": RNG.normal(0, 1, 4), "b": RNG.normal(9, 1, 4)}  # smallest p 2 / 70
    assert usual_test(compare_donors(donors(few), ["a", "b"])) == "t"
    # one condition with few donors is enough, and what is known of nobody takes no side
    mixed = {**same, "c": RNG.normal(0, 1, 3)}
    assert usual_test(compare_donors(donors(mixed), list("abc"))) == "t"
    assert usual_test(compare_donors(donors({"a": [1.0], "b": [2.0]}), ["a", "b"])) == "t"


def test_genes_are_counted_within_the_thresholds():
    # c changes too little, d is unsure, e has no p
    assert gene_changes(GENES, ABOUT) == (
        "T, ill against well: 1 gene up and 1 down of 5 tested (pseudobulk of 3 and 4 donors). Strongest up: A;"
        " down: B."
    )
    nothing = gene_changes(GENES.iloc[2:], {**ABOUT, "method": "wilcoxon"})
    assert nothing == "T, ill against well: 0 genes up and 0 down of 3 tested (wilcoxon of cells; exploratory)."


def test_sets_and_named_genes():
    sets = {"first": ["a", "b", "z"], "second": ["c"], "third": ["z"]}
    assert set_changes(GENES, sets) == "first: 1 up and 1 down, of 2 tested; second: none changed, of 1 tested."
    assert set_changes(GENES, {"third": ["z"]}) == ""
    assert changes_of(GENES, {"a": "A", "b": "B", "c": "C", "z": "Z"}) == (
        "A up; B down; C without a clear change; Z not tested (seen in too few cells)"
    )


def test_genes_of_one_symbol_are_told_apart():
    twins = GENES.assign(symbol=["A", "A", "C", "D", "E"])
    assert "Strongest up: A (a); down: A (b)." not in gene_changes(twins, ABOUT)  # one of each side: nothing to tell
    both = twins.assign(log2_fold_change=[2.0, 1.0, 0.1, 1.5, -3.0])
    assert "Strongest up: A (a), A (b)." in gene_changes(both, ABOUT)


def test_pathways_by_direction():
    table = pd.DataFrame(
        {
            "title": list("pqrst"),
            "direction": ["up", "down", "up", "up", "up"],
            "p_value_adjusted": [0.01, 0.04, 0.2, 0, 0],
        }
    )
    assert pathway_changes(table) == "Clearest up: p, s, t; down: q."
    assert pathway_changes(table.iloc[2:3]) == "No pathway has an adjusted p of 0.05 or less."


def test_ties_are_said_where_there_are_many():
    ranking = pd.Series(np.arange(100.0))
    assert ties(ranking) == ""
    ranking.iloc[:6] = 0.0
    assert ties(ranking).startswith("6% of the tested genes")
    assert ties(pd.Series([1.0, 1.0, *np.arange(100), np.nan])) == ""  # 3 of 102, which is below the limit
    assert TIED > 3 / 102
    assert ties(pd.Series([], dtype=float)) == ""
