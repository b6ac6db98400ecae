"""Annotations of cells from a table of their own."""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from scapp.core.errors import DataError, listed
from scapp.data.checks import Finding, counts_rows
from scapp.data.formats.decoding import open_text

MISSING = ("NA", "NaN", "nan", "<NA>", "N/A", "None", "NULL")
"""What R and pandas write where there is no label."""
_ENDING = re.compile(r"-\d+$")
_BARCODE = re.compile(r"(?<![A-Z])[ACGTN]{12,}(?![A-Z])")
_LIKE_POWERS = re.compile(r"\d+[eE]\d+")
"""Names of clusters and wells such as 1E5, which a spreadsheet takes for numbers."""
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_NOT_FOR_R = re.compile(r"[^A-Za-z0-9._]")


@dataclass(frozen=True)
class Labels:
    """Annotations, one row per cell of the data in their order; cells that the table does not name are empty."""

    table: pd.DataFrame
    findings: list[Finding] = field(default_factory=list)


def read_labels(path: Path, cells: pd.Index, samples: pd.Series | None = None) -> Labels:
    """Join a table to cells by the column that names most of them.

    A table of two columns without a header (as ``barcode<TAB>type``) becomes ``cell_type``. Where no name agrees,
    endings such as -1 are left out on both sides; for joined samples, names are tried with the sample before and
    behind.

    Parameters
    ----------
    path
        The table.
    cells
        Names of the cells.
    samples
        Sample of each cell, where samples were joined.

    Raises
    ------
    DataError
        No cell of the data is named in the table.
    """
    if not path.is_file():
        raise DataError(f"There is no file '{path}' with labels.", hint="Check the path, then try again.")
    frame = _read(path, cells)
    findings: list[Finding] = []
    for said, wanted, as_here, table in _ways(frame, cells, samples):
        key, matched = _key(table, as_here, wanted)
        if matched and wanted.is_unique:
            frame, names = table, table[key].map(as_here)
            findings += [Finding(said)] if said else []
            break
    else:
        raise DataError(
            f"None of the {len(frame):,} names in '{path.name}' is a cell of the data (for example"
            f" '{frame.iloc[0, 0]}'; cells look like '{cells[0]}').",
            hint=(
                "Check that one column holds the same barcodes as the matrix; for several samples, add a column"
                " 'sample'."
            ),
        )
    repeated = names[names.duplicated()].unique()
    if len(repeated):
        findings.append(
            Finding(
                f"{len(repeated):,} cells are named twice in the labels ({listed(repeated, 3)}).",
                "The first row of each counts.",
            )
        )
    unknown = int((~names.isin(wanted)).sum())
    if unknown:
        findings.append(Finding(f"{unknown:,} of {len(names):,} rows of the labels name no cell of the data."))
    joined = (
        frame.drop(columns=key)[~names.duplicated().to_numpy()]
        .set_axis(names[~names.duplicated()], axis=0)
        .reindex(wanted)
    )
    joined.index = cells
    joined, more = _typed(joined)
    findings += more
    n_labelled = int(wanted.isin(names).sum())
    sentence = f"Labels were found for {n_labelled:,} of {len(cells):,} cells: {listed(joined.columns)}."
    return Labels(joined, [Finding(sentence), *findings])


Way = tuple[str, pd.Index, Callable[[str], str], pd.DataFrame]
"""What is said of it, names of the cells, how names of the table become such, and the table."""


def _ways(frame: pd.DataFrame, cells: pd.Index, samples: pd.Series | None) -> Iterator[Way]:
    """Ways to name cells on both sides, the plainest first."""
    yield "", cells, str, frame
    said = "Cells were matched to labels without regard to case and blanks."
    yield from _where_unique(said, cells, _plainly, frame)
    said = "Cells were matched to labels by names as R writes them (dots for dashes)."
    yield said, cells.map(_as_in_r), _as_in_r, frame
    if samples is None:
        said = "Cells were matched to labels by their barcodes, without what stands before them."
        yield from _where_unique(said, cells, _from_barcode, frame)
        # where both sides have endings, those tell samples apart
        here = cells.astype(str).str.contains(_ENDING).any()
        if here and any(frame[column].str.contains(_ENDING).all() for column in frame):
            return
        said = "Cells were matched to labels without the endings of their names (such as -1)."
        yield said, cells.map(_without_ending), _without_ending, frame
        said = "Cells were matched to labels by their barcodes alone, without what stands before and behind them."
        yield from _where_unique(said, cells, lambda name: _without_ending(_from_barcode(name)), frame)
        return
    own = [str(cell).removesuffix(f"-{sample}") for cell, sample in zip(cells, samples, strict=True)]
    if "sample" in frame:
        first = frame.columns[0] if frame.columns[0] != "sample" else frame.columns[1]
        named = frame.assign(**{first: frame[first].astype(str) + "-" + frame["sample"].astype(str)})
        yield "Cells were matched to labels by barcode and sample.", cells, str, named.drop(columns="sample")
    for pattern in ("{sample}_{cell}", "{sample}-{cell}", "{cell}_{sample}", "{cell}"):
        names = pd.Index([pattern.format(sample=s, cell=c) for c, s in zip(own, samples, strict=True)])
        yield f"Cells were matched to labels by names of the form {pattern}.", names, str, frame


