"""10x Genomics .h5 files of version 2 and 3, and CellBender's."""

from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
import pandas as pd

from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig
from scapp.data.formats.features import split_features
from scapp.data.formats.hdf5 import text_of
from scapp.data.formats.imported import Imported, from_matrix, keep_proteins
from scapp.data.formats.matrices_in_files import rows_of


def read_h5(path: Path, config: ImportConfig) -> Imported:
    """Version 2 (a group per genome) and 3 (one matrix); several genomes must be chosen from.

    Raises
    ------
    DataError
        It is no 10x file, is damaged, or holds several genomes of which none was chosen.
    """
    with h5py.File(path, "r") as file:
        names = list(file)
        if not names:
            raise DataError(f"'{path.name}' is empty.", hint="Copy or download it again.")
        if {"obs", "var"} <= set(names):
            raise DataError(
                f"'{path.name}' holds an AnnData object, not 10x output.", hint="Rename it so that it ends in .h5ad."
            )
        groups = [name for name in names if isinstance(file[name], h5py.Group) and "indptr" in file[name]]
        if not groups:
            raise DataError(
                f"'{path.name}' could not be read as a 10x .h5 file; it holds {listed(names)}.",
                hint="Save the data as .h5ad and import that.",
            )
        if "matrix" in groups:
            return _read_group(file["matrix"], path.name, config)
        if config.genome is None and len(groups) > 1:
            raise DataError(
                f"'{path.name}' holds {len(groups)} genomes: {listed(groups)}.",
                hint="Write the one you want into 'Genome' under 'Options' (--genome on the command line).",
            )
        chosen = config.genome or groups[0]
        if chosen not in groups:
            raise DataError(f"'{path.name}' has no genome '{chosen}'; it has {listed(groups)}.", hint="Choose one.")
        return _read_group(file[chosen], path.name, ImportConfig(**{**config.model_dump(), "genome": None}))


def _read_group(group: h5py.Group, name: str, config: ImportConfig) -> Imported:
    features = group.get("features")
    if isinstance(features, h5py.Group):
        ids, symbols = _texts(features, "id"), _texts(features, "name")
        kinds, genomes = _texts(features, "feature_type"), _texts(features, "genome")
    else:
        ids, symbols, kinds, genomes = _texts(group, "genes"), _texts(group, "gene_names"), None, None
    barcodes = _texts(group, "barcodes")
    ids = symbols if ids is None else ids
    if barcodes is None or ids is None:
        raise DataError(f"'{name}' names no cells or no genes.", hint="Copy or download it again.")
    symbols = ids if symbols is None else np.where(symbols == "", ids, symbols)
    n_genes, n_cells = (int(n) for n in group["shape"][()])
    if (n_cells, n_genes) != (len(barcodes), len(symbols)):
        raise DataError(
            f"'{name}' is damaged: its matrix is of {n_cells:,} cells and {n_genes:,} genes, and it names"
            f" {len(barcodes):,} and {len(symbols):,}.",
            hint="Copy or download it again.",
        )
    # genes are rows, gene after gene in each cell: cell by cell, that is
    matrix: BlockedMatrix = rows_of(group, (n_cells, n_genes), "the 10x matrix")
    var = pd.DataFrame({"gene_ids": ids}, index=pd.Index(symbols, dtype=object))
    if genomes is not None and len(set(genomes)) > 1:
        var["genome"] = genomes
    if config.genome is not None and genomes is not None:
        mine = genomes == config.genome
        if not mine.any():
            raise DataError(
                f"'{name}' has no genome '{config.genome}'; it has {listed(sorted(set(genomes)))}.", hint="Choose one."
            )
        matrix = matrix.select(genes=np.flatnonzero(mine))
        var, kinds = var[mine], None if kinds is None else kinds[mine]
    proteins, said = pd.DataFrame(), list[Finding]()
    if kinds is not None:
        matrix, var, proteins, said = split_features(matrix, var, kinds)
    imported = from_matrix(matrix, pd.DataFrame(index=pd.Index(barcodes, dtype=object)), var, "the 10x matrix", config)
    keep_proteins(imported.adata, proteins)
    imported.findings.extend(said)
    return imported


def _texts(group: Any, name: str) -> np.ndarray | None:
    if name not in group:
        return None
    return np.array([text_of(value) for value in group[name][()]], dtype=object)


def genomes_of(source: Path | BinaryIO) -> list[str]:
    """Names of the genomes in a 10x version 2 .h5 file; empty for other files."""
    try:
        with h5py.File(source) as file:
            groups = [name for name in file if isinstance(file[name], h5py.Group) and "indptr" in file[name]]
    except (OSError, KeyError, RuntimeError):
        return []  # not HDF5, or damaged: the import itself says so
    return [] if "matrix" in groups else groups
