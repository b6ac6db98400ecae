"""Tests that count donors: of shares of cell types, of scores, of anything with one value per donor and condition."""

from collections.abc import Callable, Sequence
from itertools import pairwise, permutations

import numpy as np
import pandas as pd
from scipy import stats

OVERALL = "any difference"
COLUMNS = (
    "feature",
    "reference",
    "compared",
    "test",
    "n_reference",
    "n_compared",
    "mean_reference",
    "mean_compared",
    "difference",
    "log2_ratio",
    "cliffs_delta",
    "p_rank",
    "p_rank_adjusted",
    "smallest_p_rank",
    "p_t",
    "p_t_adjusted",
)
MOST_ORDERED = 6
"""Groups whose every order is tried for the smallest p of Kruskal-Wallis."""


def compare_donors(
    values: pd.DataFrame, conditions: Sequence[str], *, transform: Callable[[pd.DataFrame], np.ndarray] | None = None
) -> pd.DataFrame:
    """Compare each condition with the first, for each feature, with donors as the units.

    Donors that have both conditions are compared with themselves where all donors of the two conditions do (Wilcoxon's
    signed-rank test and the paired t-test); else Mann-Whitney and Welch's t-test are used. With more than two
    conditions, a row ``compared`` = "any difference" holds Kruskal-Wallis and one-way ANOVA over all, or Friedman's
    test where every donor has every condition.

    Parameters
    ----------
    values
        A row per feature and sample: ``feature``, ``donor``, ``condition``, ``value``; NaN values are left out.
    conditions
        In order, the reference first.
    transform
        Of the table, to the values that the t-tests look at, shape (n_rows,); ranks look at ``value``.

    Returns
    -------
    A row per feature and comparison, with the columns of ``COLUMNS``. ``cliffs_delta`` is P(compared > reference) -
    P(compared < reference) over pairs of donors; ``smallest_p_rank`` is what the rank test gives when the two sides do
    not overlap at all: no difference, however large, can have a smaller p with so few donors. Adjusted values are
    Benjamini and Hochberg's, over the features of a comparison. NaN where a side has fewer than two donors, or all
    values are alike.
    """
    table = values.assign(shown=values["value"] if transform is None else transform(values)).dropna(subset=["value"])
    rows = []
    for feature, part in table.groupby("feature", sort=False, observed=True):
        groups = {name: part[part["condition"] == name] for name in conditions}
        rows += [
            {
                "feature": feature,
                "reference": conditions[0],
                "compared": name,
                **_pair(groups[conditions[0]], groups[name]),
            }
            for name in conditions[1:]
        ]
        if len(conditions) > 2:
            rows.append({"feature": feature, "reference": "", "compared": OVERALL, **_several(list(groups.values()))})
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("p_rank", "p_t"):
        found[f"{name}_adjusted"] = found.groupby("compared", sort=False)[name].transform(adjusted)
    return found


def adjusted(p: pd.Series) -> pd.Series:
    """Benjamini and Hochberg's adjustment of those that are known."""
    result = p.astype(np.float64).copy()
    known = result.notna()
    if known.any():
        result[known] = stats.false_discovery_control(result[known])
    return result


def _pair(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, object]:
    x, y = first["value"].to_numpy(dtype=np.float64), second["value"].to_numpy(dtype=np.float64)
    means = [float(side.mean()) if len(side) else np.nan for side in (x, y)]
    row: dict[str, object] = {
        "test": "",
        "n_reference": len(x),
        "n_compared": len(y),
        "mean_reference": means[0],
        "mean_compared": means[1],
        "difference": means[1] - means[0],
        "log2_ratio": float(np.log2(means[1] / means[0])) if min(means) > 0 else np.nan,
        "cliffs_delta": float(np.sign(y[:, None] - x[None, :]).mean()) if len(x) and len(y) else np.nan,
        "p_rank": np.nan,
        "smallest_p_rank": np.nan,
        "p_t": np.nan,
    }
    if min(len(x), len(y)) < 2:
        return row
    paired = set(first["donor"]) == set(second["donor"]) and not first["donor"].duplicated().any()
    if paired:
        second = second.set_index("donor").loc[first["donor"]].reset_index()
        y = second["value"].to_numpy(dtype=np.float64)
    u, v = first["shown"].to_numpy(dtype=np.float64), second["shown"].to_numpy(dtype=np.float64)
    if paired:
        row["test"] = "paired"
        row["smallest_p_rank"] = float(stats.wilcoxon(np.arange(1.0, len(x) + 1)).pvalue)
        row["p_rank"] = float(stats.wilcoxon(y - x).pvalue) if (y != x).any() else np.nan
        row["p_t"] = float(stats.ttest_rel(v, u).pvalue) if np.ptp(v - u) > 0 else np.nan
    else:
        row["test"] = "independent"
        row["smallest_p_rank"] = float(stats.mannwhitneyu(np.arange(len(x)), len(x) + np.arange(len(y))).pvalue)
        row["p_rank"] = float(stats.mannwhitneyu(y, x).pvalue) if np.ptp([*x, *y]) > 0 else np.nan
        varies = max(np.ptp(u), np.ptp(v)) > 0
        row["p_t"] = float(stats.ttest_ind(v, u, equal_var=False).pvalue) if varies else np.nan
    return row


