"""Marker genes, by scanpy."""

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

from scapp.core.errors import DataError, listed

LEAST_CELLS = 2
COLUMNS = (
    "group",
    "gene",
    "score",
    "log2_fold_change",
    "p_value",
    "p_value_adjusted",
    "share_in_group",
    "share_elsewhere",
    "mean_in_group",
    "mean_elsewhere",
)


def rank_genes(
    log_values: sparse.csr_matrix,
    genes: pd.Index,
    groups: pd.Categorical,
    *,
    method: str = "wilcoxon",
    reference: str = "rest",
) -> pd.DataFrame:
    """Test every gene in every group against the other cells, or against one group.

    Parameters
    ----------
    log_values
        log1p-normalised, shape (n_cells, n_genes).
    genes
        Names.
    groups
        One per cell; cells without one are left out. Groups of fewer than two cells are not tested.
    method
        ``wilcoxon`` or ``t-test`` (of scanpy).
    reference
        A group, or ``rest``.

    Returns
    -------
    One row per group and gene, best score first within a group, with the columns of ``COLUMNS``: Wilcoxon's
    z (or t), log2 fold change of the means of counts per 10,000, p and its Benjamini-Hochberg adjustment within
    the group, share of cells with any count and mean of the log values, in the group and in the cells compared with.

    Raises
    ------
    DataError
        Fewer than two groups of two cells or more.

    References
    ----------
    ``scanpy.tl.rank_genes_groups``; Soneson and Robinson 2018 for the Wilcoxon test on cells.
    """
    sizes = pd.Series(groups).value_counts()
    tested = [str(name) for name in groups.categories if sizes.get(name, 0) >= LEAST_CELLS]
    if len(tested) < 2:
        raise DataError(
            f"Marker genes need two groups of {LEAST_CELLS} cells or more; found"
            f" {listed(f'{n} ({s})' for n, s in sizes.items())}.",
            hint="Choose another annotation, or fewer and larger groups.",
        )
    known = pd.Series(groups).astype(str).isin(tested).to_numpy()
    values = log_values[known]
    labels = pd.Categorical(pd.Series(groups)[known].astype(str), tested)
    adata = ad.AnnData(values, obs=pd.DataFrame({"group": labels}, index=[str(i) for i in range(len(labels))]))
    adata.var_names = genes
    adata.uns["log1p"] = {"base": None}
    asked = [name for name in tested if name != reference]
    sc.tl.rank_genes_groups(adata, "group", groups=asked, reference=reference, method=method)
    found = adata.uns["rank_genes_groups"]
    positions = pd.Series(np.arange(len(genes)), index=genes)
    tables = []
    for name in asked:
        order = positions[found["names"][name]].to_numpy()
        here = np.asarray(labels == name)
        there = np.asarray(labels == reference) if reference != "rest" else ~here
        tables.append(
            pd.DataFrame(
                {
                    "group": name,
                    "gene": np.asarray(genes)[order],
                    "score": found["scores"][name],
                    "log2_fold_change": found["logfoldchanges"][name],
                    "p_value": found["pvals"][name],
                    "p_value_adjusted": found["pvals_adj"][name],
                    "share_in_group": _share(values[here])[order],
                    "share_elsewhere": _share(values[there])[order],
                    "mean_in_group": _mean(values[here])[order],
                    "mean_elsewhere": _mean(values[there])[order],
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    numbers = [c for c in COLUMNS[2:] if not c.startswith("p_value")]
    table[numbers] = table[numbers].astype(np.float32)
    return table.astype({"group": pd.CategoricalDtype(asked), "gene": pd.CategoricalDtype(list(genes))})


def _share(values: sparse.csr_matrix) -> np.ndarray:
    return np.bincount(values.indices[values.data != 0], minlength=values.shape[1]) / max(values.shape[0], 1)


def _mean(values: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(values.mean(axis=0)).ravel()
