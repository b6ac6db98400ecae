"""From a file to counts, names and annotations. Nothing is unpickled, and the file is never altered.

A file is read by its content, whatever its ending says: ``FORMATS`` lists what is recognised by what. A new format is a
module and a record there.
"""

import logging
import lzma
import re
import tarfile
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import pandas as pd

from scapp.core.errors import DataError, listed
from scapp.core.memory import check_memory
from scapp.data.blocks.blocked_matrix import InMemory
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig
from scapp.data.formats import archives, h5ad, loom, mtx_folder, r_data, signatures, tenx
from scapp.data.formats.decoding import is_gzip
from scapp.data.formats.hdf5 import check_hdf5, encoding_type, read_matrix
from scapp.data.formats.imported import Imported, LazyPlace, from_anndata, from_file, from_matrix, keep_proteins
from scapp.data.formats.signatures import Signature, signature_of
from scapp.data.formats.text_tables import TABLE_ENDINGS, holds_counts, read_table
from scapp.data.samples.find import Sample, find_samples, members_of, refuse_variants, unused
from scapp.data.samples.join import join_cells, join_samples

logger = logging.getLogger(__name__)

BROKEN_FILE = (
    *(OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, NotImplementedError),
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RuntimeError, MemoryError),
)
"""What libraries raise on damaged files; a few flipped bytes bring out each of these (see tests/data/test_fuzz.py)."""


@dataclass(frozen=True)
class Format:
    """A file format that can be read.

    Parameters
    ----------
    name
        For people.
    endings
        That its files usually have.
    recognised
        By what in its content, for people.
    read
        Its reader.
    """

    name: str
    endings: tuple[str, ...]
    recognised: str
    read: Callable[[Path, ImportConfig], Imported]


