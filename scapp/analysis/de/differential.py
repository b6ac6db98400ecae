"""What changes within a cell type: pseudobulk by donor with PyDESeq2, or tests of cells by scanpy."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.analysis.de.config import LEAST_DONORS
from scapp.analysis.markers.rank_genes import rank_genes
from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import AnyMatrix, blocked

COLUMNS = (
    "gene",
    "log2_fold_change",
    "standard_error",
    "statistic",
    "p_value",
    "p_value_adjusted",
    "mean",
    "share_reference",
    "share_compared",
    "strength",
)
LEAST_COUNTS = 10
"""Of all samples together: genes below are not tested, as in DESeq2's own advice."""
STAGES: tuple[tuple[str, str], ...] = (
    ("fit_size_factors", "size factors"),
    ("fit_genewise_dispersions", "dispersion of each gene"),
    ("fit_dispersion_trend", "dispersion trend"),
    ("fit_dispersion_prior", "dispersion trend"),
    ("fit_MAP_dispersions", "dispersions, shrunk to the trend"),
    ("fit_LFC", "fold changes"),
    ("calculate_cooks", "outliers"),
    ("refit", "outliers"),
    ("cooks_outlier", "outliers"),
)
"""What ``DeseqDataSet.deseq2`` does, one method after the other: called here one by one, so that progress can be told.
"""


def pseudobulk(counts: AnyMatrix, codes: np.ndarray, n_samples: int) -> np.ndarray:
    """Sum counts over the cells of each sample.

    Parameters
    ----------
    counts
        Raw counts, shape (n_cells, n_genes).
    codes
        Sample of each cell, -1 for none, shape (n_cells,).

    Returns
    -------
    Shape (n_samples, n_genes), int64.
    """
    matrix = blocked(counts)

    def summed(start: int, block: sparse.csr_matrix) -> np.ndarray:
        own = codes[start : start + block.shape[0]]
        known = np.flatnonzero(own >= 0)
        member = sparse.csr_matrix((np.ones(len(known)), (own[known], known)), shape=(n_samples, block.shape[0]))
        return (member @ block.astype(np.float64)).toarray()

    return np.rint(sum(matrix.each_block(summed))).astype(np.int64)


