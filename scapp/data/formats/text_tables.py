"""Text tables of counts."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError, listed
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig

Axis = Literal["cells_in_rows", "genes_in_rows"]
TABLE_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
ROWS_PER_PIECE = 2_000
PREVIEW_BYTES = 4_000_000
PREVIEW_ROWS, PREVIEW_COLUMNS = 6, 6
ABOUT_GENES = (
    *("length", "gene_length", "chr", "chromosome", "start", "end", "strand", "biotype", "gene_biotype", "description"),
    *("gene_name", "gene_symbol", "symbol", "gene_short_name", "gene_id", "ensembl_id", "ensembl", "entrez"),
)
"""Columns that featureCounts, Ensembl and others write beside the samples."""
ROW_NAME_HEADERS = ("cell", "cells", "gene", "genes", "barcode", "barcodes", "cell_id", "gene_id", "index", "")
_BARCODE = re.compile(r"[ACGT]{10,}|cell|sample|_s\d+|^s\d+$|^\d+$|[-_.]\d+$", re.IGNORECASE)
_GENE = re.compile(
    r"^(ENS[A-Z]*G\d|FBgn\d|WBGene\d|AT[1-5MC]G\d|MT-|ERCC-|RP[SL]\d|[A-Z][A-Z0-9]{1,7}(-?AS?\d?)?$|[A-Z][a-z]{2,}\d*[a-z]?\d*$|[a-z]{3,4}-\d+$)"
)


@dataclass(frozen=True)
class Layout:
    """How a text table is written.

    Parameters
    ----------
    separator
        Between fields.
    columns
        Names, that of the row names first; R leaves that one out, and then it is empty.
    n_fields
        Fields in a row, with nameless ones at its end.
    skipped
        Lines before the header: empty ones and comments.
    """

    separator: str
    columns: list[str]
    n_fields: int
    skipped: int = 0


@dataclass(frozen=True)
class Table:
    """A text table as cells by genes."""

    values: sparse.csr_matrix
    cells: pd.Index
    genes: pd.Index
    about_genes: pd.DataFrame = field(default_factory=pd.DataFrame)
    findings: list[Finding] = field(default_factory=list)


def read_table(path: Path, config: ImportConfig) -> Table:
    """Read a .csv or .tsv, gzipped or not, in either orientation, with or without R's short header.

    Raises
    ------
    DataError
        No numbers, text inside the matrix, rows of unequal length.
    """
    found = layout(path)
    names = found.columns
    described = [i for i, name in enumerate(names) if i and name.strip().lower() in ABOUT_GENES]
    aside: list[pd.DataFrame] = []
    blocks: list[sparse.csr_matrix] = []
    row_names: list[str] = []
    try:
        with pd.read_csv(
            path,
            sep=found.separator,
            header=None,
            names=range(found.n_fields),
            skiprows=found.skipped + 1,
            chunksize=ROWS_PER_PIECE,
            converters={0: str},  # a gene may be called NA
        ) as pieces:
            for piece in pieces:
                row_names.extend(piece[0])
                named = _named(piece.set_index(0), names)
                aside.append(named[described])
                blocks.append(sparse.csr_matrix(_numbers(named.drop(columns=described), names)))
    except pd.errors.ParserError as error:
        raise DataError(
            f"'{path.name}' is not a regular table: {error}.",
            hint="Check that every row has the same number of fields, then upload it again.",
        ) from error
    values = sparse.vstack(blocks, format="csr")
    rows, columns = pd.Index(row_names), pd.Index([name for i, name in enumerate(names) if i and i not in described])
    orientation, reason = config.orientation, "as was chosen on import"
    if orientation == "auto":
        orientation, reason = guess_orientation(rows, columns)
    finding = Finding(
        f"The table was read with {'genes' if orientation == 'genes_in_rows' else 'cells'} in rows ({reason}).",
        "If that is wrong, import it again and click 'Flip' below its preview.",
    )
    findings = [finding]
    if orientation == "cells_in_rows":
        if described:
            raise DataError(
                f"The table has cells in rows and columns about genes ({listed(names[i] for i in described)}).",
                hint="If genes are in rows, flip the table and import again; otherwise remove these columns.",
            )
        return Table(values, rows, columns, findings=findings)
    genes = pd.concat(aside, ignore_index=True).set_axis([names[i] for i in described], axis=1).set_axis(rows, axis=0)
    if described:
        findings.append(Finding(f"Columns about genes were read as such, not as cells: {listed(genes.columns)}."))
    return Table(values.T.tocsr(), columns, rows, genes, findings)


def layout(path: Path) -> Layout:
    """How a text table is written, from its first two lines.

    Raises
    ------
    DataError
        It is empty, has one column, or no header.
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig") as stream:
        return _layout(stream, path.name)


