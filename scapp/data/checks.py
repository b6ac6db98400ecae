"""Checks that keep nonsense out, each with a plain sentence and a fix."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError, listed

MIN_GENES = 10
WHOLE_TOLERANCE = 1e-4
Units = Literal["counts", "log", "linear"]


@dataclass(frozen=True)
class Finding:
    """Something noticed on import that did not stop it."""

    sentence: str
    fix: str = ""


def values_of(matrix: Any) -> np.ndarray:
    """The stored values of a sparse or dense matrix, flat."""
    return matrix.data if sparse.issparse(matrix) else np.asarray(matrix).ravel()


def check_matrix(matrix: Any, *, missing_as_zero: bool = False) -> Any:
    """Return the matrix as CSR when it is a usable one.

    Parameters
    ----------
    matrix
        Sparse or dense, shape (n_cells, n_genes).
    missing_as_zero
        Read NaN as zero rather than refuse it.

    Raises
    ------
    DataError
        Not two-dimensional, not numeric, empty, NaN, infinite, negative or all zero.
    """
    if getattr(matrix, "ndim", 0) != 2:
        raise DataError(
            f"The file holds an array of {getattr(matrix, 'ndim', 0)} dimensions; a table of cells by genes is needed.",
            hint="Upload a matrix with one row per cell and one column per gene.",
        )
    n_cells, n_genes = matrix.shape
    if n_cells == 0 or n_genes == 0:
        raise DataError(
            f"The matrix is empty: {n_cells:,} cells by {n_genes:,} genes.",
            hint="Check that the file was exported completely, then upload it again.",
        )
    if n_genes < MIN_GENES:
        raise DataError(
            f"The table has {n_genes} columns of numbers; a count matrix has at least {MIN_GENES} genes.",
            hint="This looks like a table of annotations. Upload the count matrix, and the annotations as its labels.",
        )
    if not (np.issubdtype(matrix.dtype, np.number) or matrix.dtype == bool):
        raise DataError(
            f"The matrix holds {matrix.dtype} values; numbers are needed.",
            hint="Move text columns out of the matrix (into a labels file) and upload it again.",
        )
    matrix = sparse.csr_matrix(matrix)
    if matrix.dtype not in (np.float32, np.float64):
        matrix = matrix.astype(np.float32)
    if missing_as_zero:
        matrix.data[np.isnan(matrix.data)] = 0
    _check_values(matrix)
    matrix = matrix.astype(np.float32)
    matrix.eliminate_zeros()
    matrix.sum_duplicates()
    return matrix


def _check_values(matrix: sparse.csr_matrix) -> None:
    values = matrix.data
    n_missing = int(np.isnan(values).sum())
    if n_missing:
        raise DataError(
            f"{n_missing:,} of {matrix.shape[0] * matrix.shape[1]:,} entries are missing (NaN).",
            hint="If missing means zero, tick 'Read missing values as zero' below the upload and import again; otherwise fill them in.",
        )
    if np.isinf(values).any():
        raise DataError(
            f"{int(np.isinf(values).sum()):,} entries are infinite.",
            hint="Infinite values usually come from a logarithm of zero: export the counts instead.",
        )
    n_negative = int((values < 0).sum())
    if n_negative:
        raise DataError(
            f"{n_negative:,} entries are negative (smallest {values.min():.3g}): this looks like scaled or corrected data, not counts.",
            hint="Upload the raw counts, or an .h5ad that keeps them in layers['counts'] or .raw.",
        )
    if not values.size or not values.any():
        raise DataError(
            "Every entry is zero.",
            hint="Check that the right table was exported, then upload it again.",
        )


def is_whole(matrix: Any) -> bool:
    """Whether all stored values are whole numbers within rounding."""
    values = values_of(matrix)
    return bool(np.all(np.abs(values - np.rint(values)) <= WHOLE_TOLERANCE))


def units_of(matrix: Any) -> Units:
    """Guess what a non-negative matrix holds.

    Whole numbers are counts. Otherwise log1p of anything that was scaled to 10,000 per cell stays
    below ln(10,001) = 9.2, and log2 of counts per million below 20; larger values are linear units.
    """
    if is_whole(matrix):
        return "counts"
    return "log" if values_of(matrix).max() < 20 else "linear"


def recover_counts(matrix: sparse.csr_matrix) -> sparse.csr_matrix | None:
    """Whole counts from log1p-normalised values, where they can be had.

    Normalising multiplies a cell's counts by one factor, so expm1 of its values are whole multiples
    of its smallest (a count of one), within rounding: values stored to three decimals are off by up to
    0.05% each, so a multiple m may be off by 0.002 m and a little more for small ones.

    Parameters
    ----------
    matrix
        log1p values, CSR, shape (n_cells, n_genes).

    Returns
    -------
    Counts, or None when any cell's values are not whole multiples.
    """
    linear = np.expm1(matrix.data.astype(np.float64))
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    smallest = np.full(matrix.shape[0], np.inf)
    np.minimum.at(smallest, rows, linear)
    multiples = linear / smallest[rows]
    whole = np.rint(multiples)
    if not whole.size or (np.abs(multiples - whole) > 0.02 + 0.002 * multiples).any():
        return None
    return sparse.csr_matrix((whole.astype(np.float32), matrix.indices.copy(), matrix.indptr.copy()), matrix.shape)


def unique_names(names: pd.Index, what: str) -> tuple[pd.Index, list[Finding]]:
    """Make names unique by appending -1, -2, ... to repeats, and say so."""
    text = pd.Index(names.astype(str))
    if text.is_unique:
        return text, []
    repeated = text[text.duplicated()].unique()
    taken = set(text)
    counters: dict[str, int] = {}
    made = []
    for name, repeat in zip(text, text.duplicated(), strict=True):
        candidate = name
        while repeat and candidate in taken:
            counters[name] = counters.get(name, 0) + 1
            candidate = f"{name}-{counters[name]}"
        taken.add(candidate)
        made.append(candidate)
    finding = Finding(
        f"{len(repeated):,} {what} names occur more than once ({listed(repeated, 4)}).",
        f"The repeats were renamed {repeated[0]}-1 and so on; nothing was dropped.",
    )
    return pd.Index(made), [finding]


def empty_findings(matrix: sparse.csr_matrix) -> list[Finding]:
    """Note cells and genes without a single count."""
    n_cells = int((np.diff(matrix.indptr) == 0).sum())
    n_genes = int(matrix.shape[1] - np.unique(matrix.indices).size)
    findings = []
    if n_cells:
        findings.append(
            Finding(f"{n_cells:,} cells have no counts at all.", "Filtering with 'Least genes per cell' removes them.")
        )
    if n_genes:
        findings.append(
            Finding(f"{n_genes:,} genes are zero in every cell.", "Filtering with 'Least cells per gene' removes them.")
        )
    return findings
