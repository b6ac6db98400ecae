"""How a text table is written: separator, decimal mark, header, comments. Two readings are refused, not guessed."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from scapp.core.errors import DataError, listed
from scapp.data.formats.decoding import LONGEST_LINE

HEAD_LINES = 60
GCT = "#1.2"
"""First line of the Broad Institute's gene cluster text."""
ROW_NAME_HEADERS = (
    *(
        "cell",
        "cells",
        "gene",
        "genes",
        "barcode",
        "barcodes",
        "cell_id",
        "gene_id",
        "gene_name",
        "gene_symbol",
        "symbol",
    ),
    *("geneid", "genename", "genesymbol", "cellid", "cell_index", "index", "id", "name", "names", "x", "rownames", ""),
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|na|inf|-inf", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_POINT_THOUSANDS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True)
class Layout:
    """How a text table is written.

    Parameters
    ----------
    separator, decimal
        Between fields, and within numbers.
    columns
        Names, that of the row names first; R leaves that one out, and then it is empty.
    n_fields
        Fields in a row, with nameless ones at its end.
    skipped
        Lines before the first row: comments, empty lines, and the header.
    has_header
        Whether the columns are named in the file; otherwise they are numbered.
    """

    separator: str
    decimal: str
    columns: list[str]
    n_fields: int
    skipped: int
    has_header: bool = True


def is_number(text: str) -> bool:
    """Whether a field holds a number with a decimal point."""
    return bool(_NUMBER.fullmatch(text.strip()))


def layout_of(lines: Iterable[str], file: str) -> Layout:
    """How a table is written, from its first lines.

    Raises
    ------
    DataError
        It is empty, has one column or no rows, or its numbers can be read in two ways.
    """
    head = [_checked(line, file) for line in islice(lines, HEAD_LINES)]
    body = [i for i, line in enumerate(head) if line.strip() and not line.startswith(("#", "!", "%"))]
    if head and head[0].strip() == GCT and len(body) > 1:
        body = body[1:]  # a line with the numbers of rows and columns
    if not body:
        raise DataError(f"'{file}' is empty.", hint="Export the table again.")
    if head[0].startswith("%%MatrixMarket"):
        raise DataError(
            f"'{file}' is a sparse matrix without the names of its cells and genes.",
            hint="Add its barcodes.tsv and features.tsv (or genes.tsv): choose all three, or their folder.",
        )
    separator = _separator([head[i] for i in body], file)
    rows = [_fields(head[i], separator) for i in body]
    headless = sum(map(is_number, rows[0][1:])) > (len(rows[0]) - 1) / 2
    named = _header_in_comment(head[: body[0]], separator, len(rows[0])) if headless else None
    if named is not None:
        return Layout(separator, _decimal(rows, separator, file), named, len(rows[0]), body[0])
    if len(rows) == 1 and not all(map(is_number, rows[0][1:])):
        raise DataError(f"'{file}' has a header and no rows.", hint="Export the table again.")
    if _is_data(rows, file):
        columns = ["", *(str(i) for i in range(1, len(rows[0])))]
        return Layout(separator, _decimal(rows, separator, file), columns, len(rows[0]), body[0], has_header=False)
    columns, n_fields = _columns(rows[0], rows[1], file)
    return Layout(separator, _decimal(rows[1:], separator, file), columns, n_fields, body[0] + 1)


def _checked(line: str, file: str) -> str:
    if len(line) > LONGEST_LINE:
        raise DataError(
            f"'{file}' has a line of {len(line):,} characters.", hint="This is no table of cells and genes."
        )
    return line.rstrip("\r\n")


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _separator(lines: Sequence[str], file: str) -> str:
    """What divides the rows into most fields of which most are numbers."""
    best, most = "", (0.0, 0)
    some = lines[1:10] or lines
    for separator in ("\t", ";", ",", " "):
        rows = [_fields(line, separator) for line in some]
        values = [field.strip() for row in rows for field in row[1:] if field.strip()]
        if not values or min(len(row) for row in rows) < 2:
            continue
        share = sum(is_number(v) or bool(_COMMA_NUMBER.fullmatch(v)) for v in values) / len(values)
        found = (round(share, 2), min(len(row) for row in rows))
        # a table of words is divided by what makes most fields
        if found > most or not best:
            best, most = separator, found
    if not best:
        raise DataError(
            f"'{file}' has one column; a table of cells by genes is needed.",
            hint="Export it with commas or tabs between the fields.",
        )
    return best


def _header_in_comment(comments: Sequence[str], separator: str, n_fields: int) -> list[str] | None:
    """The names in a line that begins with # and is as wide as the rows (or, as R writes, one field less)."""
    for line in reversed(comments):
        if line.startswith("#"):
            names = _fields(line.lstrip("#").strip(" "), separator)
            if len(names) >= 2 and len(names) in (n_fields, n_fields - 1):
                return names if len(names) == n_fields else ["", *names]
            if line.strip("# "):
                return None
    return None


def _is_data(rows: Sequence[Sequence[str]], file: str) -> bool:
    """Whether the first row holds counts and no names."""
    first = rows[0]
    names = [name for name in first[1:] if name.strip()]
    if not names or not all(is_number(name) or _COMMA_NUMBER.fullmatch(name.strip()) for name in names):
        return False
    if len(rows) > 1 and len(rows[1]) == len(first) + 1:
        return False  # R leaves out the name of the row names
    corner = first[0].strip().lower()
    if corner in ROW_NAME_HEADERS:
        return False
    if is_number(corner) and (len(rows) < 2 or is_number(rows[1][0])):
        raise DataError(
            f"'{file}' holds numbers only: nothing names its rows, and its first row may be a header or a row"
            f" ({listed(first, 4)}).",
            hint="Add names of the columns as a first row, beginning with 'gene' or 'cell', and names of the rows.",
        )
    return True


def _columns(header: list[str], row: list[str], file: str) -> tuple[list[str], int]:
    # R writes no name for the column of row names; a separator at the end of a row is not a field
    short = len(row) == len(header) + 1 and row[-1].strip() != ""
    if short and header and header[0].strip() and header[0].strip().lower() in ROW_NAME_HEADERS:
        raise DataError(
            f"'{file}' has {len(header)} names in its header and {len(row)} fields in its first row.",
            hint="Make the header name every column.",
        )
    columns = ["", *header] if short else list(header)
    while len(columns) > 1 and not columns[-1].strip():
        columns = columns[:-1]
    return columns, max(len(header) + short, len(row))


def _decimal(rows: Sequence[Sequence[str]], separator: str, file: str) -> str:
    """The decimal mark; a comma where numbers have one and none has a point."""
    if separator == ",":
        return "."
    values = [field.strip() for row in rows for field in row[1:]]
    commas = [value for value in values if _COMMA_NUMBER.fullmatch(value)]
    points = any("." in value and is_number(value) for value in values)
    if not commas:
        pointed = [value for value in values if "." in value]
        if len(pointed) > 2 and all(_POINT_THOUSANDS.fullmatch(value) for value in pointed):
            raise DataError(
                f"'{file}' writes numbers such as {listed(pointed, 3)}: a point may be a decimal mark or divide"
                " thousands.",
                hint="Save the table with points as decimal marks and without marks for thousands.",
            )
        return "."
    if points or all(_THOUSANDS.fullmatch(value) for value in commas):
        raise DataError(
            f"'{file}' writes numbers such as {listed(commas, 3)}: a comma may be a decimal mark or divide thousands.",
            hint="Save the table with points as decimal marks and without marks for thousands.",
        )
    return ","
