"""From a file to counts, names and annotations. Nothing is unpickled, and the file is never altered.

``read`` chooses a reader by the file's name and content. A new format is a function and a record in
``FORMATS``.
"""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.io import mmread

from scapp.core import keys
from scapp.core.errors import DataError, listed
from scapp.data.checks import (
    Finding,
    check_matrix,
    check_memory,
    empty_findings,
    recover_counts,
    unique_names,
    units_of,
)
from scapp.data.config import ImportConfig
from scapp.data.tables import read_table

BROKEN_FILE = (OSError, EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True)
class Imported:
    """A file's content, ready to become a dataset.

    Parameters
    ----------
    adata
        Counts in ``layers["counts"]``; or log values in ``X``; or other linear values in
        ``layers["expression"]``: exactly one of the three.
    taken_from
        Where in the file the values were found, in words.
    findings
        What was noticed on the way.
    """

    adata: ad.AnnData
    taken_from: str
    findings: list[Finding] = field(default_factory=list)


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
    if path.is_dir():
        return FORMATS[0]
    for format in FORMATS[1:]:
        if name.endswith(format.endings):
            return format
    endings = [ending for format in FORMATS for ending in format.endings]
    raise DataError(
        f"'{path.name}' has an ending that scapp does not read.",
        hint=f"Upload one of {', '.join(endings)}, or a 10x folder. A Seurat .rds must be saved as .h5ad in R first.",
    )


def _read_10x_folder(path: Path, config: ImportConfig) -> Imported:
    """Version 2 (genes.tsv) and 3 (features.tsv), compressed or not; scanpy's reader knows two of the four."""
    matrix_file, barcode_file = _tenx_file(path, "matrix.mtx"), _tenx_file(path, "barcodes.tsv")
    gene_file = _tenx_file(path, "features.tsv", "genes.tsv")
    barcodes = pd.read_csv(barcode_file, sep="\t", header=None, dtype=str)[0]
    genes = pd.read_csv(gene_file, sep="\t", header=None, dtype=str)
    try:
        matrix = sparse.csr_matrix(mmread(matrix_file)).T
    except ValueError as error:
        raise DataError(
            f"'{matrix_file.name}' is damaged: {error}.", hint="Copy or download it again, then upload it once more."
        ) from error
    if matrix.shape != (len(barcodes), len(genes)):
        raise DataError(
            f"The 10x folder '{path.name}' does not fit together: the matrix has {matrix.shape[0]:,} cells and {matrix.shape[1]:,} genes, "
            f"the lists have {len(barcodes):,} and {len(genes):,}.",
            hint="Check that matrix, barcodes and features come from the same run, then upload them again.",
        )
    symbols = genes[1] if genes.shape[1] > 1 else genes[0]
    var = pd.DataFrame({"gene_ids": genes[0].to_numpy()}, index=pd.Index(symbols))
    if genes.shape[1] > 2:
        expression = (genes[2] == "Gene Expression").to_numpy()
        if expression.any():
            matrix, var = matrix.tocsc()[:, expression], var[expression]
    return _finish(matrix, pd.DataFrame(index=pd.Index(barcodes)), var, "the 10x matrix", config)


def _tenx_file(folder: Path, *stems: str) -> Path:
    for stem in stems:
        for name in (f"{stem}.gz", stem):
            if (folder / name).exists():
                return folder / name
    found = listed(sorted(p.name for p in folder.iterdir()))
    raise DataError(
        f"The folder '{folder.name}' has no {' or '.join(stems)} (nor with .gz); found {found}.",
        hint="Choose the folder that holds matrix.mtx(.gz), barcodes.tsv(.gz) and features.tsv(.gz) or genes.tsv.",
    )


def _read_10x_h5(path: Path, config: ImportConfig) -> Imported:
    import scanpy as sc

    with h5py.File(path) as file:
        names = list(file)
    if "matrix" in names:
        # v3 keeps the genome of each feature in a column, and scanpy filters by it
        genome = config.genome
    elif config.genome is None and len(names) > 1:
        raise DataError(
            f"'{path.name}' holds {len(names)} genomes: {listed(names)}.",
            hint="Write the one you want into 'Genome' under the advanced import options (--genome on the command line).",
        )
    else:
        genome = config.genome or names[0]
    try:
        adata = sc.read_10x_h5(path, genome=genome)
    except Exception as error:
        raise DataError(
            f"'{path.name}' could not be read as a 10x .h5 file ({error}); it holds {listed(names)}.",
            hint="Check the genome's name, or save the data as .h5ad and upload that.",
        ) from error
    return _finish(adata.X, adata.obs, adata.var, "the 10x matrix", config)


def _read_table(path: Path, config: ImportConfig) -> Imported:
    table = read_table(path, config)
    imported = _finish(
        table.values, pd.DataFrame(index=table.cells), pd.DataFrame(index=table.genes), "the table", config
    )
    return Imported(imported.adata, imported.taken_from, [*table.findings, *imported.findings])


def _read_h5ad(path: Path, config: ImportConfig) -> Imported:
    _check_h5ad_size(path)
    try:
        adata = ad.read_h5ad(path)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"'{path.name}' ends in .h5ad and does not hold an AnnData object ({type(error).__name__}: {error}).",
            hint="Open it with anndata.read_h5ad where it was made, write it again, and upload that.",
        ) from error
    return from_anndata(adata, config)


