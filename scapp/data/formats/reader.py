"""From a file to counts, names and annotations. Nothing is unpickled, and the file is never altered.

``read`` chooses a reader by the file's name. A new format is a function and a record in ``FORMATS``.
"""

import logging
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import pandas as pd

from scapp.core.errors import DataError, listed
from scapp.core.memory import check_memory
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig
from scapp.data.formats import archives, loom, tenx
from scapp.data.formats.imported import Imported, from_anndata, from_matrix
from scapp.data.formats.signatures import EMPTY, GZIP, signature_of
from scapp.data.formats.text_tables import TABLE_ENDINGS, read_table
from scapp.data.samples.find import Sample, find_samples, members_of, unused
from scapp.data.samples.join import join_samples

logger = logging.getLogger(__name__)

BROKEN_FILE = (
    *(OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, NotImplementedError),
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RuntimeError, MemoryError),
)
"""What libraries raise on damaged files; a few flipped bytes bring out each of these (see tests/data/test_fuzz.py)."""


@dataclass(frozen=True)
class Format:
    """A file format that can be read."""

    name: str
    endings: tuple[str, ...]
    read: Callable[[Path, ImportConfig], Imported]


def read(path: Path, config: ImportConfig | None = None, samples: Sequence[Sample] = ()) -> Imported:
    """Read a count matrix, or several samples as one.

    Parameters
    ----------
    path
        A file; a 10x folder with matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv); or a folder or
        archive of several of these.
    config
        Orientation, genome, what missing values mean.
    samples
        Which samples of the folder or archive to join, with their annotations; by default all that are found.

    Raises
    ------
    DataError
        Unknown format, truncated or damaged file, or a matrix that cannot be counts.
    """
    config = config or ImportConfig()
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no file '{path}'.", hint="Check the path, then try again.")
    return _read(path, config, samples)


@contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    """Say of what a library stumbles over that the file is damaged. Around readers only: our own faults keep their
    traceback.
    """
    try:
        yield
    except BROKEN_FILE as error:
        logger.warning("reading failed", exc_info=True)
        _refuse_lying_ending(path)
        reason = f"{type(error).__name__}: {error}"[:300]
        raise DataError(
            f"'{path.name}' could not be read as {format_of(path).name}: the file is truncated or damaged ({reason}).",
            hint="Copy or download it again and compare its size with the original, then upload it once more.",
        ) from error


def _refuse_lying_ending(path: Path) -> None:
    """Say what a file is when its first bytes and its ending disagree."""
    if not path.is_file():
        return
    found = signature_of(path)
    ending = next(ending for ending in format_of(path).endings if path.name.lower().endswith(ending))
    if ending in found.endings or (found is GZIP and ending.endswith("gz")) or found is EMPTY:
        return
    if not found.endings:
        hint = "Export it again as .h5ad, .csv or 10x output, then upload that."
    else:
        hint = f"Rename it so that it ends in {' or '.join(found.endings)}, then upload it again."
    raise DataError(f"'{path.name}' ends in {ending} and holds {found.title}.", hint=hint)


def _read(path: Path, config: ImportConfig, samples: Sequence[Sample]) -> Imported:
    format = format_of(path)
    if format is ARCHIVE:
        with tempfile.TemporaryDirectory() as folder:
            with _naming_damage(path):
                archives.unpack(path, Path(folder))
            return _read_folder(Path(folder), path.name, config, samples)
    if format is TENX_FOLDER:
        return _read_folder(path, path.name, config, samples)
    with _naming_damage(path):
        return format.read(path, config)


def _read_folder(folder: Path, name: str, config: ImportConfig, samples: Sequence[Sample]) -> Imported:
    members = [] if samples else members_of(folder)
    found = list(samples) or find_samples(members)
    if not found:
        raise DataError(
            f"'{name}' holds nothing that scapp reads ({listed(members, 4)}).",
            hint=(
                "Choose a folder or archive with 10x output (matrix.mtx, barcodes.tsv, features.tsv) or files of a"
                " format that scapp reads."
            ),
        )
    parts = [_read_sample(folder, sample, config) for sample in found]
    imported = parts[0] if len(found) == 1 and not samples else join_samples(found, parts)
    if left := unused(members, found):
        imported.findings.append(Finding(f"{len(left)} other files were not read: {listed(left, 4)}."))
    return imported


