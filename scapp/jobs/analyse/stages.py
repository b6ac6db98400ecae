"""Analyse: from a file to a map with named clusters, as a chain of steps that choose their settings from the data.

The chain is steps of the catalogue and nothing else: each leaves its provenance, can be carried out again with other
settings, and stands in the exported script.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from scapp.analysis.map.config import SuggestConfig
from scapp.clear.against_pca import in_words
from scapp.core import keys
from scapp.core.config import Config, setting
from scapp.core.errors import DataError, listed
from scapp.data.config import KEEP_EVERYTHING
from scapp.data.panels import panel
from scapp.data.qc.thresholds import suggest_thresholds
from scapp.steps.catalogue import Step, step
from scapp.workspace.datasets.dataset import Dataset

LEAST_CELLS = 2
FIRST = "import"
"""The stage that makes the dataset; a chain on a dataset begins after it."""


class AnalyseConfig(Config):
    """What Analyse is told; everything else is chosen from the data."""

    filter_cells: bool = setting(
        True,
        title="Filter cells",
        help=(
            "Remove cells outside the suggested thresholds: five median absolute deviations for counts and genes, three"
            " for the mitochondrial share. Without it every cell is kept."
        ),
    )
    batch_key: str | None = setting(
        None,
        title="Batch column",
        help="CLEAR then removes differences between these batches. Leave it empty where batches are the question.",
        column=True,
    )
    train_clear: bool = setting(
        True, title="Train CLEAR", help="Without it the map and the clusters are those of PCA alone."
    )
    panel: str = setting(
        "auto",
        title=str(SuggestConfig.model_fields["panel"].title),
        help=str(SuggestConfig.model_fields["panel"].description),
        hidden=True,
    )
    settings: dict[str, dict[str, Any]] = setting(
        {}, title="Settings", help="Stage -> settings of its step that were chosen by hand.", hidden=True
    )


@dataclass(frozen=True)
class Stage:
    """One step of the chain.

    Parameters
    ----------
    name
        Word for records.
    step
        Name of the step.
    title
        Words for people.
    chosen
        Settings for a dataset; those that are not named have their defaults.
    said
        What was done and chosen, from the step's settings and summary.
    applies
        Whether it can be done on a dataset; it is left out elsewhere.
    of_clear
        Whether it is left out where CLEAR is not trained.
    shown
        Settings of the step that a form offers; None for all.
    """

    name: str
    step: str
    title: str
    chosen: Callable[[Dataset, AnalyseConfig], dict[str, Any]]
    said: Callable[[Mapping[str, Any], Mapping[str, Any]], str]
    applies: Callable[[Dataset], bool] = lambda dataset: True
    of_clear: bool = False
    shown: tuple[str, ...] | None = None

    @property
    def record(self) -> Step:
        """The step."""
        return step(self.step)

    def config(self, dataset: Dataset, choices: AnalyseConfig) -> Config:
        """The step's configuration for a dataset: what was chosen by hand, else from the data.

        Raises
        ------
        ConfigError
            A setting that was chosen by hand is out of bounds.
        DataError
            The batch column is not there; this is noticed at the first stage, not when CLEAR is trained.
        """
        if choices.batch_key is not None and choices.batch_key not in dataset.columns():
            raise DataError(
                f"There is no annotation '{choices.batch_key}'; there are {', '.join(dataset.columns()) or 'none'}.",
                hint="Choose one of them as the batch column, or none.",
            )
        return self.record.config.build({**self.chosen(dataset, choices), **choices.settings.get(self.name, {})})


def stages(choices: AnalyseConfig) -> list[Stage]:
    """The chain, in order."""
    return [stage for stage in STAGES if choices.train_clear or not stage.of_clear]


def next_stage(dataset: Dataset, choices: AnalyseConfig, after: str) -> Stage | None:
    """What comes after a stage on a dataset; None at the end."""
    wanted = stages(choices)
    done = [stage.name for stage in wanted].index(after)
    return next((stage for stage in wanted[done + 1 :] if stage.applies(dataset)), None)


def first_stage(dataset: Dataset) -> str:
    """After which stage a chain on a dataset begins: it is not filtered and normalised twice."""
    return "prepare" if keys.PREPARATION in dataset else FIRST


def stage(name: str) -> Stage:
    """A stage by its name."""
    return next(found for found in STAGES if found.name == name)


def _request(dataset: Dataset, choices: AnalyseConfig) -> dict[str, Any]:
    return {}


def _filters(dataset: Dataset, choices: AnalyseConfig) -> dict[str, Any]:
    if not choices.filter_cells or not (keys.COUNTS in dataset or keys.EXPRESSION in dataset):
        return dict(KEEP_EVERYTHING)
    metrics = dataset.obs([name for name in keys.MEASURED if keys.obs(name) in dataset])
    lacking = [name for name in (keys.TOTAL_COUNTS, keys.N_GENES) if name not in metrics]
    if lacking:
        raise DataError(f"'{dataset.name}' has no {listed(lacking)} to filter by.", hint="Import the file again.")
    return suggest_thresholds(metrics)


def _map_of(name: str) -> Callable[[Dataset, AnalyseConfig], dict[str, Any]]:
    return lambda dataset, choices: {"representation": name}


def _markers_of(name: str) -> Callable[[Dataset, AnalyseConfig], dict[str, Any]]:
    return lambda dataset, choices: {"groupby": f"leiden_{name}"}


def _names_of(name: str) -> Callable[[Dataset, AnalyseConfig], dict[str, Any]]:
    return lambda dataset, choices: {"source": f"leiden_{name}", "panel": choices.panel}


def _has_groups(name: str) -> Callable[[Dataset], bool]:
    """Whether genes can be compared between clusters: there are two, and values that mean something by themselves."""

    def applies(dataset: Dataset) -> bool:
        clusters = pd.Categorical(dataset.read(keys.clusters("leiden", name)))
        groups = int((clusters.value_counts() >= LEAST_CELLS).sum())
        return groups > 1 and dataset.source.get("units") != "scaled"

    return applies


def _has_markers(name: str) -> Callable[[Dataset], bool]:
    return lambda dataset: keys.markers(f"leiden_{name}") in dataset


def _clear(dataset: Dataset, choices: AnalyseConfig) -> dict[str, Any]:
    return {"preset": "recommended", "batch_key": choices.batch_key}


def _imported(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return f"{summary['n_cells']:,} cells and {summary['n_genes']:,} genes were read."


LIMITS = (
    ("min_counts", "at least {:,} counts"),
    ("max_counts", "at most {:,} counts"),
    ("min_genes", "at least {:,} genes"),
    ("max_genes", "at most {:,} genes"),
    ("max_pct_mt", "at most {:g}% mitochondrial counts"),
    ("max_doublet_score", "a doublet score of at most {:g}"),
)


def _prepared(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    limits = [text.format(config[name]) for name, text in LIMITS if config.get(name)]
    before, after = summary["n_cells_before"], summary["n_cells_after"]
    kept = f"Kept {after:,} of {before:,} cells" + (f" ({', '.join(limits)})" if limits else " (no filter)")
    normalised = "normalised" if summary["normalised"] else "values taken as they are"
    return (
        f"{kept}; {normalised}; {summary['n_highly_variable']:,} highly variable genes; {summary['n_components']}"
        " principal components."
    )


def _mapped(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return (
        f"{summary['n_clusters']} Leiden clusters at resolution {config['resolution']:g}; the map keeps"
        f" {100 * summary['neighbours_kept']:.0f}% of each cell's nearest neighbours."
    )


def _marked(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    test = {"wilcoxon": "the Wilcoxon test", "t-test": "the t-test"}[config["method"]]
    return f"{summary['n_genes']:,} genes were compared in {summary['n_groups']} clusters by {test}."


def _named(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    if not summary["panel"]:
        return (
            f"No marker panel fits most cells ({summary['fit']}), so clusters keep their numbers. Choose the tissue"
            " yourself."
        )
    return (
        f"{summary['n_named']} of {summary['n_clusters']} clusters were named by the panel"
        f" '{panel(summary['panel']).title}' ({summary['fit']}). These are suggestions: look at the marker genes."
    )


def _trained(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    told = f", batches of '{config['batch_key']}' removed" if config.get("batch_key") else ""
    compared = ""
    if "against_pca" in summary:
        compared = " " + in_words(summary["against_pca"])[1].replace("**", "")
    return f"{summary['epochs']} epochs in {summary['train_seconds']:.0f} s{told}.{compared}"


STAGES = (
    Stage(FIRST, "import", "Import", _request, _imported),
    Stage("prepare", "prepare", "Filter and normalise", _filters, _prepared),
    Stage("map_pca", "map", "Map and clusters of PCA", _map_of("pca"), _mapped),
    Stage(
        "markers_pca",
        "markers",
        "Marker genes of PCA's clusters",
        _markers_of("pca"),
        _marked,
        _has_groups("pca"),
        shown=("method",),
    ),
    Stage("names_pca", "suggest", "Names for PCA's clusters", _names_of("pca"), _named, _has_markers("pca")),
    Stage("clear", "clear", "Train CLEAR", _clear, _trained, of_clear=True),
    Stage("map_clear", "map", "Map and clusters of CLEAR", _map_of("clear"), _mapped, of_clear=True),
    Stage(
        "markers_clear",
        "markers",
        "Marker genes of CLEAR's clusters",
        _markers_of("clear"),
        _marked,
        _has_groups("clear"),
        of_clear=True,
        shown=("method",),
    ),
    Stage(
        "names_clear",
        "suggest",
        "Names for CLEAR's clusters",
        _names_of("clear"),
        _named,
        _has_markers("clear"),
        of_clear=True,
    ),
)
