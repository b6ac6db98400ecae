"""AnnData and MuData files, element by element: what cannot be read is passed over and said, not the whole refused."""

import logging
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from anndata._io.specs.registry import IORegistryError  # raised by anndata's public reader, and nowhere else to be had

from scapp.core.errors import DataError, listed
from scapp.core.memory import check_memory
from scapp.data.checks import Finding, counts_rows
from scapp.data.config import ImportConfig
from scapp.data.formats.features import split_features
from scapp.data.formats.hdf5 import KNOWN_ENCODINGS, check_shape, encoding_type, read_matrix, text_of, unread
from scapp.data.formats.imported import Imported, LazyPlace, from_anndata, from_file, keep_proteins
from scapp.data.formats.orientation import look_like_cells, look_like_genes

logger = logging.getLogger(__name__)
_FAULTS = (
    *(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RuntimeError),
    IORegistryError,
)
CELL_NAMES = (
    *("_index", "index", "obs_names", "cell_names", "CellID", "cell_id"),
    *("barcodes", "barcode", "cells", "cell", "names", "name"),
)
GENE_NAMES = (
    *("_index", "index", "var_names", "gene_names", "gene_name", "features", "feature_name", "gene_symbols"),
    *("gene_symbol", "symbol", "Symbol", "symbols", "gene_short_name", "Gene", "genes", "gene", "names", "name"),
    *("gene_ids", "gene_id", "ensembl_id", "ENSEMBL"),
)
RNA = ("rna", "gex", "gene expression", "gene_expression", "mrna")
PROTEIN = ("prot", "protein", "proteins", "adt", "ab", "antibody", "antibody capture", "citeseq")
_AS_BYTES = re.compile(r"b(['\"])(.*)\1")


def read_h5ad(path: Path, config: ImportConfig) -> Imported:
    """Read an .h5ad or .h5mu that ``hdf5.check_hdf5`` has passed.

    Raises
    ------
    DataError
        It holds no AnnData, or no usable matrix.
    """
    with h5py.File(path, "r") as file:
        if encoding_type(file) == "MuData" or ("mod" in file and "obs" not in file):
            return _read_mudata(file, path.name, config)
        if not {"obs", "var"} & set(file) and "X" not in file:
            raise DataError(
                f"'{path.name}' does not hold an AnnData object; it holds {listed(file)}.",
                hint="Open it where it was made, write it with anndata's write_h5ad, and import that.",
            )
        legacy = any(isinstance(file.get(name), h5py.Dataset) for name in ("obs", "var"))
        if not legacy:
            return read_group(file, path.name, config)
        # anndata builds sparse matrices from what the file says: only what was checked may come to that
        places = [(place, file[place]) for place in ("X", "raw.X", "raw/X") if place in file]
        layers = file.get("layers")
        places += [(f"layers['{key}']", node) for key, node in layers.items()] if isinstance(layers, h5py.Group) else []
        for place, node in places:
            deque(read_matrix(node, place).blocks(), maxlen=0)
    # files of before 2019 keep annotations as one table, which anndata still reads
    return from_anndata(ad.read_h5ad(path), config)


def read_group(group: h5py.Group, name: str, config: ImportConfig) -> Imported:
    """Read an AnnData that stands in a group of a file."""
    passed: list[str] = []
    n_obs, n_var = _lengths(group)
    obs, obs_notes = _frame(group.get("obs"), "obs", CELL_NAMES, n_obs, passed)
    var, var_notes = _frame(group.get("var"), "var", GENE_NAMES, n_var, passed)
    places: list[LazyPlace] = []
    layers = group.get("layers")
    for key in layers if isinstance(layers, h5py.Group) else ():
        places.append((f"layers['{key}']", _later(layers[key], f"layers['{key}']"), var))
    raw = group.get("raw")
    if isinstance(raw, h5py.Group) and "X" in raw:
        _, n_raw = _shape(raw["X"]) or (None, None)
        raw_var, notes = _frame(raw.get("var"), "raw.var", GENE_NAMES, n_raw, passed)
        named = counts_rows(raw_var.index, 50) and len(raw_var) == len(var) and not counts_rows(var.index, 50)
        if named and not _other_order(group.get("X"), raw["X"]):
            raw_var = raw_var.set_axis(var.index, axis=0)
            notes = [Finding("The genes of .raw have numbers for names; those of X were taken.")]
        places.append((".raw", _later(raw["X"], ".raw"), raw_var))
        var_notes += notes
    if "X" in group and encoding_type(group["X"]) != "null":
        places.append(("X", _later(group["X"], "X"), var))
    if look_like_genes(obs.index) and look_like_cells(var.index):
        raise DataError(
            f"'{name}' has genes where cells should be: obs begins with {listed(obs.index, 3)}, var with"
            f" {listed(var.index, 3)}.",
            hint="Turn it round and save it again (in Python: adata.T.write_h5ad('turned.h5ad')).",
        )
    adata = ad.AnnData(obs=obs.set_axis([str(i) for i in range(len(obs))], axis=0))
    _mappings(group, adata, passed)
    imported = from_file(places, adata, _others(group), config, cells=obs.index)
    imported = _genes_alone(imported)
    findings = [*obs_notes, *var_notes]
    if passed:
        findings.append(Finding(unread(passed)))
    return replace(imported, findings=[*findings, *imported.findings])


