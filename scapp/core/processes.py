"""Which process is meant, processes that belong to another one, and what this one takes."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

import psutil

LOOK_SECONDS = 0.5
PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""


def started_at(pid: int) -> float | None:
    """When a process began, in seconds that no change of the clock moves; None where there is none or it is a zombie.

    A number is given to later processes as well: number and beginning together tell which one is meant.
    """
    try:
        if sys.platform != "linux":
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
        # psutil adds the time of booting, which the system reckons from the present clock
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state == "Z" else int(fields[18]) / os.sysconf("SC_CLK_TCK")
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def end_with_parent() -> None:
    """From now on, end this process when the one that started it is gone.

    On Linux the system does so at once; elsewhere a thread looks, which compiled code that hangs can keep from running.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


class MemoryWatch:
    """How much more memory this process had at most while something ran, looked at twenty times a second.

    Examples
    --------
    >>> with MemoryWatch() as watch:
    ...     work()
    >>> watch.peak_mb
    """

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._ended = threading.Event()

    def __enter__(self) -> "MemoryWatch":
        self._process = psutil.Process()
        self._start = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._note()

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            self._note()

    def _note(self) -> None:
        self.peak_mb = max(self.peak_mb, (self._process.memory_info().rss - self._start) / 1e6)
