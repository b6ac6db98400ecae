"""Runs: a folder each, with what was asked, how far it is, and what came of it.

``config.json`` says what was asked and never changes. ``status.json`` is replaced atomically, by one
process at a time: whoever queues the run, then the worker. ``progress.json`` and ``metrics.jsonl`` are
written by the step itself. A file named ``stop`` asks it to stop.
"""

import logging
import os
import re
import secrets
import shutil
import signal
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, Field

from scapp.core import files
from scapp.core.errors import RunError
from scapp.core.processes import started_at
from scapp.core.provenance import now
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.checkpoints import latest_checkpoint
from scapp.workspace.runs.results import left_result

State = Literal["queued", "running", "stopping", "stopped", "done", "failed"]
ACTIVE: tuple[State, ...] = ("queued", "running", "stopping")
HEARTBEAT_SECONDS = 2.0
STALE_SECONDS = 30.0
FORMAT = 1
logger = logging.getLogger(__name__)
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")


class Failure(BaseModel):
    """Why a run failed, for its page."""

    message: str
    hint: str
    resumable: bool = True


class Part(BaseModel):
    """Which part of an analysis (``jobs.chains``) a run is.

    Parameters
    ----------
    plan
        Which chain it is.
    analysis
        Id of the analysis: that of its first run.
    stage
        Name of the stage.
    to_come
        Names of the stages that are to follow, in order.
    after
        Id of the run that it follows.
    choices
        What the analysis was told.
    """

    plan: str = "analyse"
    analysis: str = ""
    stage: str
    to_come: list[str] = Field(default_factory=list)
    after: str = ""
    choices: dict[str, Any] = Field(default_factory=dict)


class RunConfig(BaseModel):
    """What was asked."""

    format: int = FORMAT
    id: str
    step: str
    dataset: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    title: str = ""
    lane: str = "light"
    created: str = ""
    part: Part | None = None


class Status(BaseModel):
    """Where a run is."""

    state: State
    changed: str = ""
    started: str | None = None
    pid: int | None = None
    pid_started: float | None = None
    host: str | None = None
    error: Failure | None = None
    result: dict[str, Any] = Field(default_factory=dict)


