"""Checks that keep nonsense out, each with a plain sentence and a fix."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import BlockedMatrix, blocked
from scapp.data.blocks.composed import Mapped
from scapp.data.blocks.survey import Survey

MIN_GENES = 10


@dataclass(frozen=True)
class Finding:
    """Something noticed on import that did not stop it."""

    sentence: str
    fix: str = ""


def check_matrix(matrix: Any, *, missing_as_zero: bool = False, negative: bool = False) -> BlockedMatrix:
    """Return the matrix, read in blocks, when it is a usable one.

    Parameters
    ----------
    matrix
        Sparse, dense, or read in blocks, shape (n_cells, n_genes). It stays as it is.
    missing_as_zero
        Read NaN as zero rather than refuse it.
    negative
        Take negative values as well.

    Raises
    ------
    DataError
        Not two-dimensional, not numeric, empty, NaN, infinite, negative or all zero.
    """
    shape: tuple[int, ...] = getattr(matrix, "shape", ())
    if len(shape) != 2:
        raise DataError(
            f"The file holds an array of {len(shape)} dimensions; a table of cells by genes is needed.",
            hint="Import a matrix with one row per cell and one column per gene.",
        )
    n_cells, n_genes = shape
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
    kind = getattr(matrix, "dtype", np.dtype(np.float32))
    if kind.kind not in "biuf":
        raise DataError(
            f"The matrix holds {kind} values; numbers are needed.",
            hint="Move text columns out of the matrix (into a labels file) and import it again.",
        )
    taken = blocked(matrix)
    if missing_as_zero:
        taken = Mapped(taken, lambda block: np.nan_to_num(block.data, nan=0.0, posinf=np.inf, neginf=-np.inf))
    _check_values(taken, negative=negative)
    return taken


def _check_values(matrix: BlockedMatrix, *, negative: bool) -> None:
    seen = matrix.survey
    if seen.n_missing:
        raise DataError(
            f"{seen.n_missing:,} of {matrix.n_cells * matrix.n_genes:,} entries are missing (NaN).",
            hint=(
                "If missing means zero, tick 'Read missing values as zero' under 'Options' and import again; otherwise"
                " fill them in."
            ),
        )
    if seen.n_infinite:
        raise DataError(
            f"{seen.n_infinite:,} entries are infinite.",
            hint="Infinite values usually come from a logarithm of zero: export the counts instead.",
        )
    if seen.n_negative and not negative:
        raise DataError(
            f"{seen.n_negative:,} entries are negative (smallest {seen.least:.3g}): these are scaled or batch-corrected"
            " values, which no step of scapp starts from.",
            hint=(
                "Import the raw counts, or an .h5ad that keeps them in layers['counts'] or .raw (in R: the counts slot,"
                " not scale.data)."
            ),
        )
    if not seen.lengths.any():
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


def empty_findings(seen: Survey) -> list[Finding]:
    """Note cells and genes without a single count."""
    n_cells, n_genes = int((seen.lengths == 0).sum()), int((seen.n_cells_of_gene == 0).sum())
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
