"""Quality metrics and doublet scores by scanpy."""

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.data.config import DoubletConfig
from scapp.data.mitochondria import is_mitochondrial
from scapp.data.symbols import PATTERNS, gene_group
from scapp.data.symbols import gene_names as every_name

SCRUBLET_LEAST_CELLS = 50


def qc_metrics(counts: sparse.csr_matrix, gene_names: pd.Index, var: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Quality metrics of cells and genes, under scanpy's names.

    Parameters
    ----------
    counts
        Shape (n_cells, n_genes).
    gene_names, var
        Names and annotations of the genes; symbols are looked for in both.

    Returns
    -------
    cells
        ``total_counts``, ``n_genes_by_counts``, and ``pct_counts_<group>`` (0 to 100) for those of
        mt, ribo and ercc of which the data have any gene.
    genes
        ``n_cells_by_counts``, ``total_counts``, ``mt``, ``ribo``, ``ercc``.
    """
    genes_by_name = every_name(gene_names, var)
    symbols = pd.Index(genes_by_name.symbols)
    groups = pd.DataFrame({"mt": is_mitochondrial(genes_by_name)}, index=gene_names)
    for group in PATTERNS:
        groups[group] = gene_group(symbols, group)
    present = [group for group in groups if groups[group].any()]
    adata = ad.AnnData(X=counts, var=groups)
    cells, genes = sc.pp.calculate_qc_metrics(adata, qc_vars=present, percent_top=None, log1p=False)
    percentages = [f"pct_counts_{group}" for group in present]
    # A cell without counts has no share of anything: scanpy gives NaN there, and NaN passes every filter.
    cells[percentages] = cells[percentages].fillna(0.0)
    cells = cells[[keys.TOTAL_COUNTS, keys.N_GENES, *percentages]].reset_index(drop=True)
    genes = genes[["n_cells_by_counts", "total_counts"]].reset_index(drop=True)
    return cells, pd.concat([genes, groups.reset_index(drop=True)], axis=1)


def doublet_scores(counts: sparse.csr_matrix, config: DoubletConfig, batches: pd.Series | None = None) -> np.ndarray:
    """Scrublet's doublet score of every cell, between 0 and 1, shape (n_cells,).

    Raises
    ------
    ConfigError
        A sample is too small for Scrublet's principal components.
    DataError
        Scrublet finds no variable gene.

    References
    ----------
    Wolock, Lopez and Klein 2019 (Scrublet), as ``scanpy.pp.scrublet``.
    """
    groups = pd.Series(np.zeros(counts.shape[0], dtype=int)) if batches is None else batches.reset_index(drop=True)
    scores = np.zeros(counts.shape[0])
    if groups.isna().any():
        raise ConfigError(
            f"{int(groups.isna().sum()):,} cells have no sample.", hint="Choose a sample column without gaps, or none."
        )
    for name in groups.unique():
        members = np.flatnonzero((groups == name).to_numpy())
        if members.size < SCRUBLET_LEAST_CELLS:
            raise ConfigError(
                f"Sample '{name}' has {members.size} cells; Scrublet needs at least {SCRUBLET_LEAST_CELLS}.",
                hint="Choose no sample column, or filter without doublet scores.",
            )
        scores[members] = _scrublet(counts[members], config)
    return scores


def _scrublet(counts: sparse.csr_matrix, config: DoubletConfig) -> np.ndarray:
    """Scores of one sample. Cells with fewer than three genes, which Scrublet drops, score zero."""
    part = ad.AnnData(X=counts.copy())
    sc.pp.filter_genes(part, min_cells=3)
    usable = np.diff(part.X.indptr) >= 3
    part = part[usable].copy()
    n_pcs = min(30, part.n_obs - 1, _n_variable_genes(part) - 1)
    if n_pcs < 2:
        raise DataError(
            f"Scrublet finds {n_pcs + 1} variable genes and needs at least 3.", hint="Filter without doublet scores."
        )
    sc.pp.scrublet(
        part,
        expected_doublet_rate=config.expected_doublet_rate,
        n_prin_comps=n_pcs,
        random_state=config.seed,
        verbose=False,
    )
    scores = np.zeros(counts.shape[0])
    scores[usable] = part.obs["doublet_score"].to_numpy()
    return scores


def _n_variable_genes(counts: ad.AnnData) -> int:
    """How many genes Scrublet will choose: it fails when asked for more components than that."""
    copied = counts.copy()
    sc.pp.normalize_total(copied)
    sc.pp.log1p(copied)
    sc.pp.highly_variable_genes(copied)
    return int(copied.var["highly_variable"].sum())
