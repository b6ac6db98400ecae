"""R's saved objects (.rds, .RData): Seurat, SingleCellExperiment, and matrices."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from rdata.parser import RObject, RObjectType
from scipy import sparse

from scapp.core.errors import DataError, listed
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig
from scapp.data.formats import r_objects as r
from scapp.data.formats.features import about_proteins
from scapp.data.formats.imported import Imported, LazyPlace, from_matrix, from_places, keep_proteins, with_embeddings
from scapp.data.formats.orientation import guess_orientation

RNA = ("RNA", "originalexp", "Spatial", "Xenium", "Nanostring", "Vizgen", "SCT")
PROTEIN = frozenset({"adt", "hto", "prot", "protein", "ab", "antibody", "cite", "antibody capture"})
DROPEST = ("exon", "intron", "spanning")
"""Of one cell's molecules, as dropEst counts them; the total is the count of a gene."""
EXPERIMENTS = ("SingleCellExperiment", "SummarizedExperiment", "RangedSummarizedExperiment", "SpatialExperiment")
_SAVE = (
    "Save the counts in R (DropletUtils::write10xCounts, or Matrix::writeMM with the names) and import those;"
    " cell types as .csv."
)


def read_r(path: Path, config: ImportConfig) -> Imported:
    """Read the one object in an R file that holds counts.

    Raises
    ------
    DataError
        None does, or several do, or the object keeps its values elsewhere.
    """
    top = r.parse(path)
    objects = r.pairs(top) if top.info.type == RObjectType.LIST else {"": top}
    if list(objects) == [""] and not _reader(top):
        objects = r.members(top) or objects
    there = {name: reader for name, node in objects.items() if (reader := _reader(node))}
    if {"exon", "intron"} <= set(there) <= set(DROPEST):
        return _dropest({name: objects[name] for name in there}, config)
    rna = [name for name in there if name.lower() in ("gene expression", "rna", "counts")]
    chosen = rna if len(there) > 1 and len(rna) == 1 else list(there)
    if len(chosen) != 1:
        raise _refused(path.name, top, objects, list(there))
    (name,) = chosen
    imported = there[name](objects[name], config)
    if name:
        imported.findings.insert(0, Finding(f"Of the R file the object '{name}' was read."))
    return _with_others(imported, {key: node for key, node in objects.items() if key != name})


def _reader(node: RObject) -> Callable[[RObject, ImportConfig], Imported] | None:
    own = r.classes(node)
    if "Seurat" in own:
        return _seurat
    if "seurat" in own:
        return _seurat_v2
    if any(name in EXPERIMENTS for name in own):
        return _experiment
    if r.is_matrix(node):
        return _matrix
    return _data_frame if _is_table_of_counts(node) else None


def _refused(file: str, top: RObject, objects: dict[str, RObject], there: list[str]) -> DataError:
    if there:
        return DataError(
            f"'{file}' holds several objects with counts ({listed(there)}).",
            hint="Save the one that you want alone (saveRDS), and import that.",
        )
    objects = {"": top} if r.classes(top) else objects
    kinds = [(r.classes(node) or (node.info.type.name.lower(),))[0] for node in objects.values()]
    return DataError(
        f"'{file}' holds no counts that scapp reads: it holds {listed(dict.fromkeys(kinds), 5)}.",
        hint="Seurat, SingleCellExperiment, and matrices of genes by cells are read. " + _SAVE,
    )


def _with_others(imported: Imported, others: dict[str, RObject]) -> Imported:
    """What stands beside a bare matrix and is of its cells: a table of annotations, and antibody counts."""
    cells = imported.adata.obs_names
    left = []
    for name, node in others.items():
        if name.lower() in PROTEIN and r.is_matrix(node) and r.dimension_names(node)[1] == list(cells):
            values, rows, _ = r.matrix(node, name)
            proteins = pd.DataFrame(values.toarray(), index=cells, columns=rows)
            keep_proteins(imported.adata, proteins)
            imported.findings.append(about_proteins(proteins))
            continue
        table = r.frame(node)
        of_cells = table is not None and table.index.is_unique and cells.isin(table.index.astype(str)).all()
        if table is None or not of_cells or not len(table.columns):
            left.append(name)
            continue
        table.index = table.index.astype(str)
        for column in [column for column in table if column not in imported.adata.obs]:
            values = table[column].reindex(cells)
            words = values.dtype == object
            imported.adata.obs[str(column)] = pd.Categorical(values) if words else values.to_numpy()
        imported.findings.append(Finding(f"Annotations of the cells were taken from '{name}' beside the matrix."))
    if left:
        imported.findings.append(Finding(f"Other objects of the R file were not read: {listed(left, 4)}."))
    return imported


