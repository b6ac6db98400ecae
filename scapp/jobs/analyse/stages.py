"""Analyse: from a file to a map with named clusters, as a chain of steps that choose their settings from the data.

The chain is steps of the catalogue and nothing else: each leaves its provenance, can be carried out again with other
settings, and stands in the exported script.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scapp.analysis.map.config import PanelChoice, SuggestConfig
from scapp.clear.against_pca import in_words
from scapp.core import keys
from scapp.core.config import Config, same_as, setting
from scapp.core.errors import ConfigError, DataError, listed
from scapp.data.config import KEEP_EVERYTHING
from scapp.data.panels import panel
from scapp.data.qc.thresholds import suggest_thresholds
from scapp.steps.catalogue import Step, step
from scapp.steps.step import Reading
from scapp.workspace.datasets.dataset import Dataset

LEAST_CELLS = 2
FIRST = "import"
"""The stage that makes the dataset; a chain on a dataset begins after it."""


class AnalyseConfig(Config):
    """What Analyse is told; everything else is chosen from the data."""

    filter_cells: bool = setting(
        True,
        title="Filter cells and genes",
        help=(
            "Remove cells outside the suggested thresholds (five median absolute deviations for counts and genes, three"
            " for the mitochondrial share) and genes in fewer than three cells. Without it all are kept."
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
    panel: PanelChoice = same_as(SuggestConfig, "panel")
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
    representation
        What its map, clusters and names are of; empty for other stages.
    rests_on
        Stages whose result it uses.
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
    representation: str = ""
    rests_on: tuple[str, ...] = ()
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
            The batch column cannot be one; this is noticed at the first stage, not when CLEAR is trained.
        """
        if choices.batch_key is not None:
            _check_batches(dataset, choices)
        return self.record.config.build({**self.chosen(dataset, choices), **choices.settings.get(self.name, {})})


def stages(choices: AnalyseConfig) -> list[Stage]:
    """The chain, in order."""
    return [stage for stage in STAGES if choices.train_clear or not stage.of_clear]


def to_come(choices: AnalyseConfig, after: str) -> list[str]:
    """Names of the stages after one."""
    names = [each.name for each in stages(choices)]
    return names[names.index(after) + 1 :]


def after_change(choices: AnalyseConfig, name: str, done: Collection[str]) -> list[str]:
    """Names of the stages that follow where one is carried out again: what rests on it, and what has not been done."""
    again = {name}
    for each in stages(choices):
        if again.intersection(each.rests_on):
            again.add(each.name)
    return [each for each in to_come(choices, name) if each in again or each not in done]


def next_stage(dataset: Dataset, remaining: Sequence[str]) -> Stage | None:
    """The first of the remaining stages that can be done on a dataset; None where there is none."""
    return next((found for found in map(stage, remaining) if found.applies(dataset)), None)


def first_stage(dataset: Dataset) -> str:
    """After which stage a chain on a dataset begins: it is not filtered and normalised twice."""
    return "prepare" if keys.PREPARATION in dataset else FIRST


def stage(name: str) -> Stage:
    """A stage by its name."""
    return next(found for found in STAGES if found.name == name)


