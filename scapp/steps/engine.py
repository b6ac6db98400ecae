"""Carry out one step: read, compute, commit with provenance. The worker and the command line share it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scapp.core import files
from scapp.core.config import Config
from scapp.core.errors import StaleInputError
from scapp.core.provenance import Provenance
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import asking
from scapp.steps.catalogue import Step
from scapp.steps.step import Inputs, Outcome, Reading
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.staging import new_provenance, plain
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.results import RESULT_FOLDER, dataset_of, left_result, write_summary


@dataclass(frozen=True)
class Machine:
    """Where a step runs; recorded, because equal results need equal machines."""

    device: str
    threads: int
    processes: int = 0
    """That train together; 0 leaves it to the step."""


def execute(
    step: Step,
    config: Config,
    context: StepContext,
    *,
    workspace: Workspace,
    dataset_id: str | None,
    folder: Path,
    machine: Machine,
    run_id: str = "",
    once: bool = False,
) -> dict[str, Any]:
    """Run a step and save what it gives.

    Parameters
    ----------
    step, config
        What to do.
    context
        Progress and stop.
    workspace, dataset_id
        What to read, and where to write.
    folder
        The step's own folder, for files and for a result that could not be committed.
    machine
        Device and threads.
    run_id
        Given to the step, to name what it makes.
    once
        Whether this is a run that may have been carried out before and killed: a result that it has saved is taken as
        it is, and a dataset that it makes has an id of the run's own.

    Returns
    -------
    The step's summary, with ``dataset`` (the id of what was written or made), ``files``, and
    ``stale`` (a sentence) when what was read has changed meanwhile: the result then waits in
    ``folder`` for ``adopt_result``.
    """
    if once and (earlier := left_result(workspace, run_id, dataset_id, folder)) is not None:
        return earlier
    dataset = workspace.open(dataset_id) if dataset_id else None
    reading = Reading(dataset) if dataset is not None else None
    started = time.monotonic()
    given = Inputs(reading, folder, machine.device, run_id, machine.processes, dataset)

    def between(share: float) -> None:
        context.raise_if_stopped()
        context.within(share)

    with asking(between):
        outcome = step.load()(given, config, context)
    context.raise_if_stopped()
    provenance = new_provenance(
        step.name,
        config=config.model_dump(mode="json"),
        seed=getattr(config, "seed", None),
        run=run_id,
        inputs=dict(reading.fingerprints) if reading else {},
        threads=machine.threads,
        device=machine.device,
        processes=outcome.summary.get("processes"),
        result=plain(outcome.summary),
        seconds=round(time.monotonic() - started, 3),
    )
    summary = {**outcome.summary, "files": outcome.files, "seconds": provenance.seconds}
    if once:
        write_summary(folder, summary)
    saved = _save(outcome, provenance, workspace, dataset, folder, dataset_of(run_id) if once else None)
    for path in outcome.delete:
        files.remove(path)
    return {**summary, **saved}


def _save(
    outcome: Outcome,
    provenance: Provenance,
    workspace: Workspace,
    dataset: Dataset | None,
    folder: Path,
    new_id: str | None,
) -> dict[str, Any]:
    saved: dict[str, Any] = {"dataset": dataset.id if dataset else None}
    if outcome.new_dataset is not None:
        new = outcome.new_dataset
        made = workspace.create(
            new.name, new.values, provenance=provenance, source=new.source, parent=dataset, id=new_id
        )
        saved["dataset"] = made.id
    if outcome.values and dataset is not None:
        try:
            workspace.commit(
                dataset.id,
                outcome.values,
                provenance=provenance,
                inputs=provenance.inputs,
                keep=folder / RESULT_FOLDER,
            )
        except StaleInputError as error:
            saved["stale"] = error.message
    return saved


def adopt_result(workspace: Workspace, dataset_id: str, folder: Path) -> None:
    """Commit a result that was kept because its inputs had changed."""
    workspace.adopt_kept(dataset_id, folder / RESULT_FOLDER)
