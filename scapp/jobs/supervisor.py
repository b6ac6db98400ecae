"""The supervisor: takes queued runs of one lane, one at a time, and keeps their status true.

It holds the lane's lock, so there is one worker a lane. The work itself is done in a child process
(``executor``), which stays warm between runs and may be killed: library calls that cannot be
interrupted are stopped that way, and a child that dies leaves a run that says how.
"""

import errno
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from filelock import Timeout

from scapp.core.environment import THREAD_VARIABLES, Environment
from scapp.core.processes import started_at
from scapp.core.provenance import now
from scapp.jobs.chains.chain import try_to_go_on
from scapp.jobs.deaths import death, took_too_long
from scapp.jobs.lanes import Lane
from scapp.jobs.turns import Turns, lane_of
from scapp.workspace.housekeeping import tidy
from scapp.workspace.runs.run import HEARTBEAT_SECONDS, Failure, Run, RunStore, State, Status

POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0
KILL_SECONDS = 3.0


class Supervisor:
    """One lane's worker.

    Parameters
    ----------
    root
        The workspace's folder.
    name
        Of the worker: ``training`` or ``light``, or one of several such as ``training-2``.
    environment
        Threads, and how long to wait without work.
    """

    def __init__(self, root: Path, name: str, environment: Environment) -> None:
        self.root = Path(root)
        self.name = name
        self.environment = environment
        self.turns = Turns(root, lane_of(name))
        self._place = Lane(root, name)
        self._child: subprocess.Popen[str] | None = None

    def work(self) -> None:
        """Take runs until none has come for the idle time. At once done when another worker has the lane."""
        try:
            while True:
                try:
                    self._place.take()
                except Timeout:
                    return
                try:
                    self._work_until_idle()
                finally:
                    self._place.leave()
                # who queued a run in between found the lane empty or is found here
                if self.turns.next() is None:
                    return
        finally:
            self._end_child()

    def _work_until_idle(self) -> None:
        self._fail_abandoned()
        if self.turns.lane == "light":
            for root in self.turns.workspaces():
                tidy(root)
        self._warm_child()
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < self.environment.worker_idle_seconds:
            self._place.beat()
            run = self.turns.next()
            if run is None:
                time.sleep(POLL_SECONDS)
                continue
            self._take(run)
            idle_since = time.monotonic()

    def _fail_abandoned(self) -> None:
        """Write down what ``observe`` sees: runs of this lane whose worker is gone."""
        for run in (run for root in self.turns.workspaces() for run in RunStore(root).list()):
            if run.config.lane == self.turns.lane:
                observed = run.observe()
                if observed.state in ("failed", "done") and run.status.state != observed.state:
                    run.set_status(observed)
                    if observed.state == "done":
                        try_to_go_on(run.root, run, observed.result)

    def _take(self, run: Run) -> None:
        child = self._warm_child()
        with run.lock():
            status = run.status
            if status.state != "queued":
                return
            status = Status(
                state="running",
                started=now(),
                pid=os.getpid(),
                pid_started=started_at(os.getpid()),
                host=socket.gethostname(),
            )
            self.turns.take(run)
            run.heartbeat()
            run.set_status(status)
        assert child.stdin is not None
        child.stdin.write(json.dumps(str(run.folder)) + "\n")
        child.stdin.flush()
        self._watch(run, child, status)

    def _watch(self, run: Run, child: subprocess.Popen[str], status: Status) -> None:
        assert child.stdout is not None
        selector = selectors.DefaultSelector()
        selector.register(child.stdout, selectors.EVENT_READ)
        beat = 0.0
        stop_seen: float | None = None
        begun, minutes = time.monotonic(), self.turns.minutes(run)
        too_late: Failure | None = None
        while True:
            answered = bool(selector.select(timeout=POLL_SECONDS))
            if answered or child.poll() is not None:
                break
            if time.monotonic() - beat > HEARTBEAT_SECONDS:
                run.heartbeat()
                self._place.beat()
                beat = time.monotonic()
            if minutes is not None and too_late is None and time.monotonic() - begun > 60 * minutes:
                too_late = took_too_long(minutes)
                run.request_stop()
            if stop_seen is None and run.stop_requested:
                stop_seen = time.monotonic()
                run.set_status(status.model_copy(update={"state": "stopping"}))
            if stop_seen is not None:
                self._insist(child, time.monotonic() - stop_seen)
        selector.close()
        answer = child.stdout.readline() if answered else ""
        if too_late is not None and (not answer or json.loads(answer)["state"] == "stopped"):
            _record(run, status, "failed", error=too_late.model_dump())
        elif answer:
            _record(run, status, **json.loads(answer))
        elif child.wait() is not None and stop_seen is not None:
            _record(run, status, "stopped")
        else:
            _record(run, status, "failed", error=death(child.returncode, run.config.step).model_dump())

    def _insist(self, child: subprocess.Popen[str], seconds: float) -> None:
        """First the step's own look at the stop file, then SIGTERM, then SIGKILL."""
        if seconds > GRACE_SECONDS + KILL_SECONDS:
            child.kill()
        elif seconds > GRACE_SECONDS:
            child.terminate()

    def _warm_child(self) -> subprocess.Popen[str]:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "scapp",
                    "work",
                    "--execute",
                    "--lane",
                    self.name,
                    "--workspace",
                    str(self.root),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=child_environment(self.environment.n_worker_threads),
            )
        return self._child

    def _end_child(self) -> None:
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.kill()
        # waits, and closes what it was spoken to through
        self._child.communicate()


def _record(
    run: Run, status: Status, state: State, result: dict[str, Any] | None = None, error: dict[str, Any] | None = None
) -> None:
    """Write how a run ended; on a full disk, as soon as there is room for it."""
    ended = status.model_copy(
        update={"state": state, "result": result or {}, "error": Failure.model_validate(error) if error else None}
    )
    while True:
        try:
            run.set_status(ended)
        except OSError as fault:
            if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            time.sleep(1)
        else:
            return


def child_environment(n_threads: int) -> dict[str, str]:
    """Environment of the executor: thread counts, and threads that sleep while they wait."""
    threads = {name: str(n_threads) for name in THREAD_VARIABLES}
    return {**os.environ, **threads, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}
