"""Choices of the comparisons of representations: clustering, dropout, batch effects, pseudotime, ablation."""

from collections.abc import Mapping
from typing import Any, Literal, Self

import pydantic

from scapp.clear.config import ClearConfig
from scapp.core.config import Config, same_as, setting

METHOD_TITLES = {
    "pca": "PCA",
    "hvg": "variable genes, no reduction",
    "harmony": "Harmony on PCA",
    "harmony_tuned": "Harmony, tuned without labels",
    "scvi": "scVI",
    "concord": "CONCORD",
    "clear": "CLEAR",
    "clear_batch": "CLEAR, batches told",
    "clear_paper": "CLEAR as printed",
    "clear_authors": "CLEAR, the authors' code",
}
"""What can be computed here; representations of the dataset join as ``stored:NAME``."""
PACKAGES = {"scvi": ("scvi", "scvi-tools"), "concord": ("concord", "concord-sc")}
"""Methods of packages that are not installed with scapp: module, and what pip calls it."""
STORED = "stored:"
WHOLE, WITHOUT = "all augmentations", "without "
"""How an ablation calls its models."""
NEED_BATCHES = ("harmony", "harmony_tuned", "clear_batch")
MAIN_SCORES = {
    "clustering": "ari",
    "dropout": "ari",
    "batch": "f1_ASW",
    "pseudotime": "spearman",
    "ablation": "ari",
    "sweep": "ari",
}
"""The score that a comparison is summed up by; of clusterings that of k-means."""
GRID = ("share", "probability")
"""Where in a sweep a training stands."""
NOT_SCORES = ("method", "title", "seed", "level", "clusterer", "k_given", *GRID)
"""Columns of results that tell rows apart."""
NOT_RANKED = frozenset({"seconds", "memory_mb", "n_clusters", "n_cells", "n_neighbors", "reached"})
"""Figures of which more is not better."""
OF_ONE_DATASET = frozenset({"label_key", "batch_key", "stages", "root_cell", "n_seeds", "seed", "methods", "maps"})
"""Settings that may differ between comparisons whose scores are put side by side."""
DROPOUT_SHARES = (0.0, 0.1, 0.3, 0.6, 0.8)
"""Of the CLEAR paper's Figure 2D, and none."""
SWEEP_SHARES, SWEEP_PROBABILITIES = (0.1, 0.2, 0.4, 0.6, 0.8), (0.25, 0.5, 1.0)
"""Grid of an augmentation; the paper's own settings are .1 to .8 and .5."""


def title_of(method: str) -> str:
    """A method for people."""
    return f"{method.removeprefix(STORED)} (stored)" if method.startswith(STORED) else METHOD_TITLES.get(method, method)


