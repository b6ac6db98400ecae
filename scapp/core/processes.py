"""Processes that belong to another one, and what this one takes."""

import os
import threading
import time
from types import TracebackType

import psutil

LOOK_SECONDS = 0.5


def end_with_parent() -> None:
    """From now on, end this process when the one that started it is gone."""
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