def _where_unique(said: str, cells: pd.Index, named: Callable[[str], str], frame: pd.DataFrame) -> Iterator[Way]:
    """A way that makes some names equal, where it keeps the names of the cells and of the table apart."""
    tables = [column for column in frame if frame[column].is_unique and frame[column].map(named).is_unique]
    if tables and cells.map(named).is_unique:
        rest = [column for column in frame if column not in tables]
        yield said, cells.map(named), named, frame[[*tables, *rest]]


def _plainly(name: str) -> str:
    return str(name).strip().upper()


def _from_barcode(name: str) -> str:
    found = _BARCODE.search(str(name).upper())
    return str(name)[found.start() :].upper() if found else str(name)


def _without_ending(name: str) -> str:
    return _ENDING.sub("", str(name))


def _as_in_r(name: str) -> str:
    """A name as R's make.names makes it."""
    made = _NOT_FOR_R.sub(".", str(name))
    return f"X{made}" if made[:1].isdigit() else made


def _read(path: Path, cells: pd.Index) -> pd.DataFrame:
    """Every field as text: a cell may be called 001 or NA."""
    with open_text(path) as stream:
        lines = [line.rstrip("\r\n") for line in stream]
    separator, first = _layout([line for line in lines if line.strip()], path.name)
    rows = [row for row in csv.reader(first, delimiter=separator) if row]
    header, body = rows[0], rows[1:]
    if set(header) & set(cells.astype(str)):
        others = ["cell_type"] if len(header) == 2 else [f"column_{i}" for i in range(1, len(header))]
        header, body = ["cell", *others], rows
    elif body and len(header) == len(body[0]) - 1:
        header = ["cell", *header]  # R leaves out the name of the row names
    widths = {len(row) for row in body}
    while body and len(header) > 1 and not header[-1].strip() and all(not row[-1].strip() for row in body):
        header, body = header[:-1], [row[: len(header) - 1] for row in body]
    if not body or {len(row) for row in body} != {len(header)}:
        raise DataError(
            f"'{path.name}' is not a regular table of labels: its header has {len(header)} names, and its rows have"
            f" {listed(sorted(widths), 5) if widths else 'no'} fields.",
            hint="Save it again as .csv with one row per cell and a header.",
        )
    return pd.DataFrame(body, columns=_unique([name.strip() or "cell" for name in header]), dtype=str)


def _unique(names: list[str]) -> list[str]:
    """Names of columns, repeats numbered: pandas writes a second "cell" beside the names of its rows."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


def _layout(lines: list[str], file: str) -> tuple[str, list[str]]:
    """What divides the fields, and the lines from the header on; comments before it are passed over."""
    n_comments = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    rows = lines[n_comments:]
    if not rows:
        raise DataError(f"'{file}' holds no labels.", hint="Save it again as .csv with one row per cell and a header.")
    some = rows[1:50] or rows
    for separator in ("\t", ";", ",", " "):
        n_fields = len(next(csv.reader([some[0]], delimiter=separator)))
        if n_fields > 1 and all(len(row) == n_fields for row in csv.reader(some, delimiter=separator)):
            named = lines[n_comments - 1].lstrip("# ") if n_comments else ""
            if named and len(next(csv.reader([named], delimiter=separator))) == n_fields:
                return separator, [named, *rows]
            return separator, rows
    raise DataError(
        f"'{file}' has one column, or rows of different lengths.",
        hint="Save the labels as .csv with the names of the cells in one column and their labels in another.",
    )


def _typed(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Numbers where every field of a column is one; text where any has a zero in front. Empty fields are missing."""
    findings, typed = [], {}
    for name, column in table.items():
        text = column.where(column.isna() | column.str.strip().ne(""), None)
        missing = text.isin(MISSING)
        if missing.any():
            findings.append(
                Finding(f"{int(missing.sum()):,} cells have '{text[missing].iloc[0]}' for '{name}': no label.")
            )
            text = text.where(~missing, None)
        present = text.dropna().str.strip()
        if len(present) and present.str.fullmatch(_NUMBER).all() and not _names_of_digits(present):
            typed[name] = pd.to_numeric(text.str.strip().str.replace(",", ".", regex=False))
        else:
            typed[name] = text
    return pd.DataFrame(typed, index=table.index), findings


def _names_of_digits(present: pd.Series) -> bool:
    """Zeros in front, and powers of ten without a point: such fields are names."""
    return bool(present.str.match(r"-?0\d").any() or present.str.fullmatch(_LIKE_POWERS).any())


def _key(frame: pd.DataFrame, as_here: Callable[[str], str], cells: pd.Index) -> tuple[str, int]:
    """The column that names most cells (the first of equals), and how many."""
    matches = {str(column): int(frame[column].map(as_here).isin(cells).sum()) for column in frame}
    most = max(matches.values())
    best = [column for column, n in matches.items() if n == most]
    # a column that counts the rows names no cell where another one does
    names = [column for column in best if not counts_rows(frame[column])] or best
    return names[0], most
