"""Suggested names, against scipy and on tables made by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scapp.analysis.markers.suggested_names import suggest_names
from scapp.data.panels import PANELS, Panel, panel

TOY = Panel("toy", "Toy", {"up": ("A", "B", "C"), "down": ("X", "Y", "Z"), "absent": ("Q1", "Q2", "Q3")})
GENES = ["a", "b", "c", "x", "y", "z", *[f"o{i}" for i in range(60)]]


def table(scores, p=0.001):
    return pd.DataFrame(
        {
            "group": pd.Categorical(["g"] * len(GENES)),
            "gene": GENES,
            "score": scores,
            "p_value_adjusted": p,
            "log2_fold_change": np.sign(scores),
        }
    )


def test_area_and_p_agree_with_mann_whitney():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=len(GENES))
    scores[:3] += 1.5
    (found,) = suggest_names(table(scores), {}, TOY)
    assert found.name == "up"
    u, p = stats.mannwhitneyu(scores[:3], scores[3:], alternative="greater", method="asymptotic", use_continuity=False)
    assert found.auc == pytest.approx(u / (3 * 63))
    assert found.p_value == pytest.approx(min(1, 2 * p))  # two types have genes in the data
    assert found.second == "down"


def test_sureness():
    scores = np.linspace(-3, 3, len(GENES))
    scores[:3] = (10, 9, 8)
    (clear,) = suggest_names(table(scores), {}, TOY)
    assert (clear.name, clear.sureness, clear.genes) == ("up", "clear", ("A", "B", "C"))
    scores[3:6] = (9.5, 8.5, 7.5)
    (two,) = suggest_names(table(scores), {}, TOY)
    assert two.sureness == "likely"
    (nothing,) = suggest_names(table(np.linspace(3, -3, len(GENES))[::-1]), {}, TOY)
    assert nothing.sureness == "unsure"
    (none,) = suggest_names(table(scores), dict.fromkeys(GENES, "other"), TOY)
    assert (none.name, none.sureness) == ("", "no panel fits")


def test_no_name_without_genes_that_speak_for_it_or_beside_an_equal():
    scores = np.linspace(-3, 3, len(GENES))
    scores[:3] = (10, 9, 8)
    (silent,) = suggest_names(table(scores, p=0.5), {}, TOY)
    assert (silent.auc, silent.genes, silent.sureness) == (pytest.approx(1), (), "unsure")
    twins = Panel("twins", "Twins", {"one": ("A", "B", "C"), "two": ("A", "B", "C")})
    (tied,) = suggest_names(table(scores), {}, twins)
    assert tied.sureness == "unsure"
    (alone,) = suggest_names(table(scores), {}, Panel("one", "One", {"one": ("A", "B", "C")}))
    assert alone.sureness == "clear"


def test_symbols_are_looked_up():
    scores = np.linspace(-3, 3, len(GENES))
    scores[:3] = (10, 9, 8)
    frame = table(scores)
    frame["gene"] = [f"ENSG{i}" for i in range(len(GENES))]
    symbols = {f"ENSG{i}": name.capitalize() for i, name in enumerate(GENES)}
    (found,) = suggest_names(frame, symbols, TOY)
    assert found.name == "up"


def test_panels_are_usable():
    assert panel("blood") is PANELS[0]
    for record in PANELS:
        for genes in record.types.values():
            assert len(set(genes)) == len(genes) >= 5
            assert all(gene == gene.upper() for gene in genes)