def _check_batches(dataset: Dataset, choices: AnalyseConfig) -> None:
    """Refuse a batch column that training would refuse, or that would do nothing."""
    name = str(choices.batch_key)
    if not choices.train_clear:
        raise ConfigError(
            "The batch column is for training CLEAR, which is turned off.",
            hint="Leave 'Batch column' empty, or turn 'Train CLEAR' on.",
        )
    batches = Reading(dataset).batches(name)
    n_batches = 0 if batches is None else len(np.unique(batches))
    if n_batches < 2 or n_batches > max(dataset.n_cells // 2, 2):
        raise DataError(
            f"'{name}' has {n_batches:,} {'value' if n_batches == 1 else 'different values'} for {dataset.n_cells:,}"
            " cells: these are not batches.",
            hint="Choose another column as 'Batch column', or none.",
        )


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
    """Whether the clusters have marker genes that were found for these very clusters."""
    return lambda dataset: dataset.is_current(keys.markers(f"leiden_{name}"), keys.clusters("leiden", name))


def _clear(dataset: Dataset, choices: AnalyseConfig) -> dict[str, Any]:
    return {"preset": "recommended", "batch_key": choices.batch_key}


def _imported(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return f"{summary['n_cells']:,} cells and {summary['n_genes']:,} genes were read."


LIMITS = (
    ("min_counts", "a total of at least {:,}"),
    ("max_counts", "a total of at most {:,}"),
    ("min_genes", "at least {:,} genes"),
    ("max_genes", "at most {:,} genes"),
    ("max_pct_mt", "at most {:g}% mitochondrial"),
    ("max_doublet_score", "a doublet score of at most {:g}"),
)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _prepared(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    limits = [text.format(config[name]) for name, text in LIMITS if config.get(name)]
    before, after = summary["n_cells_before"], summary["n_cells_after"]
    kept = f"Kept {after:,} of {before:,} cells" + (f" ({', '.join(limits)})" if limits else " (no filter)")
    kept += f" and {summary['n_genes_after']:,} of {summary['n_genes_before']:,} genes"
    if least := config.get("min_cells"):
        kept += f" (in at least {_count(least, 'cell')})"
    normalised = "normalised" if summary["normalised"] else "values taken as they are"
    return (
        f"{kept}; {normalised}; {summary['n_highly_variable']:,} highly variable genes; {summary['n_components']}"
        " principal components."
    )


def _mapped(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return (
        f"{_count(summary['n_clusters'], 'Leiden cluster')} at resolution {config['resolution']:g}; the map keeps"
        f" {100 * summary['neighbours_kept']:.0f}% of each cell's nearest neighbours."
    )


def _marked(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    test = {"wilcoxon": "the Wilcoxon test", "t-test": "the t-test"}[config["method"]]
    return f"{summary['n_genes']:,} genes were compared in {_count(summary['n_groups'], 'cluster')} by {test}."


def _named(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    if not summary["panel"]:
        chosen = " Choose the tissue yourself." if summary["askable"] else ""
        return f"No marker panel fits most cells ({summary['fit']}), so clusters keep their numbers.{chosen}"
    if not summary["n_named"]:
        return f"The panel '{panel(summary['panel']).title}' names no cluster ({summary['fit']})."
    return (
        f"{summary['n_named']} of {summary['n_clusters']} clusters were named by the panel"
        f" '{panel(summary['panel']).title}' ({summary['fit']}). These are suggestions: look at the marker genes."
    )


def _trained(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    told = f", batches of '{config['batch_key']}' removed" if config.get("batch_key") else ""
    compared = ""
    if "against_pca" in summary:
        compared = " " + in_words(summary["against_pca"])[1].replace("**", "")
    fault = {"collapsed": " All cells look alike: it has collapsed.", "near chance": " Hardly anything was learnt."}
    said = fault.get(summary["fault"], "")
    return f"{summary['epochs']} epochs in {summary['train_seconds']:.0f} s{told}.{said}{compared}"


def _map_stages(name: str, title: str, made_by: str, also: tuple[str, ...] = (), *, of_clear: bool) -> list[Stage]:
    """Map and clusters of a representation, their marker genes and names."""
    made, found, named = f"map_{name}", f"markers_{name}", f"names_{name}"
    return [
        Stage(
            made,
            "map",
            f"Map and clusters of {title}",
            _map_of(name),
            _mapped,
            of_clear=of_clear,
            representation=name,
            rests_on=(made_by,),
        ),
        Stage(
            found,
            "markers",
            f"Marker genes of {title}'s clusters",
            _markers_of(name),
            _marked,
            _has_groups(name),
            of_clear,
            representation=name,
            rests_on=(made,),
            shown=("method",),
        ),
        Stage(
            named,
            "suggest",
            f"Names for {title}'s clusters",
            _names_of(name),
            _named,
            _has_markers(name),
            of_clear,
            representation=name,
            rests_on=(found, *also),
        ),
    ]


STAGES = (
    Stage(FIRST, "import", "Import", _request, _imported),
    Stage("prepare", "prepare", "Filter and normalise", _filters, _prepared, rests_on=(FIRST,)),
    *_map_stages("pca", "PCA", "prepare", of_clear=False),
    Stage("clear", "clear", "Train CLEAR", _clear, _trained, of_clear=True, rests_on=("prepare",)),
    # a tissue that is chosen for one kind of clusters holds for the other
    *_map_stages("clear", "CLEAR", "clear", ("names_pca",), of_clear=True),
)
