"""The guided study: the CLEAR paper's Figure 5 as a chain, from the design to the pathways of one cell type."""

from collections.abc import Callable, Mapping
from typing import Any

from scapp.analysis.de.config import CURATED, EnrichConfig, StudyConfig
from scapp.analysis.de.design import ALL_CELLS
from scapp.analysis.de.gene_sets import chosen_sets
from scapp.core import keys
from scapp.core.config import setting
from scapp.core.errors import ConfigError, DataError, count, listed
from scapp.jobs.chains.chain_plan import Choices, Plan, Stage
from scapp.jobs.chains.stage_parts import has_groups, mapped, marked
from scapp.reports.comparisons import comparisons_of
from scapp.steps.de.matched_sets import matcher_of, sets_of
from scapp.steps.de.set_design import COLUMNS, read_study, study_from
from scapp.steps.map.log_values import require_log_values
from scapp.steps.step import Reading
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import out_of_date

SETS = ("isg", "mhc_ii", "mhc_i", "s100_alarmins")
"""Those of the paper's Figure 5F to H: interferon-stimulated genes, MHC, and the alarmins S100A8 and S100A9."""


class GuidedStudyConfig(StudyConfig, Choices):
    """A design, the cell type that is looked into, and the gene sets that it is scored for."""

    focus: str | None = setting(
        None,
        title="Cell type looked into",
        help="Its genes, scores and pathways are compared. Left empty: CD14 monocytes, or the largest type.",
        hidden=True,
    )
    sets: tuple[str, ...] = setting(
        SETS, title="Gene sets scored", help="Names of curated sets; default: ISG, MHC, alarmins.", hidden=True
    )


def _focus(dataset: Dataset, choices: GuidedStudyConfig) -> str:
    study, _ = read_study(Reading(dataset))
    return study.usual_focus() if choices.focus is None else choices.focus


def _design(dataset: Dataset, choices: GuidedStudyConfig) -> dict[str, Any]:
    return {**{name: getattr(choices, name) for name in COLUMNS}, "order": choices.order}


def _map(dataset: Dataset, choices: GuidedStudyConfig) -> dict[str, Any]:
    return {"representation": "clear" if keys.representation("clear") in dataset else "pca"}


def _lacks_map(dataset: Dataset) -> bool:
    """Whether there is no map, or none that is in step with the data."""
    return not set(keys.maps(dataset.slots)) - set(out_of_date(dataset.manifest))


def _markers_lack(column: str | None) -> Callable[[Dataset], bool]:
    def applies(dataset: Dataset) -> bool:
        if column is None or dataset.is_current(keys.markers(column), keys.obs(column)):
            return False
        return has_groups(keys.obs(column))(dataset)

    return applies


def _scorable(sets: tuple[str, ...]) -> Callable[[Dataset], bool]:
    def applies(dataset: Dataset) -> bool:
        if not sets:
            return False
        matcher = matcher_of(Reading(dataset))
        return any(len(matcher.positions(each.genes)) for each in chosen_sets(CURATED, sets))

    return applies


def _genes(dataset: Dataset, choices: GuidedStudyConfig) -> dict[str, Any]:
    focus = _focus(dataset, choices)
    return {"cell_types": () if choices.cell_type_key is None else (focus,)}


def _comparison(dataset: Dataset, choices: GuidedStudyConfig, condition: str) -> str | None:
    title = ALL_CELLS if choices.cell_type_key is None else _focus(dataset, choices)
    found = comparisons_of(dataset, title, choices.order[0]).get(condition)
    return found.name if found else None


def _pathways(choices: GuidedStudyConfig, place: int) -> Stage:
    condition = choices.order[place]

    def chosen(dataset: Dataset, told: GuidedStudyConfig) -> dict[str, Any]:
        return {"result": _comparison(dataset, told, condition)}

    def applies(dataset: Dataset) -> bool:
        """Whether the condition could be compared, and some set has genes enough among those tested."""
        name = _comparison(dataset, choices, condition)
        if name is None:
            return False
        try:
            sets, _ = sets_of(Reading(dataset), CURATED)
        except DataError:
            return False
        tested = set(dataset.read(keys.differential(name))["gene"].astype(str))
        return any(len(tested.intersection(genes)) >= EnrichConfig().min_size for genes in sets.values())

    return Stage(
        f"pathways_{place}",
        "enrich",
        f"Pathways, {condition} against {choices.order[0]}",
        chosen,
        _found,
        applies,
        rests_on=("genes",),
    )


def _designed(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    first, *others = summary["conditions"]
    donors = count(summary["n_samples"], "sample") if summary["n_samples"] else "no donors"
    types = count(summary["n_types"], "cell type")
    return " ".join([f"{listed(others)} against {first}: {donors}, {types}.", *summary["notes"]])


def _compared(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    said = [
        f"{row['cell_type']}, {row['compared']} against {row['reference']}: {count(row['n_up'], 'gene')} up and"
        f" {row['n_down']:,} down ({row['method']})."
        for row in summary["rows"]
    ]
    return " ".join([*said, *(f"Left out: {what}" for what in summary["left_out"])])


def _scored(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    without = f"; without genes in this dataset: {listed(summary['without'])}" if summary["without"] else ""
    return f"Every cell was scored for {count(summary['n_sets'], 'gene set')}{without}."


def _found(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    up, down = listed(summary["top_sets_up"], 3), listed(summary["top_sets_down"], 3)
    return f"{count(summary['n_sets'], 'gene set')} of scapp's own; up: {up}; down: {down}."


def _stages(choices: GuidedStudyConfig) -> list[Stage]:
    markers = {"groupby": choices.cell_type_key}
    return [
        Stage("design", "study", "Study design", _design, _designed, changeable=False),
        Stage("map", "map", "Map and clusters", _map, mapped, _lacks_map),
        Stage(
            "markers",
            "markers",
            "Marker genes of the cell types",
            lambda dataset, told: markers,
            marked,
            _markers_lack(choices.cell_type_key),
            rests_on=("design",),
            shown=("method",),
        ),
        Stage(
            "scores",
            "score",
            "Gene-set scores",
            lambda dataset, told: {"sets": told.sets},
            _scored,
            _scorable(choices.sets),
        ),
        Stage("genes", "de", "Differential genes", _genes, _compared, rests_on=("design",)),
        *(_pathways(choices, place) for place in range(1, len(choices.order))),
    ]


def _check(stage: Stage, dataset: Dataset, choices: GuidedStudyConfig) -> None:
    """Refuse values that cannot be compared, a design that holds no comparison, and a type or set that is not there;
    and to go on with a design that is another one by now.
    """
    require_log_values(Reading(dataset))
    if len(choices.order) < 2:
        raise ConfigError(
            "No conditions were chosen to be compared.", hint="Name the reference and at least one other condition."
        )
    study = study_from(Reading(dataset), choices)
    if choices.focus is not None and choices.focus not in study.types:
        raise ConfigError(
            f"The study has no '{choices.focus}'; types are {listed(study.types)}.", hint="Choose one of these."
        )
    chosen_sets(CURATED, choices.sets)
    if stage.name != "design":
        _, now = read_study(Reading(dataset))
        if now.model_dump() != StudyConfig.build(_design(dataset, choices)).model_dump():
            raise DataError(
                "The design of the study was changed while the guided study was running.",
                hint="Run the guided study again, with the design that you want.",
            )


GUIDED_STUDY = Plan("study", "The guided study", GuidedStudyConfig, _stages, _check)
