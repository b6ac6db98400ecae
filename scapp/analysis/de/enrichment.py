"""Why: pathways behind a ranking of genes or a list of them, by gseapy."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from scapp.core.errors import DataError

COLUMNS = (
    "set",
    "direction",
    "n_genes",
    "score",
    "normalised_score",
    "p_value",
    "p_value_adjusted",
    "n_leading",
    "leading_genes",
)
WEIGHT = 1.0
"""Exponent of the statistic in the running sum (Subramanian et al. 2005, p = 1)."""


def gsea(
    ranking: pd.Series,
    sets: Mapping[str, Sequence[str]],
    *,
    min_size: int,
    max_size: int,
    n_permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Gene set enrichment of a ranking, by gseapy's prerank.

    Parameters
    ----------
    ranking
        Statistic of each tested gene, index by name; NaN values are left out.
    sets
        Name -> genes, in the names of the ranking.
    min_size, max_size
        Of a set's tested genes.
    n_permutations, seed
        Of the permutation of genes.

    Returns
    -------
    Best p first: ``set``, ``direction`` (up or down), ``n_genes`` (tested), ``score`` (ES), ``normalised_score`` (NES),
    ``p_value`` (nominal), ``p_value_adjusted`` (FDR q), ``n_leading``, ``leading_genes`` (joined by blanks, strongest
    first), as gseapy gives them.

    Raises
    ------
    DataError
        No set has enough tested genes.

    References
    ----------
    Subramanian et al. 2005; Fang, Liu and Peltz 2023 (GSEApy).
    """
    import gseapy

    known = ranking.dropna().sort_values(ascending=False, kind="stable")
    usable = _usable(known.index, sets, min_size, max_size)
    with _quiet():
        found = gseapy.prerank(
            rnk=known,
            gene_sets=usable,
            outdir=None,
            min_size=min_size,
            max_size=max_size,
            permutation_num=n_permutations,
            weight=WEIGHT,
            seed=seed,
            threads=1,
            no_plot=True,
            verbose=False,
        ).res2d
    score = found["ES"].astype(float).to_numpy()
    leading = found["Lead_genes"].astype(str).str.split(";")
    table = pd.DataFrame(
        {
            "set": found["Term"].astype(str).to_numpy(),
            "direction": np.where(score >= 0, "up", "down"),
            "n_genes": [len(usable[name]) for name in found["Term"]],
            "score": score,
            "normalised_score": found["NES"].astype(float).to_numpy(),
            "p_value": found["NOM p-val"].astype(float).to_numpy(),
            "p_value_adjusted": found["FDR q-val"].astype(float).to_numpy(),
            "n_leading": leading.map(len).to_numpy(),
            "leading_genes": leading.str.join(" ").to_numpy(),
        }
    )
    strength = table["normalised_score"].abs()
    order = np.lexsort((-strength.fillna(0), table["p_value_adjusted"].fillna(1)))
    return table.iloc[order].reset_index(drop=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without gseapy's warning of ties, which ``findings.ties`` says in words."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def over_representation(
    lists: Mapping[str, Sequence[str]],
    background: Sequence[str],
    sets: Mapping[str, Sequence[str]],
    *,
    min_size: int,
    max_size: int,
) -> pd.DataFrame:
    """Do genes that went up (or down) hold more of a set than chance? By gseapy's hypergeometric test.

    Parameters
    ----------
    lists
        ``up`` and ``down`` -> genes that pass the thresholds.
    background
        All tested genes.
    sets, min_size, max_size
        As in ``gsea``.

    Returns
    -------
    As ``gsea``, with the odds ratio as ``score``, ``normalised_score`` NaN, and the overlap as the leading genes; a row
    per direction and set that shares a gene with the list. Adjusted values are Benjamini and Hochberg's within a
    direction.

    Raises
    ------
    DataError
        No gene passes, or no set has enough tested genes.
    """
    import gseapy

    usable = _usable(pd.Index(background), sets, min_size, max_size)
    if not any(len(genes) for genes in lists.values()):
        raise DataError(
            "No gene passes the thresholds, so there is nothing to look for pathways in.",
            hint="Loosen the thresholds, or use gsea, which needs none.",
        )
    tables = []
    for direction, genes in lists.items():
        members = {name: set(found) & set(genes) for name, found in usable.items()}
        if not any(members.values()):
            continue
        found = gseapy.enrich(
            gene_list=list(genes),
            gene_sets=usable,
            background=list(background),
            outdir=None,
            no_plot=True,
            verbose=False,
        ).res2d
        overlap = found["Genes"].astype(str).str.split(";")
        tables.append(
            pd.DataFrame(
                {
                    "set": found["Term"].astype(str).to_numpy(),
                    "direction": direction,
                    "n_genes": [len(usable[name]) for name in found["Term"]],
                    "score": found["Odds Ratio"].astype(float).to_numpy(),
                    "normalised_score": np.nan,
                    "p_value": found["P-value"].astype(float).to_numpy(),
                    "p_value_adjusted": found["Adjusted P-value"].astype(float).to_numpy(),
                    "n_leading": overlap.map(len).to_numpy(),
                    "leading_genes": overlap.str.join(" ").to_numpy(),
                }
            )
        )
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(tables).sort_values("p_value", kind="stable").reset_index(drop=True)


def _usable(tested: pd.Index, sets: Mapping[str, Sequence[str]], min_size: int, max_size: int) -> dict[str, list[str]]:
    known = set(tested)
    sizes = {name: [gene for gene in dict.fromkeys(genes) if gene in known] for name, genes in sets.items()}
    usable = {name: genes for name, genes in sizes.items() if min_size <= len(genes) <= max_size}
    if not usable:
        largest = max(map(len, sizes.values()), default=0)
        raise DataError(
            f"No set has {min_size} to {max_size} tested genes; the largest has {largest}.",
            hint="Test more genes, choose other sets, or lower the smallest size of a set.",
        )
    return usable


def running_sum(ranking: pd.Series, members: Sequence[str]) -> pd.DataFrame:
    """The curve behind an enrichment score: up at each gene of the set, by its statistic, and down at each other.

    Parameters
    ----------
    ranking
        As in ``gsea``.
    members
        Genes of the set, in the names of the ranking.

    Returns
    -------
    A row per tested gene, highest statistic first: ``rank`` (from 0), ``gene``, ``statistic``, ``member``,
    ``running_sum``; empty where the set has no tested gene or all of them. Its farthest point from zero is the
    enrichment score.

    References
    ----------
    Subramanian et al. 2005, equation 1.
    """
    known = ranking.dropna().sort_values(ascending=False, kind="stable")
    member = known.index.isin(list(members))
    columns = ["rank", "gene", "statistic", "member", "running_sum"]
    if not member.any() or member.all():
        return pd.DataFrame(columns=columns)
    weights = np.where(member, np.abs(known.to_numpy(dtype=np.float64)) ** WEIGHT, 0.0)
    total = weights.sum()
    hits = np.cumsum(weights) / total if total > 0 else np.cumsum(member) / member.sum()
    misses = np.cumsum(~member) / (~member).sum()
    return pd.DataFrame(
        {
            "rank": np.arange(len(known)),
            "gene": known.index.astype(str),
            "statistic": known.to_numpy(dtype=np.float64),
            "member": member,
            "running_sum": hits - misses,
        }
    )