class Run:
    """One run on disk. Reading it never waits and never fails on a half-written file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.config = RunConfig.model_validate(files.read_json(folder / "config.json"))
        except ValueError as error:
            raise RunError(
                f"The record of run {folder.name} is damaged.", hint="Start the run again with its settings."
            ) from error

    @property
    def id(self) -> str:
        """Time of creation and a random part."""
        return self.config.id

    @property
    def root(self) -> Path:
        """Folder of its workspace."""
        return self.folder.parent.parent

    @property
    def status(self) -> Status:
        """Status as written, a damaged one being that of a failed run; ``observe`` knows of dead workers too."""
        try:
            return Status.model_validate(files.read_json(self.folder / "status.json"))
        except ValueError:
            return Status(state="failed", error=STATUS_DAMAGED)

    def observe(self) -> Status:
        """Status, where a run whose worker has died or fallen silent is failed, with the reason.

        One whose result had been saved by then is done.
        """
        status = self.status
        if status.state not in ("running", "stopping"):
            return status
        if status.host == socket.gethostname() and not process_alive(status.pid, status.pid_started):
            status = self.status
            if status.state not in ("running", "stopping"):
                return status
            return self._without_worker(status, WORKER_DIED)
        if _silences.of(self.folder / "heartbeat") > STALE_SECONDS:
            return self._without_worker(status, WORKER_SILENT)
        return status

    def _without_worker(self, status: Status, reason: Failure) -> Status:
        workspace = Workspace(self.root)
        result = left_result(workspace, self.id, self.config.dataset, self.folder)
        if result is not None:
            return status.model_copy(update={"state": "done", "result": result})
        return status.model_copy(update={"state": "failed", "error": reason})

    def set_status(self, status: Status) -> None:
        """Replace the status."""
        files.write_json(
            self.folder / "status.json", status.model_copy(update={"changed": now()}).model_dump(mode="json")
        )

    def heartbeat(self) -> None:
        """Say that the worker is alive."""
        (self.folder / "heartbeat").touch()

    @property
    def progress(self) -> dict[str, Any]:
        """``done``, ``total`` and ``text``; empty before the first report."""
        try:
            return dict(files.read_json(self.folder / "progress.json"))
        except (FileNotFoundError, ValueError, TypeError):
            return {}  # nothing rests on it, and the next report replaces it

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """Rows logged so far."""
        return files.read_json_lines(self.folder / "metrics.jsonl")

    @property
    def log(self) -> str:
        """Text of the log."""
        path = self.folder / "log.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def has_checkpoint(self) -> bool:
        """Whether the run can be resumed from where it was."""
        return latest_checkpoint(self.folder) is not None

    def request_stop(self) -> None:
        """Ask the run to stop; it does within seconds. A queued one never starts."""
        with self.lock():
            (self.folder / "stop").touch()
            if self.status.state == "queued":
                self.set_status(Status(state="stopped"))

    @property
    def stop_requested(self) -> bool:
        """Whether it was asked to stop."""
        return (self.folder / "stop").exists()

    def queue_again(self) -> None:
        """Queue a stopped or failed run: it goes on from its last checkpoint.

        Raises
        ------
        RunError
            It is still active, or done.
        """
        with self.lock():
            observed = self.observe()
            if observed.state not in ("stopped", "failed"):
                raise RunError(
                    f"This run is {observed.state}; only a stopped or failed one can be resumed.",
                    hint="Wait for it, or start a new run.",
                )
            stop_orphan(self.status)
            (self.folder / "stop").unlink(missing_ok=True)
            self.set_status(Status(state="queued"))

    def lock(self) -> FileLock:
        """Lock around changes of the status."""
        return FileLock(self.folder / ".lock", timeout=30)


class Silences:
    """For how long files have not been touched, also where clocks are wrong or are set while one looks.

    A file is silent for as long as this process has seen it unchanged, by its own steady clock. The time that is
    written on a file is believed only where it is long past: a clock that is put forward ages all files at once, and
    one that is put back leaves files that seem to be touched in the future.
    """

    LONG_PAST = 10 * STALE_SECONDS

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[float, float]] = {}

    def of(self, path: Path) -> float:
        """Seconds since the file was touched, as far as this process can tell; zero where there is none."""
        try:
            touched = path.stat().st_mtime
        except FileNotFoundError:
            return 0.0
        moment = time.monotonic()
        before, since = self._seen.get(path, (touched, moment))
        if before != touched:
            since = moment
        self._seen[path] = (touched, since)
        age = time.time() - touched
        return max(moment - since, age if age > self.LONG_PAST else 0.0)


_silences = Silences()

WORKER_DIED = Failure(
    message="The worker process ended without a message: it was killed, or the computer was restarted.",
    hint="Click 'Resume' to go on from the last checkpoint. If it happens again, free some memory first.",
)
WORKER_SILENT = Failure(
    message=f"The worker has given no sign of life for {STALE_SECONDS:.0f} seconds.",
    hint="If the computer was asleep, wait a moment; otherwise click 'Resume' to go on from the last checkpoint.",
)


STATUS_DAMAGED = Failure(
    message="The file that says how far this run is (status.json) is damaged.",
    hint="Click 'Resume' to go on from the last checkpoint, or start the run again.",
)


class RunStore:
    """All runs of a workspace.

    Parameters
    ----------
    root
        The workspace's folder.
    """

    def __init__(self, root: Path) -> None:
        self.folder = Path(root) / "runs"
        self.folder.mkdir(parents=True, exist_ok=True)

    def create(
        self,
        step: str,
        *,
        dataset: str | None,
        config: dict[str, Any],
        title: str,
        lane: str,
        part: Part | None = None,
        failure: Failure | None = None,
    ) -> Run:
        """Queue a run; or keep one that could not even be queued, with the reason."""
        id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        building = files.temporary_folder(self.folder, ".new-")
        if part is not None and not part.analysis:
            part = part.model_copy(update={"analysis": id})
        asked = RunConfig(
            id=id, step=step, dataset=dataset, config=config, title=title, lane=lane, created=now(), part=part
        )
        status = Status(state="failed" if failure else "queued", changed=now(), error=failure)
        files.write_json(building / "config.json", asked.model_dump(mode="json"))
        files.write_json(building / "status.json", status.model_dump(mode="json"))
        os.replace(building, self.folder / id)
        run = Run(self.folder / id)
        if failure is None:
            self.announce(run)
        return run

    def open(self, id: str) -> Run:
        """A run by its id.

        Raises
        ------
        RunError
            There is none.
        """
        if not _ID.fullmatch(id) or not (self.folder / id / "config.json").exists():
            raise RunError(f"There is no run '{id[:40]}'.", hint="It may have been discarded; start a new one.")
        return Run(self.folder / id)

    def list(self, *, dataset: str | None = None, step: str | None = None) -> list[Run]:
        """Runs, newest first, of one dataset and step where given."""
        found = []
        for folder in sorted(self.folder.iterdir(), reverse=True):
            if not _ID.fullmatch(folder.name):
                continue
            try:
                run = Run(folder)
            except FileNotFoundError:
                continue  # discarded between listing and reading
            except RunError as error:
                self._set_aside(folder, error)
                continue
            if dataset in (None, run.config.dataset) and step in (None, run.config.step):
                found.append(run)
        # ids tell seconds only
        return sorted(found, key=lambda run: (run.config.created, run.id), reverse=True)

    def latest(self, *, dataset: str | None, step: str) -> Run | None:
        """The newest run of a step on a dataset."""
        return next(iter(self.list(dataset=dataset, step=step)), None)

    def announce(self, run: Run) -> None:
        """Put a run on its lane's list of waiting ones, so that a worker need not look through all runs."""
        marker = self._waiting(run.config.lane) / run.id
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()

    def next_queued(self, lane: str) -> Run | None:
        """The run that has waited longest in a lane."""
        waiting = self._waiting(lane)
        for marker in sorted(waiting.iterdir()) if waiting.exists() else []:
            try:
                run = self.open(marker.name)
                if run.status.state == "queued":
                    return run
            except (RunError, FileNotFoundError) as error:
                logger.info("%s is not taken: %s", marker.name, error)  # discarded meanwhile, or damaged
            marker.unlink(missing_ok=True)
        return None

    def _set_aside(self, folder: Path, error: RunError) -> None:
        """Move a run that cannot be read out of the way of the others; what it holds stays."""
        place = self.folder.parent / "damaged" / folder.name
        logger.error("%s It was moved to '%s'.", error.message, place)
        place.parent.mkdir(exist_ok=True)
        try:
            os.replace(folder, place)
        except OSError as fault:
            logger.warning("could not move '%s': %s", folder, fault)

    def _waiting(self, lane: str) -> Path:
        return self.folder.parent / "waiting" / lane

    def discard(self, id: str) -> None:
        """Delete a run and what it holds.

        Raises
        ------
        RunError
            It is still active.
        """
        run = self.open(id)
        with run.lock():
            state = run.observe().state
            if state in ACTIVE:
                raise RunError(f"The run is {state}.", hint="Stop it first, then discard it.")
            stop_orphan(run.status)
        # gone in one rename, so that nobody reads half a run
        doomed = self.folder / f".gone-{run.id}"
        os.replace(run.folder, doomed)
        shutil.rmtree(doomed)


def process_alive(pid: int | None, started: float | None) -> bool:
    """Whether the very process (not a later one with its number) is there and not a zombie."""
    if pid is None or started is None:
        return False
    found = started_at(pid)
    return found is not None and abs(found - started) < 1


def stop_orphan(status: Status) -> None:
    """End a worker that still has the run but no longer answers, so that two never work on one run."""
    if status.state not in ("running", "stopping"):
        return
    if status.pid is not None and status.host == socket.gethostname() and process_alive(status.pid, status.pid_started):
        os.kill(status.pid, signal.SIGKILL)
