"""How well clusters agree with labels. A new metric is a function and a record in ``METRICS``."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn import metrics as sk

SILHOUETTE_CELLS = 5_000
"""Larger data are sampled (seed 0): the silhouette compares every cell with every other."""


def adjusted_rand_index(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Agreement of pairs, corrected for chance: 1 is perfect, 0 is random (Hubert and Arabie 1985)."""
    return float(sk.adjusted_rand_score(labels, clusters))


def normalised_mutual_information(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Shared information over the mean of both entropies, 0 to 1."""
    return float(sk.normalized_mutual_info_score(labels, clusters))


def matched_accuracy(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Share of cells in the right cluster when each label is matched with one cluster at best (Hungarian)."""
    table = sk.cluster.contingency_matrix(labels, clusters)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / table.sum())


def jaccard(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Pairs of cells together in both, over pairs together in either; 1 is perfect, and also where no pair is together
    in any.
    """
    (_, only_clusters), (only_labels, both) = sk.cluster.pair_confusion_matrix(labels, clusters)
    either = int(both) + int(only_labels) + int(only_clusters)
    return float(both / either) if either else 1.0


def homogeneity(labels: np.ndarray, clusters: np.ndarray) -> float:
    """How far each cluster holds cells of one label only, 0 to 1 (Rosenberg and Hirschberg 2007)."""
    return float(sk.homogeneity_score(labels, clusters))


def completeness(labels: np.ndarray, clusters: np.ndarray) -> float:
    """How far the cells of each label are in one cluster, 0 to 1 (Rosenberg and Hirschberg 2007)."""
    return float(sk.completeness_score(labels, clusters))


def v_measure(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Harmonic mean of homogeneity and completeness; the same number as NMI with the arithmetic mean."""
    return float(sk.v_measure_score(labels, clusters))


def silhouette(representation: np.ndarray, labels: np.ndarray) -> float:
    """How much closer cells are to their own label than to the next one, -1 to 1 (Rousseeuw 1987).

    Returns
    -------
    NaN with fewer than two labels, or as many labels as cells.
    """
    widths = silhouette_widths(representation, labels)
    return float(widths.mean()) if len(widths) else float("nan")


def silhouette_widths(representation: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The silhouette of each cell, of 5,000 drawn ones where there are more; empty with fewer than two labels, or as
    many labels as cells.
    """
    if len(labels) > SILHOUETTE_CELLS:
        chosen = np.random.default_rng(0).choice(len(labels), SILHOUETTE_CELLS, replace=False)
        representation, labels = representation[chosen], labels[chosen]
    if not 2 <= len(np.unique(labels)) < len(labels):
        return np.zeros(0)
    return np.asarray(sk.silhouette_samples(representation, labels))


def labels_apart(labels: np.ndarray, clusters: np.ndarray) -> bool:
    """Whether no two labels have most of their cells in the same cluster (the CLEAR paper's turning point of a sweep is
    the lowest resolution where it is so).
    """
    table = sk.cluster.contingency_matrix(labels, clusters)
    majority = table.argmax(axis=1)
    return len(set(majority.tolist())) == len(majority)


def turning_points(sweep: pd.DataFrame) -> pd.DataFrame:
    """Of each method and seed the lowest resolution at which no two labels share a majority cluster; NaN where there is
    none.
    """
    rows = []
    for (title, seed), part in sweep.groupby(["title", "seed"], sort=False):
        resolution, is_turning_point = shown_resolution(part)
        rows.append({"title": title, "seed": seed, "resolution": resolution if is_turning_point else np.nan})
    return pd.DataFrame(rows, columns=["title", "seed", "resolution"])


def shown_resolution(sweep: pd.DataFrame) -> tuple[float, bool]:
    """The resolution whose clusters say most about a sweep, and whether it is the turning point; without one it is that
    of the highest ARI, and without labels the lowest.

    Parameters
    ----------
    sweep
        ``resolution`` and, with labels, ``labels_apart`` and ``ari``; of one method and seed.
    """
    if "ari" not in sweep:
        return float(sweep["resolution"].min()), False
    apart = sweep.loc[sweep["labels_apart"].astype(bool), "resolution"]
    if len(apart):
        return float(apart.min()), True
    return float(sweep.loc[sweep["ari"].idxmax(), "resolution"]), False


@dataclass(frozen=True)
class Metric:
    """One comparison of clusters with labels."""

    id: str
    title: str
    help: str
    function: Callable[[np.ndarray, np.ndarray], float]


METRICS = (
    Metric(
        "ari",
        "ARI",
        "Adjusted Rand index: agreement of pairs of cells; 1 is perfect, 0 is chance.",
        adjusted_rand_index,
    ),
    Metric("nmi", "NMI", "Normalised mutual information: 1 is perfect, 0 is unrelated.", normalised_mutual_information),
    Metric(
        "accuracy",
        "Accuracy",
        "Share of cells in the cluster that best matches their label, one cluster per label.",
        matched_accuracy,
    ),
    Metric("jaccard", "Jaccard", "Pairs together in both, over pairs together in either; 1 is perfect.", jaccard),
    Metric("homogeneity", "Homogeneity", "Each cluster holds cells of one label only: 1 is perfect.", homogeneity),
    Metric("completeness", "Completeness", "Cells of a label are in one cluster: 1 is perfect.", completeness),
    Metric("v_measure", "V-measure", "Harmonic mean of homogeneity and completeness: 1 is perfect.", v_measure),
)


def compare(labels: np.ndarray, clusters: np.ndarray) -> dict[str, float]:
    """Every metric of ``METRICS`` on the cells that have both a label and a cluster.

    Parameters
    ----------
    labels, clusters
        Codes, shape (n_cells,); negative codes mean missing.
    """
    known = (labels >= 0) & (clusters >= 0)
    if not known.any():
        return {metric.id: float("nan") for metric in METRICS}
    return {metric.id: metric.function(labels[known], clusters[known]) for metric in METRICS}
