"""Annotations of cells from a table of their own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from scapp.core.errors import DataError, listed
from scapp.data.checks import Finding
from scapp.data.formats.text_tables import layout

_ENDING = re.compile(r"-\d+$")


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
    key, wanted = "", cells
    for said, names_of_cells, table in _ways(frame, cells, samples):
        key, matched = _key(table, names_of_cells)
        if matched and names_of_cells.is_unique:
            frame, wanted = table, names_of_cells
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


def _ways(
    frame: pd.DataFrame, cells: pd.Index, samples: pd.Series | None
) -> Iterator[tuple[str, pd.Index, pd.DataFrame]]:
    """Ways to name cells on both sides, the plainest first: what is said about it, names of the cells, the table."""
    yield "", cells, frame
    short = pd.Index([_ENDING.sub("", str(cell)) for cell in cells])
    trimmed = frame.apply(lambda column: column.astype(str).str.replace(_ENDING, "", regex=True))
    if samples is None:
        yield "Cells were matched to labels without the endings of their names (such as -1).", short, trimmed
        return
    own = [str(cell).removesuffix(f"-{sample}") for cell, sample in zip(cells, samples, strict=True)]
    if "sample" in frame:
        first = frame.columns[0] if frame.columns[0] != "sample" else frame.columns[1]
        named = frame.assign(**{first: frame[first].astype(str) + "-" + frame["sample"].astype(str)})
        yield "Cells were matched to labels by barcode and sample.", cells, named.drop(columns="sample")
    for pattern in ("{sample}_{cell}", "{sample}-{cell}", "{cell}_{sample}", "{cell}"):
        names = pd.Index([pattern.format(sample=s, cell=c) for c, s in zip(own, samples, strict=True)])
        yield f"Cells were matched to labels by names of the form {pattern}.", names, frame


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
