"""Which maps a dataset has, and one map with its colours: for every page that shows cells."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.map.selection import Polygon, Selection
from scapp.core import keys
from scapp.plotting.map.points import plot_map
from scapp.ui.kit import state
from scapp.ui.kit.widgets import selected_polygons, show_figure
from scapp.ui.scatter.scatter import pack, show_scatter
from scapp.workspace.datasets.dataset import Dataset

GENES = "genes"
ANTIBODIES = "antibodies"
MOST_PLOTLY_CELLS = 50_000
MOST_GENES = 9
METHODS = {"umap": "UMAP", "tsne": "t-SNE"}
NAMES = {
    "clear": "CLEAR",
    "pca": "PCA",
    "harmony": "Harmony on PCA",
    "file_pca": "PCA from the file",
    "file_clear": "CLEAR from the file",
    "reference": "the reference, with these cells placed on it",
}


@dataclass(frozen=True)
class MapRecord:
    """One map.

    Parameters
    ----------
    key
        In obsm.
    method
        ``umap``, ``tsne``, or empty where it came with the file under another name.
    representation
        What it was made from; empty where it came with the file.
    """

    key: str
    method: str
    representation: str

    @property
    def title(self) -> str:
        """Words for people."""
        method = METHODS.get(self.method, self.key)
        return f"{method} of {pretty(self.representation)}" if self.representation else f"{method} from the file"


@dataclass(frozen=True)
class Colouring:
    """What cells are coloured by."""

    title: str
    values: pd.Series | None
    colours: list[str] | None = None


def pretty(representation: str) -> str:
    """Name of a representation for people."""
    return NAMES.get(representation, representation)


def available(dataset: Dataset) -> list[MapRecord]:
    """Maps of a dataset: those made here, and those that came with the file."""
    found = []
    for key in keys.names_in(dataset.slots, "obsm"):
        for method in METHODS:
            if key.startswith(f"X_{method}_"):
                found.append(MapRecord(key, method, key.removeprefix(f"X_{method}_")))
    for key in keys.names_in(dataset.slots, "obsm"):
        method = key.lower().removeprefix("x_").removeprefix("file_")
        if method in METHODS and key.lower() not in ("x_umap", "x_tsne"):
            found.append(MapRecord(key, method, ""))
    return found


def points(dataset: Dataset, record: MapRecord) -> np.ndarray:
    """Coordinates, shape (n_cells, 2)."""
    return np.asarray(state.read(dataset, f"obsm/{record.key}"))[:, :2]


def faithful_words(dataset: Dataset, record: MapRecord) -> str:
    """How faithful a map is, in plain words; empty where it was not measured."""
    slot = keys.faithfulness(record.method, record.representation)
    if not record.representation or slot not in dataset:
        return ""
    found = state.read(dataset, slot)
    by_chance = 100 * int(found["n_neighbors"]) / dataset.n_cells
    chance = f"{by_chance:.1f}%" if by_chance >= 0.1 else "less than 0.1%"
    return (
        f"This map keeps **{100 * float(found['neighbours_kept']):.0f}%** of each cell's {int(found['n_neighbors'])}"
        f" nearest neighbours in {pretty(record.representation)} (100% would be a perfect drawing; {chance} is chance)."
    )


def colour_options(dataset: Dataset, representation: str = "") -> tuple[list[str], list[str]]:
    """Columns that group cells, clusters of the representation and their names first, and columns on a scale."""
    groups = state.categorical_columns(dataset)
    clusters = [f"{method}_{representation}" for method in ("leiden", "kmeans")]
    wanted = [clusters[0], keys.suggested(clusters[0]).removeprefix("obs/"), clusters[1]]
    first = [column for column in wanted if column in groups]
    return first + [column for column in groups if column not in first], state.numeric_columns(dataset)


def colouring(dataset: Dataset, column: str) -> Colouring:
    """Colours by an annotation."""
    if column in state.categorical_columns(dataset):
        return Colouring(column, state.grouping(dataset, column), [*state.colours(dataset, column).values()])
    return Colouring(column, pd.Series(state.read(dataset, keys.obs(column))))


def gene_colouring(dataset: Dataset, label: str) -> Colouring:
    """Colours by a gene's log-normalised values."""
    genes = state.genes(dataset)
    return Colouring(label, pd.Series(dataset.gene(genes.position(label))))


def antibodies(dataset: Dataset) -> list[str]:
    """Names of the antibodies that were counted beside the genes; none in most datasets."""
    if keys.PROTEIN_COUNTS not in dataset or keys.PROTEIN_NAMES not in dataset:
        return []
    return [str(name) for name in state.read(dataset, keys.PROTEIN_NAMES)]


def antibody_colouring(dataset: Dataset, name: str) -> Colouring:
    """Colours by log1p of an antibody's counts."""
    counts = np.asarray(state.read(dataset, keys.PROTEIN_COUNTS))[:, antibodies(dataset).index(name)]
    return Colouring(f"{name} (antibody)", pd.Series(np.log1p(counts)))


def gene_choice(dataset: Dataset, *, key: str, default: list[str] | None = None, most: int = MOST_GENES) -> list[str]:
    """Genes by symbol or id."""
    chosen: list[str] = st.multiselect(
        "Genes (symbol or id)",
        state.genes(dataset).labels,
        default=default,
        max_selections=most,
        key=key,
        persist_state="session",
        placeholder="type a gene",
    )
    return chosen


def draw(
    dataset: Dataset,
    record: MapRecord,
    colour: Colouring,
    *,
    key: str,
    keep: str | None = None,
    shown: np.ndarray | None = None,
    select: bool = False,
    height: int = 620,
    names: bool = False,
) -> list[Polygon]:
    """Draw a map by its size: Plotly for thousands of cells, our own WebGL beyond.

    Parameters
    ----------
    dataset, record, colour
        What to draw.
    key
        Of the widget.
    keep
        Of the widget for many cells, the same for all colours: zoom and selection then stay when the colour changes.
    shown
        Cells to draw, bool, shape (n_cells,).
    select
        Let the user select.
    height
        In pixels.
    names
        Write the names of groups onto the map, where Plotly draws it.

    Returns
    -------
    Polygons that were drawn on the map.
    """
    where = points(dataset, record)
    values = colour.values
    if shown is not None and not shown.all():
        where = where[shown]
        values = values[shown].reset_index(drop=True) if values is not None else None
    axes = METHODS.get(record.method, "map")
    name = f"{record.key.removeprefix('X_')}_{colour.title}".replace(" ", "_")
    alt = f"{record.title} coloured by {colour.title}"
    if len(where) > MOST_PLOTLY_CELLS:
        packed = pack(
            where, values, title=colour.title, colours=colour.colours, axes=axes, height=height, name=name, alt=alt
        )
        return list(show_scatter(packed, key=f"{keep or key}.webgl"))
    figure = plot_map(where, values, title=colour.title, colours=colour.colours, axes=axes, height=height, names=names)
    event = show_figure(figure, key=key, name=name, alt=alt, select=select)
    return selected_polygons(event) if select else []


def drawn_selection(
    polygons: list[Polygon], record: MapRecord, column: str = "", groups: tuple[str, ...] = ()
) -> Selection | None:
    """What was drawn on a map, as a selection; None where nothing was."""
    if not polygons:
        return None
    corners = tuple(tuple((round(float(x), 4), round(float(y), 4)) for x, y in polygon) for polygon in polygons)
    return Selection(map=record.key, polygons=corners, column=column if groups else "", groups=groups)