def _several(groups: list[pd.DataFrame]) -> dict[str, object]:
    sides = [group["value"].to_numpy(dtype=np.float64) for group in groups]
    row: dict[str, object] = dict.fromkeys(COLUMNS[5:], np.nan)
    row |= {"test": "independent", "n_compared": sum(map(len, sides)), "n_reference": len(sides[0])}
    if min(map(len, sides)) < 2:
        return row
    donors = [set(group["donor"]) for group in groups]
    if all(side == donors[0] for side in donors) and not any(group["donor"].duplicated().any() for group in groups):
        return row | _repeated(groups)
    if np.ptp(np.concatenate(sides)) > 0:
        row["p_rank"] = float(stats.kruskal(*sides).pvalue)
    row["smallest_p_rank"] = _smallest_kruskal([len(side) for side in sides])
    shown = [group["shown"].to_numpy(dtype=np.float64) for group in groups]
    if max(np.ptp(side) for side in shown) > 0:
        row["p_t"] = float(stats.f_oneway(*shown).pvalue)
    return row


def _repeated(groups: list[pd.DataFrame]) -> dict[str, object]:
    """Friedman's test of donors that have every condition."""
    ordered = [group.set_index("donor")["value"].loc[groups[0]["donor"]].to_numpy(dtype=np.float64) for group in groups]
    separated = [np.full(len(ordered[0]), float(place)) for place in range(len(ordered))]
    known = np.ptp(np.column_stack(ordered), axis=1).any()
    return {
        "test": "paired",
        "p_rank": float(stats.friedmanchisquare(*ordered).pvalue) if known else np.nan,
        "smallest_p_rank": float(stats.friedmanchisquare(*separated).pvalue),
    }


def _smallest_kruskal(sizes: list[int]) -> float:
    """p of groups that do not overlap, in the order that separates them best."""
    if len(sizes) > MOST_ORDERED:
        return float("nan")
    found = []
    for order in set(permutations(sizes)):
        ends = np.cumsum([0, *order])
        blocks = [np.arange(start, stop) for start, stop in pairwise(ends)]
        found.append(float(stats.kruskal(*blocks).pvalue))
    return min(found)


def donor_means(
    values: dict[str, np.ndarray], codes: np.ndarray, samples: pd.DataFrame, order: Sequence[str]
) -> pd.DataFrame:
    """Mean of each donor's cells, ready for ``compare_donors``.

    Parameters
    ----------
    values
        Title -> value of each cell, shape (n_cells,).
    codes
        Position in ``order`` of each cell's sample, -1 for cells that do not count, shape (n_cells,).
    samples
        ``sample``, ``donor``, ``condition``, as ``Study.samples`` gives them.
    order
        Names of samples that the codes stand for.

    Returns
    -------
    A row per title and sample that has cells: ``feature``, ``sample``, ``donor``, ``condition``, ``n_cells``,
    ``value``.
    """
    known = codes >= 0
    sizes = np.bincount(codes[known], minlength=len(order))
    place = {str(name): position for position, name in enumerate(order)}
    columns = ["feature", "sample", "donor", "condition", "n_cells", "value"]
    rows = []
    for title, of_cells in values.items():
        sums = np.bincount(codes[known], weights=np.asarray(of_cells, dtype=np.float64)[known], minlength=len(order))
        for sample in samples.itertuples():
            code = place[str(sample.sample)]
            if sizes[code]:
                value = float(sums[code] / sizes[code])
                rows.append(
                    (title, str(sample.sample), str(sample.donor), str(sample.condition), int(sizes[code]), value)
                )
    return pd.DataFrame(rows, columns=columns)
