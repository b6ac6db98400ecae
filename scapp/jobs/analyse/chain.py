"""Analyse in the worker: a chain of runs, each queued when the one before is done, whether or not a page is open."""

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from scapp.core.config import Config
from scapp.core.errors import ScappError
from scapp.jobs.analyse.stages import FIRST, AnalyseConfig, Stage, first_stage, next_stage, stage, stages
from scapp.jobs.launch import submit
from scapp.steps.config import ImportRequest
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import ACTIVE, Failure, Part, Run, RunStore


@dataclass(frozen=True)
class Analysis:
    """An analysis as it stands.

    Parameters
    ----------
    id
        That of its first run.
    choices
        What it was told.
    runs
        Stage -> the run that carried it out last, for the stages that have begun, in order. What had been done after a
        stage that was begun again is not among them.
    dataset
        Id of what it has made or works on by now; None before the import is done.
    """

    id: str
    choices: AnalyseConfig
    runs: dict[str, Run]
    dataset: str | None

    @property
    def last(self) -> Run:
        """The run that was begun last."""
        return list(self.runs.values())[-1]

    @property
    def stages(self) -> list[Stage]:
        """What it consists of."""
        wanted = stages(self.choices)
        first = next(iter(self.runs))
        names = [each.name for each in wanted]
        return wanted[names.index(first) :]

    @property
    def datasets(self) -> set[str]:
        """Ids of what it was begun on and of what it has made."""
        named = [(run.config.dataset, run.observe().result.get("dataset")) for run in self.runs.values()]
        return {id for pair in named for id in pair if id}

    @property
    def has_map(self) -> bool:
        """Whether the first map stands."""
        return any(stage.step == "map" and self._done(stage.name) for stage in self.stages)

    def _done(self, name: str) -> bool:
        return name in self.runs and self.runs[name].observe().state == "done"

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what has been done."""
        if self.dataset is None:
            return False
        dataset = Workspace(self.last.folder.parent.parent).open(self.dataset)
        return next_stage(dataset, self.choices, list(self.runs)[-1]) is None

    @property
    def active(self) -> bool:
        """Whether a run of it waits or works."""
        return self.last.observe().state in ACTIVE


def start_with_import(root: Path, request: ImportRequest, choices: AnalyseConfig) -> Run:
    """Queue an analysis that begins with a file or an example; its first run."""
    return submit(root, "import", request, part=_part(FIRST, choices))


def start(root: Path, dataset: Dataset, choices: AnalyseConfig) -> Run:
    """Queue an analysis of a dataset; its first run.

    Raises
    ------
    ScappError
        The first step cannot be carried out on the dataset.
    """
    first = next_stage(dataset, choices, first_stage(dataset))
    assert first is not None
    return _queue(root, first, first.config(dataset, choices), dataset, _part(first.name, choices))


def begin_again(root: Path, analysis: Analysis, name: str, config: Config) -> Run:
    """Carry out a stage of an analysis again with other settings, and what comes after it.

    Raises
    ------
    ScappError
        The step cannot be carried out.
    """
    before = analysis.runs[name]
    settings = {**analysis.choices.settings, name: config.model_dump(mode="json")}
    choices = analysis.choices.model_copy(update={"settings": settings})
    dataset = Workspace(root).open(before.config.dataset) if before.config.dataset else None
    return _queue(root, stage(name), config, dataset, _part(name, choices, analysis.id))


def go_on(root: Path, run: Run, dataset_id: str | None) -> Run | None:
    """Queue what comes after a run that is done, unless it has been queued; None at the end of the analysis.

    What comes next and cannot be carried out is kept as a failed run, which says why.

    Parameters
    ----------
    root
        The workspace's folder.
    run
        Of an analysis, or any other, after which nothing comes.
    dataset_id
        What the run wrote or made.
    """
    part = run.config.part
    if part is None or dataset_id is None:
        return None
    store = RunStore(root)
    with FileLock(Path(root) / "locks" / f"analysis-{part.analysis}.lock"):
        dataset = Workspace(root).open(dataset_id)
        choices = AnalyseConfig.build(part.choices)
        following = next_stage(dataset, choices, part.stage)
        if following is None:
            return None
        later = [other for other in _runs(store, part.analysis) if other.config.created > run.config.created]
        if later:
            return later[0]
        after = _part(following.name, choices, part.analysis)
        try:
            return _queue(root, following, following.config(dataset, choices), dataset, after)
        except ScappError as error:
            return store.create(
                following.step,
                dataset=dataset_id,
                config={},
                title=following.title,
                lane=following.record.lane,
                part=after,
                failure=Failure(message=error.message, hint=error.hint, resumable=False),
            )


def analysis(root: Path, id: str) -> Analysis | None:
    """An analysis by its id; None where nothing is left of it."""
    found = _runs(RunStore(root), id)
    if not found:
        return None
    newest: dict[str, Run] = {}
    last = found[-1]
    assert last.config.part is not None
    choices = AnalyseConfig.build(last.config.part.choices)
    names = [each.name for each in stages(choices)]
    end = names.index(last.config.part.stage)
    for run in found:
        assert run.config.part is not None
        if run.config.part.stage in names[: end + 1]:
            newest[run.config.part.stage] = run
    ordered = {name: newest[name] for name in names if name in newest}
    worked_on = (run.observe().result.get("dataset") or run.config.dataset for run in reversed(ordered.values()))
    return Analysis(id, choices, ordered, next((dataset for dataset in worked_on if dataset), None))


def analysis_of(root: Path, dataset: Dataset) -> Analysis | None:
    """The analysis that worked on a dataset last."""
    for run in RunStore(root).list(dataset=dataset.id):
        if run.config.part is not None:
            found = analysis(root, run.config.part.analysis)
            return found if found is not None and found.dataset == dataset.id else None
    return None


def _runs(store: RunStore, id: str) -> list[Run]:
    """Runs of an analysis, oldest first."""
    return [run for run in reversed(store.list()) if run.config.part is not None and run.config.part.analysis == id]


def _part(name: str, choices: AnalyseConfig, id: str = "") -> Part:
    return Part(analysis=id, stage=name, choices=choices.model_dump(mode="json"))


def _queue(root: Path, what: Stage, config: Config, dataset: Dataset | None, part: Part) -> Run:
    return submit(root, what.step, config, dataset, part)
