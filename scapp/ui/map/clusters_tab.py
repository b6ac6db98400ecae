"""Clusters: other ones, many resolutions, and how they agree with labels."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.map.config import ClusterConfig, SweepConfig
from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.metrics.agreement import METRICS, compare, silhouette
from scapp.plotting.map.rivers import plot_river, plot_sweep, river_data
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import latest_of, run_panel
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.ui.map import coloured_maps, words
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

METHODS = {"leiden": "Leiden", "louvain": "Louvain", "kmeans": "k-means"}
USED_BY = {"leiden": ("resolution",), "louvain": ("resolution",), "kmeans": ("n_clusters",)}


def cluster_section(dataset: Dataset, name: str) -> None:
    """Other clusters on the same representation, without a new map."""
    st.header("Make clusters")
    run = latest_of("cluster", dataset, representation=name)
    active = run is not None and run.observe().state in ACTIVE
    labels = suggested_labels(dataset)
    n_clusters = len(state.grouping(dataset, labels).cat.categories) if labels else 8
    method = st.segmented_control(
        "Method",
        list(METHODS),
        default="leiden",
        required=True,
        format_func=METHODS.__getitem__,
        key=f"cluster.method.{dataset.id}",
        persist_state="session",
        help=ClusterConfig.model_fields["method"].description,
    )
    start = ClusterConfig(representation=name, method=method, n_clusters=int(np.clip(n_clusters, 2, 200)))
    values = config_form(
        ClusterConfig, key=f"cluster.{dataset.id}.{name}", start=start, only=(*USED_BY[method], "seed")
    )
    if labels and method == "kmeans":
        st.caption(f"k-means starts from the number of labels in '{escape(labels)}'.")
    graph_there = keys.graph(name) in dataset
    if not graph_there and method != "kmeans":
        st.info("Leiden and Louvain need the neighbours that 'Make the map' finds.")
    if not active and st.button("Cluster", key="cluster.go", disabled=not graph_there and method != "kmeans"):
        submit(state.root(), "cluster", ClusterConfig.build({**values, "representation": name}), dataset)
        st.rerun()
    if run_panel(run, key=f"cluster.{name}") == "done" and run is not None:
        result = run.status.result
        column = f"{result['method']}_{name}" if "method" in result else ""
        st.success(f"The last ones: {result['n_clusters']} clusters, in the annotation '{escape(column)}'.")


def suggested_labels(dataset: Dataset) -> str | None:
    """Annotation that most likely holds cell types from the file."""
    return keys.suggest(state.categorical_columns(dataset), keys.SUGGESTED_LABELS[:5])


def sweep_section(dataset: Dataset, name: str) -> None:
    """How many clusters hold over resolutions."""
    st.header("Which resolution?")
    st.markdown(words.SWEEP)
    if keys.graph(name) not in dataset:
        st.info("Make the map first: it finds the neighbours that clusters are made from.")
        return
    run = latest_of("sweep", dataset, representation=name)
    active = run is not None and run.observe().state in ACTIVE
    start = SweepConfig(representation=name, label_key=suggested_labels(dataset))
    values = config_form(
        SweepConfig, key=f"sweep.{dataset.id}.{name}", start=start, columns=state.categorical_columns(dataset)
    )
    if not active and st.button("Try resolutions", key="sweep.go"):
        submit(state.root(), "sweep", SweepConfig.build({**values, "representation": name}), dataset)
        st.rerun()
    run_panel(run, key=f"sweep.{name}")
    if keys.sweep(name) in dataset:
        table = state.read(dataset, keys.sweep(name))
        show_figure(
            plot_sweep(table),
            key=f"sweep.figure.{name}",
            name=f"sweep_{name}",
            alt="Clusters and agreement by resolution",
        )
        show_table(table.round(3), key="sweep.table", name=f"sweep_{name}", alt="Clusters and agreement by resolution")


def river_section(dataset: Dataset, name: str) -> None:
    """From clusters to labels, or any two annotations."""
    groups, _ = coloured_maps.colour_options(dataset, name)
    if len(groups) < 2:
        return
    st.header("From one annotation to another")
    labels = suggested_labels(dataset)
    left_column, right_column = st.columns(2)
    left = left_column.selectbox("From", groups, key=f"river.left.{dataset.id}", persist_state="session")
    others = [group for group in groups if group != left]
    index = others.index(labels) if labels in others else 0
    right = right_column.selectbox("To", others, index=index, key=f"river.right.{dataset.id}", persist_state="session")
    start, end = state.grouping(dataset, left), state.grouping(dataset, right)
    data = river_data(pd.Categorical(start), pd.Categorical(end))
    colours = state.colours(dataset, left)
    figure = plot_river(data, left=left, right=right, colours=colours, right_colours=state.colours(dataset, right))
    show_figure(figure, key=f"river.{left}.{right}", name=f"{left}_to_{right}", alt=f"Cells from {left} to {right}")
    download_csv(data.rename(columns={"left": left, "right": right}), key="river", name=f"{left}_to_{right}")


def score_section(dataset: Dataset, name: str) -> None:
    """Agreement of clusters with labels, where the data hold labels."""
    groups = [column for column in state.categorical_columns(dataset) if not column.startswith(tuple(METHODS))]
    if not groups:
        return
    st.header("Clusters and labels")
    st.markdown(words.CLUSTER_SCORES)
    suggested = suggested_labels(dataset)
    label = st.selectbox(
        "Labels",
        groups,
        # no guess: agreement with a sample or a sex would be read as a fault of the clusters
        index=groups.index(suggested) if suggested in groups else None,
        placeholder="choose the annotation that holds cell types",
        key=f"score.label.{dataset.id}",
        persist_state="session",
        width=320,
    )
    if label is None:
        return
    labels = _codes(dataset, label)
    rows: dict[str, dict[str, Any]] = {}
    for method in METHODS:
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
        help=(
            "How much closer cells are to their own label than to the next one, from -1 to 1, in the representation"
            " (not on the map)."
        ),
    )


@st.cache_data(max_entries=32, show_spinner="Measuring the silhouette…")
def _silhouette(fingerprint: str, _representation: np.ndarray, labels: np.ndarray) -> float:
    return silhouette(_representation, labels)


def _codes(dataset: Dataset, column: str) -> np.ndarray:
    return pd.Categorical(pd.Series(state.read(dataset, keys.obs(column)))).codes.astype(int)
