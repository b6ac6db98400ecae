"""How well a representation agrees with labels: k-means with the number of labels, Leiden at resolution 1."""

import numpy as np
import pandas as pd

from scapp.analysis.map.clusters import kmeans
from scapp.core import keys
from scapp.metrics.agreement import compare, silhouette
from scapp.workspace.datasets.dataset import Dataset


def score_representation(dataset: Dataset, name: str, label_key: str, *, seed: int) -> dict[str, float]:
    """Scores of a representation whose map has been made.

    Returns
    -------
    ``kmeans_ari``, ``kmeans_nmi``, ``leiden_ari``, ``leiden_nmi``, ``silhouette``, to four digits.
    """
    labels = pd.Categorical(dataset.read(keys.obs(label_key)))
    representation = np.asarray(dataset.read(keys.representation(name)))
    codes = labels.codes.astype(int)
    known = codes >= 0
    by_kmeans = kmeans(representation, n_clusters=len(labels.remove_unused_categories().categories), seed=seed)
    by_leiden = pd.Categorical(dataset.read(keys.clusters("leiden", name)))
    scores: dict[str, float] = {}
    for method, clusters in (("kmeans", by_kmeans), ("leiden", by_leiden)):
        compared = compare(codes, clusters.codes.astype(int))
        scores |= {f"{method}_ari": compared["ari"], f"{method}_nmi": compared["nmi"]}
    scores["silhouette"] = silhouette(representation[known], codes[known])
    return {metric: round(value, 4) for metric, value in scores.items()}