def expressed(values: AnyMatrix, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of cells with any value of each gene, among two sets of cells (bool, shape (n_cells,)); each shape
    (n_genes,).
    """
    matrix = blocked(values)

    def seen(start: int, block: sparse.csr_matrix) -> np.ndarray:
        sides = (side[start : start + block.shape[0]] for side in (first, second))
        return np.array([np.bincount(block[side].indices, minlength=matrix.n_genes) for side in sides])

    in_first, in_second = np.sum(list(matrix.each_block(seen)), axis=0)
    return in_first / max(int(first.sum()), 1), in_second / max(int(second.sum()), 1)


def pseudobulk_test(
    sums: pd.DataFrame,
    compared: np.ndarray,
    covariates: pd.DataFrame | None = None,
    *,
    report: Callable[[int, int, str], None] | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Wald test of each gene between two conditions by PyDESeq2, with samples as the units.

    Parameters
    ----------
    sums
        Counts, a row per sample and a column per gene.
    compared
        Which samples are of the condition compared with the reference, bool, shape (n_samples,).
    covariates
        A column per covariate, a row per sample: text is taken as groups, numbers as a slope.
    report
        Called with (done, total, what is being fitted).

    Returns
    -------
    table
        ``gene``, ``log2_fold_change``, ``standard_error``, ``statistic`` (Wald), ``p_value``, ``p_value_adjusted``,
        ``mean`` (of normalised counts), as PyDESeq2 gives them, in the order of the genes. p is NaN where one sample
        alone decides (Cook's distance), its adjustment also where the mean is too low to be worth a test (independent
        filtering).
    notes
        What PyDESeq2 warned of.

    Raises
    ------
    DataError
        Fewer than two samples a side, or covariates that cannot be told apart from the condition or leave nothing to
        estimate the spread from.

    References
    ----------
    Love, Huber and Anders 2014; Muzellec et al. 2023 (PyDESeq2); Squair et al. 2021 for sums by donor.
    """
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    sizes = int((~compared).sum()), int(compared.sum())
    if min(sizes) < LEAST_DONORS:
        raise DataError(
            f"Pseudobulk needs {LEAST_DONORS} donors on each side; found {sizes[0]} and {sizes[1]}.",
            hint="Choose a test of cells (exploratory), or fewer cells per donor as the least.",
        )
    metadata, design = _metadata(sums.index, compared, covariates)
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        data = DeseqDataSet(counts=sums, metadata=metadata, design=design, n_cpus=1, quiet=True)
        for done, (stage, words) in enumerate(STAGES):
            if report is not None:
                report(done, len(STAGES) + 1, words)
            getattr(data, stage)()
        if report is not None:
            report(len(STAGES), len(STAGES) + 1, "Wald tests")
        tested = DeseqStats(data, contrast=["condition", "compared", "reference"], n_cpus=1, quiet=True)
        tested.summary()
        notes += [" ".join(str(w.message).split()) for w in caught if issubclass(w.category, UserWarning)]
    found = tested.results_df
    table = pd.DataFrame(
        {
            "gene": found.index.astype(str),
            "log2_fold_change": found["log2FoldChange"].to_numpy(),
            "standard_error": found["lfcSE"].to_numpy(),
            "statistic": found["stat"].to_numpy(),
            "p_value": found["pvalue"].to_numpy(),
            "p_value_adjusted": found["padj"].to_numpy(),
            "mean": found["baseMean"].to_numpy(),
        }
    )
    return table, list(dict.fromkeys(notes))


def _metadata(samples: pd.Index, compared: np.ndarray, covariates: pd.DataFrame | None) -> tuple[pd.DataFrame, str]:
    """Table and formula for PyDESeq2. Columns get names of our own: a formula is code, and users' names are not to be
    trusted.
    """
    metadata = pd.DataFrame({"condition": np.where(compared, "compared", "reference")}, index=samples)
    columns = [np.ones(len(samples)), compared.astype(float)]
    terms = []
    titles = [] if covariates is None else [str(name) for name in covariates.columns]
    for number, title in enumerate(titles):
        assert covariates is not None
        values = covariates[title]
        if values.nunique() < 2:
            continue  # says nothing of these samples
        name = f"covariate{number}"
        terms.append(name)
        if values.dtype.kind in "iuf":
            metadata[name] = ((values - values.mean()) / values.std()).to_numpy(dtype=np.float64)
            columns.append(metadata[name].to_numpy())
        else:
            codes = pd.factorize(values.astype(str))[0]
            metadata[name] = [f"level{code}" for code in codes]
            columns += [(codes == code).astype(float) for code in range(1, codes.max() + 1)]
    matrix = np.column_stack(columns)
    if np.linalg.matrix_rank(matrix) < matrix.shape[1]:
        raise DataError(
            f"With {listed(titles)} as covariates the effect of the condition cannot be told from theirs in these"
            f" {len(samples)} samples.",
            hint="Leave out a covariate that goes along with the condition or with another one.",
        )
    if matrix.shape[0] <= matrix.shape[1]:
        raise DataError(
            f"{len(samples)} samples are too few for the condition and {listed(titles)}: nothing is left to estimate"
            " the spread from.",
            hint="Leave out a covariate.",
        )
    return metadata, "~ " + " + ".join([*terms, "condition"])


def cell_test(
    log_values: AnyMatrix, genes: pd.Index, compared: np.ndarray, *, method: str = "wilcoxon"
) -> pd.DataFrame:
    """Test each gene between the cells of two conditions, by scanpy. Exploratory: cells of one donor are not
    independent.

    Parameters
    ----------
    log_values
        log1p of normalised counts, shape (n_cells, n_genes).
    genes
        Names.
    compared
        Which cells are of the condition compared with the reference, bool, shape (n_cells,).
    method
        ``wilcoxon`` or ``t-test``.

    Returns
    -------
    As ``pseudobulk_test``'s table, without standard errors; ``statistic`` is z or t, ``mean`` that of the log values
    over the cells of both sides.
    """
    values = blocked(log_values)
    groups = pd.Categorical(np.where(compared, "compared", "reference"), ["reference", "compared"])
    found = rank_genes(values, genes, groups, method=method, reference="reference")
    found = found.set_index(found["gene"].astype(str)).loc[genes.astype(str)]
    return pd.DataFrame(
        {
            "gene": genes.astype(str),
            "log2_fold_change": found["log2_fold_change"].to_numpy(dtype=np.float64),
            "standard_error": np.nan,
            "statistic": found["score"].to_numpy(dtype=np.float64),
            "p_value": found["p_value"].to_numpy(dtype=np.float64),
            "p_value_adjusted": found["p_value_adjusted"].to_numpy(dtype=np.float64),
            "mean": sum(values.each_block(_totals)) / values.n_cells,
        }
    )


def _totals(_: int, block: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(block.sum(axis=0, dtype=np.float64)).ravel()
