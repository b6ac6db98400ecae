"""How a step in the worker reports: files in the run's folder."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scapp.core import files
from scapp.core.step_context import QuietContext
from scapp.workspace.runs.checkpoints import latest_checkpoint, write_checkpoint
from scapp.workspace.runs.run import Run
from scapp.workspace.runs.snapshots import write_snapshot

STOP_LOOK_SECONDS = 0.3
REPORT_SECONDS = 0.2
PASS_SECONDS = 1.0
"""How long a pass goes on before its share is shown: what is quicker only flickers."""


class RunContext(QuietContext):
    """StepContext of one run on disk."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._looked = self._reported = 0.0
        self._said: tuple[float, float, str] | None = None
        self._stop = False

    def report(self, done: float, total: float, text: str) -> None:
        """Replace ``progress.json``, at most five times a second, but always at a change of text or the end."""
        self._said = (done, total, text)
        if time.monotonic() - self._reported < REPORT_SECONDS and done < total and total > 10:
            return
        self._write(done, total, text)

    def within(self, share: float) -> None:
        """Put the share behind the words that were said last, once a second."""
        if self._said is not None and time.monotonic() - self._reported > PASS_SECONDS:
            done, total, text = self._said
            self._write(done, total, f"{text} ({share:.0%})")

    def _write(self, done: float, total: float, text: str) -> None:
        self._reported = time.monotonic()
        files.write_json(
            self.run.folder / "progress.json", {"done": done, "total": total, "text": text, "at": time.time()}
        )

    def log_metrics(self, row: dict[str, Any]) -> None:
        """Append to ``metrics.jsonl``."""
        files.append_json_line(self.run.folder / "metrics.jsonl", row)

    def snapshot(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep it in the run's folder."""
        write_snapshot(self.run.folder, number, arrays)

    def checkpoint(self, write: Callable[[Path], None]) -> None:
        """Keep a checkpoint in the run's folder."""
        write_checkpoint(self.run.folder, write)

    def latest_checkpoint(self) -> Path | None:
        """The run's last checkpoint, if any."""
        return latest_checkpoint(self.run.folder)

    def stop_requested(self) -> bool:
        """Look for the ``stop`` file, at most about three times a second."""
        moment = time.monotonic()
        if not self._stop and moment - self._looked > STOP_LOOK_SECONDS:
            self._looked = moment
            self._stop = self.run.stop_requested
        return self._stop
