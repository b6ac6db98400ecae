"""From matrices that a file holds to one usable matrix with names and annotations."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.colors import is_color_like, to_hex
from scipy import sparse

from scapp.core import keys
from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import BlockedMatrix, blocked
from scapp.data.blocks.composed import Added, Mapped
from scapp.data.blocks.survey import Survey
from scapp.data.checks import Finding, check_matrix, empty_findings, unique_names
from scapp.data.config import ImportConfig
from scapp.data.units import RECOVERABLE, UnitsId, recover_counts, same_total, units, units_of

Place = tuple[str, Any, pd.DataFrame]
"""Where in a file a matrix was found, the matrix, and the annotations of its genes."""
LazyPlace = tuple[str, Any, pd.DataFrame]
"""The same; instead of the matrix there may be a function that reads it."""


@dataclass(frozen=True)
class Imported:
    """A file's content, ready to become a dataset.

    Parameters
    ----------
    matrix
        Values, shape (n_cells, n_genes); read from the file in blocks where the file allows it, which then stays as
        long as the matrix does.
    adata
        Names, annotations and embeddings, without the values.
    taken_from
        Where in the file the values were found, in words.
    findings
        What was noticed on the way.
    units
        What the values are.
    """

    matrix: BlockedMatrix
    adata: ad.AnnData
    taken_from: str
    findings: list[Finding] = field(default_factory=list)
    units: UnitsId = "counts"

    @property
    def slot(self) -> str:
        """Where the values belong: the counts, else log (or scaled) values in X, else other linear values."""
        if self.units in ("log", "scaled"):
            return keys.X
        return keys.COUNTS if self.units == "counts" else keys.EXPRESSION

    def in_memory(self) -> ad.AnnData:
        """Annotations and values together; the values in ``X``, or in the layer ``counts`` or ``expression``."""
        adata = self.adata.copy()
        if self.slot == keys.X:
            adata.X = self.matrix.to_csr()
        else:
            adata.layers[self.slot.removeprefix("layers/")] = self.matrix.to_csr()
        return adata


def from_anndata(adata: ad.AnnData, config: ImportConfig | None = None) -> Imported:
    """An AnnData in memory; see ``from_file``."""
    places: list[LazyPlace] = [(f"layers['{name}']", value, adata.var) for name, value in adata.layers.items()]
    if adata.raw is not None:
        places.append((".raw", adata.raw.X, adata.raw.var))
    if adata.X is not None:
        places.append(("X", adata.X, adata.var))
    others = [f"{name}['{key}']" for name in ("obsp", "varm") for key in getattr(adata, name)]
    return from_file(places, adata, others, config or ImportConfig())


def from_file(
    places: Sequence[LazyPlace],
    adata: ad.AnnData,
    others: Sequence[str],
    config: ImportConfig,
    *,
    cells: pd.Index | None = None,
) -> Imported:
    """Look for whole counts in every layer, ``.raw`` and ``X``, those first whose name promises them.

    Annotations and embeddings come along. See ``from_places`` for what is taken.

    Parameters
    ----------
    places
        Layers, ``.raw`` and ``X``, each with the annotations of its genes.
    adata
        Annotations of cells, embeddings, colours.
    others
        What else the file holds and is left out.
    config
        How it is read.
    cells
        Names of the cells, where ``adata`` does not have them.
    """
    ordered = _ordered(places)
    obs = adata.obs if cells is None else adata.obs.set_axis(cells, axis=0)
    imported = from_places(ordered, obs, config)
    left = [name for name in [*(place[0] for place in places), *others] if name not in imported.taken_from]
    if left:
        imported.findings.append(
            Finding(
                f"Other matrices of the file were left out: {listed(left, 5)}.",
                "Values are normalised anew from what was taken.",
            )
        )
    return with_embeddings(imported, adata)


_PROMISING = re.compile(r"layers\['(?:raw_?counts?|counts?(?:_?raw)?|raw|umis?|(?:rna|gex)_?counts?)'\]", re.IGNORECASE)
_PARTS = (("spliced", "unspliced"), ("mature", "nascent", "ambiguous"))
"""Layers whose total is the count of a gene: velocyto's, and kb-python's."""


def _ordered(places: Sequence[LazyPlace]) -> list[LazyPlace]:
    """Layers that are called counts, .raw, X, then other layers; the total of spliced and unspliced as one of them."""
    first = [place for place in places if _PROMISING.fullmatch(place[0])]
    first.sort(key=lambda place: (place[0] != "layers['counts']", place[0] != "layers['raw_counts']"))
    middle = [place for name in (".raw", "X") for place in places if place[0] == name]
    rest = [place for place in places if place not in first and place not in middle]
    for words in _PARTS:
        parts = [place for word in words for place in places if place[0] == f"layers['{word}']"]
        if len(parts) == len(words):
            total: LazyPlace = (" + ".join(place[0] for place in parts), _adding(parts), parts[0][2])
            rest = [total, *(place for place in rest if place not in parts)]
    rest = [place for place in rest if place[0] != "layers['ambiguous']"]
    return [*first, *middle, *rest]


def _adding(places: Sequence[LazyPlace]) -> Any:
    def total() -> BlockedMatrix:
        return added([(name, m() if callable(m) else m) for name, m, _ in places])

    return total


def added(parts: Sequence[tuple[str, Any]]) -> BlockedMatrix:
    """The sum of matrices, each with where it was found.

    Raises
    ------
    DataError
        They have different shapes.
    """
    shapes = {name: tuple(int(n) for n in matrix.shape) for name, matrix in parts}
    if len(set(shapes.values())) > 1:
        found = "; ".join(f"{name} has {' x '.join(f'{n:,}' for n in shape)}" for name, shape in shapes.items())
        raise DataError(f"Matrices to be added up differ in shape: {found}.", hint="Export them again.")
    return Added([blocked(matrix) for _, matrix in parts])


def from_matrix(matrix: Any, obs: pd.DataFrame, var: pd.DataFrame, name: str, config: ImportConfig) -> Imported:
    """The only matrix of a file. See ``from_places``."""
    return from_places([(name, matrix, var)], obs, config)


def keep_proteins(adata: ad.AnnData, proteins: pd.DataFrame) -> None:
    """Put antibody counts, shape (n_cells, n_proteins), beside the genes."""
    if proteins.shape[1]:
        adata.obsm[keys.PROTEIN_COUNTS.removeprefix("obsm/")] = proteins.to_numpy(dtype=np.float32)
        adata.uns[keys.PROTEIN_NAMES.removeprefix("uns/")] = [str(name) for name in proteins.columns]


def from_places(places: Sequence[LazyPlace], obs: pd.DataFrame, config: ImportConfig) -> Imported:
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
    doubtful: list[Place] = []
    # words alone: an error's traceback would hold what was read, and so keep the file open
    faults: list[tuple[str, str, str]] = []
    for name, given, var in places:
        matrix: Any = None
        try:
            matrix = given() if callable(given) else given
            _check_shape(name, matrix, len(obs), len(var))
            checked = check_matrix(matrix, missing_as_zero=config.missing_as_zero)
        except DataError as error:
            faults.append((name, error.message, error.hint))
            scaled += [] if matrix is None else _as_scaled((name, matrix, var), config)
            continue
        found = units_of(checked.survey)
        if found == "counts":
            # presence and ranks are whole numbers as well: other places are looked through first
            if len(places) > 1 and not _PROMISING.fullmatch(name) and _doubtful(checked.survey):
                doubtful.append((name, checked, var))
                continue
            return _assemble((name, checked, var), obs, "counts")
        usable.append(((name, checked, var), found))
    for (name, matrix, var), found in usable:
        if found in RECOVERABLE and (counts := recover_counts(matrix, found)) is not None:
            said = (
                "The whole counts behind them were recovered; 'Filter' normalises them anew, so values change a little."
            )
            note = Finding(f"{name} holds {units(found).title}.", said)
            return _assemble((f"{name} (recovered)", counts, var), obs, "counts", [note])
    if doubtful and not usable:
        return _assemble(doubtful[0], obs, "counts")
    if usable:
        (name, matrix, var), found = usable[0]
        if config.round_to_counts:
            rounded = Mapped(matrix, lambda block: np.rint(block.data))
            note = Finding(f"{name} was rounded to whole counts, as asked.")
            return _assemble((f"{name} (rounded)", rounded, var), obs, "counts", [note])
        return _assemble((name, matrix, var), obs, found)
    if scaled:
        return _assemble(scaled[0], obs, "scaled")
    raise _no_matrix(faults)


def _doubtful(seen: Survey) -> bool:
    """Whether whole numbers may say presence (nothing above one) or ranks (the same sum in every cell)."""
    return seen.greatest <= 1 or same_total(seen) is not None


def _check_shape(name: str, matrix: Any, n_cells: int, n_genes: int) -> None:
    shape: tuple[int, ...] = getattr(matrix, "shape", ())
    if len(shape) == 2 and (int(shape[0]), int(shape[1])) != (n_cells, n_genes):
        raise DataError(
            f"{name} has {shape[0]:,} rows and {shape[1]:,} columns; the file names {n_cells:,} cells and"
            f" {n_genes:,} genes.",
            hint="The file is damaged, or was put together from parts that do not belong together: save it again.",
        )


def _as_scaled(place: Place, config: ImportConfig) -> list[Place]:
    """The place, where negative values are all that is wrong with it."""
    name, matrix, var = place
    try:
        return [(name, check_matrix(matrix, missing_as_zero=config.missing_as_zero, negative=True), var)]
    except DataError:
        return []  # the first fault is the one to tell


def _no_matrix(faults: list[tuple[str, str, str]]) -> DataError:
    """What is said where no place will do, of the places, what is wrong with each, and what helps."""
    if not faults:
        hint = "Write the counts into X or layers['counts'] and import it again."
        return DataError("The file holds no matrix.", hint=hint)
    _, message, hint = faults[0]
    if len(faults) == 1:
        return DataError(message, hint=hint)
    reasons = " ".join(f"{name}: {said}" for name, said, _ in faults)
    return DataError(f"No place in the file holds a usable matrix. {reasons}", hint=hint)


def _assemble(place: Place, obs: pd.DataFrame, found: UnitsId, notes: list[Finding] | None = None) -> Imported:
    name, matrix, var = place
    cells, cell_findings = unique_names(obs.index, "cell")
    genes, gene_findings = unique_names(var.index, "gene")
    adata = ad.AnnData(obs=_plain(obs).set_axis(cells, axis=0), var=_plain(var).set_axis(genes, axis=0))
    findings = [*(notes or []), *_dropped(obs), *cell_findings, *gene_findings, *empty_findings(matrix.survey)]
    if found != "counts":
        findings.append(Finding(f"{name} holds {units(found).title}, and no raw counts.", units(found).note))
    elif (total := same_total(matrix.survey)) is not None:
        note = "If they are rounded CPM or TPM, import the raw counts instead: steps that need counts would be wrong."
        findings.append(Finding(f"The values are whole, but every cell adds up to about {total:,.0f}.", note))
    return Imported(matrix, adata, name, findings, found)


def _dropped(obs: pd.DataFrame) -> list[Finding]:
    """Annotations that say nothing: empty in every cell, or different in every cell."""
    empty = [str(name) for name in obs if obs[name].isna().all()]
    kinds = obs.select_dtypes(["object", "string", "category"])
    ids = [str(name) for name in kinds if name not in empty and len(obs) > 20 and kinds[name].nunique() == len(obs)]
    findings = []
    if empty:
        findings.append(Finding(f"Annotations that are empty in every cell were left out: {listed(empty, 4)}."))
    if ids:
        findings.append(
            Finding(
                f"Annotations that differ in every cell, as names do: {listed(ids, 4)}.",
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


def with_embeddings(imported: Imported, adata: ad.AnnData) -> Imported:
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
