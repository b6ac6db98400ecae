"""From matrices that a file holds to one usable matrix with names and annotations."""

from dataclasses import dataclass, field
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.colors import is_color_like, to_hex
from scipy import sparse

from scapp.core.errors import DataError, listed
from scapp.data.checks import Finding, check_matrix, empty_findings, unique_names
from scapp.data.config import ImportConfig
from scapp.data.units import RECOVERABLE, UnitsId, recover_counts, same_total, units, units_of

Place = tuple[str, Any, pd.DataFrame]
"""Where in a file a matrix was found, the matrix, and the annotations of its genes."""


@dataclass(frozen=True)
class Imported:
    """A file's content, ready to become a dataset.

    Parameters
    ----------
    adata
        Counts in ``layers["counts"]``; or log (or scaled) values in ``X``; or other linear values in
        ``layers["expression"]``: exactly one of the three.
    taken_from
        Where in the file the values were found, in words.
    findings
        What was noticed on the way.
    """

    adata: ad.AnnData
    taken_from: str
    findings: list[Finding] = field(default_factory=list)
    units: UnitsId = "counts"


def from_anndata(adata: ad.AnnData, config: ImportConfig | None = None) -> Imported:
    """Look for counts in ``layers["counts"]``, ``layers["raw_counts"]``, ``.raw`` and ``X``, in that order.

    Annotations and embeddings come along. See ``from_places`` for what is taken.
    """
    imported = from_places(_places(adata), adata.obs, config or ImportConfig())
    left = [f"layers['{name}']" for name in adata.layers] + [f"obsp['{name}']" for name in adata.obsp]
    left += [f"varm['{name}']" for name in adata.varm] + (["X"] if adata.X is not None else [])
    left = [name for name in left if not imported.taken_from.startswith(name)]
    if left:
        imported.findings.append(
            Finding(
                f"Other matrices of the file were left out: {listed(left, 5)}.",
                "Values are normalised anew from what was taken.",
            )
        )
    return _with_embeddings(imported, adata)


def from_matrix(matrix: Any, obs: pd.DataFrame, var: pd.DataFrame, name: str, config: ImportConfig) -> Imported:
    """The only matrix of a file. See ``from_places``."""
    return from_places([(name, matrix, var)], obs, config)


def from_places(places: list[Place], obs: pd.DataFrame, config: ImportConfig) -> Imported:
    """Take the first place that holds whole counts.

    Where none does, log-normalised values are taken from which whole counts can be recovered; else the
    first place with non-negative values, as it is.

    Raises
    ------
    DataError
        When no place holds a usable matrix: the message names each place and its fault.
    """
    usable: list[tuple[Place, UnitsId]] = []
    scaled: list[Place] = []
    faults: list[tuple[str, DataError]] = []
    for name, matrix, var in places:
        try:
            checked = check_matrix(matrix, missing_as_zero=config.missing_as_zero)
        except DataError as error:
            faults.append((name, error))
            scaled += _as_scaled((name, matrix, var), config)
            continue
        found = units_of(checked)
        if found == "counts":
            return _assemble((name, checked, var), obs, "counts")
        usable.append(((name, checked, var), found))
    for (name, matrix, var), found in usable:
        if found in RECOVERABLE and (counts := recover_counts(matrix, found)) is not None:
            note = Finding(f"{name} holds {units(found).title}.", "The whole counts behind them were recovered.")
            return _assemble((f"{name} (recovered)", counts, var), obs, "counts", [note])
    if usable:
        (name, matrix, var), found = usable[0]
        if config.round_to_counts:
            matrix.data = np.rint(matrix.data)
            matrix.eliminate_zeros()
            note = Finding(f"{name} was rounded to whole counts, as asked.")
            return _assemble((f"{name} (rounded)", matrix, var), obs, "counts", [note])
        return _assemble((name, matrix, var), obs, found)
    if scaled:
        return _assemble(scaled[0], obs, "scaled")
    raise _no_matrix(faults)


def _as_scaled(place: Place, config: ImportConfig) -> list[Place]:
    """The place, where negative values are all that is wrong with it."""
    name, matrix, var = place
    try:
        return [(name, check_matrix(matrix, missing_as_zero=config.missing_as_zero, negative=True), var)]
    except DataError:
        return []  # the first fault is the one to tell


