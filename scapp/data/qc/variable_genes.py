"""Highly variable genes as scanpy chooses them, from sums over blocks of cells."""

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import ConfigError
from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, blocked
from scapp.data.blocks.moments import Moments, moments
from scapp.data.config import PrepareConfig

N_BINS = 20
"""Of mean expression, in which dispersions are compared (scanpy's default)."""
LOESS_SPAN = 0.3
LEAST_VARYING = 20


def highly_variable(
    log_values: AnyMatrix, counts: AnyMatrix | None, config: PrepareConfig, batches: pd.Series | None = None
) -> np.ndarray:
    """The genes that models read, bool, shape (n_genes,); all of them where there are no more than asked for.

    The genes are those of ``scanpy.pp.highly_variable_genes`` but where its float32 rounds a mean or a variance: sums
    are float64 here.

    Parameters
    ----------
    log_values
        log1p-normalised, shape (n_cells, n_genes).
    counts
        Raw counts of the same shape; only ``seurat_v3`` reads them.
    config
        Flavour and number.
    batches
        Batch of each cell: genes are ranked in each and the ranks combined. A batch of a single cell has no say.

    Raises
    ------
    ConfigError
        ``seurat_v3`` without counts, or with a batch in which hardly a gene varies.

    References
    ----------
    Satija et al. 2015 (seurat), Zheng et al. 2017 (cell_ranger), Stuart et al. 2019 (seurat_v3).
    """
    matrix = blocked(log_values)
    n_genes = matrix.n_genes
    if n_genes <= config.n_top_genes:
        return np.ones(n_genes, dtype=bool)
    if batches is None:
        codes = np.zeros(matrix.n_cells, dtype=np.int64)
    else:
        # a single cell has no variance: such a batch has no say
        counted = batches.map(batches.value_counts()).astype(float) > 1
        codes = pd.Categorical(batches.where(counted).to_numpy()).remove_unused_categories().codes.astype(np.int64)
    if config.flavor == "seurat_v3":
        if counts is None:
            raise ConfigError(
                "'seurat_v3' ranks genes by raw counts, and this dataset has none.",
                hint="Choose 'seurat' under 'Highly variable by'.",
            )
        return _by_standardised_variance(blocked(counts), codes, config.n_top_genes)
    found = moments(matrix, codes, linear=config.flavor == "seurat")
    return _by_dispersion(found, config.flavor, config.n_top_genes, alone=batches is None)


def _by_dispersion(
    found: Moments, flavor: Literal["seurat", "cell_ranger"], n_top_genes: int, *, alone: bool
) -> np.ndarray:
    n_genes = found.mean.shape[1]
    tables = []
    for mean, variance in zip(found.mean, found.variance, strict=True):
        seen = np.ones(n_genes, dtype=bool) if alone else mean > 0
        normalised = np.zeros(n_genes)
        chosen = np.zeros(n_genes, dtype=bool)
        normalised[seen] = _normalised_dispersions(mean[seen], variance[seen], flavor)
        chosen[seen] = normalised[seen] >= _nth_highest(normalised[seen], n_top_genes)
        if alone:
            return chosen
        tables.append(pd.DataFrame({"dispersion": normalised, "n_batches": chosen.astype(int)}))
    # scanpy sorts by name before it ranks, and so breaks ties
    together = pd.concat(table.set_axis(table.index.astype(str), axis=0) for table in tables)
    ranked = together.groupby(together.index).agg({"dispersion": "mean", "n_batches": "sum"})
    ranked = ranked.sort_values(["n_batches", "dispersion"], ascending=False, na_position="last")
    taken = np.zeros(n_genes, dtype=bool)
    taken[ranked.index[:n_top_genes].astype(int)] = True
    return taken