def from_anndata(adata: ad.AnnData, config: ImportConfig | None = None) -> Imported:
    """Look for counts in ``layers["counts"]``, ``layers["raw_counts"]``, ``.raw`` and ``X``, in that order.

    Log-normalised values from which whole counts can be recovered count as counts. Where there are
    none, the first place that holds non-negative values is taken as it is.

    Raises
    ------
    DataError
        When no place holds a usable matrix: the message names each place and its fault.
    """
    config = config or ImportConfig()
    places = _places(adata)
    usable: list[tuple[str, sparse.csr_matrix, pd.DataFrame]] = []
    faults: list[tuple[str, DataError]] = []
    for name, matrix, var in places:
        try:
            checked = check_matrix(matrix, missing_as_zero=config.missing_as_zero)
        except DataError as error:
            faults.append((name, error))
            continue
        usable.append((name, checked, var))
        if units_of(checked) == "counts":
            return _with_embeddings(_assemble(checked, adata.obs, var, name, "counts"), adata)
    for name, matrix, var in usable:
        if units_of(matrix) == "log" and (counts := recover_counts(matrix)) is not None:
            note = Finding(f"{name} holds log-normalised values.", "The whole counts behind them were recovered.")
            assembled = _assemble(counts, adata.obs, var, f"{name} (recovered)", "counts")
            return _with_embeddings(Imported(assembled.adata, assembled.taken_from, [note, *assembled.findings]), adata)
    if usable:
        name, matrix, var = usable[0]
        return _with_embeddings(_assemble(matrix, adata.obs, var, name, units_of(matrix)), adata)
    if len(faults) == 1:
        raise faults[0][1]
    if not faults:
        raise DataError(
            "The file holds no matrix.", hint="Write the counts into X or layers['counts'] and upload it again."
        )
    raise DataError(
        "No place in the file holds a usable matrix. " + " ".join(f"{name}: {error.message}" for name, error in faults),
        hint=faults[0][1].hint,
    )


def _places(adata: ad.AnnData) -> list[tuple[str, Any, pd.DataFrame]]:
    places = [
        (f"layers['{name}']", adata.layers[name], adata.var)
        for name in ("counts", "raw_counts")
        if name in adata.layers
    ]
    if adata.raw is not None:
        places.append((".raw", adata.raw.X, adata.raw.var))
    if adata.X is not None:
        places.append(("X", adata.X, adata.var))
    return places


def _finish(matrix: Any, obs: pd.DataFrame, var: pd.DataFrame, name: str, config: ImportConfig) -> Imported:
    checked = check_matrix(matrix, missing_as_zero=config.missing_as_zero)
    units = units_of(checked)
    if units == "log" and (counts := recover_counts(checked)) is not None:
        note = Finding(f"{name} holds log-normalised values.", "The whole counts behind them were recovered.")
        assembled = _assemble(counts, obs, var, f"{name} (recovered)", "counts")
        return Imported(assembled.adata, assembled.taken_from, [note, *assembled.findings])
    return _assemble(checked, obs, var, name, units)


def _assemble(matrix: sparse.csr_matrix, obs: pd.DataFrame, var: pd.DataFrame, name: str, units: str) -> Imported:
    cells, cell_findings = unique_names(obs.index, "cell")
    genes, gene_findings = unique_names(var.index, "gene")
    adata = ad.AnnData(obs=_plain(obs).set_axis(cells, axis=0), var=_plain(var).set_axis(genes, axis=0))
    findings = [*cell_findings, *gene_findings, *empty_findings(matrix)]
    if units == "counts":
        adata.layers["counts"] = matrix
    elif units == "log":
        adata.X = matrix
        findings.append(
            Finding(
                f"{name} holds log-normalised values and no raw counts.",
                "They are used as they are; steps that need counts (doublets, count filters) are not offered.",
            )
        )
    else:
        adata.layers["expression"] = matrix
        findings.append(
            Finding(
                f"{name} holds values that are not whole counts (RPKM, TPM or similar).",
                "They are normalised and logged like counts; doublet scores are not offered.",
            )
        )
    return Imported(adata, name, findings)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Annotations with unique text names and column types that can be stored; all-empty columns go."""
    frame = frame.dropna(axis=1, how="all").copy()
    # "_index" is AnnData's own word inside files
    frame.columns = [f"{name}_" if name == "_index" else str(name) for name in frame.columns]
    frame = frame.loc[:, ~frame.columns.duplicated()]
    for column in frame.columns:
        series = frame[column]
        if isinstance(series.dtype, pd.CategoricalDtype):
            frame[column] = series.cat.remove_unused_categories()
        elif series.dtype == object or isinstance(series.dtype, pd.StringDtype):
            frame[column] = pd.Categorical(series.astype(object).where(series.isna(), series.astype(str)))
    return frame


def _with_embeddings(imported: Imported, adata: ad.AnnData) -> Imported:
    """Keep the file's own embeddings where they are plain numbers."""
    for name, value in adata.obsm.items():
        array = np.asarray(value) if not sparse.issparse(value) and not isinstance(value, pd.DataFrame) else None
        if array is not None and array.ndim == 2 and np.issubdtype(array.dtype, np.number) and np.isfinite(array).all():
            imported.adata.obsm[name] = array.astype(np.float32)
    return imported


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
    Format("a 10x folder", (), _read_10x_folder),
    Format("AnnData .h5ad", (".h5ad",), _read_h5ad),
    Format("10x .h5", (".h5", ".hdf5"), _read_10x_h5),
    Format("a text table", (".csv", ".csv.gz", ".tsv", ".tsv.gz"), _read_table),
)

VALUE_SLOTS = (keys.COUNTS, keys.EXPRESSION, keys.X)
"""Where the imported values can stand, in the order in which later steps look for them."""
