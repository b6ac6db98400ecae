"""Quality metrics under scanpy's names, and doublet scores by Scrublet."""

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.data.blocks.blocked_matrix import AnyMatrix, blocked
from scapp.data.config import DoubletConfig
from scapp.data.mitochondria import is_mitochondrial
from scapp.data.symbols import PATTERNS, gene_group
from scapp.data.symbols import gene_names as every_name

SCRUBLET_LEAST_CELLS = 50


def qc_metrics(counts: AnyMatrix, gene_names: pd.Index, var: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
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
    matrix = blocked(counts)
    genes_by_name = every_name(gene_names, var)
    symbols = pd.Index(genes_by_name.symbols)
    groups = pd.DataFrame({"mt": is_mitochondrial(genes_by_name)}, index=gene_names)
    for group in PATTERNS:
        groups[group] = gene_group(symbols, group)
    present = [group for group in groups if groups[group].any()]
    members = np.vstack([np.ones(matrix.n_genes), *(groups[group].to_numpy(dtype=float) for group in present)])

    def measure(_: int, block: sparse.csr_matrix) -> tuple[np.ndarray, ...]:
        linear = block.astype(np.float64)
        seen = np.bincount(block.indices, minlength=matrix.n_genes)
        return linear @ members.T, np.diff(block.indptr), seen, linear.T @ np.ones(block.shape[0])

    sums, n_genes = [np.zeros((0, len(members)))], [np.zeros(0, dtype=np.int32)]
    n_cells, of_gene = np.zeros(matrix.n_genes, dtype=np.int64), np.zeros(matrix.n_genes)
    for totals, seen_in_cell, seen, total in matrix.each_block(measure):
        sums.append(totals)
        n_genes.append(seen_in_cell)
        n_cells += seen
        of_gene += total
    of_cell = np.concatenate(sums)
    cells = pd.DataFrame({keys.TOTAL_COUNTS: of_cell[:, 0].astype(np.float32), keys.N_GENES: np.concatenate(n_genes)})
    for number, group in enumerate(present, start=1):
        # a cell without counts has no share of anything: NaN would pass every filter
        share = np.divide(of_cell[:, number], of_cell[:, 0], out=np.zeros(len(of_cell)), where=of_cell[:, 0] > 0)
        cells[f"pct_counts_{group}"] = (100 * share).astype(np.float32)
    genes = pd.DataFrame({"n_cells_by_counts": n_cells, "total_counts": of_gene.astype(np.float32)})
    return cells, pd.concat([genes, groups.reset_index(drop=True)], axis=1)


def doublet_scores(counts: AnyMatrix, config: DoubletConfig, batches: pd.Series | None = None) -> np.ndarray:
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
    matrix = blocked(counts)
    groups = pd.Series(np.zeros(matrix.n_cells, dtype=int)) if batches is None else batches.reset_index(drop=True)
    scores = np.zeros(matrix.n_cells)
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
        scores[members] = _scrublet(matrix.select(members).to_csr(), config)
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
