"""Choices of maps and clusters."""

from typing import Literal

from scapp.core.config import Config, setting


class MapConfig(Config):
    """Neighbours, UMAP and Leiden on one representation."""

    representation: str = setting("pca", title="Representation", help="What the map is made from.", hidden=True)
    n_neighbors: int = setting(
        15, title="Neighbours", help="Fewer show fine detail, more show the broad shape.", unit="cells", ge=2, le=200
    )
    resolution: float = setting(
        1.0, title="Leiden resolution", help="Larger values give more and smaller clusters.", gt=0, le=10
    )
    min_dist: float = setting(
        0.5,
        title="UMAP minimum distance",
        help="How tightly points are packed; the look changes, the clusters do not.",
        ge=0,
        le=1,
        advanced=True,
    )
    seed: int = setting(0, title="Seed", help="Start of UMAP and Leiden.", ge=0, le=2**31 - 1, advanced=True)


class ClusterConfig(Config):
    """Clusters on one representation."""

    representation: str = setting("pca", title="Representation", help="What the clusters are made from.", hidden=True)
    method: Literal["leiden", "kmeans"] = setting(
        "leiden", title="Method", help="Leiden finds the number of clusters itself; k-means needs it."
    )
    resolution: float = setting(
        1.0, title="Leiden resolution", help="Larger values give more and smaller clusters.", gt=0, le=10
    )
    n_clusters: int = setting(8, title="k-means clusters", help="How many clusters k-means makes.", ge=2, le=200)
    seed: int = setting(0, title="Seed", help="Start of the clustering.", ge=0, le=2**31 - 1, advanced=True)
