"""Text tables of counts and of labels."""

import csv
import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError, listed
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig

Axis = Literal["cells_in_rows", "genes_in_rows"]
ROWS_PER_PIECE = 2_000
ROW_NAME_HEADERS = ("cell", "cells", "gene", "genes", "barcode", "barcodes", "cell_id", "gene_id", "index", "")
_BARCODE = re.compile(r"[ACGT]{10,}|cell|sample|_s\d+|^\d+$|[-_.]\d+$", re.IGNORECASE)
_GENE = re.compile(
    r"^(ENS[A-Z]*G\d|MT-|ERCC-|RP[SL]\d|[A-Z][A-Z0-9]{1,7}(-?AS?\d?)?$|[A-Z][a-z]{2,}\d*[a-z]?\d*$|[a-z]{3,4}-\d+$)"
)


@dataclass(frozen=True)
class Table:
    """A text table as cells by genes."""

    values: sparse.csr_matrix
    cells: pd.Index
    genes: pd.Index
    findings: list[Finding] = field(default_factory=list)


def read_table(path: Path, config: ImportConfig) -> Table:
    """Read a .csv or .tsv, gzipped or not, in either orientation, with or without R's short header.

    Raises
    ------
    DataError
        No numbers, text inside the matrix, rows of unequal length.
    """
    separator, header, short_header, n_fields = _layout(path)
    names = ["", *header] if short_header else header
    while len(names) > 1 and not names[-1].strip():
        names = names[:-1]
    blocks: list[sparse.csr_matrix] = []
    row_names: list[str] = []
    try:
        with pd.read_csv(
            path,
            sep=separator,
            header=None,
            names=range(n_fields),
            skiprows=1,
            chunksize=ROWS_PER_PIECE,
            converters={0: str},  # a gene may be called NA
        ) as pieces:
            for piece in pieces:
                row_names.extend(piece[0])
                blocks.append(sparse.csr_matrix(_numbers(_named(piece.set_index(0), names), names)))
    except pd.errors.ParserError as error:
        raise DataError(
            f"'{path.name}' is not a regular table: {error}.",
            hint="Check that every row has the same number of fields, then upload it again.",
        ) from error
    values = sparse.vstack(blocks, format="csr")
    rows, columns = pd.Index(row_names), pd.Index(names[1:])
    orientation, reason = _orientation(rows, columns, config)
    finding = Finding(
        f"The table was read with {'genes' if orientation == 'genes_in_rows' else 'cells'} in rows ({reason}).",
        "If that is wrong, choose the other 'Table orientation' below the upload and import again.",
    )
    if orientation == "genes_in_rows":
        return Table(values.T.tocsr(), columns, rows, [finding])
    return Table(values, rows, columns, [finding])


def _layout(path: Path) -> tuple[str, list[str], bool, int]:
    """Separator, header, whether it lacks a name for the first column (as R writes it), and fields in a row."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig") as stream:
        first, second = stream.readline(), stream.readline()
    if not first.strip():
        raise DataError(f"'{path.name}' is empty.", hint="Export the table again, then upload it.")
    if not second.strip():
        raise DataError(f"'{path.name}' has a header and no rows.", hint="Export the table again, then upload it.")
    separator = max(("\t", ",", ";"), key=first.count)
    if separator not in first:
        raise DataError(
            f"'{path.name}' has one column; a table of cells by genes is needed.",
            hint="Export it with commas or tabs between the fields.",
        )
    header, row = (next(csv.reader([line], delimiter=separator)) for line in (first, second))
    # R writes no name for the column of row names; a separator at the end of a row is not a field
    short = len(row) == len(header) + 1 and row[-1].strip() != ""
    if short and header and header[0].strip().lower() in ROW_NAME_HEADERS:
        raise DataError(
            f"'{path.name}' has {len(header)} names in its header and {len(row)} fields in its first row.",
            hint="Make the header name every column, then upload the table again.",
        )
    names = header if short else header[1:]
    if len(set(names)) < len(names) and all(_is_number(name) for name in names):
        raise DataError(
            f"'{path.name}' has no header: its first row holds numbers ({listed(names, 4)}).",
            hint="Add a first row with the names of the columns, then upload the table again.",
        )
    return separator, header, short, max(len(header) + short, len(row))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _named(piece: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The columns that have a name; the others come from separators at the end of rows, and must be empty."""
    nameless = piece.iloc[:, len(names) - 1 :]
    if nameless.notna().any(axis=None):
        raise DataError(
            f"Some rows have values in {nameless.shape[1]} columns that have no name.",
            hint="Make the header name every column, then upload the table again.",
        )
    return piece.iloc[:, : len(names) - 1]


