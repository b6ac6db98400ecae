"""Which way a table lies: by the names of its rows and columns, else by its sums; where neither tells, it is asked."""

import re
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError, listed

Axis = Literal["cells_in_rows", "genes_in_rows"]

_CELL = re.compile(
    r"(?:^|[_\-.:#|])[ACGTN]{8,}(?:[_\-.:#|]|x?$)"  # barcodes, with whatever stands around them
    r"|^(?:cell|sample|nucleus|well|spot|bead|lib|library|run|plate|col|ss2)[_\-. ]?\d+(?:[_\-.]\w+)*$"
    r"|^(?:gsm|srr|err|drr|ers|srs)\d{3,}|^[scv][_\-.]?\d{1,5}$"
    r"|[_\-.](?:plate|well|cell|sample)[_\-. ]?\w{1,6}$"
    r"|^\w+[_\-.][A-P](?:0?[1-9]|1\d|2[0-4])$|^[A-P](?:0[1-9]|1\d|2[0-4])$",
    re.IGNORECASE,
)
_GENE_ID = re.compile(
    r"^(?:ENS[A-Z]*[GT]\d{6,}|FBgn\d+|WBGene\d+|LOC_Os\d|LOC\d{5,}|Os\d{2}g\d+|Solyc\d{2}g|AT[1-5MC]G\d{5}|PF3D7_|PVX_|PBANKA_"
    r"|TGME49_|Zm\d|GRMZM|Glyma|Traes|HORVU|Potri|Medtr|MGG_|Y[A-P][LR]\d{3}[WC]|Q0\d{3}$|SP[ABC]{1,2}\d|DDB_G|Smp_|AGAP\d|AAEL\d|CG\d{3,}"
    r"|[A-Z]\w{0,5}\d\w*\.\d{1,3}[a-z]?$|[A-Z]{2,}[A-Z\d]*_\d{4,}|ERCC-\d|mt[-:_.]|GRCh38_|GRCm38_|mm10_|hg19_|hg38_)",
)
_SYMBOL = re.compile(
    r"^(?:MT-|RP[SL]\d|[A-Z][A-Z0-9]{1,9}(?:-\w{1,4}|orf\d+)?$|[A-Z][a-z]{2,}\d*[a-z]?\d*$|[a-z]{3,4}-\d+$)"
)
CLEAR = 0.3
"""Difference between shares of names that decides."""
SUMS_TELL = 1.5
"""Ratio of the spreads of log sums that decides where names do not."""


def guess_orientation(rows: pd.Index, columns: pd.Index, values: sparse.csr_matrix) -> tuple[Axis, str]:
    """Which way a table lies, and why.

    Names decide where they clearly look like genes or cells. Otherwise sums do: those of genes differ by
    orders of magnitude, those of cells by a few times.

    Parameters
    ----------
    rows, columns
        Names.
    values
        The table as it stands in the file, shape (n_rows, n_columns).

    Raises
    ------
    DataError
        Neither names nor sums tell, or they contradict each other.
    """
    by_name, sure = _by_names(rows, columns)
    by_sums = _by_sums(values)
    contradicted = bool(by_name and by_sums) and by_name != by_sums and not sure
    if by_name and not contradicted:
        return by_name, f"names of {'rows' if by_name == 'genes_in_rows' else 'columns'} look like genes"
    if by_sums and not contradicted:
        axis = "rows" if by_sums == "genes_in_rows" else "columns"
        return by_sums, f"names do not tell; sums differ far more between {axis}, as those of genes do"
    raise DataError(
        f"Neither names nor values tell whether genes are in the rows ({listed(rows, 3)}) or in the columns"
        f" ({listed(columns, 3)}) of the table.",
        hint=(
            "Say where the genes are: below the preview of the table, with --genes-in rows or --genes-in columns on the"
            " command line, or with orientation= in Python."
        ),
    )


def _by_names(rows: pd.Index, columns: pd.Index) -> tuple[Axis | None, bool]:
    """What names say, and whether nothing else can contradict it."""
    of_rows, of_columns = _likeness(rows), _likeness(columns)
    difference = of_rows - of_columns
    if abs(difference) < CLEAR:
        return None, False
    axis: Axis = "genes_in_rows" if difference > 0 else "cells_in_rows"
    return axis, abs(difference) >= 1.2


def look_like_genes(names: pd.Index) -> bool:
    """Whether names clearly look like those of genes."""
    return _likeness(names) >= CLEAR


def look_like_cells(names: pd.Index) -> bool:
    """Whether names clearly look like those of cells."""
    return _likeness(names) <= -CLEAR


def _likeness(names: pd.Index) -> float:
    """From -1 (cells) to 1 (genes); an id counts more than what may be a symbol or a word."""
    found = []
    stems = {re.sub(r"\d+$", "", str(name)) for name in names[:2000]}
    # Ctrl1 ... Ctrl8, Treat1 ... Treat8 look like symbols and are numbered groups
    numbered = len(names) >= 2 * len(stems) and len(stems) <= 3
    for name in map(str, names[:2000]):
        if _CELL.search(name):
            found.append(-1.0)
        elif _GENE_ID.search(name):
            found.append(1.0)
        else:
            found.append(0.6 if _SYMBOL.search(name) and not numbered else 0.0)
    return float(np.mean(found)) if found else 0.0


def _by_sums(values: sparse.csr_matrix) -> Axis | None:
    """Which axis has the sums of genes; None with few rows or columns, negative values, or no clear difference."""
    if min(values.shape) < 10 or (values.nnz and values.data.min() < 0):
        return None
    spreads = []
    for axis in (1, 0):
        sums = np.asarray(values.sum(axis=axis), dtype=float).ravel()
        spreads.append(float(np.std(np.log1p(sums))))
    of_rows, of_columns = spreads
    if of_rows > SUMS_TELL * of_columns and of_rows > 0.3:
        return "genes_in_rows"
    if of_columns > SUMS_TELL * of_rows and of_columns > 0.3:
        return "cells_in_rows"
    return None
