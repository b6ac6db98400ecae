"""Filter, normalise, choose genes, PCA: scanpy's functions under one configuration."""

import warnings
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

from scapp.core import keys
from scapp.core.errors import ConfigError
from scapp.data.config import PrepareConfig
from scapp.data.qc.thresholds import failing


@dataclass(frozen=True)
class Kept:
    """Cells and genes that pass the filters."""

    cells: np.ndarray
    genes: np.ndarray


def filter_data(counts: sparse.csr_matrix, metrics: pd.DataFrame, config: PrepareConfig) -> Kept:
    """Which cells and genes pass, as sorted positions; genes are counted in the kept cells.

    Raises
    ------
    ConfigError
        When nothing would be left, or a filter has nothing to measure.
    """
    if config.max_pct_mt is not None and keys.PCT_MT not in metrics:
        raise ConfigError(
            f"No gene of this dataset is known as mitochondrial, so '{PrepareConfig.model_fields['max_pct_mt'].title}'"
            " cannot be used.",
            hint="Leave that filter out, or give the mitochondrial genes names that begin with 'MT-' and import again.",
        )
    removed = failing(metrics, config)
    keep_cells = ~np.logical_or.reduce(list(removed.values())) if removed else np.ones(counts.shape[0], bool)
    if keep_cells.sum() < 2:
        worst = max(removed, key=lambda name: removed[name].sum())
        title = PrepareConfig.model_fields[worst].title
        raise ConfigError(
            f"The filters leave {keep_cells.sum()} of {counts.shape[0]:,} cells; at least 2 are needed. '{title}' alone"
            f" removes {removed[worst].sum():,}.",
            hint="Loosen that filter, then filter again.",
        )
    cells = np.flatnonzero(keep_cells)
    n_cells_of_gene = np.bincount(counts[cells].indices, minlength=counts.shape[1])
    genes = np.flatnonzero(n_cells_of_gene >= config.min_cells)
    if genes.size < 2:
        raise ConfigError(
            f"{genes.size} of {counts.shape[1]:,} genes are seen in {config.min_cells} cells or more; at least 2 are"
            " needed.",
            hint="Lower 'Minimum cells per gene', then filter again.",
        )
    return Kept(cells, genes)


def normalise(counts: sparse.csr_matrix, target_sum: float) -> sparse.csr_matrix:
    """log1p of counts scaled to ``target_sum`` per cell, CSR float32; cells without counts stay zero."""
    adata = ad.AnnData(X=counts.astype(np.float32))
    with warnings.catch_warnings():
        # empty cells were named on import, and stay zero here
        warnings.filterwarnings("ignore", message="Some cells have zero counts")
        sc.pp.normalize_total(adata, target_sum=target_sum)
    sc.pp.log1p(adata)
    return sparse.csr_matrix(adata.X, dtype=np.float32)


def linear(log_values: sparse.csr_matrix) -> sparse.csr_matrix:
    """What ``normalise`` took the logarithm of, CSR; places of entries are shared with ``log_values``."""
    parts = (np.expm1(log_values.data), log_values.indices, log_values.indptr)
    return sparse.csr_matrix(parts, shape=log_values.shape)


def highly_variable(
    log_values: sparse.csr_matrix,
    counts: sparse.csr_matrix | None,
    config: PrepareConfig,
    batches: pd.Series | None = None,
) -> np.ndarray:
    """The genes that models read, bool, shape (n_genes,); all of them where there are no more than asked for.

    Parameters
    ----------
    log_values
        log1p-normalised, shape (n_cells, n_genes).
    counts
        Raw counts of the same shape; only ``seurat_v3`` reads them.
    config
        Flavour and number.
    batches
        Batch of each cell: genes are ranked in each and the ranks combined.

    Raises
    ------
    ConfigError
        ``seurat_v3`` without counts.
    """
    n_genes = log_values.shape[1]
    if n_genes <= config.n_top_genes:
        return np.ones(n_genes, dtype=bool)
    if config.flavor == "seurat_v3":
        if counts is None:
            raise ConfigError(
                "'seurat_v3' ranks genes by raw counts, and this dataset has none.",
                hint="Choose 'seurat' under 'Highly variable by'.",
            )
        source = counts
    else:
        source = log_values
    adata = ad.AnnData(X=source)
    if batches is not None:
        adata.obs["batch"] = pd.Categorical(batches.to_numpy())
    batch_key = "batch" if batches is not None else None
    sc.pp.highly_variable_genes(adata, n_top_genes=config.n_top_genes, flavor=config.flavor, batch_key=batch_key)
    return adata.var["highly_variable"].to_numpy(dtype=bool)


def principal_components(log_values: sparse.csr_matrix, genes: np.ndarray, config: PrepareConfig) -> np.ndarray:
    """PCA of the chosen genes, float32, shape (n_cells, n_pcs); fewer where cells or genes are few."""
    return pca(log_values, genes, config)[0]


def pca(log_values: sparse.csr_matrix, genes: np.ndarray, config: PrepareConfig) -> tuple[np.ndarray, np.ndarray]:
    """PCA of the chosen genes, and how to place other profiles in it.

    Returns
    -------
    components
        float32, shape (n_cells, n_pcs); fewer where cells or genes are few.
    loadings
        float32, shape (n_genes, n_pcs), zero for the genes that were not chosen: a profile's components are its log
        values times the loadings, but for one constant of all cells. Where genes were scaled, clipping at 10 is left
        out.
    """
    adata = ad.AnnData(X=log_values[:, genes])
    if config.scale_for_pca:
        adata.X = adata.X.toarray()
        sc.pp.scale(adata, max_value=10)
    n_pcs = min(config.n_pcs, adata.n_obs - 1, adata.n_vars - 1)
    sc.pp.pca(adata, n_comps=n_pcs, random_state=config.seed)
    loadings = np.zeros((len(genes), n_pcs), dtype=np.float32)
    spread = adata.var["std"].to_numpy()[:, None] if config.scale_for_pca else 1.0
    loadings[genes] = adata.varm["PCs"] / spread
    return np.asarray(adata.obsm["X_pca"], dtype=np.float32), loadings