KINDS = ("feature_types", "feature_type")


def _genes_alone(imported: Imported) -> Imported:
    """Without antibodies and peaks that stand among the genes, where the file says what each feature is."""
    adata = imported.adata
    column = next((name for name in KINDS if name in adata.var), None)
    if column is None or imported.units != "counts":
        return imported
    kinds = adata.var[column].astype(str).to_numpy()
    counts, var, proteins, said = split_features(imported.matrix, adata.var, kinds)
    if not said:
        return imported
    genes = ad.AnnData(obs=adata.obs, var=var, obsm=dict(adata.obsm), uns=dict(adata.uns))
    keep_proteins(genes, proteins)
    return replace(imported, matrix=counts, adata=genes, findings=[*imported.findings, *said])


def _read_mudata(file: h5py.File, name: str, config: ImportConfig) -> Imported:
    """The RNA of a MuData; antibody counts beside it are kept apart."""
    there = list(file["mod"])
    named = [mod for mod in there if mod.lower() in RNA] or [mod for mod in there if "rna" in mod.lower()]
    chosen = named[0] if len(named) == 1 else None
    if chosen is None and len(there) == 1:
        chosen = there[0]
    if chosen is None:
        raise DataError(
            f"'{name}' holds the modalities {listed(there)}, of which none is called rna.",
            hint="Write the one that you want as .h5ad (in Python: mdata['NAME'].write('x.h5ad')), and import that.",
        )
    imported = read_group(file["mod"][chosen], name, config)
    others = [mod for mod in there if mod != chosen]
    said = [Finding(f"Of a MuData file the modality '{chosen}' was read.")]
    for mod in [mod for mod in others if mod.lower() in PROTEIN]:
        table = _values(file["mod"][mod], mod)
        if table is None:
            continue
        keep_proteins(imported.adata, table.reindex(imported.adata.obs_names).fillna(0))
        said.append(Finding(f"{table.shape[1]:,} antibody counts of '{mod}' are in obsm['protein_counts']."))
        others.remove(mod)
    if others:
        said.append(Finding(f"Other modalities were not read: {listed(others)}."))
    return replace(imported, findings=[*said, *imported.findings])


def _values(group: h5py.Group, name: str) -> pd.DataFrame | None:
    """A small modality as it is: counts of its layers, else X; None where it holds neither."""
    layers = group.get("layers")
    nodes = [layers[key] for key in ("counts", "raw") if isinstance(layers, h5py.Group) and key in layers]
    nodes += [group["X"]] if "X" in group and encoding_type(group["X"]) != "null" else []
    if not nodes:
        return None
    matrix = read_matrix(nodes[0], name)
    check_memory(4.0 * matrix.n_cells * matrix.n_genes, f"Reading the antibody counts of '{name}'", "Import the RNA.")
    dense = matrix.to_csr().toarray()
    obs, _ = _frame(group.get("obs"), "obs", CELL_NAMES, dense.shape[0], [])
    var, _ = _frame(group.get("var"), "var", GENE_NAMES, dense.shape[1], [])
    return pd.DataFrame(dense, obs.index, var.index)


def _later(node: Any, place: str) -> Any:
    return lambda: read_matrix(node, place)


def _other_order(kept: Any, raw: Any) -> bool:
    """Whether the genes of X clearly stand in another order than those of .raw: few profiles, a few genes."""
    if kept is None or encoding_type(kept) == "null":
        return False
    blocks = []
    for node, place in ((kept, "X"), (raw, ".raw")):
        matrix = read_matrix(node, place)
        blocks.append(np.log1p(np.clip(matrix.block(0, min(300, matrix.n_cells)).toarray(), 0, None)))
    here, there = blocks
    chosen = np.argsort(-here.std(axis=0))[:30]
    scaled = [(block - block.mean(axis=0)) / np.maximum(block.std(axis=0), 1e-9) for block in (here[:, chosen], there)]
    alike = scaled[0].T @ scaled[1] / len(here)
    best = alike.argmax(axis=1)
    return bool(((alike.max(axis=1) > 0.9) & (best != chosen)).mean() > 0.5)


def _shape(node: Any) -> tuple[int, int] | None:
    """What a matrix declares, checked, without reading it; None where it declares nothing."""
    if isinstance(node, h5py.Dataset):
        shape = node.shape
    else:
        shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape")) if isinstance(node, h5py.Group) else None
        if shape is not None:
            check_shape(shape, node.name.lstrip("/"))
    return (int(shape[0]), int(shape[1])) if shape is not None and len(shape) == 2 else None