def _stored(node: RObject, place: str) -> None:
    """Refuse values that stand in another file.

    Raises
    ------
    DataError
        They do.
    """
    own = (r.classes(node) or ("nothing",))[0]
    if not r.is_matrix(node):
        raise DataError(
            f"{place} is a {own}, which keeps its values in another form or file.",
            hint="Turn it into a sparse matrix in R (as(x, 'dgCMatrix')), save it again, and import that.",
        )


def _later(node: RObject, place: str, genes: pd.Index, cells: pd.Index) -> Callable[[], sparse.csr_matrix]:
    """A matrix in the order of genes and cells, read when it is looked at."""

    def read() -> sparse.csr_matrix:
        _stored(node, place)
        values, rows, columns = r.matrix(node, place)
        return _ordered(_ordered(values, columns, cells, place, 0), rows, genes, place, 1)

    return read


def _ordered(
    values: sparse.csr_matrix, own: list[str] | None, wanted: pd.Index, place: str, axis: int
) -> sparse.csr_matrix:
    if own is None or list(wanted) == own:
        return values
    at = pd.Index(own)
    if not at.is_unique or not wanted.isin(at).all():
        raise DataError(
            f"{place} names other {'genes' if axis else 'cells'} than its object does.", hint="Save it again from R."
        )
    order = at.get_indexer(wanted)
    return values[:, order].tocsr() if axis else values[order]


def _is_empty(node: RObject | None) -> bool:
    return node is None or 0 in (r.shape_of(node) or ())


def _made(
    places: list[LazyPlace], obs: pd.DataFrame, embeddings: dict[str, np.ndarray], config: ImportConfig
) -> Imported:
    carried = ad.AnnData(obs=pd.DataFrame(index=[str(i) for i in range(len(obs))]))
    for name, values in embeddings.items():
        carried.obsm[name] = values
    return with_embeddings(from_places(places, obs, config), carried)


def _seurat(node: RObject, config: ImportConfig) -> Imported:
    """Seurat 3 to 5."""
    assays = r.members(r.slot(node, "assays"))
    active = (r.names(r.slot(node, "active.assay")) or [""])[0]
    name = next((name for name in RNA if name in assays), active if active in assays else next(iter(assays), ""))
    if not name:
        raise DataError("The Seurat object has no assay.", hint=_SAVE)
    meta = r.frame(r.slot(node, "meta.data"))
    if meta is None:
        raise DataError("The Seurat object has no table of its cells (meta.data).", hint=_SAVE)
    meta.index = meta.index.astype(str)
    layers, genes, about = _layers(assays[name], name, meta.index)
    var = pd.DataFrame(index=genes) if about is None or len(about) != len(genes) else about.set_axis(genes, axis=0)
    places: list[LazyPlace] = [
        (f"{layer} of the assay '{name}'", _later(values, f"{layer} of '{name}'", genes, meta.index), var)
        for layer, values in layers.items()
    ]
    identity = _identity(r.slot(node, "active.ident"), meta.index)
    if identity is not None and not any(_same(identity, meta[column]) for column in meta):
        meta["active_ident"] = identity
    embeddings = {}
    for key, reduction in r.members(r.slot(node, "reductions")).items():
        values = r.slot(reduction, "cell.embeddings")
        if values is not None and r.is_matrix(values) and not _is_empty(values):
            embeddings[key] = _table(values, meta.index)
    imported = _made(places, meta, embeddings, config)
    return _said(imported, f"A Seurat object, of which the assay '{name}' was read.", _others(assays, name, meta.index))


def _said(imported: Imported, sentence: str, others: tuple[pd.DataFrame, list[str]]) -> Imported:
    proteins, left = others
    said = [Finding(sentence)]
    if proteins.shape[1]:
        keep_proteins(imported.adata, proteins)
        said.append(about_proteins(proteins))
    if left:
        said.append(Finding(f"Other assays were not read: {listed(left, 5)}."))
    return replace(imported, findings=[*said, *imported.findings])