def _normalised_dispersions(
    mean: np.ndarray, variance: np.ndarray, flavor: Literal["seurat", "cell_ranger"]
) -> np.ndarray:
    """Dispersion of each gene beside those of genes of like mean."""
    mean = np.where(mean == 0, 1e-12, mean)
    dispersion = variance / mean
    if flavor == "seurat":
        with np.errstate(invalid="ignore", divide="ignore"):
            dispersion = np.log(np.where(dispersion == 0, np.nan, dispersion))
        mean = np.log1p(mean)
    table = pd.DataFrame({"mean": mean, "dispersion": dispersion})
    if flavor == "seurat":
        bins = pd.cut(table["mean"], bins=N_BINS)
        grouped = table.groupby(bins, observed=True)["dispersion"]
        middle, spread = grouped.mean(), grouped.std()
        # a gene alone in its bin gets a normalised dispersion of 1
        alone = spread.isna()
        spread = spread.where(~alone, middle)
        middle = middle.where(~alone, 0.0)
    else:
        from statsmodels.robust import mad

        edges = np.r_[-np.inf, np.percentile(mean, np.arange(10, 105, 5)), np.inf]
        bins = pd.cut(table["mean"], bins=edges, duplicates="drop")
        grouped = table.groupby(bins, observed=True)["dispersion"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=RuntimeWarning)  # of an empty slice
            middle, spread = grouped.median(), grouped.agg(mad)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (dispersion - middle.loc[bins].to_numpy()) / spread.loc[bins].to_numpy()
    return np.asarray(found)


def _nth_highest(values: np.ndarray, n: int) -> float:
    known = np.sort(values[~np.isnan(values)])[::-1]
    return float(known[min(n, len(known)) - 1]) if len(known) else np.inf


def _by_standardised_variance(counts: BlockedMatrix, codes: np.ndarray, n_top_genes: int) -> np.ndarray:
    """Genes by the variance of counts standardised by what their mean lets expect; median rank over batches."""
    found = moments(counts, codes)
    n_batches, n_genes = found.mean.shape
    expected = np.zeros((n_batches, n_genes))
    for batch in range(n_batches):
        varies = found.variance[batch] > 0
        expected[batch, varies] = _expected_variance(found.mean[batch, varies], found.variance[batch, varies])
    spread = np.sqrt(10**expected)
    largest = spread * np.sqrt(found.n_cells)[:, None] + found.mean

    def sums(start: int, block: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        total, squares = np.zeros((2, n_batches, n_genes))
        own = codes[start : start + block.shape[0]]
        for batch in np.unique(own[own >= 0]):
            part = block[own == batch] if n_batches > 1 else block
            clipped = np.minimum(part.data, largest[batch][part.indices])
            total[batch] = np.bincount(part.indices, clipped, minlength=n_genes)
            squares[batch] = np.bincount(part.indices, clipped**2, minlength=n_genes)
        return total, squares

    total, squares = np.zeros((2, n_batches, n_genes))
    for first, second in counts.each_block(sums):
        total += first
        squares += second
    n_cells = found.n_cells[:, None]
    standardised = (n_cells * found.mean**2 + squares - 2 * total * found.mean) / ((n_cells - 1) * spread**2)
    ranks = np.argsort(np.argsort(-standardised, axis=1), axis=1).astype(np.float32)
    n_chosen = (ranks < n_top_genes).sum(axis=0)
    ranks[ranks >= n_top_genes] = np.nan
    median = np.ma.median(np.ma.masked_invalid(ranks), axis=0).filled(np.nan)
    table = pd.DataFrame({"rank": median, "n_batches": n_chosen})
    order = table.sort_values(["rank", "n_batches"], ascending=[True, False], na_position="last").index
    taken = np.zeros(n_genes, dtype=bool)
    taken[order[:n_top_genes]] = True
    return taken


def _expected_variance(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """log10 of the variance that genes of like mean have, by a local regression."""
    from skmisc.loess import loess

    hint = "Choose 'seurat' under 'Highly variable by', or other batches."
    if len(mean) < LEAST_VARYING:  # of very few, loess ends the process
        raise ConfigError(
            f"'seurat_v3' looks at how variance depends on the mean, in each batch: {len(mean)} genes vary in one;"
            f" {LEAST_VARYING} are needed.",
            hint=hint,
        )
    model = loess(np.log10(mean), np.log10(variance), span=LOESS_SPAN, degree=2)
    try:
        model.fit()
    except ValueError as error:
        raise ConfigError(
            f"'seurat_v3' finds no relation of variance and mean in a batch of {len(mean):,} genes that vary.",
            hint=hint,
        ) from error
    return np.asarray(model.outputs.fitted_values)