def shared_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same in comparisons of several datasets, so that a method is the same method in each."""
    return {name: value for name, value in config.items() if name not in OF_ONE_DATASET}


class EvaluationConfig(Config):
    """What all comparisons share."""

    label_key: str | None = setting(
        None, title="Labels", help="Known types, or stages; nothing is learnt from them.", column=True
    )
    methods: tuple[str, ...] = setting(("pca", "clear"), title="Methods", help="What is compared.", hidden=True)
    n_seeds: int = setting(3, title="Seeds", help="Each method is run so many times.", ge=1, le=50)
    preset: Literal["recommended", "paper", "authors_code"] = setting(
        "recommended", title="CLEAR's preset", help="Settings that CLEAR is trained with."
    )
    epochs: int | None = setting(
        None,
        title="CLEAR's epochs",
        help="Empty leaves them to the preset.",
        ge=1,
        le=10_000,
        empty="preset",
        advanced=True,
    )
    n_neighbors: int = setting(
        15,
        title="Neighbours",
        help="Of the graphs that Leiden, Louvain and pseudotime read.",
        unit="cells",
        ge=2,
        le=200,
        advanced=True,
    )
    seed: int = same_as(ClearConfig, "seed")


class ClusteringTask(EvaluationConfig):
    """Which representation finds the known types best?"""

    resolution: float = setting(
        1.0, title="Resolution", help="Of Leiden and Louvain, which are not told the number of types.", gt=0, le=10
    )
    lowest: float = setting(0.1, title="Lowest resolution of the sweep", help="Gives too few clusters.", gt=0, le=10)
    highest: float = setting(2.0, title="Highest resolution of the sweep", help="Gives too many.", gt=0, le=10)
    step: float = setting(
        0.1, title="Step of the sweep", help="The CLEAR paper's is 0.01, which takes ten times as long.", ge=0.01, le=1
    )

    @pydantic.model_validator(mode="after")
    def _lowest_first(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError(f"the lowest resolution ({self.lowest:g}) is above the highest ({self.highest:g})")
        return self


class DropoutTask(EvaluationConfig):
    """Which representation withstands lost counts?"""

    shares: tuple[float, ...] = setting(
        DROPOUT_SHARES, title="Shares lost", help="Of the entries of the counts that are not zero.", hidden=True
    )
    thinning: bool = setting(
        False,
        title="Thin molecules instead",
        help="Each molecule is lost with that chance, as in shallower sequencing, instead of whole entries.",
    )


class MappedTask(EvaluationConfig):
    """A comparison whose cells are also shown on maps."""

    maps: bool = setting(
        True,
        title="Maps",
        help=(
            "Also draw a UMAP of each method (first seed). Takes seconds to minutes per method, by the number of cells."
        ),
    )


class BatchTask(MappedTask):
    """Which representation mixes batches and keeps types apart?"""

    batch_key: str | None = setting(None, title="Batch", help="Run, plate, protocol or study.", column=True)
    methods: tuple[str, ...] = setting(
        ("pca", "harmony", "clear", "clear_batch"), title="Methods", help="What is compared.", hidden=True
    )


class PseudotimeTask(MappedTask):
    """Which representation orders cells as their stages are?"""

    stages: tuple[str, ...] = setting(
        (),
        title="Stages in order",
        help="Levels of the labels, the first at the root. Empty: as the column orders them.",
        hidden=True,
    )
    root_cell: str | None = setting(
        None,
        title="Root cell",
        help=(
            "Name of the cell that time starts from. Empty: of the first stage, the cell that lies farthest from all"
            " others."
        ),
        empty="automatic",
        advanced=True,
    )

    @pydantic.field_validator("stages")
    @classmethod
    def _each_once(cls, stages: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(stages)) < len(stages):
            raise ValueError("a stage is named twice")
        return stages


class AblationTask(EvaluationConfig):
    """What does each of CLEAR's augmentations contribute?"""

    methods: tuple[str, ...] = setting((), title="Methods", help="Follow from the augmentations.", hidden=True)
    preset: Literal["recommended", "paper", "authors_code"] = setting(
        "paper",
        title="CLEAR's preset",
        help="Settings that CLEAR is trained with. Of the paper's five augmentations 'recommended' uses none.",
    )
    alone: bool = setting(True, title="Each alone", help="Also train with one augmentation at a time.")


class SweepTask(EvaluationConfig):
    """How much of one augmentation is right, and in how many views?"""

    methods: tuple[str, ...] = setting((), title="Methods", help="Follow from the grid.", hidden=True)
    preset: Literal["recommended", "paper", "authors_code"] = setting(
        "paper",
        title="CLEAR's preset",
        help="Settings that CLEAR is trained with; the other augmentations stay as they are there.",
    )
    n_seeds: int = setting(1, title="Seeds", help="Each square of the grid is run so many times.", ge=1, le=50)
    augmentation: Literal["thin", "mask", "noise", "swap", "crossover", "mixture", "groups", "dropout"] = setting(
        "mask", title="Augmentation", help="The one whose share and probability are varied."
    )
    shares: tuple[float, ...] = setting(
        SWEEP_SHARES, title="Shares", help="Of the genes, from above 0 to 1.", hidden=True
    )
    probabilities: tuple[float, ...] = setting(
        SWEEP_PROBABILITIES, title="Probabilities", help="Of a view to be changed, from above 0 to 1.", hidden=True
    )

    @pydantic.field_validator("shares", "probabilities")
    @classmethod
    def _each_once_and_within(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or len(set(values)) < len(values) or not all(0 < value <= 1 for value in values):
            raise ValueError("give numbers above 0, up to 1, each once")
        return tuple(sorted(values))