def _others(assays: dict[str, RObject], chosen: str, cells: pd.Index) -> tuple[pd.DataFrame, list[str]]:
    """Antibody counts of the first assay of such a name, and the names of the rest."""
    proteins = pd.DataFrame()
    left = [name for name in assays if name != chosen]
    for name in [name for name in left if name.lower() in PROTEIN]:
        layers, genes, _ = _layers(assays[name], name, cells)
        if "counts" in layers:
            values = _later(layers["counts"], f"counts of '{name}'", genes, cells)()
            proteins = pd.DataFrame(values.toarray(), index=cells, columns=genes)
            left.remove(name)
            break
    return proteins, left


def _layers(assay: RObject, name: str, cells: pd.Index) -> tuple[dict[str, RObject], pd.Index, pd.DataFrame | None]:
    """Matrices of an assay with those first that hold counts, the names of its genes, and their annotations."""
    if "layers" in r.slots(assay):
        return _layers_v5(assay, name, cells)
    there = {key: value for key in ("counts", "data") if not _is_empty(value := r.slot(assay, key))}
    matrices = {key: value for key, value in there.items() if value is not None}
    if not matrices:
        raise DataError(
            f"The assay '{name}' holds neither counts nor normalised values; scaled values alone are not read.",
            hint="Save the object with its counts (DietSeurat keeps them with counts = TRUE).",
        )
    about = r.frame(r.slot(assay, "meta.features"))
    # data first: counts may have been cut down differently by old versions
    own = next((names for value in matrices.values() if (names := r.dimension_names(value)[0]) is not None), None)
    genes = own if own is not None else [str(i) for i in ([] if about is None else about.index)]
    sizes = {key: (r.dimension_names(value)[0] or genes) for key, value in matrices.items()}
    first = next(iter(matrices))
    kept = {key: value for key, value in matrices.items() if len(sizes[key]) == len(sizes[first])}
    return kept, pd.Index(genes, dtype=object), about


def _layers_v5(assay: RObject, name: str, cells: pd.Index) -> tuple[dict[str, RObject], pd.Index, pd.DataFrame | None]:
    """Seurat 5: layers without names of their own, and two tables that say which cells and genes each holds."""
    layers = r.members(r.slot(assay, "layers"))
    split = [key for key in layers if key.startswith("counts.")]
    if split and "counts" not in layers:
        raise DataError(
            f"The assay '{name}' of Seurat 5 is split into layers ({listed(split, 3)}).",
            hint="Join them in R (obj <- JoinLayers(obj)), save it again, and import that.",
        )
    genes, own = (r.dimension_names(r.slot(assay, table))[0] for table in ("features", "cells"))
    if genes is None or own is None or not layers:
        raise DataError(f"The assay '{name}' does not name its genes and cells.", hint=_SAVE)
    if sorted(own) != sorted(cells):
        raise DataError(f"The assay '{name}' holds other cells than the object's table.", hint=_SAVE)
    if own != list(cells):
        raise DataError(f"The cells of the assay '{name}' stand in another order than the table's.", hint=_SAVE)
    whole = {key: value for key, value in layers.items() if r.shape_of(value) == (len(genes), len(own))}
    if not whole:
        # also what BPCells keeps on disk, which has no dimensions of its own here
        first = next(iter(layers))
        _stored(layers[first], f"the layer '{first}' of '{name}'")
        raise DataError(f"No layer of the assay '{name}' holds all its cells and genes.", hint=_SAVE)
    order = sorted(whole, key=lambda key: (key != "counts", key != "data"))
    return {key: whole[key] for key in order}, pd.Index(genes, dtype=object), r.frame(r.slot(assay, "meta.data"))


def _seurat_v2(node: RObject, config: ImportConfig) -> Imported:
    """Seurat 1 and 2: ``raw.data`` may hold more cells than were kept."""
    meta = r.frame(r.slot(node, "meta.data"))
    if meta is None:
        meta = r.frame(r.slot(node, "data.info"))
    if meta is None:
        raise DataError("The Seurat object has no table of its cells (meta.data).", hint=_SAVE)
    meta.index = meta.index.astype(str)
    places: list[LazyPlace] = []
    for key in ("raw.data", "data"):
        values = r.slot(node, key)
        genes = r.dimension_names(values)[0]
        if values is not None and genes is not None and not _is_empty(values):
            index = pd.Index(genes, dtype=object)
            places.append((key, _later(values, key, index, meta.index), pd.DataFrame(index=index)))
    identity = _identity(r.slot(node, "ident"), meta.index)
    if identity is not None:
        meta["active_ident"] = identity
    embeddings = {
        key: _table(values, meta.index)
        for key, reduction in r.members(r.slot(node, "dr")).items()
        if (values := r.slot(reduction, "cell.embeddings")) is not None and not _is_empty(values)
    }
    return _said(_made(places, meta, embeddings, config), "An object of Seurat 2 was read.", (pd.DataFrame(), []))


