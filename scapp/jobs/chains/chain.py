"""A chain in the worker: runs, each queued when the one before is done, whether or not a page is open."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from scapp.core.config import Config
from scapp.core.errors import ConfigError, RunError, ScappError
from scapp.jobs.chains.analyse import ANALYSE, FIRST
from scapp.jobs.chains.chain_plan import Choices, Plan, Stage
from scapp.jobs.chains.plans import PLANS
from scapp.jobs.launch import discard, resume, submit
from scapp.steps.config import ImportRequest
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import ACTIVE, Failure, Part, Run, RunStore, Status

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """A stage that has been begun: its run, which part that is, and the status that it had when it was looked at."""

    run: Run
    part: Part
    status: Status

    @property
    def dataset(self) -> str | None:
        """Id of what it made or works on."""
        return self.status.result.get("dataset") or self.run.config.dataset

    @property
    def is_saved(self) -> bool:
        """Whether it is done, and what it made was not refused because its input had changed meanwhile."""
        return self.status.state == "done" and not self.status.result.get("stale")


@dataclass(frozen=True)
class Analysis:
    """An analysis as it stands: a chain that was begun.

    Parameters
    ----------
    root
        The workspace's folder.
    id
        That of its first run.
    plan
        What kind of chain it is.
    choices
        What it was told.
    done
        Stage -> how it was carried out last, in order. Stages that are to be carried out again are not among them.
    last
        What was begun last.
    """

    root: Path
    id: str
    plan: Plan
    choices: Choices
    done: dict[str, Done]
    last: Done

    @property
    def part(self) -> Part:
        """The part that was begun last."""
        return self.last.part

    @property
    def dataset(self) -> str | None:
        """Id of what it has made or works on by now; None before the import is done."""
        return self.last.dataset

    @property
    def stages(self) -> list[Stage]:
        """What it consists of."""
        wanted = self.plan.stages(self.choices)
        names = [each.name for each in wanted]
        return wanted[names.index(next(iter(self.done))) :]

    def stage(self, name: str) -> Stage:
        """A stage by its name."""
        return self.plan.stage(name, self.choices)

    @property
    def active(self) -> bool:
        """Whether a run of it waits or works."""
        return self.last.status.state in ACTIVE

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what has been done."""
        if not self.last.is_saved or self.dataset is None:
            return False
        return self.plan.next_stage(Workspace(self.root).open(self.dataset), self.choices, self.part.to_come) is None

    @property
    def could_not_begin(self) -> bool:
        """Whether the last stage failed before it was queued."""
        return self.last.status.state == "failed" and not self.last.run.config.config


def start_with_import(root: Path, request: ImportRequest, choices: Choices, plan: Plan = ANALYSE) -> Run:
    """Queue a chain from a file or an example, by default Analyse; its first run."""
    part = _part(plan, FIRST, choices, plan.to_come(choices, FIRST))
    return submit(root, "import", request, part=part)


def start(root: Path, plan: Plan, dataset: Dataset, choices: Choices, *, after: str | None = None) -> Run:
    """Queue an analysis of a dataset; its first run.

    Parameters
    ----------
    root
        The workspace's folder.
    plan
        What kind of chain.
    dataset
        To begin with.
    choices
        What the chain is told.
    after
        The stage after which it begins; None for the first.

    Raises
    ------
    RunError
        One of the same kind is at work on the dataset.
    ScappError
        The first step cannot be carried out on the dataset.
    """
    first = plan.next_stage(dataset, choices, plan.to_come(choices, after))
    assert first is not None
    config = plan.config(first, dataset, choices)
    part = _part(plan, first.name, choices, plan.to_come(choices, first.name))
    with _locked(root, f"of-{dataset.id}"):
        other = analysis_of(root, plan, dataset)
        if other is not None and other.active:
            raise RunError(
                f"{plan.title} is running on '{dataset.name}' already.", hint="Wait until it is done, or stop it."
            )
        return submit(root, first.step, config, dataset, part)


def begin_again(root: Path, seen: Analysis, name: str, config: Config) -> Run:
    """Carry out a stage of an analysis again with other settings, and what rests on it.

    Raises
    ------
    RunError
        The analysis has gone on since it was looked at.
    ScappError
        The step cannot be carried out.
    """
    with _locked(root, seen.id):
        now = analysis(root, seen.id)
        if now is None or now.active or now.last.run.id != seen.last.run.id:
            raise RunError(
                "This analysis has gone on since the page was drawn.", hint="Reload the page, then try again."
            )
        shared = {each: getattr(config, each) for each in now.plan.shared if each in type(config).model_fields}
        choices = now.choices.model_copy(update=shared)
        on = now.done[name].run.config.dataset
        dataset = Workspace(root).open(on) if on else None
        by_hand = config.model_dump(mode="json")
        if dataset is not None:
            by_hand = now.plan.by_hand(now.stage(name), dataset, choices, config)
        choices = choices.model_copy(update={"settings": {**choices.settings, name: by_hand}})
        remaining = now.plan.after_change(choices, name, now.done)
        part = _part(now.plan, name, choices, remaining, now.id, after=now.last.run.id)
        _forget_stop(root, now.id)
        return submit(root, now.stage(name).step, config, dataset, part)


