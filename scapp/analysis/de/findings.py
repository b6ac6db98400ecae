"""What a study found, in plain sentences: the same on the page and in the report."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from scapp.analysis.de.donor_tests import OVERALL
from scapp.analysis.de.gene_tables import passing, unique_labels
from scapp.core.errors import count, listed

Test = Literal["rank", "t"]
MAX_P = 0.05
RANKS_SUFFICE = 0.01
"""Smallest p that ranks must be able to give: adjusted over several types, a larger one could hardly pass."""
SAME, UNTESTED = "without a clear change", "not tested (seen in too few cells)"
N_NAMED = 5
N_SETS = 3
TIED = 0.05
"""Share of genes up to which ties hardly move a running sum."""


def usual_test(tests: pd.DataFrame) -> Test:
    """Rank tests where there are donors enough for a small p, else t-tests: chosen by the design, not by the results.

    Parameters
    ----------
    tests
        As ``donor_tests.compare_donors`` gives them.
    """
    pairs = tests.loc[tests["compared"] != OVERALL, "smallest_p_rank"]
    return "rank" if len(pairs) and float(pairs.max()) <= RANKS_SUFFICE else "t"


def donor_differences(tests: pd.DataFrame, kind: Test, *, what: str) -> list[str]:
    """Whose share or score differs at an adjusted p of 0.05, a sentence for each condition.

    Parameters
    ----------
    tests
        As ``donor_tests.compare_donors`` gives them.
    kind
        Which test's p.
    what
        Noun for a feature's value, such as "share".
    """
    sentences = []
    for compared, part in tests[tests["compared"] != OVERALL].groupby("compared", sort=False):
        sides = f"{compared} against {part['reference'].iloc[0]}"
        sure = part[part[f"p_{kind}_adjusted"] <= MAX_P]
        up = sure.loc[sure["difference"] > 0, "feature"].astype(str).tolist()
        down = sure.loc[sure["difference"] < 0, "feature"].astype(str).tolist()
        if part[f"p_{kind}"].isna().all():
            sentences.append(f"{sides}: too few donors for a test.")
        elif not up and not down:
            sentences.append(f"{sides}: no {what} differs clearly{_reach(part, kind)}.")
        else:
            words = [f"higher {what} of {listed(up, len(up))}"] if up else []
            words += [f"lower {what} of {listed(down, len(down))}"] if down else []
            sentences.append(f"{sides}: {'; '.join(words)}.")
    return sentences


def _reach(part: pd.DataFrame, kind: Test) -> str:
    """Where even complete separation could not have passed, say so."""
    smallest = float(part["smallest_p_rank"].min())
    if kind != "rank" or not smallest > MAX_P:
        return ""
    return (
        f" (with {part['n_reference'].max()} and {part['n_compared'].max()} donors the rank test cannot give p below"
        f" {smallest:.2g})"
    )


def gene_changes(table: pd.DataFrame, about: Mapping[str, Any]) -> str:
    """How many genes of a comparison change, and the strongest.

    Parameters
    ----------
    table, about
        As the step ``de`` writes them.
    """
    found = passing(table).sort_values("strength", ascending=False)
    up, down = found[found["log2_fold_change"] > 0], found[found["log2_fold_change"] < 0]
    donors = (int(about["n_donors_compared"]), int(about["n_donors_reference"]))
    units = f"{donors[0]} and {donors[1]} donors" if about["method"] == "pseudobulk" else "cells; exploratory"
    named = [
        f"{direction}: {listed(unique_labels(side['symbol'].astype(str), side['gene'].astype(str)), N_NAMED)}"
        for direction, side in (("up", up), ("down", down))
        if len(side)
    ]
    strongest = f" Strongest {'; '.join(named)}." if named else ""
    return (
        f"{about['cell_type']}, {about['compared']} against {about['reference']}: {count(len(up), 'gene')} up and"
        f" {len(down):,} down of {len(table):,} tested ({about['method']} of {units}).{strongest}"
    )


def set_changes(table: pd.DataFrame, sets: Mapping[str, Sequence[str]]) -> str:
    """How many of each set's tested genes rise and fall; empty where none was tested.

    Parameters
    ----------
    table
        As the step ``de`` writes it.
    sets
        Title -> genes, as the table names them.
    """
    found = passing(table)
    parts = []
    for title, genes in sets.items():
        tested = int(table["gene"].isin(list(genes)).sum())
        if tested:
            fold = found.loc[found["gene"].isin(list(genes)), "log2_fold_change"]
            up, down = int((fold > 0).sum()), int((fold < 0).sum())
            sides = [f"{n} {side}" for n, side in ((up, "up"), (down, "down")) if n]
            parts.append(f"{title}: {' and '.join(sides) or 'none changed'}, of {tested} tested")
    return f"{'; '.join(parts)}." if parts else ""


def changes_of(table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Which of some genes change, and which were not tested.

    Parameters
    ----------
    table
        As the step ``de`` writes it.
    labels
        Gene, as the table names it -> what people call it.
    """
    fold = passing(table).set_index("gene")["log2_fold_change"]
    tested = set(table["gene"].astype(str))
    said: dict[str, list[str]] = {"up": [], "down": [], SAME: [], UNTESTED: []}
    for gene, label in labels.items():
        if gene in fold.index:
            said["up" if fold[gene] > 0 else "down"].append(label)
        else:
            said[SAME if gene in tested else UNTESTED].append(label)
    return "; ".join(f"{listed(names, len(names))} {what}" for what, names in said.items() if names)


def ties(ranking: pd.Series) -> str:
    """What ties mean for a ranking of genes; empty where there are few.

    Parameters
    ----------
    ranking
        Statistic of each gene.
    """
    share = float(ranking.dropna().duplicated(keep=False).mean())
    if not share > TIED:
        return ""
    return (
        f"{share:.0%} of the tested genes share their statistic with another gene: their order is arbitrary, and a"
        " pathway's p with it."
    )


def pathway_changes(table: pd.DataFrame) -> str:
    """The clearest pathways of each direction.

    Parameters
    ----------
    table
        As the step ``enrich`` writes it.
    """
    sure = table[table["p_value_adjusted"] <= MAX_P]
    parts = []
    for direction in ("up", "down"):
        titles = sure.loc[sure["direction"] == direction, "title"].astype(str).head(N_SETS).tolist()
        if titles:
            parts.append(f"{direction}: {listed(titles, N_SETS)}")
    if not parts:
        return f"No pathway has an adjusted p of {MAX_P:g} or less."
    return f"Clearest {'; '.join(parts)}."