def _read_sample(folder: Path, sample: Sample, config: ImportConfig) -> Imported:
    path = (folder / sample.source).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(f"The sample '{sample.source}' is outside the folder.", hint="Choose samples inside it.")
    try:
        if not path.is_dir() or path.suffix == ".zarr":
            return read(path, config)
        with _naming_damage(path):
            return tenx.read_folder(path, config, sample.prefix)
    except DataError as error:
        raise DataError(f"Sample '{sample.name}': {error.message}", hint=error.hint) from error


def format_of(path: Path) -> Format:
    """The format that a path's name promises.

    Raises
    ------
    DataError
        No format that scapp reads has this ending.
    """
    name = path.name.lower()
    for format in FORMATS:
        if name.endswith(format.endings):
            return format
    if path.is_dir():
        return TENX_FOLDER
    endings = [ending for format in FORMATS for ending in format.endings]
    raise DataError(
        f"'{path.name}' has an ending that scapp does not read.",
        hint=f"Upload one of {', '.join(endings)}, or a 10x folder. A Seurat .rds must be saved as .h5ad in R first.",
    )


def _read_table(path: Path, config: ImportConfig) -> Imported:
    # text takes at least two bytes a value; gzip makes about a tenth of it
    expanded = path.stat().st_size * (10 if path.name.lower().endswith(".gz") else 1)
    check_memory(4.0 * expanded, f"Reading '{path.name}'", "Free memory, or save the table as .h5ad and import that.")
    table = read_table(path, config)
    imported = from_matrix(
        table.values,
        pd.DataFrame(index=table.cells),
        (
            table.about_genes.set_axis(table.genes, axis=0)
            if len(table.about_genes.columns)
            else pd.DataFrame(index=table.genes)
        ),
        "the table",
        config,
    )
    return Imported(imported.adata, imported.taken_from, [*table.findings, *imported.findings], imported.units)


def _read_h5ad(path: Path, config: ImportConfig) -> Imported:
    _check_h5ad_size(path)
    return _read_anndata(path, config, ad.read_h5ad)


def _read_zarr(path: Path, config: ImportConfig) -> Imported:
    if not any((path / name).exists() for name in ("zarr.json", ".zgroup")):
        raise DataError(f"'{path.name}' is no zarr store.", hint="Choose the folder that AnnData's write_zarr made.")
    return _read_anndata(path, config, ad.read_zarr)


def _read_anndata(path: Path, config: ImportConfig, reader: Callable[[Path], ad.AnnData]) -> Imported:
    try:
        adata = reader(path)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"'{path.name}' ends in {path.suffix} and does not hold an AnnData object ({type(error).__name__}:"
            f" {error}).",
            hint=f"Open it with anndata.{reader.__name__} where it was made, write it again, and import that.",
        ) from error
    return from_anndata(adata, config)


def _check_h5ad_size(path: Path) -> None:
    """Refuse a file whose matrices would not fit, before reading them."""
    with h5py.File(path) as file:
        total = 0.0
        nodes: list[Any] = [file.get("X"), file.get("raw/X")]
        layers = file.get("layers")
        nodes += list(layers.values()) if isinstance(layers, h5py.Group) else []
        for node in nodes:
            if isinstance(node, h5py.Group) and "data" in node and "indices" in node:
                total += node["data"].size * 12.0
            elif isinstance(node, h5py.Dataset):
                total += node.size * 8.0
    check_memory(
        2 * total,
        f"Reading '{path.name}'",
        "Free memory by closing other programs, use a larger machine, or upload a file with fewer cells or only the"
        " counts.",
    )


ARCHIVE = Format("an archive", archives.ENDINGS, read)
TENX_FOLDER = Format("a 10x folder", (), tenx.read_folder)
FORMATS = (
    Format("AnnData .h5ad", (".h5ad",), _read_h5ad),
    Format("AnnData .zarr", (".zarr",), _read_zarr),
    Format("loom", (".loom",), loom.read_loom),
    Format("10x .h5", (".h5", ".hdf5"), tenx.read_h5),
    Format("a text table", TABLE_ENDINGS, _read_table),
    ARCHIVE,
)
