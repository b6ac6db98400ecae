"""From a file to counts, names and annotations. Nothing is unpickled, and the file is never altered.

``read`` chooses a reader by the file's name. A new format is a function and a record in ``FORMATS``.
"""

import gzip
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import pandas as pd

from scapp.core.errors import DataError
from scapp.data import archives, loom, tenx
from scapp.data.config import ImportConfig
from scapp.data.imported import Imported, from_anndata, from_matrix
from scapp.data.memory import check_memory
from scapp.data.tables import read_table

BROKEN_FILE = (OSError, EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError)


@dataclass(frozen=True)
class Format:
    """A file format that can be read."""

    name: str
    endings: tuple[str, ...]
    read: Callable[[Path, ImportConfig], Imported]


def read(path: Path, config: ImportConfig | None = None) -> Imported:
    """Read a count matrix.

    Parameters
    ----------
    path
        A file, or a 10x folder with matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv).
    config
        Orientation, genome, what missing values mean.

    Raises
    ------
    DataError
        Unknown format, truncated or damaged file, or a matrix that cannot be counts.
    """
    config = config or ImportConfig()
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no file '{path}'.", hint="Check the path, then try again.")
    format = _format_of(path)
    try:
        return format.read(path, config)
    except BROKEN_FILE as error:
        raise DataError(
            f"'{path.name}' could not be read as {format.name}: the file is truncated or damaged ({error}).",
            hint="Copy or download it again and compare its size with the original, then upload it once more.",
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{path.name}' is not a text table: its bytes are not text.",
            hint="Export it as .csv or .tsv, or rename it to the ending it really has.",
        ) from error


def _format_of(path: Path) -> Format:
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
        table.values, pd.DataFrame(index=table.cells), pd.DataFrame(index=table.genes), "the table", config
    )
    return Imported(imported.adata, imported.taken_from, [*table.findings, *imported.findings])


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
            f"'{path.name}' ends in {path.suffix} and does not hold an AnnData object ({type(error).__name__}: {error}).",
            hint=f"Open it with anndata.{reader.__name__} where it was made, write it again, and import that.",
        ) from error
    return from_anndata(adata, config)


def _read_archive(path: Path, config: ImportConfig) -> Imported:
    with tempfile.TemporaryDirectory() as folder:
        archives.unpack(path, Path(folder))
        return read(archives.content_of(Path(folder)), config)


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
        "Free memory by closing other programs, use a larger machine, or upload a file with fewer cells or only the counts.",
    )


FORMATS = (
    Format("AnnData .h5ad", (".h5ad",), _read_h5ad),
    Format("AnnData .zarr", (".zarr",), _read_zarr),
    Format("loom", (".loom",), loom.read_loom),
    Format("10x .h5", (".h5", ".hdf5"), tenx.read_h5),
    Format("a text table", (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz"), _read_table),
    Format("an archive", archives.ENDINGS, _read_archive),
)
TENX_FOLDER = Format("a 10x folder", (), tenx.read_folder)