def _lengths(group: h5py.Group) -> tuple[int | None, int | None]:
    """Numbers of cells and genes, from the first matrix that declares them."""
    nodes = [group.get("X"), *(group["layers"].values() if isinstance(group.get("layers"), h5py.Group) else ())]
    return next((shape for shape in map(_shape, nodes) if shape is not None), (None, None))


def _frame(
    group: Any, what: str, names: Sequence[str], length: int | None, passed: list[str]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Annotations with the names of cells or genes, wherever a program put them."""
    columns: dict[str, Any] = {}
    own = None
    if isinstance(group, h5py.Group):
        own = group.attrs.get("_index")
        own = text_of(own) if own is not None and np.ndim(own) == 0 else None
        for key in group:
            if key == "__categories":
                continue
            value = _element(group, key)
            if value is None or (length is not None and len(value) != length):
                passed.append(f"{what}['{key}']")
            else:
                length = len(value)
                columns[key] = value
    index = columns.pop(own) if own in columns else None
    notes: list[Finding] = []
    if index is None or counts_rows(index, 50):
        better = next((name for name in names if name in columns and _names_things(columns[name])), None)
        if better is not None:
            index = columns.pop(better)
            notes.append(Finding(f"Names were taken from {what}['{better}'].") if own is not None else Finding(""))
        elif length:
            notes.append(
                Finding(
                    f"{'Genes' if 'var' in what else 'Cells'} have numbers for names in this file.",
                    "Gene symbols or ids are needed for marker genes, gene sets and mitochondrial shares."
                    if "var" in what
                    else "",
                )
            )
    if index is None:
        index = [str(i) for i in range(length or 0)]
    text = pd.Index([text_of(value) for value in index], dtype=object)
    if len(text) and text.str.match(_AS_BYTES).mean() > 0.9:
        text = pd.Index([match[2] if (match := _AS_BYTES.fullmatch(name)) else name for name in text], dtype=object)
        notes.append(Finding(f"Names in {what} were written as Python's bytes (b'...'), and read without that."))
    frame = pd.DataFrame(columns, index=text)
    order = [text_of(name) for name in np.ravel(group.attrs.get("column-order", []))] if group is not None else []
    kept = [name for name in dict.fromkeys(order) if name in frame]
    frame = frame[[*kept, *(name for name in frame if name not in kept)]]
    return frame, [note for note in notes if note.sentence]


def _element(group: h5py.Group, key: str) -> Any:
    """One column, or None where it cannot be read."""
    node = group[key]
    if encoding_type(node) not in KNOWN_ENCODINGS:
        return None
    try:
        categories = group.get("__categories")
        if isinstance(categories, h5py.Group) and key in categories:
            codes = np.asarray(node[()]).astype(int)
            return pd.Categorical.from_codes(codes, [text_of(name) for name in categories[key][()]])
        value = node[()] if isinstance(node, h5py.Dataset) and not encoding_type(node) else ad.io.read_elem(node)
    except _FAULTS as error:  # a part of the file that the library cannot read is passed over, and said
        logger.info("passed over %s: %s", key, error)
        return None
    if isinstance(value, np.ndarray) and value.dtype.kind in "OS":
        value = np.array([text_of(item) for item in value], dtype=object)
    one = getattr(value, "ndim", 0) == 1 or isinstance(value, pd.Categorical)
    numeric = isinstance(value, np.ndarray) and value.dtype.kind in "cV"
    return value if one and not numeric else None


def _names_things(values: Any) -> bool:
    text = pd.Index(np.asarray(values).astype(str))
    return not counts_rows(text, 50) and text.nunique() > 0.5 * len(text)


def _mappings(group: h5py.Group, adata: ad.AnnData, passed: list[str]) -> None:
    """Embeddings, and the colours of categories."""
    obsm = group.get("obsm")
    for key in obsm if isinstance(obsm, h5py.Group) else ():
        try:
            if encoding_type(obsm[key]) not in KNOWN_ENCODINGS:
                raise TypeError(key)
            adata.obsm[key] = ad.io.read_elem(obsm[key])
        except _FAULTS as error:
            logger.info("passed over %s: %s", key, error)
            passed.append(f"obsm['{key}']")
    uns = group.get("uns")
    for key in uns if isinstance(uns, h5py.Group) else ():
        if encoding_type(uns[key]) not in KNOWN_ENCODINGS:
            passed.append(f"uns['{key}']")
        elif key.endswith("_colors") and isinstance(uns[key], h5py.Dataset):
            adata.uns[key] = [text_of(colour) for colour in np.ravel(uns[key][()])]


def _others(group: h5py.Group) -> list[str]:
    return [
        f"{name}['{key}']"
        for name in ("obsp", "varm")
        if isinstance(group.get(name), h5py.Group)
        for key in group[name]
    ]
