"""A class that is held: its beginning and end, what is looked after meanwhile, and the limits of each browser."""

import threading
from functools import partial
from pathlib import Path

from scapp.core import files
from scapp.core.environment import NO_TOKEN, Environment, environment
from scapp.core.errors import ConfigError
from scapp.jobs.lookout import keep_looking
from scapp.workspace.classroom import Classroom, Limits, limits_of
from scapp.workspace.runs.run import ACTIVE, RunStore, stop_orphan

LOOK_SECONDS = 10.0


def begin_class(here: Environment) -> Classroom:
    """The class that this installation holds: it goes on, or begins.

    Raises
    ------
    ConfigError
        It cannot be held like this.
    DataError
        The file that says which class is held is damaged.
    """
    if here.token == NO_TOKEN:
        raise ConfigError(
            "Without a token everybody would hold the class (SCAPP_TOKEN=off).",
            hint="Take SCAPP_TOKEN away, or give it a value that only you know.",
        )
    classroom = Classroom(here.workspace)
    limits = Limits(
        seats=here.class_seats, megabytes=here.class_megabytes, runs=here.class_runs, minutes=here.class_minutes
    )
    classroom.begin(here.class_code, here.class_hours, limits)
    return classroom


def end_class(root: Path) -> None:
    """End the class below a workspace: its runs stop, and what was made in it is deleted. Others' runs go on."""
    classroom = Classroom(root)
    for workspace in classroom.close():
        for run in RunStore(workspace).list():
            stop_orphan(run.status)
    classroom.tidy()


def keep_class(root: Path) -> threading.Event:
    """End classes when their time is up, from a thread of this process; set what comes back to end it.

    Where this installation holds classes, another begins at once.
    """
    stop = threading.Event()
    keep_looking("the class", partial(look_after_class, root), LOOK_SECONDS, stop)
    return stop


def look_after_class(root: Path) -> None:
    """End a class whose time is up, begin another where there is to be one, and delete what was left."""
    classroom = Classroom(root)
    if classroom.is_over:
        end_class(root)
    if environment().mode == "class" and classroom.register is None:
        # the code that was chosen for the class before is on its wall
        begin_class(environment().model_copy(update={"class_code": ""}))
    classroom.tidy()


def check_limits(root: Path, *, coming_bytes: int = 0, follows: bool = False) -> None:
    """Check what a member of a class may use; anybody else has no limits.

    Parameters
    ----------
    root
        The workspace's folder.
    coming_bytes
        That are about to be written.
    follows
        Whether the run continues what was begun when there was room for it.

    Raises
    ------
    ConfigError
        Too many runs wait or work, or the workspace is full.
    """
    limits = limits_of(root)
    if limits is None:
        return
    active = sum(run.observe().state in ACTIVE for run in RunStore(root).list())
    if active >= limits.runs and not follows:
        raise ConfigError(
            f"{active} of your runs wait or work; in this class each browser may have {limits.runs}.",
            hint="Wait for one of them, or stop it.",
        )
    used = files.size_of(root) + coming_bytes
    if used > 1e6 * limits.megabytes:
        raise ConfigError(
            f"Your workspace would have {used / 1e6:,.0f} MB; in this class each browser may use"
            f" {limits.megabytes:,} MB.",
            hint="Delete datasets or runs on the home page, or take a smaller file.",
        )
