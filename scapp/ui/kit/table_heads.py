"""Heads of tables: words for columns, what they mean on hover, and how their numbers are written."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

P = "%.2g"
LEAST_P = 1e-300
TITLES = {
    "p_value": "p",
    "p_value_adjusted": "adjusted p",
    "p_rank": "p (rank test)",
    "p_rank_adjusted": "adjusted p (rank test)",
    "smallest_p_rank": "smallest p (rank test)",
    "p_t": "p (t-test)",
    "p_t_adjusted": "adjusted p (t-test)",
    "log2_fold_change": "log2 fold change",
    "standard_error": "standard error",
    "share_reference": "share of reference",
    "share_compared": "share of compared",
    "mean_reference": "mean of reference",
    "mean_compared": "mean of compared",
    "log2_ratio": "log2 ratio of means",
    "cliffs_delta": "Cliff's delta",
    "n_reference": "donors of reference",
    "n_compared": "donors compared",
    "n_genes": "genes",
    "n_found": "genes found",
    "genes_found": "which genes",
    "n_leading": "leading genes",
    "leading_genes": "which genes lead",
    "normalised_score": "normalised score (NES)",
    "n_cells": "cells",
    "n_train": "training cells",
    "n_test": "test cells",
    "f1": "F1",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "auprc_low": "AUPRC, lower limit",
    "auprc_high": "AUPRC, upper limit",
    "circle_auprc": "AUPRC of its own circle",
    "top1": "top-1 accuracy",
    "top3": "top-3 accuracy",
    "macro_f1": "macro F1",
    "mean_auprc": "mean AUPRC",
}
"""Column -> words."""

MEANINGS = {
    "ARI": "Adjusted Rand index: how far two groupings agree; 1 is equal, 0 is chance.",
    "NMI": "Normalised mutual information of two groupings; 1 is equal, 0 is none.",
    "AUPRC": (
        "Area under the precision-recall curve; 1 is perfect, and chance is the type's share of the cells, so that rare"
        " types are not flattered."
    ),
    "AUROC": "Area under the receiver operating characteristic; 1 is perfect, 0.5 is chance.",
    "F1": "Harmonic mean of precision and recall; macro F1 is its mean over types, each counting the same.",
    "precision": "Of the cells that were called so, the share that are.",
    "recall": "Of the cells that are so, the share that were called so.",
    "top-1 accuracy": "Share of cells whose first guess is right.",
    "top-3 accuracy": "Share of cells whose type is among the first three guesses.",
    "cARI": "ARI of the clusters with the types.",
    "1-bARI": "1 less the ARI of the clusters with the batches: 1 where clusters know nothing of batches.",
    "cASW": "Silhouette of the types, scaled to 0 to 1: high where types lie apart.",
    "1-bASW": "1 less the silhouette of the batches, scaled to 0 to 1: high where batches mix.",
    "f1_ARI": "Harmonic mean of cARI and 1-bARI.",
    "f1_ASW": "Harmonic mean of cASW and 1-bASW.",
    "silhouette": "How much closer a cell is to its own group than to the next one; 1 is far apart, 0 is touching.",
    "iLISI": "How many batches a cell's neighbours are of, between 0 (one) and 1 (all).",
    "adjusted p": "p after Benjamini and Hochberg: of those below 0.05, 5% are expected to be false.",
    "smallest p": "What the test gives when the sides do not overlap at all: with so few donors no p is smaller.",
    "log2 fold change": "Logarithm to the base 2 of the ratio: 1 is twice, -1 is half.",
    "log2 ratio": "Logarithm to the base 2 of the ratio of means: 1 is twice, -1 is half.",
    "standard error": "Of the log2 fold change.",
    "statistic": "Of the test: its sign is the direction, its size how sure the change is.",
    "Cliff's delta": (
        "Chance that a donor of the condition stands above one of the reference, less the chance that it stands below:"
        " 1 and -1 are complete separation."
    ),
    "NES": "Enrichment score over its mean under permutation: comparable between sets of different sizes.",
    "genes lead": "The genes that make up the enrichment, the strongest first.",
}
"""Term -> what it means; shown on hover where a column's words hold the term."""


def title_of(column: str) -> str:
    """Words for a column."""
    return TITLES.get(column, column)


def meaning_of(words: str) -> str | None:
    """What the terms within some words mean; None where there is none to explain."""
    found = [text for term, text in MEANINGS.items() if re.search(rf"(?<!\w){re.escape(term)}(?!\w)", words)]
    return " ".join(found) or None


def is_p(column: str) -> bool:
    """Whether a column holds p-values."""
    return title_of(column).split(" (")[0] in ("p", "adjusted p", "smallest p")


def heads(table: pd.DataFrame, numbers: Mapping[str, str]) -> dict[str, Any]:
    """Configuration of a table's columns.

    Parameters
    ----------
    table
        What is shown.
    numbers
        Column -> printf format; p-values have two digits, and an exponent where they are small.
    """
    found: dict[str, Any] = {}
    for column in map(str, table.columns):
        words = title_of(column)
        form = numbers.get(column, P if is_p(column) else None)
        if form is not None:
            found[column] = st.column_config.NumberColumn(words, help=meaning_of(words), format=form)
        elif words != column or meaning_of(words):
            found[column] = st.column_config.Column(words, help=meaning_of(words))
    return found


def without_zero(table: pd.DataFrame) -> pd.DataFrame:
    """No p is 0: what was too small for a number is shown as the smallest one."""
    zero = [name for name in table if is_p(str(name)) and (table[name] == 0).any()]
    return table.assign(**{name: table[name].astype(float).where(table[name] != 0, LEAST_P) for name in zero})
