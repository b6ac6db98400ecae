"""Sections of the Clusters & map page."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.config import ClusterConfig, MapConfig
from scapp.analysis.selection import inside
from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.metrics.clustering import METRICS, compare, silhouette
from scapp.plotting.cell_map import plot_map
from scapp.ui import explain, state
from scapp.ui.boundary import boundary
from scapp.ui.forms import config_form
from scapp.ui.live import run_panel
from scapp.ui.routing import link
from scapp.ui.widgets import download_csv, selected_polygons, show_figure, show_table
from scapp.workspace.dataset import Dataset
from scapp.workspace.runs import ACTIVE, Run

GENE = "a gene"


def representation_choice(dataset: Dataset) -> str:
    """Which representation; CLEAR first where there is one."""
    names = sorted(keys.representations(dataset.slots), key=lambda name: (name != "clear", name != "pca", name))
    if "clear" not in names:
        st.info("CLEAR has not been trained on this dataset yet; the map below is of other representations.")
        link("train_clear", "Go to Train CLEAR", dataset=dataset.id)
    if not names:
        st.info(
            "This dataset holds no representation. Filter and normalise it on the Upload & QC page, which makes PCA."
        )
        link("upload_qc", "Go to Upload & QC", dataset=dataset.id)
        st.stop()
    chosen: str = st.selectbox(
        "Representation",
        names,
        format_func=lambda name: {"clear": "CLEAR (the last trained)", "pca": "PCA"}.get(name, name),
        key=f"map.representation.{dataset.id}",
        persist_state="session",
        help="What neighbours, map and clusters are computed from.",
        width=360,
    )
    return chosen


def map_run_section(dataset: Dataset, name: str) -> bool:
    """Settings of the map, and the button; whether a map is being made."""
    run = _latest("map", dataset, name)
    active = run is not None and run.observe().state in ACTIVE
    made = keys.umap(name) in dataset
    with st.expander("Settings of the map", expanded=not made):
        values = config_form(MapConfig, key=f"map.{dataset.id}", start=MapConfig(representation=name))
        config = MapConfig.build({**values, "representation": name})
    if made and _outdated(dataset, name):
        st.warning("The representation has changed since this map was made. Make the map again to see it.")
    if not active and st.button(
        "Make the map again" if made else "Make the map", type="secondary" if made else "primary", key="map.go"
    ):
        submit(state.root(), "map", config, dataset)
        st.rerun()
    run_panel(run, key=f"map.{name}")
    return active


def _outdated(dataset: Dataset, name: str) -> bool:
    """Whether the map was made from other values than the representation has now."""
    record = dataset.manifest.provenance[dataset.slots[keys.umap(name)].provenance]
    slot = keys.representation(name)
    return record.inputs.get(slot) not in (None, dataset.slots[slot].fingerprint)


def _latest(step: str, dataset: Dataset, name: str) -> Run | None:
    runs = state.runs().list(dataset=dataset.id, step=step)
    return next((run for run in runs if run.config.config.get("representation") == name), None)


def cluster_section(dataset: Dataset, name: str) -> None:
    """Other clusters on the same representation, without a new map."""
    run = _latest("cluster", dataset, name)
    active = run is not None and run.observe().state in ACTIVE
    with st.expander("Other clusters", expanded=run is not None and run.observe().state != "done"):
        labels = _labels(dataset)
        n_clusters = len(pd.Categorical(state.read(dataset, keys.obs(labels))).categories) if labels else 8
        start = ClusterConfig(representation=name, n_clusters=int(np.clip(n_clusters, 2, 200)))
        values = config_form(ClusterConfig, key=f"cluster.{dataset.id}.{name}", start=start)
        if labels:
            st.caption(f"k-means starts from the number of labels in '{labels}'.")
        if not active and st.button("Cluster", key="cluster.go"):
            submit(state.root(), "cluster", ClusterConfig.build({**values, "representation": name}), dataset)
            st.rerun()
        run_panel(run, key=f"cluster.{name}")


def _labels(dataset: Dataset) -> str | None:
    return keys.suggest(state.categorical_columns(dataset), keys.SUGGESTED_LABELS[:5])


@st.fragment
def map_section(dataset: Dataset, name: str) -> None:
    """The map with its colours, and what is selected on it. A fragment: selecting does not redraw the page."""
    with boundary():
        points = np.asarray(state.read(dataset, keys.umap(name)))
        colour, title, colours = _colour(dataset, name)
        shown = _shown(dataset, colour, title)
        part = colour[shown].reset_index(drop=True) if colour is not None else None
        figure = plot_map(points[shown], part, title=title, colours=colours)
        event = show_figure(
            figure,
            key=f"map.{dataset.id}.{name}.{title}",
            name=f"umap_{name}_{title}",
            alt=f"Map of cells coloured by {title}",
            select=True,
        )
        st.caption(
            "Click a name in the legend to hide a group, double-click to see it alone. Draw a lasso or box to select cells; "
            "cells hidden by the legend are selected as well, those left out by 'Show only' are not."
        )
        polygons = selected_polygons(event)
        if polygons:
            _selection(dataset, inside(points, polygons) & shown)


def _colour(dataset: Dataset, name: str) -> tuple[pd.Series | None, str, list[str] | None]:
    grouping, scales = state.categorical_columns(dataset), state.numeric_columns(dataset)
    options = [*_clusters_first(grouping, name), *scales, GENE]
    with st.container(horizontal=True):
        chosen = st.selectbox("Colour by", options, key=f"map.colour.{dataset.id}", persist_state="session", width=320)
        if chosen == GENE:
            genes = state.gene_labels(dataset)
            label = st.selectbox("Gene", genes, key=f"map.gene.{dataset.id}", persist_state="session", width=320)
            return pd.Series(dataset.gene(genes.index(label))), label, None
    values = pd.Series(state.read(dataset, keys.obs(chosen)))
    if values.dtype == bool:
        values = values.map({True: "yes", False: "no"}).astype("category")
    elif chosen in grouping and not isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype("category")
    slot = keys.colours(chosen)
    return values, chosen, list(dataset.read(slot)) if slot in dataset else None


def _shown(dataset: Dataset, colour: pd.Series | None, title: str) -> np.ndarray:
    """Which cells are drawn: all, or those of some groups."""
    everything = np.ones(dataset.n_cells, dtype=bool)
    if colour is None or not isinstance(colour.dtype, pd.CategoricalDtype):
        return everything
    groups = [str(name) for name in colour.cat.categories]
    only = st.multiselect("Show only", groups, key=f"map.only.{dataset.id}.{title}", placeholder="all groups")
    return colour.astype(str).isin(only).to_numpy() if only else everything


def _clusters_first(columns: list[str], name: str) -> list[str]:
    first = [column for column in (f"leiden_{name}", f"kmeans_{name}") if column in columns]
    return first + [column for column in columns if column not in first]


def _selection(dataset: Dataset, members: np.ndarray) -> None:
    """Counts by column, and the barcodes."""
    n_selected = int(members.sum())
    st.subheader(f"{n_selected:,} cells selected")
    if not n_selected:
        return
    groups = state.categorical_columns(dataset)
    if groups:
        by = st.selectbox("Count by", groups, key=f"selection.by.{dataset.id}", persist_state="session", width=320)
        values = pd.Series(state.read(dataset, keys.obs(by)))
        counts = (
            pd.DataFrame({"selected": values[members].value_counts(), "all cells": values.value_counts()})
            .fillna(0)
            .astype(int)
        )
        counts["share of the selection (%)"] = (100 * counts["selected"] / n_selected).round(1)
        counts = counts[counts["selected"] > 0].sort_values("selected", ascending=False)
        show_table(
            counts.set_index(counts.index.astype(str)),
            key="selection",
            name=f"selection_by_{by}",
            alt="Selected cells by group",
            index_name=by,
        )
    barcodes = pd.DataFrame({"barcode": np.asarray(state.read(dataset, keys.OBS_NAMES))[members]})
    download_csv(barcodes, key="barcodes", name="selected_barcodes", label="Download the barcodes")


def score_section(dataset: Dataset, name: str) -> None:
    """Agreement of clusters with labels, where the data hold labels."""
    groups = [column for column in state.categorical_columns(dataset) if not column.startswith(("leiden", "kmeans"))]
    if not groups:
        return
    st.header("Clusters and labels")
    st.markdown(explain.CLUSTER_SCORES)
    suggested = _labels(dataset)
    label = st.selectbox(
        "Labels",
        groups,
        index=groups.index(suggested) if suggested in groups else 0,
        key=f"score.label.{dataset.id}",
        persist_state="session",
        width=320,
    )
    labels = _codes(dataset, label)
    rows: dict[str, dict[str, Any]] = {}
    for method in ("leiden", "kmeans"):
        slot = keys.clusters(method, name)
        if slot in dataset:
            clusters = _codes(dataset, slot.removeprefix("obs/"))
            scores = compare(labels, clusters)
            rows[method] = {"clusters": int(clusters.max() + 1)} | {
                metric.title: round(scores[metric.id], 3) for metric in METRICS
            }
    show_table(
        pd.DataFrame.from_dict(rows, orient="index"),
        key="scores",
        name=f"scores_{name}",
        alt="Agreement of clusters with labels",
        index_name="method",
    )
    known = labels >= 0
    width = _silhouette(
        dataset.slots[keys.representation(name)].fingerprint,
        np.asarray(state.read(dataset, keys.representation(name)))[known],
        labels[known],
    )
    st.metric(
        "Silhouette of the labels",
        "not defined" if np.isnan(width) else f"{width:.3f}",
        help="How much closer cells are to their own label than to the next one, from -1 to 1, in the representation (not on the map).",
    )


@st.cache_data(max_entries=32, show_spinner="Measuring the silhouette…")
def _silhouette(fingerprint: str, _representation: np.ndarray, labels: np.ndarray) -> float:
    return silhouette(_representation, labels)


def _codes(dataset: Dataset, column: str) -> np.ndarray:
    return pd.Categorical(pd.Series(state.read(dataset, keys.obs(column)))).codes.astype(int)
