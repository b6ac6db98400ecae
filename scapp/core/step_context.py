"""What a step may ask of whoever runs it: progress, metrics, checkpoints, and whether to stop."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class StepStopped(Exception):
    """The user asked the step to stop. Not an error: nothing went wrong."""


class StepContext(Protocol):
    """Implemented by the worker, the command line and tests."""

    def report(self, done: float, total: float, text: str) -> None:
        """Say how far the step is."""

    def within(self, share: float) -> None:
        """Say how far what was reported last has come, 0 to 1: of each pass over blocks, of which a step reports one or
        more at once.
        """

    def log_metrics(self, row: dict[str, Any]) -> None:
        """Append one row of numbers."""

    def snapshot(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays for display under a number, such as an epoch's."""

    def checkpoint(self, write: Callable[[Path], None]) -> None:
        """Keep what ``write`` puts into an empty folder, in place of the checkpoint before."""

    def latest_checkpoint(self) -> Path | None:
        """Folder of the last complete checkpoint, if any."""

    def stop_requested(self) -> bool:
        """Whether the user asked to stop. Cheap enough for every training step."""

    def raise_if_stopped(self) -> None:
        """Raise StepStopped when the user asked to stop."""


class QuietContext:
    """A context that shows nothing and is never stopped: for scripts, and a base for tests."""

    def report(self, done: float, total: float, text: str) -> None:
        """Show nothing."""

    def within(self, share: float) -> None:
        """Show nothing."""

    def log_metrics(self, row: dict[str, Any]) -> None:
        """Keep nothing."""

    def snapshot(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep nothing."""

    def checkpoint(self, write: Callable[[Path], None]) -> None:
        """Keep nothing."""

    def latest_checkpoint(self) -> Path | None:
        """There is none."""
        return None

    def stop_requested(self) -> bool:
        """Never."""
        return False

    def raise_if_stopped(self) -> None:
        """Raise StepStopped where ``stop_requested`` says so."""
        if self.stop_requested():
            raise StepStopped
