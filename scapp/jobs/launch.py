"""Queue a run, and see to it that a worker takes it."""

import os
import subprocess
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import Any

from scapp.core import files
from scapp.core.config import Config
from scapp.core.environment import environment
from scapp.core.installation import IMPORTED_FROM
from scapp.core.memory import check_memory
from scapp.core.step_context import QuietContext
from scapp.jobs.held_class import check_limits
from scapp.jobs.lanes import Lane
from scapp.jobs.lookout import keep_looking
from scapp.jobs.turns import LANES, Turns, server_of
from scapp.steps.catalogue import Step, step
from scapp.steps.engine import Machine, execute
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import Part, Run, RunStore

LOOK_SECONDS = 1.0
_started: dict[tuple[str, str], "subprocess.Popen[bytes]"] = {}
"""The last worker that this process started, by workspace and name."""


def submit(root: Path, name: str, config: Config, dataset: Dataset | None = None, part: Part | None = None) -> Run:
    """Queue a step on a dataset, as a part of an analysis where one is named.

    Raises
    ------
    ConfigError
        It would need more memory than is free, or more than a member of a class may use.
    """
    record = step(name)
    check_limits(root, follows=part is not None and bool(part.after))
    if dataset is not None:
        refuse_too_large(record, config, dataset)
    run = RunStore(root).create(
        name,
        dataset=dataset.id if dataset else None,
        config=config.model_dump(mode="json"),
        title=record.title,
        lane=record.lane,
        part=part,
    )
    ensure_worker(root, record.lane)
    return run


def run_now(root: Path, name: str, config: Config, dataset: Dataset) -> dict[str, Any]:
    """Carry out a step that takes no time in this process; its summary.

    Raises
    ------
    ValueError
        The step is not one of those that pages carry out themselves (``Step.at_once``).
    """
    if not step(name).at_once:
        raise ValueError(f"'{name}' is work for the worker")
    with tempfile.TemporaryDirectory() as folder:
        return execute(
            step(name),
            config,
            QuietContext(),
            workspace=Workspace(root),
            dataset_id=dataset.id,
            folder=Path(folder),
            machine=Machine("cpu", 1),
        )


def resume(root: Path, run: Run) -> None:
    """Queue a stopped or failed run again.

    Raises
    ------
    ConfigError
        It would need more than a member of a class may use.
    """
    check_limits(root)
    run.queue_again()
    RunStore(root).announce(run)
    ensure_worker(root, run.config.lane)


def discard(root: Path, run: Run) -> None:
    """Delete a run, and the uploaded copy that it was to import."""
    uploaded = run.config.config.get("upload_folder")
    RunStore(root).discard(run.id)
    if uploaded is not None:
        files.remove(Path(uploaded))


def refuse_too_large(record: Step, config: Config, dataset: Dataset) -> None:
    """Check the memory that a step would take on a dataset."""
    if record.memory is None:
        return
    needed = record.memory(config, dataset)
    check_memory(
        needed,
        f"'{record.title}' on {dataset.n_cells:,} cells",
        "Close other programs, keep fewer cells or genes, or use smaller batches.",
    )


def keep_lanes(root: Path) -> threading.Event:
    """See to it, from a thread of this process, that every queued run is taken; set what comes back to end it.

    A worker that is killed leaves its waiting runs to nobody; no page may be open to notice.
    """
    stop = threading.Event()
    for lane in LANES:
        keep_looking(f"the lane '{lane}'", partial(_look_after_lane, root, Turns(root, lane)), LOOK_SECONDS, stop)
    return stop


def _look_after_lane(root: Path, turns: Turns) -> None:
    """Start a worker where a run waits and nobody works."""
    if turns.next() is not None:
        ensure_worker(root, turns.lane)


def ensure_worker(root: Path, lane: str) -> None:
    """Start a lane's worker unless there is one, or as many as work for a class. They outlive this process."""
    here, server = environment(), server_of(root)
    names = [lane]
    if here.mode == "class":
        names = [f"{lane}-{number}" for number in range(1, here.n_class_workers + 1)]
    for name in names:
        _ensure_one(server, name)


def _ensure_one(root: Path, name: str) -> None:
    place = Lane(root, name)
    own = _started.get((str(root), name))
    # asking ours whether it has ended also keeps it from becoming a zombie
    if place.is_taken() or (own is not None and own.poll() is None):
        return
    with open(place.log, "ab") as stream:
        _started[str(root), name] = subprocess.Popen(
            [sys.executable, "-m", "scapp", "work", "--lane", name, "--workspace", str(root)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            cwd=IMPORTED_FROM,
            env=dict(os.environ),
        )
