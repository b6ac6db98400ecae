"""Suggested names for clusters, from marker tables and panels, with how sure they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from scapp.data.panels import Panel

LEAST_GENES = 3
Sureness = Literal["clear", "likely", "unsure", "no panel fits"]
SURE: tuple[Sureness, ...] = ("clear", "likely")
AUTO = "auto"
"""Chooses the panel that fits."""
UNNAMED = "cluster "
"""Begins the name of a cluster that has none."""
CLEAR_AUC, LIKELY_AUC = 0.85, 0.75
CLEAR_MARGIN, LIKELY_MARGIN = 0.04, 0.01
BROADER_MARGIN = 0.10
"""A type that is less than this ahead of one with the same broader name is called by it; chosen on zheng and kang
(``benchmarks/suggested_names.py``)."""
FITTING_SHARE, FITTING_RATIO = 0.5, 2.0
"""A panel fits a dataset where it names at least this share of the cells clearly, and so many times as many as the next
panel does."""


@dataclass(frozen=True)
class Suggestion:
    """A name for a group, and what speaks for it.

    Parameters
    ----------
    group
        The cluster.
    name
        Type whose markers stand highest among the cluster's genes, or its broader name.
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


@dataclass(frozen=True)
class FittingPanel:
    """Which panel a dataset is named by.

    Parameters
    ----------
    panel
        The one that fits; None where none does.
    best, share
        The panel that names most cells clearly, and the share of the cells that it names.
    second, second_share
        The next one.
    askable
        Whether any type of any panel has enough genes in the data to be asked about.
    suggestions
        Panel's id -> what it suggests for every group.
    """

    panel: Panel | None
    best: Panel
    share: float
    second: Panel
    second_share: float
    askable: bool
    suggestions: Mapping[str, list[Suggestion]]

    def by(self, choice: str) -> tuple[str, list[Suggestion]]:
        """Id of the panel that is chosen (``auto``: the one that fits), and what it suggests; empty where none is."""
        id = choice if choice != AUTO else self.panel.id if self.panel else ""
        return id, self.suggestions[id] if id else []

    @property
    def in_words(self) -> str:
        """Both, with their shares, or why there are none."""
        if not self.askable:
            return "the data hold too few of their genes, or name genes in another way"
        if not self.share:
            return "none clearly names any"
        return (
            f"'{self.best.title}' clearly fits {self.share:.0%} of the cells, '{self.second.title}'"
            f" {self.second_share:.0%}"
        )


@dataclass(frozen=True)
class _Scored:
    """A type of a panel for one group: its AUC and p, and which of its markers are significantly higher."""

    area: float
    p_value: float
    name: str
    higher: np.ndarray


def suggest_names(markers: pd.DataFrame, symbols: dict[str, str], panel: Panel) -> list[Suggestion]:
    """Rank the types of a panel for every group of a table of marker genes.

    For each group, a type's score is the area under the curve of its markers against all other genes when
    genes are ordered by the group's test score (a competitive gene-set test). Where the best type is less than
    ``BROADER_MARGIN`` ahead of another one of the same broader name, that name is suggested.

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
                scored.append(_Scored(*_area(ranks, members), type_name, members & higher))
        scored.sort(key=lambda entry: entry.area, reverse=True)
        suggestions.append(_best(str(group), scored, named, panel.broader))
    return suggestions


def fitting_panel(
    markers: pd.DataFrame, symbols: dict[str, str], n_cells: Mapping[str, int], panels: Iterable[Panel]
) -> FittingPanel:
    """Find the panel whose types a dataset's groups clearly are.

    Parameters
    ----------
    markers, symbols
        As for ``suggest_names``.
    n_cells
        Group -> number of its cells.
    panels
        At least two.
    """
    total = sum(n_cells.values())
    shares, askable, suggestions = [], False, {}
    for panel in panels:
        suggested = suggestions[panel.id] = suggest_names(markers, symbols, panel)
        askable = askable or any(found.sureness != "no panel fits" for found in suggested)
        clear = [found.group for found in suggested if found.sureness == "clear"]
        shares.append((sum(n_cells[group] for group in clear) / total, panel))
    shares.sort(key=lambda entry: entry[0], reverse=True)
    (share, best), (second_share, second) = shares[:2]
    fits = share >= FITTING_SHARE and share >= FITTING_RATIO * second_share
    return FittingPanel(best if fits else None, best, share, second, second_share, askable, suggestions)


def _area(ranks: np.ndarray, members: np.ndarray) -> tuple[float, float]:
    """Area under the curve of members against the others, and its one-sided p (normal approximation)."""
    n_in, n_out = int(members.sum()), int((~members).sum())
    area = (ranks[members].sum() - n_in * (n_in + 1) / 2) / (n_in * n_out)
    spread = np.sqrt((n_in + n_out + 1) / (12 * n_in * n_out))
    return float(area), float(stats.norm.sf((area - 0.5) / spread))


def _best(group: str, scored: list[_Scored], named: np.ndarray, broader: Mapping[str, str]) -> Suggestion:
    if not scored:
        return Suggestion(group, "", float("nan"), float("nan"), "", float("nan"), "no panel fits", ())
    best, name, others = scored[0], scored[0].name, scored[1:]
    shared = broader.get(best.name)
    if shared and others and broader.get(others[0].name) == shared and best.area - others[0].area < BROADER_MARGIN:
        name = shared
        others = [other for other in others if broader.get(other.name) != shared]
    second_area, second = (others[0].area, others[0].name) if others else (float("nan"), "")
    p_value = min(1.0, best.p_value * len(scored))
    sureness: Sureness = "unsure"
    # with one type asked about, there is no second to be ahead of (NaN)
    ahead = np.inf if np.isnan(second_area) else best.area - second_area
    if best.higher.any() and best.area >= CLEAR_AUC and p_value < 0.01 and ahead >= CLEAR_MARGIN:
        sureness = "clear"
    elif best.higher.any() and best.area >= LIKELY_AUC and p_value < 0.05 and ahead >= LIKELY_MARGIN:
        sureness = "likely"
    return Suggestion(group, name, best.area, p_value, second, second_area, sureness, tuple(named[best.higher]))
