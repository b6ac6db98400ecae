"""Augmented copies of cells among all cells: where they go, and how often they stay with their type."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.augment.preview import STRENGTHS, Sample, as_much, copies, enabled, nearest, stronger
from scapp.core import keys
from scapp.plotting.augment import plot_copies, plot_same_type
from scapp.ui.augment import words
from scapp.ui.augment.sample import sample_of
from scapp.ui.kit import state
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.ui.map import coloured_maps
from scapp.ui.map.clusters_tab import suggested_labels
from scapp.workspace.datasets.dataset import Dataset

N_COPIES = 40
MOST_CELLS = 6
N_TESTED = 150
MOST_REFERENCE = 20_000


def copies_section(dataset: Dataset, config: AugmentationConfig, seed: int, *, scale: bool) -> None:
    """Copies of some cells on a map, and how often they stay with their type."""
    st.header("Where copies go")
    st.markdown(words.COPIES)
    if keys.PCA_LOADINGS not in dataset or keys.representation("pca") not in dataset:
        st.info(
            "To place copies among the cells, filter and normalise the data again on Upload & QC: this dataset was made"
            " before PCA's loadings were kept."
        )
        return
    labels = state.categorical_columns(dataset)
    if not labels:
        st.info("There are no groups of cells yet: make the map on Clusters & map, which clusters the cells.")
        return
    suggested = suggested_labels(dataset)
    left, right = st.columns(2)
    label = left.selectbox(
        "Types",
        labels,
        index=labels.index(suggested) if suggested in labels else 0,
        key=f"augment.{dataset.id}.label",
        persist_state="session",
    )
    places = {"PCA (components 1 and 2)": None} | {record.title: record for record in coloured_maps.available(dataset)}
    names = list(places)
    where = right.selectbox(
        "Map",
        names,
        index=min(1, len(names) - 1),
        key=f"augment.{dataset.id}.map.{len(names)}",
        persist_state="session",
    )
    record = places[where]
    types = state.grouping(dataset, label)
    cells = _one_of_each(types)
    sample = sample_of(dataset, cells, config, scale=scale)
    profiles, of = copies(sample, list(range(len(cells))), N_COPIES, config, seed)
    components = np.asarray(state.read(dataset, keys.representation("pca")), dtype=np.float32)
    project = _projection(dataset, sample, cells, components)
    projected = project(as_much(profiles, sample.profiles[of]))
    if record is None:
        points, placed, axes = components[:, :2], projected[:, :2], "PCA"
    else:
        points, axes = coloured_maps.points(dataset, record), coloured_maps.METHODS.get(record.method, "map")
        reference = _reference(dataset.n_cells)
        near = reference[nearest(projected, components[reference], 3)]
        placed = points[near].mean(axis=1)
    shown = _reference(dataset.n_cells)
    titles = [f"{types.iloc[cell]}" for cell in cells]
    figure = plot_copies(points[shown], placed, of, points[np.asarray(cells)], titles, axes=axes)
    show_figure(figure, key="augment.copies", name="augmented_copies", alt="Augmented copies of some cells on the map")
    st.caption(
        f"{N_COPIES} copies of one cell (star) of each of the {len(cells)} most frequent groups."
        + ("" if record is None else " A copy is drawn between its three nearest cells in PCA.")
    )
    _same_type(dataset, config, label, seed, scale=scale)


def _one_of_each(types: pd.Series) -> list[int]:
    """The first cell of each of the most frequent groups."""
    frequent = types.value_counts().index[:MOST_CELLS]
    return [int(np.flatnonzero((types == name).to_numpy())[0]) for name in frequent if (types == name).any()]


def _reference(n_cells: int) -> np.ndarray:
    """Cells that copies are compared with."""
    if n_cells <= MOST_REFERENCE:
        return np.arange(n_cells)
    return np.sort(np.random.default_rng(0).choice(n_cells, MOST_REFERENCE, replace=False))


def _projection(dataset: Dataset, sample: Sample, cells: list[int], components: np.ndarray) -> Any:
    """Profiles to components: log values times loadings, and a constant that cells of known components give."""
    chosen = np.asarray(state.read(dataset, keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    loadings = np.asarray(state.read(dataset, keys.PCA_LOADINGS))[chosen]
    constant = (components[cells] - sample.profiles[: len(cells)] @ loadings).mean(axis=0)
    return lambda profiles: profiles @ loadings + constant


def _same_type(dataset: Dataset, config: AugmentationConfig, label: str, seed: int, *, scale: bool) -> None:
    st.subheader("How often a copy's nearest cell is of the same type")
    if not enabled(config):
        st.info("No augmentation is on.")
        return
    slot = (dataset.slots[keys.X].fingerprint, dataset.slots[keys.obs(label)].fingerprint)
    table, chance = _same_type_table(slot, config, seed, scale, dataset, label)
    show_figure(
        plot_same_type(table, chance),
        key="augment.same",
        name="same_type_by_strength",
        alt="Share of copies that stay with their type, by strength",
    )
    here = float(table.loc[table["strength"] == 1.0, "same type (%)"].iloc[0])
    plain = float(table["same type (%)"].iloc[0])
    st.markdown(words.strength_verdict(here, plain, chance))
    show_table(
        table,
        key="augment.same",
        name="same_type_by_strength",
        alt="Share of copies that stay with their type, by strength",
    )


@st.cache_data(max_entries=32, show_spinner="Asking for the nearest cells…")
def _same_type_table(
    slots: tuple[str, str], config: AugmentationConfig, seed: int, scale: bool, _dataset: Dataset, _label: str
) -> tuple[pd.DataFrame, float]:
    types = state.grouping(_dataset, _label).cat.codes.to_numpy()
    known = np.flatnonzero(types >= 0)
    tested = np.sort(np.random.default_rng(0).choice(known, min(N_TESTED, len(known)), replace=False)).tolist()
    sample = sample_of(_dataset, tested, config, scale=scale)
    components = np.asarray(state.read(_dataset, keys.representation("pca")), dtype=np.float32)
    project = _projection(_dataset, sample, tested, components)
    reference = _reference(_dataset.n_cells)
    rows = []
    for strength in STRENGTHS:
        views, of = copies(sample, list(range(len(tested))), 1, stronger(config, strength), seed)
        near = reference[nearest(project(as_much(views, sample.profiles[of])), components[reference], 2)]
        own = np.asarray(tested)[of]
        # itself does not count: without augmentation every copy would find its own cell
        other = np.where(near[:, 0] == own, near[:, 1], near[:, 0])
        rows.append({"strength": strength, "same type (%)": round(100 * float((types[other] == types[own]).mean()), 1)})
    shares = np.bincount(types[known]) / len(known)
    return pd.DataFrame(rows), 100 * float((shares**2).sum())
