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


class RunContext(QuietContext):
    """StepContext of one run on disk."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._looked = self._reported = 0.0
        self._stop = False

    def report(self, done: float, total: float, text: str) -> None:
        """Replace ``progress.json``, at most five times a second, but always at a change of text or the end."""
        moment = time.monotonic()
        if moment - self._reported < REPORT_SECONDS and done < total and total > 10:
            return
        self._reported = moment
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
