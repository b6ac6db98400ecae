"""Queue a run, and see to it that a worker takes it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scapp.core import files
from scapp.core.config import Config
from scapp.core.memory import check_memory
from scapp.core.step_context import QuietContext
from scapp.jobs.supervisor import lane_lock
from scapp.steps.catalogue import Step, step
from scapp.steps.engine import Machine, execute
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import Run, RunStore

_started: list["subprocess.Popen[bytes]"] = []
REPOSITORY = Path(__file__).resolve().parents[2]


def submit(root: Path, name: str, config: Config, dataset: Dataset | None = None) -> Run:
    """Queue a step on a dataset.

    Raises
    ------
    ConfigError
        It would need more memory than is free.
    """
    record = step(name)
    if dataset is not None:
        refuse_too_large(record, config, dataset)
    run = RunStore(root).create(
        name,
        dataset=dataset.id if dataset else None,
        config=config.model_dump(mode="json"),
        title=record.title,
        lane=record.lane,
    )
    ensure_worker(root, record.lane)
    return run


def run_now(root: Path, name: str, config: Config, dataset: Dataset) -> dict[str, Any]:
    """Carry out a quick step in this process; its summary. For what people write by hand, which takes no time."""
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
    """Queue a stopped or failed run again."""
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


def ensure_worker(root: Path, lane: str) -> None:
    """Start the lane's worker unless one holds its lock. It outlives this process."""
    if worker_running(root, lane):
        return
    log = Path(root) / "locks" / f"worker-{lane}.log"
    with open(log, "ab") as stream:
        worker = subprocess.Popen(
            [sys.executable, "-m", "scapp", "work", "--lane", lane, "--workspace", str(root)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            cwd=REPOSITORY,
            env=dict(os.environ),
        )
    # kept, and asked at the next start: a parent that never asks leaves a zombie behind
    _started[:] = [process for process in [*_started, worker] if process.poll() is None]


def worker_running(root: Path, lane: str) -> bool:
    """Whether a worker holds the lane's lock."""
    lock = FileLock(lane_lock(root, lane))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