def _identity(node: RObject | None, cells: pd.Index) -> pd.Categorical | None:
    """Seurat's current identities, where they were set for every cell."""
    if node is None or "factor" not in r.classes(node) or len(node.value) != len(cells):
        return None
    levels = r.names(r.slot(node, "levels")) or []
    codes = np.nan_to_num(r.numbers(node)).astype(int) - 1
    if len(levels) < 2 or codes.max(initial=-1) >= len(levels) or (own := r.names(r.slot(node, "names"))) is None:
        return None
    found = pd.Series(np.array([*levels, None], dtype=object)[codes], index=own)
    return pd.Categorical(found.reindex(cells)) if found.index.is_unique else None


def _same(identity: pd.Categorical, column: pd.Series) -> bool:
    return list(map(str, identity)) == list(map(str, column))


def _table(node: RObject, cells: pd.Index) -> np.ndarray:
    """A table with a row for each cell, in the order of the cells; NaN for cells that it lacks."""
    turned, rows, _ = r.matrix(node, "an embedding")
    table = pd.DataFrame(turned.T.toarray(), index=rows if rows is not None else None)
    if rows is None:
        return table.to_numpy() if len(table) == len(cells) else np.full((len(cells), 1), np.nan)
    return np.asarray(table.reindex(cells) if table.index.is_unique else np.full((len(cells), 1), np.nan))


def _experiment(node: RObject, config: ImportConfig) -> Imported:
    """SingleCellExperiment, and SummarizedExperiment with a column for each cell."""
    obs = r.frame(r.slot(node, "colData"))
    assays = _assays(node)
    if not assays:
        raise DataError("The SingleCellExperiment holds no assay.", hint=_SAVE)
    first = next(iter(assays.values()))
    _stored(first, f"the assay '{next(iter(assays))}'")
    n_genes, _ = r.shape_of(first) or (0, 0)
    about = r.frame(r.slot(node, "rowRanges", "elementMetadata"))
    if about is None or not len(about.columns):
        about = r.frame(r.slot(node, "elementMetadata"))
    named = (
        *(r.names(r.slot(node, "NAMES")), r.names(r.slot(node, "rowRanges", "partitioning", "NAMES"))),
        *(r.names(r.slot(node, "rowRanges", "ranges", "NAMES")), r.dimension_names(first)[0]),
    )
    genes = next((names for names in named if names is not None), [str(i) for i in range(n_genes)])
    cells = obs.index.astype(str) if obs is not None and len(obs.columns) + len(obs) else pd.Index([])
    merely_numbered = obs is None or list(cells) == [str(i) for i in range(len(cells))]
    if merely_numbered and (own := r.dimension_names(first)[1]) is not None:
        cells = pd.Index(own, dtype=object)
    obs = pd.DataFrame(index=cells) if obs is None or len(obs) != len(cells) else obs.set_axis(cells, axis=0)
    index = pd.Index(genes, dtype=object)
    var = pd.DataFrame(index=index) if about is None or len(about) != len(index) else about.set_axis(index, axis=0)
    order = sorted(assays, key=lambda name: (name not in ("counts", "raw", "umi", "X"), name != "logcounts"))
    places: list[LazyPlace] = [
        (f"the assay '{name}'", _later(assays[name], f"the assay '{name}'", index, cells), var) for name in order
    ]
    reductions = r.slot(r.members(r.slot(node, "int_colData", "listData")).get("reducedDims"), "listData")
    reductions = reductions if reductions is not None else r.slot(node, "reducedDims", "listData")
    embeddings = {key: _table(values, cells) for key, values in r.members(reductions).items() if r.is_matrix(values)}
    imported = _made(places, obs, embeddings, config)
    proteins, left = pd.DataFrame(), []
    others = r.members(r.slot(r.members(r.slot(node, "int_colData", "listData")).get("altExps"), "listData"))
    for name, other in others.items():
        inner = r.slot(other, "se")
        counts = _assays(inner).get("counts") if inner is not None else None
        if proteins.empty and name.lower() in PROTEIN and counts is not None and r.is_matrix(counts):
            values, rows, _ = r.matrix(counts, name)
            labels = rows or r.names(r.slot(inner, "NAMES")) or [f"{name}_{i}" for i in range(values.shape[1])]
            if values.shape == (len(cells), len(labels)):
                proteins = pd.DataFrame(values.toarray(), index=cells, columns=labels)
                continue
        left.append(name)
    return _said(imported, "A SingleCellExperiment was read.", (proteins, left))


