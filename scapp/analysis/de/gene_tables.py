"""Which rows of a table of tested genes matter: needs nothing that loads slowly."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

LEAST_P = 1e-300


def strength(table: pd.DataFrame) -> pd.Series:
    """|log2 fold change| x -log10(p): large for genes that are both much changed and sure; 0 without a p.

    A gene that one condition never shows has an uncertain fold change, and so stands low by p alone, however large it
    is.

    References
    ----------
    Xiao et al. 2014 (pi-value).
    """
    return table["log2_fold_change"].abs() * -np.log10(table["p_value"].clip(lower=LEAST_P)).fillna(0)


def ranking_of(table: pd.DataFrame) -> pd.Series:
    """Statistic of each tested gene, by its name."""
    return pd.Series(table["statistic"].to_numpy(), index=table["gene"].astype(str).to_numpy())


def unique_labels(symbols: Sequence[str], names: Sequence[str]) -> list[str]:
    """Symbols as labels; those that several genes share, with the gene's name."""
    shared = {symbol for symbol, times in Counter(symbols).items() if times > 1}
    return [f"{s} ({n})" if s in shared else s for s, n in zip(symbols, names, strict=True)]


def passing(table: pd.DataFrame, *, max_p: float = 0.05, min_log2_fold: float = 0.25) -> pd.DataFrame:
    """Rows within the thresholds, on the adjusted p and the size of the fold change."""
    return table[(table["p_value_adjusted"] <= max_p) & (table["log2_fold_change"].abs() >= min_log2_fold)]


def strongest(
    table: pd.DataFrame, n_genes: int, *, max_p: float = 0.05, min_log2_fold: float = 0.5, min_share: float = 0.1
) -> pd.DataFrame:
    """Rows that pass the thresholds, the best ``n_genes`` of each group by score."""
    passing = table[
        (table["p_value_adjusted"] <= max_p)
        & (table["log2_fold_change"] >= min_log2_fold)
        & (table["share_in_group"] >= min_share)
    ]
    return passing.groupby("group", observed=True, sort=False).head(n_genes).reset_index(drop=True)
