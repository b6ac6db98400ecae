"""Suggested names, against scipy and on tables made by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scapp.analysis.map.config import SuggestConfig
from scapp.analysis.markers.suggested_names import fitting_panel, suggest_names
from scapp.core.config import describe
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


def test_a_type_that_is_hardly_ahead_of_its_sister_gets_the_broader_name():
    twins = Panel(
        "twins",
        "Twins",
        {"one": ("A", "B", "C"), "two": ("X", "Y", "Z"), "far": GENES[10:13]},
        {"one": "both", "two": "both"},
    )
    scores = np.linspace(-3, 3, len(GENES))
    scores[:6] = (10, 9, 8, 9.5, 8.5, 7.5)
    (close,) = suggest_names(table(scores), {}, twins)
    assert (close.name, close.second, close.sureness, close.genes) == ("both", "far", "clear", ("A", "B", "C"))
    scores[3:6] = (-1, 0, 1)
    (ahead,) = suggest_names(table(scores), {}, twins)
    assert (ahead.name, ahead.second) == ("one", "two")
    lonely = Panel("lonely", "Lonely", {"one": ("A", "B", "C"), "far": ("X", "Y", "Z")}, {"one": "both"})
    scores[3:6] = (9.5, 8.5, 7.5)
    assert suggest_names(table(scores), {}, lonely)[0].name == "one"


def test_a_panel_fits_where_it_names_most_cells_and_twice_as_many_as_the_next():
    other = Panel("other", "Other", {"else": ("X", "Y", "Z"), "up": ("A", "B", "C")})
    none = Panel("none", "None", {"absent": ("Q1", "Q2", "Q3")})
    scores = np.linspace(-3, 3, len(GENES))
    scores[:3] = (10, 9, 8)
    both = pd.concat([table(scores), table(np.linspace(-3, 3, len(GENES))).assign(group="h")])
    both["group"] = pd.Categorical(both["group"])
    for n_cells, fits in (({"g": 60, "h": 40}, True), ({"g": 40, "h": 60}, False)):
        found = fitting_panel(both, {}, n_cells, [none, TOY])
        assert (found.best.id, found.second.id) == ("toy", "none")
        assert found.in_words == f"'Toy' clearly fits {n_cells['g']}% of the cells, 'None' 0%"
        assert (found.share, found.second_share) == (n_cells["g"] / 100, 0)
        assert (found.panel is TOY) == fits
    assert fitting_panel(both, {}, {"g": 60, "h": 40}, [other, TOY]).panel is None  # both name the same cells


def test_the_step_knows_every_panel():
    (panels,) = [setting for setting in describe(SuggestConfig) if setting.name == "panel"]
    assert panels.choices == ("auto", *(record.id for record in PANELS))
