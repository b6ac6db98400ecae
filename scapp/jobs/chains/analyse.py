"""Analyse: from a file to a map with named clusters."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scapp.analysis.map.config import PanelChoice, SuggestConfig
from scapp.clear.against_pca import in_words
from scapp.core import keys
from scapp.core.config import same_as, setting
from scapp.core.errors import ConfigError, DataError, count, listed
from scapp.data.config import KEEP_EVERYTHING
from scapp.data.panels import panel
from scapp.data.qc.thresholds import suggest_thresholds
from scapp.jobs.chains.chain_plan import Choices, Plan, Stage
from scapp.jobs.chains.stage_parts import has_groups, mapped, marked
from scapp.steps.step import Reading
from scapp.workspace.datasets.dataset import Dataset

FIRST = "import"
"""The stage that makes the dataset; a chain on a dataset begins after it."""


class AnalyseConfig(Choices):
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


def first_stage(dataset: Dataset) -> str:
    """After which stage a chain on a dataset begins: it is not filtered and normalised twice."""
    return "prepare" if keys.PREPARATION in dataset else FIRST


def _stages(choices: AnalyseConfig) -> list[Stage]:
    return [stage for stage in STAGES if choices.train_clear or not stage.of_clear]


def _check_batches(stage: Stage, dataset: Dataset, choices: AnalyseConfig) -> None:
    """Refuse a batch column that training would refuse, or that would do nothing."""
    if choices.batch_key is None:
        return
    name = choices.batch_key
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


def _prepared(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    limits = [text.format(config[name]) for name, text in LIMITS if config.get(name)]
    before, after = summary["n_cells_before"], summary["n_cells_after"]
    kept = f"Kept {after:,} of {before:,} cells" + (f" ({', '.join(limits)})" if limits else " (no filter)")
    kept += f" and {summary['n_genes_after']:,} of {summary['n_genes_before']:,} genes"
    if least := config.get("min_cells"):
        kept += f" (in at least {count(least, 'cell')})"
    normalised = "normalised" if summary["normalised"] else "values taken as they are"
    return (
        f"{kept}; {normalised}; {summary['n_highly_variable']:,} highly variable genes; {summary['n_components']}"
        " principal components."
    )


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
            mapped,
            of_clear=of_clear,
            representation=name,
            rests_on=(made_by,),
        ),
        Stage(
            found,
            "markers",
            f"Marker genes of {title}'s clusters",
            _markers_of(name),
            marked,
            has_groups(keys.clusters("leiden", name)),
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

ANALYSE = Plan("analyse", "Analyse", AnalyseConfig, _stages, _check_batches, shared=("panel",))
"""The tissue is that of all clusters."""
