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
from scapp.data.formats.mtx_folder import prefixes_in
from scapp.data.formats.text_tables import TABLE_ENDINGS

SHEET_COLUMNS = ("sample", "donor", "condition", "batch")
OBS_NAME = {"donor": "donor_id"}
"""The sheet says 'donor' and the CELLxGENE schema 'donor_id'."""

DATA_ENDINGS = (".h5ad", ".h5mu", ".loom", ".h5", ".hdf5", ".rds", ".rdata", ".rda", *TABLE_ENDINGS)
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
    variant_of
        What several samples have in common that hold the same cells in different states; empty for others.
    """

    source: str
    prefix: str = ""
    annotations: dict[str, str] = Field(default_factory=dict)
    variant_of: str = ""

    @property
    def name(self) -> str:
        """Name of the sample."""
        return self.annotations.get("sample", self.source)


def find_samples(members: Iterable[str]) -> list[Sample]:
    """Samples among the files of a folder or archive, by their paths; named by what tells them apart.

    Matrices with their lists (with a prefix or not), ``.zarr`` folders and single files count. Unfiltered output is
    no sample where there is filtered output. Variants of one sample (filtered, cleaned of background) are marked.
    """
    paths = [PurePosixPath(member) for member in members]
    paths = [p for p in paths if "__MACOSX" not in p.parts and not p.name.startswith(".")]
    zarr = {parent for p in paths for parent in [p, *p.parents] if parent.suffix == ".zarr"}
    paths = [p for p in paths if not any(z == p or z in p.parents for z in zarr)]
    folders: dict[PurePosixPath, list[str]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path.name)
    others = [p for p in paths if not _is_annotation(p)]
    matrices = [(str(folder), prefix) for folder, names in folders.items() for prefix in prefixes_in(names)]
    if matrices:
        found = list(dict.fromkeys(matrices))
    else:
        found = [
            (str(p), "")
            for p in [*sorted(zarr), *(p for p in others or paths if p.name.lower().endswith(DATA_ENDINGS))]
        ]
    found = sorted(_one_of_each(found))
    same = _variants(found)
    return [
        Sample(source=source, prefix=prefix, annotations={"sample": name}, variant_of=variant)
        for (source, prefix), name, variant in zip(found, _names(found), same, strict=True)
    ]


def refuse_variants(samples: Sequence[Sample]) -> None:
    """Ask which variant of a sample is meant.

    Raises
    ------
    DataError
        Some samples are variants of each other.
    """
    doubled = [sample for sample in samples if sample.variant_of]
    if doubled:
        first = doubled[0].variant_of
        several = [sample.source for sample in doubled if sample.variant_of == first]
        raise DataError(
            f"{len(several)} files hold the same cells in different states ({listed(several, 4)}).",
            hint="Import the one that you want by its own path, or tick it in the table of samples.",
        )


def unused(members: Iterable[str], samples: Sequence[Sample]) -> list[str]:
    """Files of a folder that belong to none of the samples."""
    folders = {sample.source for sample in samples}
    return [m for m in members if m not in folders and str(PurePosixPath(m).parent) not in folders]


def _is_annotation(path: PurePosixPath) -> bool:
    """A table about cells, samples or the run, which is no sample itself."""
    name = path.name.lower()
    return bool(_OTHER_OUTPUT.search(name) or (name.endswith(TABLE_ENDINGS) and _ANNOTATIONS.search(name)))


_RAW = re.compile(r"(?<![a-z])(?:raw|unfiltered)(?![a-z])", re.IGNORECASE)
_FILTERED = re.compile(r"(?<![a-z])filtered(?![a-z])", re.IGNORECASE)
_CLEANED = re.compile(r"cellbender|soupx|decontx|denoised|cleaned", re.IGNORECASE)


def _one_of_each(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without unfiltered output where there is filtered output, and without STARsolo's alternatives to Gene."""
    names = {pair: "|".join(pair) for pair in found}
    if any(_FILTERED.search(name) for name in names.values()):
        found = [pair for pair in found if _FILTERED.search(names[pair]) or not _RAW.search(names[pair])]
        # CellBender writes all barcodes as well as those that are cells
        cleaned = {pair for pair in found if _CLEANED.search(names[pair])}
        if any(_FILTERED.search(names[pair]) for pair in cleaned):
            found = [pair for pair in found if pair not in cleaned or _FILTERED.search(names[pair])]
    kept = {names[pair] for pair in found}

    def better(name: str) -> str:
        return re.sub(r"(^|/)(GeneFull\w*|SJ|Velocyto)(?=/|\|)", r"\1Gene", name)

    return [pair for pair in found if better(names[pair]) == names[pair] or better(names[pair]) not in kept]


_STATE_WORDS = re.compile(
    r"filtered|raw|unfiltered|feature_bc_matri(?:x|ces)|gene_bc_matri(?:x|ces)|cellbender|soupx|decontx|denoised|cleaned"
    r"|output|out|sample|counts?|matrix|h5|mex",
    re.IGNORECASE,
)


def _variants(found: list[tuple[str, str]]) -> list[str]:
    """For each of what was found, the sample that it is one of several states of; empty where it stands alone."""
    stems = []
    for source, prefix in found:
        path = PurePosixPath(source)
        last = _STATE_WORDS.sub("", path.name.split(".")[0]).strip("_-. ")
        stems.append((str(path.parent), prefix, last) if path.suffix else (source, prefix, path.name))
    changed = [bool(_STATE_WORDS.search(PurePosixPath(source).name)) for source, _ in found]
    return ["/".join(stem) or "sample" if stems.count(stem) > 1 and changed[i] else "" for i, stem in enumerate(stems)]


def _names(found: list[tuple[str, str]]) -> list[str]:
    names = []
    for source, prefix in found:
        parts = [part for part in PurePosixPath(source).parts if part != "." and not _PLAIN_FOLDERS.match(part)]
        last = (
            re.sub(r"\.(gz|h5ad|h5mu|loom|h5|hdf5|rds|rdata|rda|csv|tsv|txt|zarr)(?![^.])", "", parts[-1])
            if parts
            else ""
        )
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
            hint="Add a column 'sample' with the names shown in the table, then choose the sheet again.",
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
            hint="Save it as .csv with a header row, then import it again.",
        ) from error


def members_of(folder: Path) -> list[str]:
    """Paths of the files below a folder, relative to it; a ``.zarr`` store counts as one.

    Raises
    ------
    DataError
        There are too many for one study, or a link leads out of the folder.
    """
    members: list[str] = []
    waiting, seen = [folder], {folder.resolve()}
    while waiting:
        current = waiting.pop(0)
        for path in sorted(current.iterdir()):
            if path.name.startswith("."):
                continue
            real = path.resolve()
            if path.is_symlink() and not real.is_relative_to(folder.resolve()):
                raise DataError(
                    f"'{path.relative_to(folder)}' is a link that leads out of the folder.",
                    hint="Put the files themselves into the folder.",
                )
            if path.is_dir() and path.suffix != ".zarr":
                if real not in seen:
                    waiting.append(path)
                    seen.add(real)
            elif path.is_file() or path.suffix == ".zarr":
                members.append(str(path.relative_to(folder)))
        if len(members) > MOST_MEMBERS:
            raise DataError(
                f"'{folder.name}' holds more than {MOST_MEMBERS:,} files.", hint="Choose the folder of one study."
            )
    return members
