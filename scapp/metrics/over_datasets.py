"""Methods compared over several datasets: means, ranks, and paired tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

EQUAL = 0.005
"""Means of one dataset that differ by no more are called equal, as in the verdict of a single comparison."""


@dataclass(frozen=True)
class OverDatasets:
    """Methods over datasets.

    Attributes
    ----------
    scores
        A row per dataset, a column per method: means over seeds; no missing value.
    summary
        As ``summary_over_datasets`` gives it.
    tests
        As ``paired_over_datasets`` gives it.
    left_out
        Datasets that lack one of the methods, and take no part.
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    tests: pd.DataFrame
    left_out: list[str]


def scores_by_seed(results: pd.DataFrame, score: str, clusterer: str | None = None) -> pd.DataFrame:
    """A score of each method and seed, its mean over the shares of counts lost where counts were lost.

    Parameters
    ----------
    results
        As a comparison writes it: ``title`` (of the method), ``seed``, the scores and, where there are any,
        ``clusterer`` and ``level``.
    score
        A column; where there is none, no row is returned.
    clusterer
        Which way to cluster, where ``results`` has several.

    Returns
    -------
    ``title``, ``seed``, ``value``.
    """
    if score not in results:
        return pd.DataFrame(columns=["title", "seed", "value"])
    part = results[results["clusterer"] == clusterer] if "clusterer" in results and clusterer else results
    if "level" in part and (part["level"] > 0).any():
        part = part[part["level"] > 0]
    return part.groupby(["title", "seed"], sort=False)[score].mean().rename("value").reset_index()


def score_by_method(results: pd.DataFrame, score: str, clusterer: str | None = None) -> pd.Series:
    """The mean over seeds of what ``scores_by_seed`` gives, by method; those without the score are left out."""
    by_seed = scores_by_seed(results, score, clusterer)
    return by_seed.groupby("title", sort=False)["value"].mean().dropna()


def shared_methods(scores: Mapping[str, pd.Series]) -> list[str]:
    """Methods that every dataset has a score of, in the order of the first."""
    several = list(scores.values())
    return [str(title) for title in several[0].index if all(title in one.index for one in several)] if several else []


def compare_over_datasets(scores: Mapping[str, pd.Series], methods: Sequence[str], reference: str) -> OverDatasets:
    """Means, ranks and paired tests of methods over datasets.

    Parameters
    ----------
    scores
        Dataset -> score by method, higher is better.
    methods
        Those that are compared; a dataset that lacks one takes no part.
    reference
        One of the methods; the others are tested against it.
    """
    table = pd.DataFrame({name: of.reindex(methods) for name, of in scores.items()}, index=list(methods)).T
    kept = table.dropna()
    return OverDatasets(
        kept,
        summary_over_datasets(kept),
        paired_over_datasets(kept, reference),
        [str(name) for name in table.index.difference(kept.index, sort=False)],
    )


def summary_over_datasets(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, spread and rank of each method over datasets.

    Parameters
    ----------
    table
        A row per dataset, a column per method, higher is better, no missing value.

    Returns
    -------
    A row per method, the lowest mean rank first: ``title``, ``n_datasets``, ``mean``, ``sd`` (of the sample, over
    datasets), ``lowest``, ``median``, ``highest``, ``mean_rank`` (1 is best; equal methods share their mean rank) and
    ``best_on`` (datasets on which no method is better).

    References
    ----------
    CLEAR paper, Figure 2A.
    """
    ranks = table.rank(axis=1, ascending=False)
    best = table.eq(table.max(axis=1), axis=0)
    found = pd.DataFrame(
        {
            "n_datasets": len(table),
            "mean": table.mean(),
            "sd": table.std(ddof=1),
            "lowest": table.min(),
            "median": table.median(),
            "highest": table.max(),
            "mean_rank": ranks.mean(),
            "best_on": best.sum(),
        }
    )
    return found.rename_axis("title").reset_index().sort_values("mean_rank", kind="stable", ignore_index=True)


def paired_over_datasets(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """One method against each other, paired by dataset.

    Parameters
    ----------
    table
        A row per dataset, a column per method, higher is better, no missing value.
    reference
        The method that the others are compared with.

    Returns
    -------
    A row per other method: ``title``, ``n_datasets``, ``difference`` (mean of reference - other), ``better_on``,
    ``worse_on`` (datasets on which the reference is above or below it by more than 0.005), ``p`` (Wilcoxon signed-rank,
    two-sided; NaN below two datasets or where nothing differs) and ``p_holm`` (adjusted over the other methods by
    Holm's procedure).

    References
    ----------
    Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 2006, section 3.1.3; Holm 1979.
    """
    rows = []
    for title in table.columns.drop(reference):
        difference = (table[reference] - table[title]).to_numpy(dtype=np.float64)
        tested = len(difference) > 1 and difference.any()
        rows.append(
            {
                "title": title,
                "n_datasets": len(difference),
                "difference": float(difference.mean()) if len(difference) else np.nan,
                "better_on": int((difference > EQUAL).sum()),
                "worse_on": int((difference < -EQUAL).sum()),
                "p": float(stats.wilcoxon(difference).pvalue) if tested else np.nan,
            }
        )
    found = pd.DataFrame(rows, columns=["title", "n_datasets", "difference", "better_on", "worse_on", "p"])
    found["p_holm"] = np.nan
    known = found["p"].notna()
    if known.any():
        found.loc[known, "p_holm"] = multipletests(found.loc[known, "p"], method="holm")[1]
    return found


def least_p(n_datasets: int) -> float:
    """The smallest p-value that the signed-rank test can give for so many datasets without ties."""
    return min(1.0, 2.0 ** (1 - n_datasets))
