"""Checks that keep nonsense out, each with a plain sentence and a fix."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError, listed

MIN_GENES = 10


@dataclass(frozen=True)
class Finding:
    """Something noticed on import that did not stop it."""

    sentence: str
    fix: str = ""


def values_of(matrix: Any) -> np.ndarray:
    """The stored values of a sparse or dense matrix, flat."""
    return matrix.data if sparse.issparse(matrix) else np.asarray(matrix).ravel()


def check_matrix(matrix: Any, *, missing_as_zero: bool = False, negative: bool = False) -> Any:
    """Return the matrix as CSR when it is a usable one.

    Parameters
    ----------
    matrix
        Sparse or dense, shape (n_cells, n_genes).
    missing_as_zero
        Read NaN as zero rather than refuse it.
    negative
        Take negative values as well.

    Raises
    ------
    DataError
        Not two-dimensional, not numeric, empty, NaN, infinite, negative or all zero.
    """
    if getattr(matrix, "ndim", 0) != 2:
        raise DataError(
            f"The file holds an array of {getattr(matrix, 'ndim', 0)} dimensions; a table of cells by genes is needed.",
            hint="Import a matrix with one row per cell and one column per gene.",
        )
    n_cells, n_genes = matrix.shape
    if n_cells == 0 or n_genes == 0:
        raise DataError(
            f"The matrix is empty: {n_cells:,} cells by {n_genes:,} genes.",
            hint="Check that the file was exported completely, then import it again.",
        )
    if n_genes < MIN_GENES:
        raise DataError(
            f"The table has {n_genes} columns of numbers; a count matrix has at least {MIN_GENES} genes.",
            hint="This looks like a table of annotations. Import the count matrix, and the annotations as its labels.",
        )
    if not (np.issubdtype(matrix.dtype, np.number) or matrix.dtype == bool):
        raise DataError(
            f"The matrix holds {matrix.dtype} values; numbers are needed.",
            hint="Move text columns out of the matrix (into a labels file) and import it again.",
        )
    given, matrix = matrix, sparse.csr_matrix(matrix)
    if matrix.dtype not in (np.float32, np.float64):
        matrix = matrix.astype(np.float32)
    if missing_as_zero and np.isnan(matrix.data).any():
        matrix = matrix.copy()
        matrix.data[np.isnan(matrix.data)] = 0
    _check_values(matrix, negative=negative)
    matrix = matrix.astype(np.float32, copy=False)
    if matrix.has_canonical_format and matrix.data.all():
        return matrix
    if matrix is given or np.may_share_memory(matrix.data, getattr(given, "data", matrix.data)):
        matrix = matrix.copy()  # what was given stays as it is
    matrix.eliminate_zeros()
    matrix.sum_duplicates()
    return matrix


LOOKED_AT = 1 << 22
"""Values that are looked at at a time."""


def in_parts(values: np.ndarray) -> Iterator[np.ndarray]:
    """Flat values, some at a time, so that what is found of each is never all in memory."""
    return (values[start : start + LOOKED_AT] for start in range(0, len(values), LOOKED_AT))


def _check_values(matrix: sparse.csr_matrix, *, negative: bool) -> None:
    values = matrix.data
    n_missing = n_infinite = n_negative = n_other = 0
    for part in in_parts(values):
        n_other += int(np.count_nonzero(part))
        n_negative += int(np.count_nonzero(part < 0))
        if not np.isfinite(part).all():
            n_missing += int(np.isnan(part).sum())
            n_infinite += int(np.isinf(part).sum())
    if n_missing:
        raise DataError(
            f"{n_missing:,} of {matrix.shape[0] * matrix.shape[1]:,} entries are missing (NaN).",
            hint=(
                "If missing means zero, tick 'Read missing values as zero' under 'Options' and import again; otherwise"
                " fill them in."
            ),
        )
    if n_infinite:
        raise DataError(
            f"{n_infinite:,} entries are infinite.",
            hint="Infinite values usually come from a logarithm of zero: export the counts instead.",
        )
    if n_negative and not negative:
        raise DataError(
            f"{n_negative:,} entries are negative (smallest {values.min():.3g}): these are scaled or batch-corrected"
            " values, which no step of scapp starts from.",
            hint=(
                "Import the raw counts, or an .h5ad that keeps them in layers['counts'] or .raw (in R: the counts slot,"
                " not scale.data)."
            ),
        )
    if not n_other:
        raise DataError(
            "Every entry is zero.",
            hint="Check that the right table was exported, then import it again.",
        )


def counts_rows(names: Iterable[object], looked_at: int | None = None) -> bool:
    """Whether names (the first ones that are looked at) only number the rows, from 0 or from 1."""
    some = [str(name) for name in islice(names, looked_at)]
    return bool(some) and some in ([str(i + first) for i in range(len(some))] for first in (0, 1))


def unique_names(names: pd.Index, what: str) -> tuple[pd.Index, list[Finding]]:
    """Make names unique by appending -1, -2, ... to repeats, and say so."""
    text = pd.Index(names.astype(str)).rename(None)
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
            Finding(
                f"{n_cells:,} {'cell has' if n_cells == 1 else 'cells have'} no counts at all.",
                "Filtering with 'Minimum genes per cell' removes them.",
            )
        )
    if n_genes:
        findings.append(
            Finding(
                f"{n_genes:,} {'gene is' if n_genes == 1 else 'genes are'} zero in every cell.",
                "Filtering with 'Minimum cells per gene' removes them.",
            )
        )
    return findings
