"""Loom files (linnarssonlab.org/loompy, format 2 and 3), read with h5py alone."""

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig
from scapp.data.formats.hdf5 import text_of
from scapp.data.formats.imported import Imported, LazyPlace, added, from_places
from scapp.data.formats.matrices_in_files import dense_of

CELL_NAMES = (
    "CellID",
    "Cell_ID",
    "CellName",
    "Cell",
    "obs_names",
    "cell_names",
    "cell_id",
    "barcode",
    "Barcode",
    "barcodes",
    "cells",
    "index",
)
GENE_NAMES = (
    *("Gene", "GeneName", "Symbol", "feature_name", "gene_symbols", "gene_symbol"),
    "var_names",
    "gene_names",
    "gene",
    "gene_name",
    "Gene_Name",
    "symbol",
    "genes",
    *("Accession", "ensembl_ids", "ensembl_id", "gene_ids", "gene_id"),
    "index",
)


def read_loom(path: Path, config: ImportConfig) -> Imported:
    """Genes are rows and cells columns; attributes of more than one dimension are left out.

    Raises
    ------
    DataError
        No ``matrix`` in the file.
    """
    with h5py.File(path) as file:
        if not isinstance(file.get("matrix"), h5py.Dataset):
            raise DataError(
                f"'{path.name}' ends in .loom and has no 'matrix'; it holds {listed(file)}.",
                hint="Write it again with loompy, or save the data as .h5ad and import that.",
            )
        n_genes, n_cells = file["matrix"].shape
        obs = _attributes(file, "col_attrs", CELL_NAMES, n_cells, "cell")
        var = _attributes(file, "row_attrs", GENE_NAMES, n_genes, "gene")
        layers = file.get("layers", {})
        named = [name for name in ("counts", "raw_counts", "raw", "umi") if name in layers]
        rest = [name for name in layers if name not in (*named, "unspliced", "ambiguous")]
        places: list[LazyPlace] = [(f"the layer '{name}'", partial(_matrix, layers[name]), var) for name in named]
        places.append(("the loom matrix", partial(_matrix, file["matrix"]), var))
        if {"spliced", "unspliced"} <= set(layers):
            total = partial(_total, layers["spliced"], layers["unspliced"])
            places.append(("the total of the layers 'spliced' and 'unspliced'", total, var))
        places += [(f"the layer '{name}'", partial(_matrix, layers[name]), var) for name in rest]
        others = sorted(set(layers) - set(named))
        # while the file is open: only those that are looked at are read
        imported = from_places(places, obs, config)
    if others:
        imported.findings.append(Finding(f"Layers that were not taken: {listed(others, 6)}."))
    return imported


def _matrix(dataset: Any) -> BlockedMatrix:
    if dataset.ndim != 2 or dataset.dtype.kind not in "biuf":
        raise DataError(f"'{dataset.name}' holds no table of numbers.", hint="Write it again with loompy.")
    return dense_of(dataset, f"'{dataset.name}'", genes_first=True)


def _total(first: Any, second: Any) -> BlockedMatrix:
    return added([(f"'{dataset.name}'", _matrix(dataset)) for dataset in (first, second)])


def _attributes(file: h5py.File, group: str, names: tuple[str, ...], length: int, what: str) -> pd.DataFrame:
    found: dict[str, np.ndarray] = {}
    for name, node in file.get(group, {}).items():
        if not isinstance(node, h5py.Dataset) or node.shape[:1] != (length,) or node.size != length:
            continue
        values = node[()].reshape(length)
        found[name] = np.array([text_of(v) for v in values], dtype=object) if values.dtype.kind in "OS" else values
    key = next((name for name in names if name in found), None)
    index = found.pop(key) if key else [f"{what}{i}" for i in range(length)]
    return pd.DataFrame(found, index=pd.Index(index).astype(str))
