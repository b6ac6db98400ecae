"""Neighbours, maps and clusters on a chosen representation."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from scapp.analysis.map.clusters import kmeans, leiden, louvain, neighbours, tsne_map, umap_map
from scapp.analysis.map.config import ClusterConfig, MapConfig, SweepConfig
from scapp.core import keys
from scapp.core.errors import ConfigError
from scapp.core.step_context import StepContext
from scapp.metrics.agreement import adjusted_rand_index
from scapp.metrics.faithfulness import neighbours_kept
from scapp.steps.map.chosen import also
from scapp.steps.step import Inputs, Outcome, Reading


def make_map(inputs: Inputs, config: MapConfig, context: StepContext) -> Outcome:
    """Graph, map, Leiden clusters, and how faithful the map is; see ``chosen.also`` for ``X_umap`` and ``leiden``."""
    name = config.representation
    representation = np.asarray(inputs.data.read(keys.representation(name)))
    context.report(0, 4, "finding neighbours")
    report = partial(_report_cells, context)
    found = neighbours(representation, n_neighbors=config.n_neighbors, seed=config.seed, report=report)
    graph = found.connectivities
    context.raise_if_stopped()
    if config.method == "umap":
        context.report(1, 4, "drawing the UMAP (the first one after a start takes about ten seconds longer)")
        points = umap_map(
            representation,
            graph,
            n_neighbors=config.n_neighbors,
            min_dist=config.min_dist,
            seed=config.seed,
            epochs=config.epochs,
        )
    else:
        context.report(1, 4, "drawing the t-SNE")
        points = tsne_map(representation, perplexity=config.perplexity, seed=config.seed)
    context.raise_if_stopped()
    context.report(2, 4, "Leiden clusters")
    clusters = leiden(graph, resolution=config.resolution, seed=config.seed)
    context.report(3, 4, "measuring how faithful the map is")
    kept = neighbours_kept(representation, points, n_neighbors=config.n_neighbors, seed=config.seed)
    values: dict[str, Any] = {
        keys.graph(name): graph,
        keys.distances(name): found.distances,
        keys.drawn(config.method, name): points,
        **also(inputs.data, name, partial(keys.drawn, config.method)),
        keys.faithfulness(config.method, name): {"neighbours_kept": kept, "n_neighbors": config.n_neighbors},
        **_cluster_values(inputs.data, "leiden", name, clusters),
    }
    summary = {
        "representation": name,
        "map": f"{config.method}_{name}",
        "n_clusters": len(clusters.categories),
        "neighbours_kept": round(kept, 4),
    }
    return Outcome(values, summary=summary)


def _report_cells(context: StepContext, done: int, total: int) -> None:
    context.raise_if_stopped()
    context.report(done / total, 4, f"finding neighbours ({done:,} of {total:,} cells)")


def cluster(inputs: Inputs, config: ClusterConfig, context: StepContext) -> Outcome:
    """Leiden or Louvain on the graph of the map; or k-means on the representation."""
    name = config.representation
    context.report(0, 1, "clustering")
    if config.method == "kmeans":
        representation = np.asarray(inputs.data.read(keys.representation(name)))
        clusters = kmeans(representation, n_clusters=config.n_clusters, seed=config.seed)
    else:
        function = leiden if config.method == "leiden" else louvain
        clusters = function(inputs.data.read(keys.graph(name)), resolution=config.resolution, seed=config.seed)
    return Outcome(
        _cluster_values(inputs.data, config.method, name, clusters),
        summary={"representation": name, "method": config.method, "n_clusters": len(clusters.categories)},
    )


def sweep(inputs: Inputs, config: SweepConfig, context: StepContext) -> Outcome:
    """Leiden over resolutions: number of clusters, agreement with the resolution before and with labels.

    Raises
    ------
    ConfigError
        The lowest resolution is not below the highest.
    """
    if config.lowest >= config.highest:
        raise ConfigError(
            f"The lowest resolution ({config.lowest:g}) is not below the highest ({config.highest:g}).",
            hint="Make the range wider.",
        )
    graph = inputs.data.read(keys.graph(config.representation))
    labels = inputs.data.column(config.label_key)
    codes = None if labels is None else pd.Categorical(labels).codes
    rows: list[dict[str, float]] = []
    before: np.ndarray | None = None
    for done, resolution in enumerate(np.linspace(config.lowest, config.highest, config.n_steps)):
        context.report(done, config.n_steps, f"Leiden at resolution {resolution:.2f}")
        context.raise_if_stopped()
        found = leiden(graph, resolution=float(resolution), seed=config.seed)
        row = {"resolution": float(resolution), "n_clusters": float(len(found.categories))}
        row["ari_to_previous"] = np.nan if before is None else adjusted_rand_index(before, found.codes)
        if codes is not None:
            row["ari_to_labels"] = adjusted_rand_index(codes[codes >= 0], found.codes[codes >= 0])
        before = found.codes
        rows.append(row)
    return Outcome({keys.sweep(config.representation): pd.DataFrame(rows)}, summary={"n_steps": config.n_steps})


def _cluster_values(data: Reading, method: str, name: str, clusters: pd.Categorical) -> dict[str, Any]:
    return {keys.clusters(method, name): clusters, **also(data, name, partial(keys.clusters, method))}