def go_on(root: Path, run: Run, result: dict[str, Any]) -> Run | None:
    """Queue what comes after a run that is done, unless it has been queued, or the analysis is to stop.

    What comes next and cannot be carried out is kept as a failed run, which says why.

    Parameters
    ----------
    root
        The workspace's folder.
    run
        Of an analysis, or any other, after which nothing comes.
    result
        The run's summary; after one that was not saved, because its input had changed, nothing comes.

    Returns
    -------
    The run that follows; None at the end of the analysis, or where it does not go on.
    """
    part = run.config.part
    if part is None or result.get("stale") or not result.get("dataset"):
        return None
    with _locked(root, part.analysis):
        later = next((other for other, its in _runs(root, part.analysis) if its.after == run.id), None)
        if later is not None:
            return later
        if _stop_file(root, part.analysis).exists():
            return None
        dataset = Workspace(root).open(result["dataset"])
        plan = PLANS[part.plan]
        choices = plan.choices.build(part.choices)
        following = plan.next_stage(dataset, choices, part.to_come)
        if following is None:
            return None
        remaining = part.to_come[part.to_come.index(following.name) + 1 :]
        after = _part(plan, following.name, choices, remaining, part.analysis, after=run.id)
        try:
            return submit(root, following.step, plan.config(following, dataset, choices), dataset, after)
        except ScappError as error:
            failure = Failure(message=error.message, hint=error.hint, resumable=False)
            return RunStore(root).create(
                following.step,
                dataset=dataset.id,
                config={},
                title=following.title,
                lane=following.record.lane,
                part=after,
                failure=failure,
            )


def try_to_go_on(root: Path, run: Run, result: dict[str, Any]) -> None:
    """``go_on`` for the worker: a run that is done stays done, whatever comes of what follows."""
    try:
        go_on(root, run, result)
    except Exception:
        # logged in full; the page of the analysis offers to continue
        logger.exception("what follows %s could not be queued", run.id)


def stop(root: Path, id: str) -> None:
    """Ask an analysis to stop: its run, and what would follow."""
    with _locked(root, id):
        _stop_file(root, id).touch()
        found = analysis(root, id)
        if found is not None and found.active:
            found.last.run.request_stop()


def carry_on(root: Path, id: str) -> None:
    """Go on with an analysis that was stopped or cut off, in a stage or between two, or whose next could not begin."""
    _forget_stop(root, id)
    found = analysis(root, id)
    if found is not None and found.last.status.state == "stopped":
        resume(root, found.last.run)
    if found is not None and found.could_not_begin:
        discard(root, found.last.run)
        found = analysis(root, id)
    if found is not None and found.last.is_saved:
        go_on(root, found.last.run, found.last.status.result)


def analysis(root: Path, id: str) -> Analysis | None:
    """An analysis by its id; None where nothing is left of it, or another version of scapp has made it."""
    found = [Done(run, part, status) for run, part in _runs(root, id) if (status := _status(run)) is not None]
    if not found:
        return None
    last = found[-1]
    plan = PLANS.get(last.part.plan)
    if plan is None:
        logger.warning("analysis %s is not shown: its plan '%s' is not one of this version", id, last.part.plan)
        return None
    try:
        choices = plan.choices.build(last.part.choices)
    except ConfigError as error:
        logger.warning("analysis %s is not shown: %s", id, error)
        return None
    newest = {each.part.stage: each for each in found}
    names = [each.name for each in plan.stages(choices) if each.name not in last.part.to_come]
    done = {name: newest[name] for name in names if name in newest}
    if last.part.stage not in done:
        return None
    return Analysis(Path(root), id, plan, choices, done, last)


def analysis_of(root: Path, plan: Plan, dataset: Dataset) -> Analysis | None:
    """The analysis by a plan that made a dataset or worked on it last."""
    for run in RunStore(root).list():
        part = run.config.part
        if part is None or part.plan != plan.name:
            continue
        status = _status(run)
        if status is not None and dataset.id in (run.config.dataset, status.result.get("dataset")):
            return analysis(root, part.analysis)
    return None


def _status(run: Run) -> Status | None:
    """Of a run; None where it was discarded meanwhile."""
    try:
        return run.observe()
    except FileNotFoundError:
        return None


def _runs(root: Path, id: str) -> list[tuple[Run, Part]]:
    """Runs of an analysis with the parts that they are, oldest first."""
    found = ((run, run.config.part) for run in reversed(RunStore(root).list()))
    return [(run, part) for run, part in found if part is not None and part.analysis == id]


def _part(plan: Plan, name: str, choices: Choices, remaining: list[str], id: str = "", after: str = "") -> Part:
    told = choices.model_dump(mode="json")
    return Part(plan=plan.name, analysis=id, stage=name, to_come=remaining, after=after, choices=told)


def _stop_file(root: Path, id: str) -> Path:
    return Path(root) / "locks" / f"analysis-{id}.stop"


def _forget_stop(root: Path, id: str) -> None:
    _stop_file(root, id).unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(root: Path, id: str) -> Iterator[None]:
    """One process at a time decides what an analysis does next."""
    folder = Path(root) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"analysis-{id}.lock", timeout=30):
        yield
