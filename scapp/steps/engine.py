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
from scapp.steps.catalogue import Step
from scapp.steps.step import Inputs, Outcome, Reading
from scapp.workspace.datasets.manifest import Entry
from scapp.workspace.datasets.staging import Staged, new_provenance, stage
from scapp.workspace.datasets.store import Workspace

RESULT_FOLDER = "result"


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

    Returns
    -------
    The step's summary, with ``dataset`` (the id of what was written or made), ``files``, and
    ``stale`` (a sentence) when what was read has changed meanwhile: the result then waits in
    ``folder`` for ``adopt_result``.
    """
    reading = Reading(workspace.open(dataset_id)) if dataset_id else None
    started = time.monotonic()
    outcome = step.load()(Inputs(reading, folder, machine.device, run_id, machine.processes), config, context)
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
        seconds=round(time.monotonic() - started, 3),
    )
    saved = _save(outcome, provenance, workspace, reading, folder)
    for path in outcome.delete:
        files.remove(path)
    return {**outcome.summary, **saved, "files": outcome.files, "seconds": provenance.seconds}


def _save(
    outcome: Outcome, provenance: Provenance, workspace: Workspace, reading: Reading | None, folder: Path
) -> dict[str, Any]:
    saved: dict[str, Any] = {"dataset": reading.dataset.id if reading else None}
    if outcome.new_dataset is not None:
        new = outcome.new_dataset
        parent = reading.dataset if reading else None
        made = workspace.create(new.name, new.values, provenance=provenance, source=new.source, parent=parent)
        saved["dataset"] = made.id
    if outcome.values and reading is not None:
        result = folder / RESULT_FOLDER
        result.mkdir(exist_ok=True)
        staged = stage(outcome.values, result, provenance=provenance, inputs=dict(reading.fingerprints))
        try:
            workspace.adopt(reading.dataset.id, staged)
        except StaleInputError as error:
            _keep(staged)
            saved["stale"] = error.message
    return saved


def _keep(staged: Staged) -> None:
    content = {
        "entries": {slot: entry.model_dump() for slot, entry in staged.entries.items()},
        "provenance": staged.provenance.model_dump(),
        "inputs": staged.inputs,
    }
    files.write_json(staged.folder / "staged.json", content)


def adopt_result(workspace: Workspace, dataset_id: str, folder: Path) -> None:
    """Commit a result that was kept because its inputs had changed."""
    result = folder / RESULT_FOLDER
    content = files.read_json(result / "staged.json")
    entries = {slot: Entry.model_validate(entry) for slot, entry in content["entries"].items()}
    staged = Staged(result, entries, Provenance.model_validate(content["provenance"]), content["inputs"])
    workspace.adopt(dataset_id, staged, even_if_stale=True)
    (result / "staged.json").unlink()
