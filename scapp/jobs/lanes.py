"""Who works in a lane: the lock that its supervisor holds, a record of that process, and a look that takes no lock."""

import os
import socket
import time
from pathlib import Path

from filelock import FileLock

from scapp.core import files
from scapp.core.processes import started_at
from scapp.workspace.runs.run import HEARTBEAT_SECONDS, STALE_SECONDS, Silences, process_alive

ACQUIRE_SECONDS = 5.0
"""A starting supervisor waits this long for one that is just going home."""
_silences = Silences()


class Lane:
    """The right to be one of the workers of a workspace, held by one supervisor at a time.

    A supervisor that goes home first takes its record away, then lets go of the lock, then looks once
    more for waiting runs. Whoever queues a run announces it first and then looks for the record. So one
    of the two always sees the other, and no run waits for a supervisor that has just gone.

    Parameters
    ----------
    root
        The workspace's folder.
    name
        Of the worker: that of its lane, or one of several in it (``turns.lane_of``).
    """

    def __init__(self, root: Path, name: str) -> None:
        folder = Path(root) / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"worker-{name}.log"
        self._record = folder / f"worker-{name}.json"
        self._lock = FileLock(folder / f"worker-{name}.lock")
        self._beaten = 0.0

    def take(self) -> None:
        """Hold the lane from now on.

        Raises
        ------
        filelock.Timeout
            Another supervisor works in it.
        """
        self._lock.acquire(timeout=ACQUIRE_SECONDS)
        record = {"pid": os.getpid(), "started": started_at(os.getpid()), "host": socket.gethostname()}
        files.write_json(self._record, record)

    def beat(self) -> None:
        """Say, every two seconds at most, that the supervisor is there."""
        if time.monotonic() - self._beaten > HEARTBEAT_SECONDS:
            self._beaten = time.monotonic()
            os.utime(self._record)

    def leave(self) -> None:
        """Let go of the lane."""
        self._record.unlink(missing_ok=True)
        self._lock.release()

    def is_taken(self) -> bool:
        """Whether a supervisor works in the lane; nothing is locked to find out."""
        try:
            record = files.read_json(self._record)
        except (FileNotFoundError, ValueError):
            return False
        if record.get("host") == socket.gethostname():
            return process_alive(record.get("pid"), record.get("started"))
        return _silences.of(self._record) < STALE_SECONDS
