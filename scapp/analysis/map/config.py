"""Choices of maps, clusters and marker genes."""

from typing import Literal

from scapp.analysis.map.selection import Selection
from scapp.core.config import Config, setting
from scapp.data.panels import PANELS

MOST_TSNE_CELLS = 20_000
MapMethod = Literal["umap", "tsne"]
PanelChoice = Literal["auto", "blood", "pancreas", "brain", "gut", "tissue"]


class MapConfig(Config):
    """Neighbours, a map and Leiden on one representation."""

    representation: str = setting("pca", title="Representation", help="What the map is made from.", hidden=True)
    method: MapMethod = setting(
        "umap",
        title="Map",
        help="UMAP shows how groups connect; t-SNE separates groups more and is offered up to 20,000 cells.",
        labels={"umap": "UMAP", "tsne": "t-SNE"},
    )
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
    epochs: int = setting(
        0,
        title="UMAP epochs",
        help=(
            "Rounds over the graph in which the map is laid out; 0 leaves it to UMAP (500 up to 10,000 cells, 200"
            " beyond). For very many cells, fewer are quicker and less faithful."
        ),
        ge=0,
        le=2000,
        advanced=True,
    )
    perplexity: float = setting(
        30,
        title="t-SNE perplexity",
        help="About how many neighbours t-SNE looks at; less than the number of cells.",
        ge=2,
        le=500,
        advanced=True,
    )
    seed: int = setting(0, title="Seed", help="Start of the map and of Leiden.", ge=0, le=2**31 - 1, advanced=True)


class ClusterConfig(Config):
    """Clusters on one representation."""

    representation: str = setting("pca", title="Representation", help="What the clusters are made from.", hidden=True)
    method: Literal["leiden", "louvain", "kmeans"] = setting(
        "leiden", title="Method", help="Leiden and Louvain find the number of clusters themselves; k-means needs it."
    )
    resolution: float = setting(
        1.0, title="Resolution", help="Larger values give more and smaller clusters.", gt=0, le=10
    )
    n_clusters: int = setting(8, title="k-means clusters", help="How many clusters k-means makes.", ge=2, le=200)
    seed: int = setting(0, title="Seed", help="Start of the clustering.", ge=0, le=2**31 - 1, advanced=True)


class SweepConfig(Config):
    """Leiden at many resolutions, to see which numbers of clusters hold."""

    representation: str = setting("pca", title="Representation", help="What the clusters are made from.", hidden=True)
    lowest: float = setting(0.1, title="Lowest resolution", help="Gives the fewest clusters.", gt=0, le=10)
    highest: float = setting(2.0, title="Highest resolution", help="Gives the most clusters.", gt=0, le=10)
    n_steps: int = setting(10, title="Steps", help="How many resolutions are tried, evenly spaced.", ge=2, le=50)
    label_key: str | None = setting(
        None, title="Labels", help="Clusters are compared with these, where there are any.", column=True
    )
    seed: int = setting(0, title="Seed", help="Start of Leiden.", ge=0, le=2**31 - 1, advanced=True)


class MarkersConfig(Config):
    """Marker genes of groups, or of one selection against another."""

    groupby: str | None = setting(
        None, title="Groups", help="Genes are found for each group of this annotation.", column=True
    )
    method: Literal["wilcoxon", "t-test"] = setting(
        "wilcoxon",
        title="Test",
        help="Wilcoxon asks whether a gene's values rank higher in the group; the t-test is faster and leans on means.",
        labels={"wilcoxon": "Wilcoxon rank-sum test", "t-test": "Welch's t-test"},
    )
    selection: Selection | None = setting(None, title="Selection A", help="Cells of interest.", hidden=True)
    against: Selection | None = setting(
        None, title="Selection B", help="Cells to compare with; by default all others.", hidden=True
    )


class SuggestConfig(Config):
    """Names for clusters, from their marker genes."""

    source: str = setting("leiden", title="Clusters", help="The annotation whose groups are named.", hidden=True)
    panel: PanelChoice = setting(
        "auto",
        title="Tissue",
        help="Whose cell types are suggested. 'auto' takes the panel that clearly fits most cells, and none otherwise.",
        labels={"auto": "the one that fits", **{record.id: record.title for record in PANELS}},
    )


class AnnotateConfig(Config):
    """A label for selected cells."""

    column: str = setting("annotation", title="Annotation", help="Name of the annotation to write into.")
    label: str = setting("", title="Label", help="What the selected cells are.")
    selection: Selection = setting(Selection(), title="Selection", help="Which cells.", hidden=True)


class NamingConfig(Config):
    """Names for clusters; clusters of the same name become one."""

    source: str = setting("leiden", title="Clusters", help="The annotation whose groups are named.", hidden=True)
    column: str = setting("cell_type", title="Annotation", help="Name of the annotation to write.")
    names: dict[str, str] = setting({}, title="Names", help="Cluster to name; others keep theirs.", hidden=True)


class ColoursConfig(Config):
    """Colours of an annotation's groups, kept with the data."""

    column: str = setting("", title="Annotation", help="Whose groups are coloured.", hidden=True)
    colours: dict[str, str] = setting({}, title="Colours", help="Group to #rrggbb.", hidden=True)


class HarmonyConfig(Config):
    """Principal components with the differences between batches removed."""

    batch_key: str | None = setting(
        None,
        title="Batch column",
        help="What was processed together; differences between these are removed.",
        column=True,
    )
    tune: bool = setting(
        True,
        title="Tune without labels",
        help=(
            "Of a grid of 16 the one that mixes batches best for what it costs of a cell's neighbours within its batch;"
            " no labels are read. Without it theta and sigma hold; Harmony's own (2 and 0.1) leave some small data as"
            " they are."
        ),
    )
    theta: float = setting(
        2.0, title="Diversity penalty (theta)", help="Larger values mix more.", ge=0, le=20, advanced=True
    )
    sigma: float = setting(
        0.1, title="Width of clusters (sigma)", help="Larger values make clusters softer.", gt=0, le=1, advanced=True
    )
    seed: int = setting(0, title="Seed", help="Start of the clusters.", ge=0, le=2**31 - 1, advanced=True)


class SubsetConfig(Config):
    """A dataset of selected cells."""

    name: str = setting("", title="Name", help="Name of the new dataset.")
    selection: Selection = setting(Selection(), title="Selection", help="Which cells.", hidden=True)


class ChooseConfig(Config):
    """One CLEAR run as ``X_clear``."""

    representation: str = setting("clear", title="Run", help="The representation to be X_clear.", hidden=True)
