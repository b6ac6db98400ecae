"""Annotations of cells from a table of their own."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from scapp.core.errors import DataError, listed
from scapp.data.checks import Finding
from scapp.data.tables import layout

_ENDING = re.compile(r"-\d+$")


@dataclass(frozen=True)
class Labels:
    """Annotations, one row per cell of the data in their order; cells that the table does not name are empty."""

    table: pd.DataFrame
    findings: list[Finding] = field(default_factory=list)


def read_labels(path: Path, cells: pd.Index) -> Labels:
    """Join a table to cells by the column that names most of them.

    A table of two columns without a header (as ``barcode<TAB>type``) becomes ``cell_type``. Where no name agrees,
    endings such as -1 are left out on both sides.

    Raises
    ------
    DataError
        No cell of the data is named in the table.
    """
    if not path.is_file():
        raise DataError(f"There is no file '{path}' with labels.", hint="Check the path, then try again.")
    frame = _read(path, cells)
    findings = []
    key, matched = _key(frame, cells)
    wanted = cells
    if not matched:
        short = pd.Index([_ENDING.sub("", str(cell)) for cell in cells])
        trimmed = frame.apply(lambda column: column.astype(str).str.replace(_ENDING, "", regex=True))
        key, matched = _key(trimmed, short)
        if not matched or not short.is_unique:
            raise DataError(
                f"None of the {len(frame):,} names in '{path.name}' is a cell of the data (for example '{frame.iloc[0, 0]}'; cells look like '{cells[0]}').",
                hint="Check that one column holds the same barcodes as the matrix.",
            )
        frame[key], wanted = trimmed[key], short
        findings.append(Finding("Cells were matched to labels without the endings of their names (such as -1)."))
    names = frame[key].astype(str)
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
    n_labelled = int(wanted.isin(names).sum())
    sentence = f"Labels were found for {n_labelled:,} of {len(cells):,} cells: {listed(joined.columns)}."
    return Labels(joined, [Finding(sentence), *findings])


def _read(path: Path, cells: pd.Index) -> pd.DataFrame:
    found = layout(path)
    if pd.Index(found.columns).isin(cells).any():
        frame = pd.read_csv(path, sep=found.separator, header=None, dtype=str)
        others = ["cell_type"] if frame.shape[1] == 2 else [f"column_{i}" for i in range(1, frame.shape[1])]
        return frame.set_axis(["cell", *others], axis=1)
    frame = pd.read_csv(path, sep=found.separator, header=None, skiprows=1, names=range(found.n_fields))
    names = [name.strip() or "cell" for name in found.columns]
    return frame.iloc[:, : len(names)].set_axis(names, axis=1)


def _key(frame: pd.DataFrame, cells: pd.Index) -> tuple[str, int]:
    """The column that names most cells (the first of equals), and how many."""
    matches = {column: int(frame[column].astype(str).isin(cells).sum()) for column in frame}
    best = max(matches, key=lambda column: matches[column])
    return best, matches[best]