def _no_matrix(faults: list[tuple[str, DataError]]) -> DataError:
    if not faults:
        hint = "Write the counts into X or layers['counts'] and upload it again."
        return DataError("The file holds no matrix.", hint=hint)
    if len(faults) == 1:
        return faults[0][1]
    reasons = " ".join(f"{name}: {error.message}" for name, error in faults)
    return DataError(f"No place in the file holds a usable matrix. {reasons}", hint=faults[0][1].hint)


def _places(adata: ad.AnnData) -> list[Place]:
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


def _assemble(place: Place, obs: pd.DataFrame, found: UnitsId, notes: list[Finding] | None = None) -> Imported:
    name, matrix, var = place
    cells, cell_findings = unique_names(obs.index, "cell")
    genes, gene_findings = unique_names(var.index, "gene")
    adata = ad.AnnData(obs=_plain(obs).set_axis(cells, axis=0), var=_plain(var).set_axis(genes, axis=0))
    findings = [*(notes or []), *_dropped(obs), *cell_findings, *gene_findings, *empty_findings(matrix)]
    if found in ("log", "scaled"):
        adata.X = matrix
    else:
        adata.layers["counts" if found == "counts" else "expression"] = matrix
    if found != "counts":
        findings.append(Finding(f"{name} holds {units(found).title}, and no raw counts.", units(found).note))
    elif (total := same_total(matrix)) is not None:
        note = "If they are rounded CPM or TPM, import the raw counts instead: steps that need counts would be wrong."
        findings.append(Finding(f"The values are whole, but every cell adds up to about {total:,.0f}.", note))
    return Imported(adata, name, findings, found)


def _dropped(obs: pd.DataFrame) -> list[Finding]:
    """Annotations that say nothing: empty in every cell, or different in every cell."""
    empty = [str(name) for name in obs if obs[name].isna().all()]
    kinds = obs.select_dtypes(["object", "string", "category"])
    ids = [str(name) for name in kinds if name not in empty and len(obs) > 20 and kinds[name].nunique() == len(obs)]
    findings = []
    if empty:
        findings.append(
            Finding(f"{len(empty)} annotations are empty in every cell ({listed(empty, 4)}).", "They were left out.")
        )
    if ids:
        findings.append(
            Finding(
                f"{len(ids)} annotations are different in every cell ({listed(ids, 4)}), as names are.",
                "They are kept, and not offered for colouring or grouping.",
            )
        )
    return findings


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
        elif isinstance(series.dtype, pd.BooleanDtype):
            frame[column] = pd.Categorical(series.astype(object).where(series.notna(), None))
        elif pd.api.types.is_extension_array_dtype(series.dtype) and pd.api.types.is_numeric_dtype(series.dtype):
            frame[column] = series.astype(np.float64)
        elif series.dtype == object or isinstance(series.dtype, pd.StringDtype):
            frame[column] = pd.Categorical(series.astype(object).where(series.isna(), series.astype(str)))
    return frame


def _with_embeddings(imported: Imported, adata: ad.AnnData) -> Imported:
    """Keep the file's own embeddings where they are plain numbers, and the colours of its categories."""
    left_out = []
    for name, value in adata.obsm.items():
        array = np.asarray(value) if not sparse.issparse(value) else np.empty(0)
        if array.ndim != 2 or not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            left_out.append(str(name))
            continue
        # R's objects come without the prefix by which scanpy, and the lists of representations here, know an embedding
        prefixed = name if name.startswith("X_") else f"X_{name}"
        imported.adata.obsm[name if prefixed in adata.obsm else prefixed] = array.astype(np.float32)
    if left_out:
        imported.findings.append(
            Finding(
                f"Left out of obsm: {listed(left_out)}.", "Only tables of plain, finite numbers are kept as embeddings."
            )
        )
    for column in imported.adata.obs.select_dtypes("category"):
        colours = adata.uns.get(f"{column}_colors")
        if (
            colours is not None
            and all(is_color_like(str(colour)) for colour in colours)
            and len(colours) == len(imported.adata.obs[column].cat.categories)
        ):
            # files name colours in many ways, "red" among them
            imported.adata.uns[f"{column}_colors"] = [to_hex(str(colour)) for colour in colours]
    return imported
