"""Whose run is next: that of one workspace, or, where a class is held, of all workspaces in turn."""

import contextlib
from pathlib import Path

from scapp.core import files
from scapp.core.errors import DataError, RunError
from scapp.workspace.classroom import Classroom, class_of, limits_of
from scapp.workspace.runs.run import Run, RunStore

LANES = ("light", "training")


def server_of(root: Path) -> Path:
    """The workspace whose workers work for a workspace: its own, but for a member of a class."""
    classroom = class_of(root)
    return Path(root) if classroom is None else classroom.root


def lane_of(name: str) -> str:
    """The lane in which a worker works: several of them may, as ``training-1``, ``training-2``."""
    return name.split("-")[0]


class Turns:
    """The waiting runs of one lane.

    Where a class is held, each of its workspaces has one run at work at a time, and the workspace whose last turn is
    longest ago comes first: whoever asks for much waits for the others.

    Parameters
    ----------
    root
        The workspace whose workers do the work.
    lane
        ``training`` or ``light``.
    """

    def __init__(self, root: Path, lane: str) -> None:
        self.root = Path(root)
        self.lane = lane
        self.classroom = Classroom(root)

    def workspaces(self) -> list[Path]:
        """For whom work is done: one's own work goes on where the file of a class is damaged."""
        with contextlib.suppress(DataError):
            return [self.root, *self.classroom.workspaces()]
        return [self.root]

    def next(self) -> Run | None:
        """The run whose turn it is; None where nobody waits."""
        waiting = []
        for root in self.workspaces():
            run = RunStore(root).next_queued(self.lane)
            if run is not None and (root == self.root or not self._is_served(root)):
                waiting.append((self._last_turn(root), run.id, run))
        return min(waiting, key=lambda each: each[:2])[2] if waiting else None

    def take(self, run: Run) -> None:
        """Say that a run's workspace has its turn."""
        files.write_json(self._turn_file(run.root), run.id)

    def _is_served(self, root: Path) -> bool:
        """Whether the run that had the last turn is at work."""
        with contextlib.suppress(FileNotFoundError, RunError, ValueError):  # never had a turn, or discarded it
            run = RunStore(root).open(str(files.read_json(self._turn_file(root))))
            return run.observe().state in ("running", "stopping")
        return False

    def _last_turn(self, root: Path) -> float:
        try:
            return self._turn_file(root).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _turn_file(self, root: Path) -> Path:
        return root / "waiting" / f"{self.lane}.turn"

    def minutes(self, run: Run) -> float | None:
        """How long a run may take; None where there is no limit."""
        limits = limits_of(run.root)
        return limits.minutes if limits is not None else None