def _layout(lines: Iterable[str], file: str) -> Layout:
    skipped, first, second = 0, "", ""
    for line in lines:
        if first:
            second = line
            break
        if line.strip() and not line.startswith("#"):
            first = line
        else:
            skipped += 1
    if not first.strip():
        raise DataError(f"'{file}' is empty.", hint="Export the table again, then upload it.")
    if not second.strip():
        raise DataError(f"'{file}' has a header and no rows.", hint="Export the table again, then upload it.")
    # R's write.table puts single spaces between fields
    separator = max(("\t", ",", ";"), key=first.count)
    separator = separator if separator in first else " "
    if separator not in first:
        raise DataError(
            f"'{file}' has one column; a table of cells by genes is needed.",
            hint="Export it with commas or tabs between the fields.",
        )
    header, row = (next(csv.reader([line.rstrip("\r\n")], delimiter=separator)) for line in (first, second))
    # R writes no name for the column of row names; a separator at the end of a row is not a field
    short = len(row) == len(header) + 1 and row[-1].strip() != ""
    if short and header and header[0].strip().lower() in ROW_NAME_HEADERS:
        raise DataError(
            f"'{file}' has {len(header)} names in its header and {len(row)} fields in its first row.",
            hint="Make the header name every column, then upload the table again.",
        )
    names = header if short else header[1:]
    if len(set(names)) < len(names) and all(_is_number(name) for name in names):
        raise DataError(
            f"'{file}' has no header: its first row holds numbers ({listed(names, 4)}).",
            hint="Add a first row with the names of the columns, then upload the table again.",
        )
    columns = ["", *header] if short else header
    while len(columns) > 1 and not columns[-1].strip():
        columns = columns[:-1]
    return Layout(separator, columns, max(len(header) + short, len(row)), skipped)


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


def guess_orientation(rows: pd.Index, columns: pd.Index) -> tuple[Axis, str]:
    """Which way a table lies, by the names of its rows and columns, and why."""
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


@dataclass(frozen=True)
class Preview:
    """The corner of a table, before it is imported.

    Parameters
    ----------
    corner
        First rows and columns, as they stand in the file.
    orientation, reason
        What was decided, and why.
    """

    corner: pd.DataFrame
    orientation: Axis
    reason: str

    def cells_in_rows(self, orientation: Axis) -> pd.DataFrame:
        """The corner as cells by genes, when the file has the given orientation."""
        return self.corner if orientation == "cells_in_rows" else self.corner.T


def preview_table(stream: BinaryIO, name: str) -> Preview:
    """Look at the beginning of a table.

    Parameters
    ----------
    stream
        Its bytes; read from where it stands.
    name
        Of the file: ``.gz`` says that it is compressed.

    Raises
    ------
    DataError
        It is no table.
    """
    head = stream.read(PREVIEW_BYTES)
    if name.lower().endswith(".gz"):
        head = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(head, PREVIEW_BYTES)
    text = head.decode("utf-8-sig", errors="replace")
    lines = text.splitlines(keepends=True)
    if len(head) >= PREVIEW_BYTES and len(lines) > 2:
        lines.pop()  # the last one may be cut short
    found = _layout(lines, name)
    lines = lines[found.skipped :]
    rows = pd.Index([line.split(found.separator, 1)[0].strip('"\r\n ') for line in lines[1:]])
    columns = pd.Index(found.columns[1:])
    orientation, reason = guess_orientation(rows, columns)
    fields = list(csv.reader(lines[1 : PREVIEW_ROWS + 1], delimiter=found.separator))
    shown = columns[:PREVIEW_COLUMNS]
    corner = pd.DataFrame([row[1 : len(shown) + 1] for row in fields], index=rows[: len(fields)], columns=shown)
    return Preview(corner, orientation, reason)
