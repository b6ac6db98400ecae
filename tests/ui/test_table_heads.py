"""Heads of tables: words, meanings, and p-values that are never 0."""

import numpy as np
import pandas as pd
import pytest

from scapp.ui.kit.table_heads import MEANINGS, TITLES, heads, is_p, meaning_of, title_of, without_zero


def test_columns_have_words_and_meanings():
    table = pd.DataFrame({"gene": ["A"], "log2_fold_change": [1.0], "p_value_adjusted": [0.0], "n_cells": [3]})
    found = heads(table, {"log2_fold_change": "%.2f"})
    assert found["log2_fold_change"]["label"] == "log2 fold change"
    assert found["log2_fold_change"]["type_config"]["format"] == "%.2f"
    assert found["p_value_adjusted"]["label"] == "adjusted p"
    assert found["p_value_adjusted"]["type_config"]["format"] == "%.2g"
    assert found["p_value_adjusted"]["help"] == MEANINGS["adjusted p"]
    assert found["n_cells"]["label"] == "cells"
    assert "gene" not in found  # it says what it is


def test_no_word_of_code_is_a_title():
    assert not [title for title in TITLES.values() if "_" in title]


@pytest.mark.parametrize(
    ("words", "term"), [("ARI, k-means", "ARI"), ("mean AUPRC", "AUPRC"), ("adjusted p (t-test)", "adjusted p")]
)
def test_a_term_is_explained_where_it_stands(words, term):
    assert meaning_of(words) == MEANINGS[term]


def test_a_term_within_another_word_is_not_explained():
    assert meaning_of("VARIANCE of a SPARINGLY statistical thing") is None
    assert meaning_of("gene") is None


def test_no_p_is_zero_and_nothing_else_changes():
    table = pd.DataFrame({"p_value": [0.0, 0.5, np.nan], "p": [0.1, 0.2, 0.3], "mean": [0.0, 1.0, 2.0]})
    shown = without_zero(table)
    assert shown["p_value"].tolist()[:2] == [1e-300, 0.5]
    assert np.isnan(shown["p_value"][2])
    pd.testing.assert_frame_equal(shown[["p", "mean"]], table[["p", "mean"]])
    assert without_zero(pd.DataFrame({"p": [0, 1]}))["p"].tolist() == [1e-300, 1.0]
    assert is_p("p_rank")
    assert not is_p("pathway")
    assert title_of("anything") == "anything"
