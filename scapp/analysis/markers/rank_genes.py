"""Marker genes, with scanpy's statistics, from blocks of cells and of genes."""

import io
from collections.abc import Callable
from contextlib import redirect_stderr

import anndata as ad
import numpy as np
import pandas as pd
from loguru import logger
from scipy import stats

from scapp.core.environment import environment
from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, blocked
from scapp.data.blocks.moments import Moments, moments

Report = Callable[[int, int], None]

LEAST_CELLS = 2
FOLD_FLOOR = 1e-9
"""Added to both means of a fold change (scanpy)."""
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
    log_values: AnyMatrix,
    genes: pd.Index,
    groups: pd.Categorical,
    *,
    method: str = "wilcoxon",
    reference: str = "rest",
    report: Report | None = None,
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
        ``wilcoxon`` (without corrections for ties and continuity, as scanpy's default) or ``t-test`` (Welch's).
    reference
        A group, or ``rest``.
    report
        Told how many of the genes are done.

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
    ``scanpy.tl.rank_genes_groups``, to whose statistics these are equal; illico for the ranks; Soneson and Robinson
    2018 for the Wilcoxon test on cells.
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
    matrix = blocked(log_values)
    matrix = matrix if known.all() else matrix.select(np.flatnonzero(known))
    labels = pd.Categorical(pd.Series(groups)[known].astype(str), tested)
    asked = [name for name in tested if name != reference]
    found = moments(matrix, labels.codes.astype(np.int64))
    against = None if reference == "rest" else reference
    tests = _t_tests(found, tested, against) if method == "t-test" else _rank_sums(matrix, labels, against, report)
    tables = []
    for name in asked:
        here = tested.index(name)
        there = [tested.index(against)] if against else [place for place in range(len(tested)) if place != here]
        mean, share = _together(found, [here])
        other_mean, other_share = _together(found, there)
        with np.errstate(over="ignore"):
            fold = np.log2((np.expm1(mean) + FOLD_FLOOR) / (np.expm1(other_mean) + FOLD_FLOOR))
        score, p_value = tests[name]
        table = pd.DataFrame(
            {
                "group": name,
                "gene": np.asarray(genes),
                "score": score,
                "log2_fold_change": fold,
                "p_value": p_value,
                "p_value_adjusted": stats.false_discovery_control(p_value),
                "share_in_group": share,
                "share_elsewhere": other_share,
                "mean_in_group": mean,
                "mean_elsewhere": other_mean,
            }
        )
        tables.append(table.iloc[np.argsort(-score, kind="stable")])
    table = pd.concat(tables, ignore_index=True)
    numbers = [c for c in COLUMNS[2:] if not c.startswith("p_value")]
    table[numbers] = table[numbers].astype(np.float32)
    return table.astype({"group": pd.CategoricalDtype(asked), "gene": pd.CategoricalDtype(list(genes))})


def _together(found: Moments, groups: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the values, and share of cells with any, over several groups."""
    sizes = found.n_cells[groups]
    return sizes @ found.mean[groups] / sizes.sum(), found.n_seen[groups].sum(axis=0) / sizes.sum()


def _rank_sums(
    matrix: BlockedMatrix, labels: pd.Categorical, reference: str | None, report: Report | None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """z and p of each group by Wilcoxon's rank sums, a block of genes at a time."""
    from illico import asymptotic_wilcoxon

    logger.disable("illico")
    obs = pd.DataFrame({"group": labels}, index=np.arange(len(labels)).astype(str))
    parts = []
    for start, stop in matrix.gene_bounds():
        if report is not None:
            report(start, matrix.n_genes)
        names = pd.DataFrame(index=np.arange(start, stop).astype(str))
        values = matrix.columns(start, stop)
        values.eliminate_zeros()  # which illico would take for values; datasets of before 0.2 may hold some
        adata = ad.AnnData(values, obs=obs, var=names)
        with redirect_stderr(io.StringIO()):  # its bar of progress, for which nobody asked
            found = asymptotic_wilcoxon(
                adata,
                is_log1p=True,
                group_keys="group",
                reference=reference,
                n_threads=environment().n_worker_threads,
                # as scanpy's default
                use_continuity=False,
                tie_correct=False,
            )
        parts.append(found[["z_score", "p_value"]])
    table = pd.concat(parts)
    tests = {}
    for name in labels.categories:
        if name != reference:
            own = table.xs(name)
            # a gene without any value has no ranks to compare
            tests[name] = own["z_score"].fillna(0).to_numpy(), own["p_value"].fillna(1).to_numpy()
    return tests


def _t_tests(found: Moments, groups: list[str], reference: str | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Welch's t and p of each group, from means and variances."""
    tests = {}
    for here, name in enumerate(groups):
        if name == reference:
            continue
        there = [groups.index(reference)] if reference else [place for place in range(len(groups)) if place != here]
        mean, variance, size = _pooled(found, there)
        with np.errstate(invalid="ignore", divide="ignore"):
            score, p_value = stats.ttest_ind_from_stats(
                found.mean[here],
                np.sqrt(np.maximum(found.variance[here], 0)),
                found.n_cells[here],
                mean,
                np.sqrt(np.maximum(variance, 0)),
                size,
                equal_var=False,
            )
        # two groups that do not vary and are alike; where they differ, t is infinite (as scanpy has it)
        same = np.isnan(score)
        tests[name] = np.where(same, 0.0, score), np.where(same | np.isnan(p_value), 1.0, p_value)
    return tests


def _pooled(found: Moments, groups: list[int]) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean, unbiased variance and number of the cells of several groups."""
    sizes = found.n_cells[groups][:, None]
    size = int(sizes.sum())
    mean = (sizes * found.mean[groups]).sum(axis=0) / size
    within = ((sizes - 1) * found.variance[groups]).sum(axis=0)
    between = (sizes * (found.mean[groups] - mean) ** 2).sum(axis=0)
    return mean, (within + between) / (size - 1), size