def read(path: Path, config: ImportConfig | None = None, samples: Sequence[Sample] = ()) -> Imported:
    """Read a count matrix, or several samples as one.

    Parameters
    ----------
    path
        A file; a folder of a matrix with lists of its cells and genes; or a folder or archive of several of these.
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
    if path.is_dir():
        if (path / "zarr.json").exists() or (path / ".zgroup").exists() or path.suffix == ".zarr":
            with _naming_damage(path, "AnnData .zarr"):
                return _read_zarr(path, config)
        return _read_folder(path, path.name, config, samples)
    if not path.is_file():
        raise DataError(f"'{path.name}' is no regular file.", hint="Choose a file or a folder.")
    return _read_file(path, config, samples)


@contextmanager
def _naming_damage(path: Path, kind: str) -> Iterator[None]:
    """Say of what a library stumbles over that the file is damaged. Around readers only: our own faults keep their
    traceback.
    """
    try:
        yield
    except BROKEN_FILE as error:
        logger.info("reading failed", exc_info=True)
        reason = f"{type(error).__name__}: {error}"[:300]
        raise DataError(
            f"'{path.name}' could not be read as {kind}: the file is truncated or damaged ({reason}).",
            hint="Copy or download it again, and compare its size with the original.",
        ) from error


def _read_file(path: Path, config: ImportConfig, samples: Sequence[Sample]) -> Imported:
    found = signature_of(path)
    if found in (signatures.ZIP, signatures.TAR, signatures.GZIP_TAR):
        return _read_archive(path, config, samples)
    if found in (signatures.GZIP_HDF5, signatures.PACKED):
        with _temporary_folder() as folder:
            inside = folder / re.sub(r"(?i)\.(?:gz|bz2|xz)$", "", path.name)
            with _naming_damage(path, "a packed file"):
                archives.unpack_one(path, inside, archives.Allowance(folder))
            return _read_file(inside, config, samples)
    if found is signatures.R_DATA:
        with _naming_damage(path, R_DATA.name):
            return _told(r_data.read_r(path, config), path, R_DATA)
    if found is signatures.HDF5:
        with _naming_damage(path, "an HDF5 file"):
            check_hdf5(path)
            format = _hdf5_format(path)
        with _naming_damage(path, format.name):
            return _told(format.read(path, config), path, format)
    if found in (signatures.TEXT, signatures.GZIP_TEXT):
        try:
            with _naming_damage(path, TABLE.name):
                return _told(_read_table(path, config), path, TABLE)
        except DataError as error:
            if path.name.lower().endswith(NO_TEXT):
                raise DataError(
                    f"'{path.name}' holds plain text, whatever its ending says. {error.message}",
                    hint="If it is a table, name it .csv; otherwise copy or download it again.",
                ) from error
            raise
    raise _refused(path, found)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """For what is unpacked. A file that a matrix is still read from stays open, and is gone when it is closed; Windows
    does not remove such a file.
    """
    with tempfile.TemporaryDirectory(prefix="scapp-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _refused(path: Path, found: Signature) -> DataError:
    if found is signatures.EMPTY:
        return DataError(f"'{path.name}' is empty.", hint="Export it again.")
    if found is signatures.EXCEL:
        return DataError(f"'{path.name}' holds an Excel workbook.", hint="Save the sheet as .csv, and import that.")
    return DataError(
        f"'{path.name}' holds {found.title}, which scapp does not read.",
        hint=f"Choose {listed((f.name for f in FORMATS), 12)}.",
    )


def _told(imported: Imported, path: Path, format: Format) -> Imported:
    """Say when a file is not what its ending promises."""
    if not path.name.lower().endswith(format.endings):
        imported.findings.insert(0, Finding(f"'{path.name}' was read as {format.name}, which its content is."))
    return imported


def _hdf5_format(path: Path) -> Format:
    """What an HDF5 file holds."""
    with h5py.File(path, "r") as file:
        names = set(file)
        if {"obs", "var"} & names or "mod" in names:
            return H5AD
        if isinstance(file.get("matrix"), h5py.Dataset):
            return LOOM
    return {".h5ad": H5AD, ".loom": LOOM}.get(path.suffix.lower(), TENX_H5)


def _read_archive(path: Path, config: ImportConfig, samples: Sequence[Sample]) -> Imported:
    with _temporary_folder() as folder:
        allowance = archives.Allowance(folder)
        with _naming_damage(path, "an archive"):
            archives.unpack(path, folder, allowance)
            archives.unpack_nested(folder, allowance)
        return _read_folder(folder, path.name, config, samples, unpacked=True)


def _read_folder(
    folder: Path, name: str, config: ImportConfig, samples: Sequence[Sample], *, unpacked: bool = False
) -> Imported:
    members = [] if samples else members_of(folder)
    found = list(samples) or find_samples(members)
    if not samples:
        refuse_variants(found)
        found = _with_counts(folder, found)
    if not found:
        raise DataError(
            f"'{name}' holds nothing that scapp reads ({listed(members, 4)}).",
            hint=(
                "Choose a folder or archive with a matrix and its lists (matrix.mtx, barcodes.tsv, features.tsv) or"
                " files of a format that scapp reads."
            ),
        )
    parts = [_read_sample(folder, sample, config, unpacked) for sample in found]
    one_cell_each = len(parts) > 1 and all(part.adata.n_obs == 1 for part in parts)
    if one_cell_each:
        imported = join_cells(found, parts)
    else:
        imported = parts[0] if len(found) == 1 and not samples else join_samples(found, parts)
    if left := unused(members, found):
        imported.findings.append(
            Finding(
                f"{len(left)} other files were not read: {listed(left, 4)}.",
                "A table of labels can be named under 'Options' (--labels).",
            )
        )
    return imported


def _with_counts(folder: Path, found: list[Sample]) -> list[Sample]:
    """Without tables that hold annotations, where others hold counts."""
    tables = [sample for sample in found if sample.source.lower().endswith(TABLE_ENDINGS)]
    if len(found) < 2 or not tables:
        return found
    words = [sample for sample in tables if not holds_counts(folder / sample.source)]
    return [sample for sample in found if sample not in words] if len(words) < len(found) else found


def _read_sample(folder: Path, sample: Sample, config: ImportConfig, unpacked: bool) -> Imported:
    path = (folder / sample.source).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(f"The sample '{sample.source}' is outside the folder.", hint="Choose samples inside it.")
    try:
        if not path.is_dir():
            return read(path, config)
        if path.suffix == ".zarr":
            imported = read(path, config)
            # a file that is open outlives its folder; the many of a zarr store are not open
            return replace(imported, matrix=InMemory(imported.matrix.to_csr())) if unpacked else imported
        with _naming_damage(path, "a folder of a matrix with its lists"):
            return mtx_folder.read_folder(path, config, sample.prefix)
    except DataError as error:
        raise DataError(f"Sample '{sample.name}': {error.message}", hint=error.hint) from error


def _read_table(path: Path, config: ImportConfig) -> Imported:
    # text takes at least two bytes a value; gzip makes about a tenth of it
    expanded = path.stat().st_size * (10 if is_gzip(path) else 1)
    check_memory(4.0 * expanded, f"Reading '{path.name}'", "Free memory, or save the table as .h5ad and import that.")
    table = read_table(path, config)
    cells = table.cells
    if not table.has_header and len(cells) < table.values.shape[1]:
        stem = path.name.split(".")[0]
        cells = pd.Index([stem] if len(cells) == 1 else [f"{stem}_{name}" for name in cells])
    obs = table.about_cells if len(table.about_cells.columns) else pd.DataFrame(index=cells)
    var = table.about_genes if len(table.about_genes.columns) else pd.DataFrame(index=table.genes)
    imported = from_matrix(
        table.values, obs.set_axis(cells, axis=0), var.set_axis(table.genes, axis=0), "the table", config
    )
    keep_proteins(imported.adata, table.proteins)
    return replace(imported, findings=[*table.findings, *imported.findings])


def _read_zarr(path: Path, config: ImportConfig) -> Imported:
    if not any((path / name).exists() for name in ("zarr.json", ".zgroup")):
        raise DataError(f"'{path.name}' is no zarr store.", hint="Choose the folder that AnnData's write_zarr made.")
    inside = path.resolve()
    for member in path.rglob("*"):
        if member.is_symlink() and not member.resolve().is_relative_to(inside):
            raise DataError(f"'{path.name}' holds a link that leads out of it ({member.name}).", hint="Copy the data.")
    import zarr

    store = zarr.open_group(str(path), mode="r")
    layers = [(f"layers['{name}']", f"layers/{name}") for name in _members(store, "layers")]
    found = [*layers, (".raw", "raw/X"), ("X", "X")]
    nodes = [(name, store[at]) for name, at in found if at in store and encoding_type(store[at]) != "null"]
    if any(encoding_type(store[name]) != "dataframe" for name in ("obs", "var") if name in store):
        # of before 2020; anndata builds sparse matrices from what the store says: only what was checked may come to it
        for name, node in nodes:
            deque(read_matrix(node, name).blocks(), maxlen=0)
        return from_anndata(ad.read_zarr(path), config)
    adata = ad.AnnData(
        **{name: ad.io.read_elem(store[name]) for name in ("obs", "var", "obsm", "uns") if name in store}
    )
    of_raw = ad.io.read_elem(store["raw/var"]) if "raw/var" in store else adata.var
    places: list[LazyPlace] = [
        (name, partial(read_matrix, node, name), of_raw if name == ".raw" else adata.var) for name, node in nodes
    ]
    others = [f"{name}['{key}']" for name in ("obsp", "varm") for key in _members(store, name)]
    return from_file(places, adata, others, config)


def _members(store: Any, name: str) -> list[str]:
    return list(store[name]) if name in store else []


H5AD = Format("AnnData or MuData", (".h5ad", ".h5mu", ".h5ad.gz"), "HDF5 with obs and var, or with mod", h5ad.read_h5ad)
LOOM = Format("loom", (".loom", ".loom.gz"), "HDF5 with a dense matrix and row and column attributes", loom.read_loom)
TENX_H5 = Format("10x .h5", (".h5", ".hdf5", ".h5.gz"), "HDF5 with a sparse matrix for each genome", tenx.read_h5)
R_DATA = Format(
    "R data",
    (".rds", ".rdata", ".rda"),
    "R's serialisation: Seurat 2 to 5, SingleCellExperiment, matrices",
    r_data.read_r,
)
NO_TEXT = (*H5AD.endings, *LOOM.endings, *TENX_H5.endings, *archives.ENDINGS, *R_DATA.endings, ".xlsx")
TABLE = Format("a text table", TABLE_ENDINGS, "text, in UTF-8, UTF-16 or Windows-1252, gzipped or not", _read_table)
FORMATS = (H5AD, LOOM, TENX_H5, R_DATA, TABLE)
