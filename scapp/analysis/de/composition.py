"""Composition: shares of cell types by donor and condition."""

import numpy as np
import pandas as pd

from scapp.analysis.de.design import Study
from scapp.analysis.de.donor_tests import compare_donors


def shares_of(study: Study) -> pd.DataFrame:
    """Share of each type among the cells of each sample (of each condition, where there are no donors).

    Returns
    -------
    A row per sample and type, also where there is no cell of it: ``sample``, ``donor``, ``condition``, ``cell_type``,
    ``n_cells``, ``n_total``, ``share`` (0 to 1). Without donors, ``sample`` is the condition and ``donor`` is empty.
    """
    table = study.cells_per_sample()
    table = table[table.sum(axis=1) > 0]
    samples = study.samples()
    if len(samples):
        of_sample = samples.set_index(samples["sample"].astype(str))
        donor, condition = of_sample["donor"].astype(str), of_sample["condition"].astype(str)
    else:
        donor = pd.Series("", index=table.index)
        condition = pd.Series(table.index, index=table.index)
    long = table.rename_axis("sample").reset_index().melt("sample", var_name="cell_type", value_name="n_cells")
    long["n_total"] = long["sample"].map(table.sum(axis=1))
    long["share"] = long["n_cells"] / long["n_total"]
    long.insert(1, "donor", long["sample"].map(donor))
    long.insert(2, "condition", long["sample"].map(condition))
    return long


def compare_shares(shares: pd.DataFrame, conditions: list[str]) -> pd.DataFrame:
    """Does the share of a type differ between conditions? See ``donor_tests.compare_donors``; t-tests look at logits.

    A share p of n cells has the logit log((p n + 0.5) / (n - p n + 0.5)), which is also defined where there is no cell
    of the type.
    """
    values = shares.rename(columns={"cell_type": "feature", "share": "value"})
    return compare_donors(values, conditions, transform=_logit)


def _logit(table: pd.DataFrame) -> np.ndarray:
    count, total = table["n_cells"].to_numpy(dtype=np.float64), table["n_total"].to_numpy(dtype=np.float64)
    return np.asarray(np.log((count + 0.5) / (total - count + 0.5)))


def mean_shares(shares: pd.DataFrame, conditions: list[str]) -> pd.DataFrame:
    """Mean over samples, shape (n_conditions, n_types): each donor counts the same, however many cells it has."""
    table = shares.pivot_table(index="condition", columns="cell_type", values="share", sort=False, observed=True)
    return table.reindex([name for name in conditions if name in table.index])
