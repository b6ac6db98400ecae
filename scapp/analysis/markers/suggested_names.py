"""Suggested names for clusters, from marker tables and panels, with how sure they are."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from scapp.data.panels import Panel

LEAST_GENES = 3
Sureness = Literal["clear", "likely", "unsure", "no panel fits"]
CLEAR_AUC, LIKELY_AUC = 0.85, 0.75
CLEAR_MARGIN, LIKELY_MARGIN = 0.04, 0.01


@dataclass(frozen=True)
class Suggestion:
    """A name for a group, and what speaks for it.

    Parameters
    ----------
    group
        The cluster.
    name
        Type whose markers stand highest among the cluster's genes.
    auc
        Probability that a marker of the type stands above another gene; 0.5 by chance.
    p_value
        Of the Mann-Whitney test behind it, times the number of types asked about.
    second, second_auc
        The next best.
    sureness
        In a word: ``clear`` with AUC >= 0.85, p < 0.01 and 0.04 ahead of the second; ``likely`` with AUC >= 0.75,
        p < 0.05 and 0.01 ahead; both need a gene that is significantly higher; else ``unsure``.
    genes
        The type's markers that are significantly higher in the cluster, best first.
    """

    group: str
    name: str
    auc: float
    p_value: float
    second: str
    second_auc: float
    sureness: Sureness
    genes: tuple[str, ...]


def suggest_names(markers: pd.DataFrame, symbols: dict[str, str], panel: Panel) -> list[Suggestion]:
    """Rank the types of a panel for every group of a table of marker genes.

    For each group, a type's score is the area under the curve of its markers against all other genes when
    genes are ordered by the group's test score (a competitive gene-set test).

    Parameters
    ----------
    markers
        As ``analysis.markers.rank_genes`` gives it.
    symbols
        Gene name -> symbol; symbols are compared without regard to case.
    panel
        Types and their markers; those with fewer than three genes in the data are not asked about.
    """
    suggestions = []
    for group, table in markers.groupby("group", observed=True, sort=False):
        named = np.array([symbols.get(name, name).upper() for name in table["gene"].astype(str)])
        ranks = stats.rankdata(table["score"].to_numpy())
        higher = (table["p_value_adjusted"] < 0.05).to_numpy() & (table["log2_fold_change"] > 0).to_numpy()
        scored = []
        for type_name, genes in panel.types.items():
            members = np.isin(named, [gene.upper() for gene in genes])
            if members.sum() >= LEAST_GENES and not members.all():
                scored.append((*_area(ranks, members), type_name, members & higher))
        suggestions.append(_best(str(group), scored, named))
    return suggestions


def _area(ranks: np.ndarray, members: np.ndarray) -> tuple[float, float]:
    """Area under the curve of members against the others, and its one-sided p (normal approximation)."""
    n_in, n_out = int(members.sum()), int((~members).sum())
    area = (ranks[members].sum() - n_in * (n_in + 1) / 2) / (n_in * n_out)
    spread = np.sqrt((n_in + n_out + 1) / (12 * n_in * n_out))
    return float(area), float(stats.norm.sf((area - 0.5) / spread))


def _best(group: str, scored: list[tuple[float, float, str, np.ndarray]], named: np.ndarray) -> Suggestion:
    if not scored:
        return Suggestion(group, "", float("nan"), float("nan"), "", float("nan"), "no panel fits", ())
    scored.sort(key=lambda entry: entry[0], reverse=True)
    area, p_value, name, found = scored[0]
    second_area, second = (scored[1][0], scored[1][2]) if len(scored) > 1 else (float("nan"), "")
    p_value = min(1.0, p_value * len(scored))
    sureness: Sureness = "unsure"
    # with one type asked about, there is no second to be ahead of (NaN)
    ahead = np.inf if np.isnan(second_area) else area - second_area
    if found.any() and area >= CLEAR_AUC and p_value < 0.01 and ahead >= CLEAR_MARGIN:
        sureness = "clear"
    elif found.any() and area >= LIKELY_AUC and p_value < 0.05 and ahead >= LIKELY_MARGIN:
        sureness = "likely"
    return Suggestion(group, name, area, p_value, second, second_area, sureness, tuple(named[found]))
