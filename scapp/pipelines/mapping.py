"""Neighbours, UMAP and clusters on a chosen representation."""

from typing import Any

import numpy as np
import pandas as pd

from scapp.analysis.clustering import kmeans, leiden, neighbour_graph, umap_map
from scapp.analysis.config import ClusterConfig, MapConfig
from scapp.core import keys
from scapp.core.steps import StepContext
from scapp.pipelines.step import Inputs, Outcome


def make_map(inputs: Inputs, config: MapConfig, context: StepContext) -> Outcome:
    """Graph, map and Leiden clusters; the last ones made are also ``X_umap`` and ``leiden``."""
    name = config.representation
    representation = np.asarray(inputs.data.read(keys.representation(name)))
    context.report(0, 3, "finding neighbours")
    graph = neighbour_graph(representation, n_neighbors=config.n_neighbors, seed=config.seed)
    context.raise_if_stopped()
    context.report(1, 3, "drawing the UMAP (the first one after a start takes about ten seconds longer)")
    points = umap_map(representation, graph, n_neighbors=config.n_neighbors, min_dist=config.min_dist, seed=config.seed)
    context.raise_if_stopped()
    context.report(2, 3, "Leiden clusters")
    clusters = leiden(graph, resolution=config.resolution, seed=config.seed)
    values: dict[str, Any] = {
        graph_slot(name): graph,
        keys.umap(name): points,
        keys.umap(): points,
        **_cluster_values("leiden", name, clusters),
    }
    return Outcome(values, summary={"representation": name, "n_clusters": len(clusters.categories)})


def cluster(inputs: Inputs, config: ClusterConfig, context: StepContext) -> Outcome:
    """Leiden at another resolution, on the graph of the map; or k-means on the representation."""
    name = config.representation
    context.report(0, 1, "clustering")
    if config.method == "leiden":
        clusters = leiden(inputs.data.read(graph_slot(name)), resolution=config.resolution, seed=config.seed)
    else:
        representation = np.asarray(inputs.data.read(keys.representation(name)))
        clusters = kmeans(representation, n_clusters=config.n_clusters, seed=config.seed)
    return Outcome(
        _cluster_values(config.method, name, clusters),
        summary={"representation": name, "n_clusters": len(clusters.categories)},
    )


def graph_slot(name: str) -> str:
    """Slot of the neighbour graph made from a representation."""
    return f"obsp/connectivities_{name}"


def _cluster_values(method: str, name: str, clusters: pd.Categorical) -> dict[str, Any]:
    return {keys.clusters(method, name): clusters, keys.clusters(method): clusters}