def _numbers(piece: pd.DataFrame, names: list[str]) -> np.ndarray:
    texts = [column for column in piece.columns if not pd.api.types.is_numeric_dtype(piece[column])]
    if not texts:
        return piece.to_numpy(dtype=np.float32)
    column = piece[texts[0]]
    wrong = (pd.to_numeric(column, errors="coerce").isna() & column.notna()).to_numpy()
    place = int(wrong.argmax())
    raise DataError(
        f"{len(texts)} columns hold text ({listed([names[c] for c in texts], 4)}); "
        f"for example '{column.iloc[place]}' in row '{column.index[place]}'.",
        hint="Move text columns into a labels file; the table itself must hold numbers only.",
    )


def _orientation(rows: pd.Index, columns: pd.Index, config: ImportConfig) -> tuple[Axis, str]:
    if config.orientation != "auto":
        return config.orientation, "as chosen"
    scores = {
        "rows": _gene_likeness(rows) - _cell_likeness(rows),
        "columns": _gene_likeness(columns) - _cell_likeness(columns),
    }
    if abs(scores["rows"] - scores["columns"]) > 0.1:
        genes = "rows" if scores["rows"] > scores["columns"] else "columns"
        orientation: Axis = "genes_in_rows" if genes == "rows" else "cells_in_rows"
        return orientation, f"names of {genes} look like genes"
    if len(rows) > len(columns):
        return "genes_in_rows", "the names do not tell; there are more rows than columns"
    return "cells_in_rows", "the names do not tell; there are no more rows than columns"


def _gene_likeness(names: pd.Index) -> float:
    return float(np.mean([bool(_GENE.search(str(name))) for name in names[:2000]]))


def _cell_likeness(names: pd.Index) -> float:
    return float(np.mean([bool(_BARCODE.search(str(name))) for name in names[:2000]]))


def read_labels(path: Path, cells: pd.Index) -> pd.DataFrame:
    """Annotations of cells from a table whose first column holds cell names.

    A table of two columns without a header (as ``barcode<TAB>type``) becomes ``cell_type``.

    Returns
    -------
    One row per cell of ``cells``, in that order; cells that the table does not name are empty.

    Raises
    ------
    DataError
        No cell of the data is named in the table.
    """
    if not path.is_file():
        raise DataError(f"There is no file '{path}' with labels.", hint="Check the path, then try again.")
    separator = _layout(path)[0]
    frame = pd.read_csv(path, sep=separator, header=None, dtype=str)
    if frame.iloc[0, 0] in cells:
        frame.columns = [
            "cell",
            *(["cell_type"] if frame.shape[1] == 2 else [f"column_{i}" for i in range(1, frame.shape[1])]),
        ]
    else:
        frame = pd.read_csv(path, sep=separator)
        frame = (
            frame.rename(columns={frame.columns[0]: "cell"})
            if frame.index.dtype == np.int64
            else frame.reset_index(names="cell")
        )
    frame = frame.drop_duplicates("cell").set_index(frame["cell"].drop_duplicates().astype(str)).drop(columns="cell")
    matched = frame.index.isin(cells).sum()
    if not matched:
        raise DataError(
            f"None of the {len(frame):,} names in '{path.name}' is a cell of the data (for example '{frame.index[0]}'; cells look like '{cells[0]}').",
            hint="Check that the first column holds the same barcodes as the matrix.",
        )
    return frame.reindex(cells)
