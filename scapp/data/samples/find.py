"""Several samples: found in a folder or archive, and described by a sheet."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pandas as pd
from pydantic import Field

from scapp.core.config import Config
from scapp.core.errors import DataError, listed
from scapp.data.formats.text_tables import TABLE_ENDINGS

SHEET_COLUMNS = ("sample", "donor", "condition", "batch")
OBS_NAME = {"donor": "donor_id"}
"""The sheet says 'donor' and the CELLxGENE schema 'donor_id'."""

MATRIX_STEMS = ("matrix.mtx", "counts.mtx")
DATA_ENDINGS = (".h5ad", ".loom", ".h5", ".hdf5", *TABLE_ENDINGS)
_PLAIN_FOLDERS = re.compile(
    r"^(filtered|raw|outs|gene|genefull|solo\.out|count|counts|matrix|mex|velocyto|sample_filtered_feature_bc_matrix"
    r"|(filtered|raw)_(feature_bc|gene_bc)_matri(x|ces)(_mex|_h5)?|hg\d+|grch\d+\w*|mm\d+|grcm\d+\w*)$",
    re.IGNORECASE,
)
_ANNOTATIONS = re.compile(r"label|meta_?data|annot|sample_?sheet|readme|_meta\b", re.IGNORECASE)
_OTHER_OUTPUT = re.compile(r"molecule_info|metrics_summary|web_summary|cloupe")
MOST_MEMBERS = 20_000
RESERVED_NAMES = (
    "_index",
    "total_counts",
    "n_genes_by_counts",
    "pct_counts_mt",
    "pct_counts_ribo",
    "pct_counts_ercc",
    "doublet_score",
)


class Sample(Config):
    """One sample of a study.

    Parameters
    ----------
    source
        Path of its file or 10x folder below the folder or archive that is imported; "." is the folder itself.
    prefix
        Beginning of the names of its files, where several 10x samples share a folder.
    annotations
        Column -> value, the same for all its cells; ``sample`` is one of them.
    """

    source: str
    prefix: str = ""
    annotations: dict[str, str] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the sample."""
        return self.annotations.get("sample", self.source)


def find_samples(members: Iterable[str]) -> list[Sample]:
    """Samples among the files of a folder or archive, by their paths; named by what tells them apart.

    10x trios (with a prefix or not), ``.zarr`` folders and single files count. Where a sample has filtered and
    raw 10x output, the filtered one is taken.
    """
    paths = [PurePosixPath(member) for member in members]
    paths = [p for p in paths if "__MACOSX" not in p.parts and not p.name.startswith(".")]
    others = [p for p in paths if not _is_annotation(p)]
    paths = others or paths
    zarr = {parent for p in paths for parent in [p, *p.parents] if parent.suffix == ".zarr"}
    paths = [p for p in paths if not any(z == p or z in p.parents for z in zarr)]
    tenx = [(p.parent, p.name[: -len(stem)]) for p in paths for stem in [_matrix_stem(p)] if stem]
    if tenx:
        found = [(str(folder), prefix) for folder, prefix in dict.fromkeys(tenx)]
    else:
        found = [(str(p), "") for p in [*sorted(zarr), *(p for p in paths if p.name.lower().endswith(DATA_ENDINGS))]]
    found = sorted(_one_of_each(list(dict.fromkeys(found))))
    return [
        Sample(source=source, prefix=prefix, annotations={"sample": name})
        for (source, prefix), name in zip(found, _names(found), strict=True)
    ]


def unused(members: Iterable[str], samples: Sequence[Sample]) -> list[str]:
    """Files of a folder that belong to none of the samples."""
    folders = {sample.source for sample in samples}
    return [m for m in members if m not in folders and str(PurePosixPath(m).parent) not in folders]


def _is_annotation(path: PurePosixPath) -> bool:
    """A table about cells, samples or the run, which is no sample itself."""
    name = path.name.lower()
    return bool(_OTHER_OUTPUT.search(name) or (name.endswith(TABLE_ENDINGS) and _ANNOTATIONS.search(name)))


def _matrix_stem(path: PurePosixPath) -> str | None:
    name = path.name.lower()
    stems = [stem + ending for stem in MATRIX_STEMS for ending in (".gz", "")]
    return next((stem for stem in stems if name.endswith(stem)), None)


