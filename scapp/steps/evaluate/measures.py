"""What a comparison measures of one representation, and what it keeps of single cells for the first seed's figures."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.analysis.map.clusters import kmeans, leiden, louvain, neighbour_graph, umap_map
from scapp.analysis.trajectory import Trajectory, path_time, pseudotime, root_of
from scapp.metrics.agreement import compare, labels_apart, shown_resolution, silhouette
from scapp.metrics.mixing import ari_scores, asw_scores, clisi, ilisi, kbet_acceptance, neighbours, shared_labels
from scapp.metrics.ordering import order_agreement, rank_correlations
from scapp.steps.evaluate.config import BatchTask, ClusteringTask, EvaluationConfig, MappedTask, PseudotimeTask

MOST_PATH_CELLS = 10_000
"""The minimum spanning tree compares every cell with every other."""
N_GENES = 30
"""That follow pseudotime most closely are kept of each method."""
MAP_DISTANCE = 0.5
"""scanpy's default of UMAP's ``min_dist``."""


def score_clustering(
    representation: np.ndarray, seed: int, *, labels: np.ndarray | None, config: EvaluationConfig, sweep: bool
) -> dict[str, Any]:
    """Scores of k-means (told the number of labels), Leiden and Louvain; with a sweep, of Leiden at many resolutions.

    Parameters
    ----------
    representation
        Shape (n_cells, d).
    seed
        Of graph and clusters.
    labels
        Codes, shape (n_cells,), -1 where unknown; None without labels.
    config
        Neighbours and resolutions.
    sweep
        Whether to go through the resolutions.

    Returns
    -------
    ``rows`` (one per clusterer), ``sweep`` (one per resolution), and of the first seed ``of_cells`` with the clusters
    at the turning point, or where there is none at the resolution of the highest ARI.
    """
    graph = neighbour_graph(representation, n_neighbors=config.n_neighbors, seed=seed)
    resolution = getattr(config, "resolution", 1.0)
    clusterings = {
        "leiden": leiden(graph, resolution=resolution, seed=seed),
        "louvain": louvain(graph, resolution=resolution, seed=seed),
    }
    rows = []
    if labels is not None:
        known = labels >= 0
        n_labels = len(np.unique(labels[known]))
        clusterings = {"kmeans": kmeans(representation, n_clusters=n_labels, seed=seed), **clusterings}
        width = silhouette(representation[known], labels[known])
    for name, clusters in clusterings.items():
        codes = np.asarray(clusters.codes)
        row = {"clusterer": name, "k_given": name == "kmeans", "n_clusters": int(codes.max()) + 1}
        if labels is None:
            row["silhouette_of_clusters"] = silhouette(representation, codes)
        else:
            row |= {**compare(labels, codes), "silhouette": width}
        rows.append(row)
    if not sweep:
        return {"rows": rows}
    assert isinstance(config, ClusteringTask)
    swept, clusters_shown = _sweep(graph, labels, config, seed)
    keep = seed == config.seed and labels is not None
    return {"rows": rows, "sweep": swept, "of_cells": {"cluster": clusters_shown.tolist()} if keep else {}}


def _sweep(
    graph: sparse.csr_matrix, labels: np.ndarray | None, config: ClusteringTask, seed: int
) -> tuple[list[dict[str, Any]], np.ndarray]:
    rows, found = [], {}
    for resolution in np.round(np.arange(config.lowest, config.highest + config.step / 2, config.step), 6):
        codes = np.asarray(leiden(graph, resolution=float(resolution), seed=seed).codes)
        found[float(resolution)] = codes
        row: dict[str, Any] = {"resolution": float(resolution), "n_clusters": int(codes.max()) + 1}
        if labels is not None:
            known = labels >= 0
            row |= {"ari": compare(labels, codes)["ari"], "labels_apart": labels_apart(labels[known], codes[known])}
        rows.append(row)
    return rows, found[shown_resolution(pd.DataFrame(rows))[0]]


def score_batches(
    representation: np.ndarray, seed: int, *, labels: np.ndarray | None, batches: np.ndarray, config: BatchTask
) -> dict[str, Any]:
    """How batches mix and types stay apart; ``rows`` of one, and ``of_cells`` with the map.

    Parameters
    ----------
    representation
        Shape (n_cells, d).
    seed
        Of k-means and map.
    labels
        Codes, shape (n_cells,), -1 where unknown: such cells do not count. None gives only scores that need no labels.
    batches
        Codes, shape (n_cells,).
    config
        Neighbours, and whether maps are drawn.
    """
    known = np.ones(len(batches), dtype=bool) if labels is None else labels >= 0
    where, of_batch = representation[known], batches[known]
    positions, distances = neighbours(where)
    scores: dict[str, float] = {}
    if labels is not None:
        of_type = labels[known]
        clusters = np.asarray(kmeans(where, n_clusters=len(np.unique(of_type)), seed=seed).codes)
        scores = {
            **ari_scores(clusters, of_type, of_batch),
            **asw_scores(where, of_type, of_batch),
            "cLISI": clisi(positions, distances, of_type),
        }
        # a type that one batch has cannot be mixed, and merging it with another must not be rewarded
        shared = shared_labels(of_type, of_batch)
        if not shared.all():
            of_batch = of_batch[shared]
            positions, distances = neighbours(where[shared])
    scores["iLISI"] = ilisi(positions, distances, of_batch)
    scores["kBET acceptance"] = kbet_acceptance(positions, of_batch)
    return {"rows": [scores], "of_cells": _places(representation, seed, config)}


def score_order(
    representation: np.ndarray,
    seed: int,
    *,
    stages: pd.Categorical,
    config: PseudotimeTask,
    root: int | None,
    expression: sparse.csr_matrix,
    genes: list[str],
) -> dict[str, Any]:
    """How well diffusion pseudotime, and the shortest path, agree with stages.

    Parameters
    ----------
    representation
        Shape (n_cells, d).
    seed
        Of graph and map.
    stages
        Of each cell, in order; cells without one take no part.
    config
        Neighbours, and whether maps are drawn.
    root
        Position of the cell that time starts from; None takes one of the first stage.
    expression
        Of the variable genes, shape (n_cells, n_genes).
    genes
        Their names.

    Returns
    -------
    ``rows`` of one; of the first seed ``of_cells`` (pseudotime and map), ``paga`` (how strongly stages are connected)
    and ``genes`` (those that follow pseudotime most closely).
    """
    known = np.flatnonzero(np.asarray(stages.codes) >= 0)
    where, of_cells = representation[known], stages[known]
    first = str(stages.categories[0])
    start = root_of(where, of_cells, first) if root is None else int(np.searchsorted(known, root))
    found = pseudotime(where, root=start, groups=of_cells, n_neighbors=config.n_neighbors, connect=True, seed=seed)
    codes = np.asarray(of_cells.codes)
    agreement = {**order_agreement(found.pseudotime, codes), "n_neighbors": found.n_neighbors}
    if len(where) <= MOST_PATH_CELLS:
        by_path = order_agreement(path_time(where, root=start, n_neighbors=config.n_neighbors), codes)
        agreement |= {"spearman_path": by_path["spearman"], "kendall_path": by_path["kendall"]}
    if seed != config.seed:
        return {"rows": [agreement]}
    time_of = np.full(len(stages), np.nan)
    time_of[known] = found.pseudotime
    series = [None if not np.isfinite(value) else round(float(value), 5) for value in time_of]
    is_root = [int(position == known[start]) for position in range(len(stages))]
    kept = {"pseudotime": series, "is_root": is_root, **_places(representation, seed, config)}
    following = _following(expression, time_of, genes)
    return {"rows": [agreement], "of_cells": kept, "paga": _connections(found), "genes": following}


def _following(expression: sparse.csr_matrix, time: np.ndarray, genes: list[str]) -> list[dict[str, Any]]:
    rho = rank_correlations(expression, time)
    strongest = np.argsort(-np.abs(np.nan_to_num(rho)), kind="stable")[:N_GENES]
    return [{"gene": genes[i], "gene_spearman": round(float(rho[i]), 4)} for i in strongest if np.isfinite(rho[i])]


def _connections(found: Trajectory) -> list[dict[str, Any]]:
    if found.paga is None:
        return []
    return [
        {"from": found.groups[i], "to": found.groups[j], "connectivity": round(float(found.paga[i, j]), 5)}
        for i, j in zip(*np.triu_indices(len(found.groups), k=1), strict=True)
    ]


def _places(representation: np.ndarray, seed: int, config: MappedTask) -> dict[str, list[float]]:
    """Places on the map, of the first seed."""
    if not config.maps or seed != config.seed or len(representation) < 3:
        return {}
    graph = neighbour_graph(representation, n_neighbors=config.n_neighbors, seed=seed)
    points = umap_map(representation, graph, n_neighbors=config.n_neighbors, min_dist=MAP_DISTANCE, seed=seed)
    return {axis: np.round(points[:, i].astype(float), 4).tolist() for i, axis in enumerate("xy")}
