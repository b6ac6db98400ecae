"""Files of strangers are read in a process of its own, with limits: what breaks there breaks nothing else.

The process is forked from a clean one that has loaded the readers and nothing of anybody's. It writes the dataset
itself and answers with JSON; nothing that comes back is unpickled. Limits keep it from taking the machine. They do not
keep it from other files: what does is that readers refuse links before they follow one.
"""

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from scapp.core import files
from scapp.core.environment import Environment
from scapp.core.memory import usable_memory
from scapp.core.processes import end_with_parent
from scapp.jobs.deaths import death, too_slow
from scapp.workspace.runs.results import TEMPORARY
from scapp.workspace.runs.run import Run

OPEN_FILES = 4096
"""Each sample that is joined stays open until it is written."""
LOOK_SECONDS = 0.2
LEAST_PATIENCE = 120.0
SLOWEST = 2e5
"""Bytes a second: a tenth of what packed text is read at on two slow cores."""
STOP_SECONDS = 3.0
"""How long a process that is asked to stop may take until it is ended."""
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["scapp.jobs.apart", "scapp.steps.upload", "scapp.steps.engine"])


def warm() -> None:
    """Start the clean process, so that the first file need not wait for it."""
    forkserver.ensure_running()


def carry_out_apart(work: Callable[[str, str], dict[str, Any]], run: Run, root: Path) -> dict[str, Any]:
    """Do a run's work in a process of its own; what became of it, also where that process died.

    Parameters
    ----------
    work
        A function of a module, called with the workspace's folder and the run's id.
    run
        Whose folder and log it is given.
    root
        The workspace's folder.
    """
    limit = _patience(run.config.config)
    here, there = _processes.Pipe(duplex=False)
    child = _processes.Process(target=_limited, args=(work, str(root), run.id, str(run.folder), limit, there))
    child.start()
    there.close()
    try:
        answer, given_up = _answer(here, child.is_alive, run, limit)
        if given_up:
            child.kill()
        child.join()
    finally:
        here.close()
        files.remove(run.folder / TEMPORARY)
    if answer is not None:
        return dict(json.loads(answer))
    if run.stop_requested:
        return {"state": "stopped"}
    failure = too_slow() if given_up else death(child.exitcode or 0, run.config.step)
    return {"state": "failed", "error": failure.model_dump()}


def _patience(config: dict[str, Any]) -> float:
    """Seconds that reading may take without a sign of progress: HDF5's library reads some damaged files without end."""
    most = 60 * Environment().import_minutes
    if not config.get("path"):  # an example, or what is downloaded first
        return most
    return min(most, LEAST_PATIENCE + files.size_of(Path(config["path"])) / SLOWEST)


def _answer(pipe: Connection, alive: Callable[[], bool], run: Run, limit: float) -> tuple[bytes | None, bool]:
    """What the process says before it ends, or whether it has been at one thing for too long."""
    report = run.folder / "progress.json"
    seen, since = 0.0, time.monotonic()
    asked: float | None = None
    while True:
        try:
            if pipe.poll(LOOK_SECONDS):
                return pipe.recv_bytes(), False
        except EOFError:
            return None, False
        if not alive():
            return None, False
        changed = report.stat().st_mtime if report.exists() else 0.0
        if changed != seen:
            seen, since = changed, time.monotonic()
        if asked is None and run.stop_requested:
            asked = time.monotonic()
        if time.monotonic() - since > limit or (asked is not None and time.monotonic() - asked > STOP_SECONDS):
            return None, True


def _limited(
    work: Callable[[str, str], dict[str, Any]], root: str, run_id: str, folder: str, seconds: float, pipe: Connection
) -> None:
    end_with_parent()
    own = Path(folder) / TEMPORARY
    own.mkdir(exist_ok=True)
    tempfile.tempdir = str(own)
    with open(Path(folder) / "log.txt", "ab", buffering=0) as log:
        # Descriptors, not sys.stdout: what compiled libraries print belongs in the log as well.
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    _set_limits(seconds)
    pipe.send_bytes(json.dumps(work(root, run_id)).encode())


def _set_limits(seconds: float) -> None:
    """Memory, processor time, open files and core dumps of this process."""
    if sys.platform != "linux":  # elsewhere the system takes some of these limits and heeds none
        return
    import resource

    me = psutil.Process()
    most = int(me.memory_info().vms + usable_memory())
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    cores = os.cpu_count() or 1
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds * cores) + 1, int(seconds * cores) + 5))
    n_open = min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (n_open, n_open))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