def _assays(node: RObject) -> dict[str, RObject]:
    """Assays by name; those without names are numbered. Old versions keep them in an environment."""
    holder = r.slot(node, "assays")
    inner = r.slot(holder, "data") or r.variables(r.slot(holder, ".xData")).get("data")
    listed_data = r.slot(inner, "listData")
    if listed_data is None:
        return {}
    found = r.members(listed_data)
    if found or listed_data.info.type != RObjectType.VEC:
        return found
    unnamed = [r.known(value) for value in listed_data.value]
    return {f"assay {i + 1}": value for i, value in enumerate(unnamed) if value is not None}


def _matrix(node: RObject, config: ImportConfig) -> Imported:
    """A bare matrix: genes by cells in R as a rule, and the names are asked."""
    turned, rows, columns = r.matrix(node, "the matrix")
    if rows is None or columns is None:
        raise DataError(
            "The matrix in the R file does not name its rows and columns.",
            hint="Give it rownames (genes) and colnames (cells) in R, save it again, and import that.",
        )
    return _plain(turned, rows, columns, config)


def _dropest(parts: dict[str, RObject], config: ImportConfig) -> Imported:
    """The total of molecules on exons, on introns and across both; each part names its own genes and cells."""
    read = {name: r.matrix(node, name) for name, node in parts.items()}
    if any(rows is None or columns is None for _, rows, columns in read.values()):
        raise DataError("The matrices of exons and introns do not name their genes and cells.", hint=_SAVE)
    cells = pd.Index(dict.fromkeys(name for _, _, columns in read.values() for name in columns or ()))
    genes = pd.Index(dict.fromkeys(name for _, rows, _ in read.values() for name in rows or ()))
    total = sparse.csr_matrix((len(cells), len(genes)))
    for values, rows, columns in read.values():
        at = values.tocoo()
        row, column = cells.get_indexer(columns or [])[at.row], genes.get_indexer(rows or [])[at.col]
        total += sparse.csr_matrix((at.data, (row, column)), shape=total.shape)
    imported = _plain(total, list(genes), list(cells), config)
    imported.findings.insert(0, Finding(f"dropEst's matrices {listed(parts)} were added up."))
    return imported


def _plain(turned: sparse.csr_matrix, rows: list[str], columns: list[str], config: ImportConfig) -> Imported:
    in_rows = config.orientation
    reason = "as asked"
    if in_rows == "auto":
        in_rows, reason = guess_orientation(pd.Index(rows), pd.Index(columns), turned.T.tocsr())
    genes_in_rows = in_rows == "genes_in_rows"
    values = turned if genes_in_rows else turned.T.tocsr()
    cells, genes = (columns, rows) if genes_in_rows else (rows, columns)
    imported = from_matrix(
        values, pd.DataFrame(index=pd.Index(cells)), pd.DataFrame(index=pd.Index(genes)), "the matrix", config
    )
    where = "rows" if genes_in_rows else "columns"
    imported.findings.insert(0, Finding(f"The R matrix was read with genes in {where} ({reason})."))
    return imported


def _is_table_of_counts(node: RObject) -> bool:
    """A data.frame of numbers; one column may hold names."""
    if "data.frame" not in r.classes(node):
        return False
    columns = r.members(node).values()
    plain = [value for value in columns if r.is_numeric(value) and "factor" not in r.classes(value)]
    return len(plain) >= max(2, len(columns) - 1) and len(plain) > 10


def _data_frame(node: RObject, config: ImportConfig) -> Imported:
    table = r.frame(node)
    if table is None:
        raise DataError("The data.frame could not be read.", hint=_SAVE)
    words = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    if words:
        table = table.set_index(words[0])
    values: Any = sparse.csr_matrix(table.to_numpy(dtype=float).T)
    return _plain(values, [str(name) for name in table.index], [str(name) for name in table.columns], config)