def _one_of_each(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of several outputs for the same cells, one: filtered rather than raw, STARsolo's Gene rather than its
    alternatives.
    """
    kept = {f"{source}|{prefix}" for source, prefix in found}

    def better(name: str) -> str:
        name = re.sub(r"(?<![a-z])raw(?![a-z])", "filtered", name)
        return re.sub(r"(^|/)(GeneFull\w*|SJ|Velocyto)(?=/|\|)", r"\1Gene", name)

    return [pair for pair in found for name in ["|".join(pair)] if better(name) == name or better(name) not in kept]


def _names(found: list[tuple[str, str]]) -> list[str]:
    names = []
    for source, prefix in found:
        parts = [part for part in PurePosixPath(source).parts if part != "." and not _PLAIN_FOLDERS.match(part)]
        last = re.sub(r"\.(gz|h5ad|loom|h5|hdf5|csv|tsv|txt|zarr)", "", parts[-1]) if parts else ""
        names.append(prefix.strip("_-. ") or last or "sample")
    if len(set(names)) < len(names):
        names = [f"{prefix}{source}".strip("./").replace("/", "_") for source, prefix in found]
    return names


def sample_table(samples: Sequence[Sample]) -> pd.DataFrame:
    """The sheet to fill in: one row per sample, columns ``file``, ``sample``, ``donor``, ``condition``, ``batch`` and
    others given.
    """
    rows = [{"file": _file_of(sample), **sample.annotations, "sample": sample.name} for sample in samples]
    others = [column for row in rows for column in row if column not in ("file", *SHEET_COLUMNS)]
    return pd.DataFrame(rows, columns=["file", *SHEET_COLUMNS, *dict.fromkeys(others)]).fillna("")


def _file_of(sample: Sample) -> str:
    return f"{sample.source}/{sample.prefix}*" if sample.prefix else sample.source


def describe_samples(samples: Sequence[Sample], sheet: pd.DataFrame) -> list[Sample]:
    """Give samples the annotations that a sheet names.

    Parameters
    ----------
    samples
        As found.
    sheet
        A column ``file`` or ``sample`` says which sample a row describes; every other column becomes an
        annotation. With ``file``, ``sample`` renames.

    Raises
    ------
    DataError
        A row without its sample, a sample without a row or with two, or names that repeat.
    """
    sheet = _named(sheet).fillna("").astype(str).apply(lambda column: column.str.strip())
    key = next((name for name in ("file", "sample") if name in sheet), None)
    if key is None:
        raise DataError(
            f"The sample sheet has the columns {listed(sheet.columns)}; one named 'file' or 'sample' is needed.",
            hint="Add a column 'sample' with the names shown in the table, then upload the sheet again.",
        )
    known = {(_file_of(s) if key == "file" else s.name): s for s in samples}
    _check_rows(sheet, key, known)
    described = []
    for name, sample in known.items():
        row = sheet[sheet[key] == name].iloc[0]
        given = {str(column): row[column] for column in sheet if column != "file" and row[column]}
        described.append(sample.model_copy(update={"annotations": {"sample": sample.name, **given}}))
    names = [sample.name for sample in described]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{len(repeated)} sample names occur more than once in the sheet ({listed(repeated)}).",
            hint="Give every row a name of its own in the column 'sample'.",
        )
    return described


def _named(sheet: pd.DataFrame) -> pd.DataFrame:
    """The sheet with the names of its columns in their usual form."""
    names = [str(name).strip() for name in sheet.columns]
    names = [name.lower() if name.lower() in ("file", *SHEET_COLUMNS, "donor_id") else name for name in names]
    names = ["donor" if name == "donor_id" else name for name in names]
    repeated = sorted({name for name in names if names.count(name) > 1})
    wrong = [name for name in names if not name or "/" in name or name in RESERVED_NAMES or name.startswith("Unnamed:")]
    if repeated or wrong:
        raise DataError(
            "The sample sheet has columns that cannot be used:"
            f" {listed([*repeated, *(name or '(no name)' for name in wrong)])}.",
            hint="Give every column one name of its own; names such as total_counts are taken by quality control.",
        )
    return sheet.set_axis(names, axis=1)


def _check_rows(sheet: pd.DataFrame, key: str, known: dict[str, Sample]) -> None:
    unknown = [name for name in sheet[key] if name not in known]
    missing = [name for name in known if name not in set(sheet[key])]
    twice = sheet.loc[sheet[key].duplicated(), key].unique()
    if unknown:
        raise DataError(
            f"The sample sheet names {listed(unknown)} in '{key}', which is not among the data ({listed(known)}).",
            hint=f"Write the names in '{key}' as they are shown in the table.",
        )
    if missing:
        raise DataError(
            f"The sample sheet has no row for {listed(missing)}.", hint="Add a row for each sample, then try again."
        )
    if len(twice):
        raise DataError(f"The sample sheet has two rows for {listed(twice)}.", hint="Keep one row for each sample.")


def read_sheet(source: Path | BinaryIO, name: str) -> pd.DataFrame:
    """A sample sheet from a .csv or .tsv.

    Raises
    ------
    DataError
        It is no table.
    """
    try:
        return pd.read_csv(source, sep=None, engine="python", dtype=str)
    except (ValueError, OSError, csv.Error) as error:
        raise DataError(
            f"The sample sheet '{name}' could not be read as a table ({error}).",
            hint="Save it as .csv with a header row, then upload it again.",
        ) from error


def members_of(folder: Path) -> list[str]:
    """Paths of the files below a folder, relative to it; a ``.zarr`` store counts as one.

    Raises
    ------
    DataError
        There are too many for one study.
    """
    members: list[str] = []
    waiting = [folder]
    while waiting:
        current = waiting.pop(0)
        for path in sorted(current.iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir() and path.suffix != ".zarr":
                waiting.append(path)
            else:
                members.append(str(path.relative_to(folder)))
        if len(members) > MOST_MEMBERS:
            raise DataError(
                f"'{folder.name}' holds more than {MOST_MEMBERS:,} files.", hint="Choose the folder of one study."
            )
    return members
