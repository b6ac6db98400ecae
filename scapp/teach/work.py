"""What a student has done in a lesson: predictions, answers and notes, kept in the workspace."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydantic
from filelock import FileLock
from pydantic import BaseModel, Field

from scapp.core import files
from scapp.core.errors import DataError
from scapp.teach.lesson import Lesson

FOLDER = "lessons"
MOST_NOTE = 2_000


class StepWork(BaseModel):
    """One step.

    Parameters
    ----------
    predicted
        Position of an option, a number, a curve or a place; None before.
    revealed
        Whether the prediction was made, and what there is to see is shown.
    answer
        Position of the option that was chosen; None before.
    note
        What was written down.
    analysis
        Id of the chain that trains live.
    settings
        Of what can be moved, such as sliders.
    """

    predicted: int | float | list[float] | None = None
    revealed: bool = False
    answer: int | None = None
    note: str = Field("", max_length=MOST_NOTE)
    analysis: str = ""
    settings: dict[str, Any] = {}


class Work(BaseModel):
    """A whole lesson.

    Parameters
    ----------
    at
        Id of the step where the student is.
    name
        What the student wants on the worksheet.
    steps
        Id of a step -> what was done.
    """

    at: str = ""
    name: str = Field("", max_length=100)
    steps: dict[str, StepWork] = {}

    def of(self, step: str) -> StepWork:
        """What was done in a step."""
        return self.steps.setdefault(step, StepWork())


def read_work(root: Path, lesson: Lesson) -> Work:
    """What was done in a lesson so far.

    Raises
    ------
    DataError
        The file is damaged.
    """
    place = _place(root, lesson)
    if not place.exists():
        return Work()
    try:
        return Work.model_validate(files.read_json(place))
    except (ValueError, pydantic.ValidationError) as error:
        raise DataError(
            f"What was written down in the lesson '{lesson.title}' cannot be read ({place.name} is damaged).",
            hint="Begin the lesson anew ('Begin anew' in its list of steps); the damaged file is kept beside it.",
        ) from error


def change_work(root: Path, lesson: Lesson, **changes: Any) -> Work:
    """Change where a student is, or the name on the worksheet, and keep it.

    Raises
    ------
    DataError
        The file is damaged.
    """
    with _locked(root, lesson):
        work = read_work(root, lesson).model_copy(update=changes)
        files.write_json(_place(root, lesson), work.model_dump(mode="json"))
    return work


def change_step(root: Path, lesson: Lesson, step: str, **changes: Any) -> StepWork:
    """Change what was done in a step, and keep it; everything else stays as it is in the file by now.

    Raises
    ------
    DataError
        The file is damaged.
    """
    with _locked(root, lesson):
        work = read_work(root, lesson)
        work.steps[step] = work.of(step).model_copy(update=changes)
        files.write_json(_place(root, lesson), work.model_dump(mode="json"))
    return work.steps[step]


@contextmanager
def _locked(root: Path, lesson: Lesson) -> Iterator[None]:
    """One tab at a time changes a lesson's file."""
    place = _place(root, lesson)
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock"), timeout=30):
        yield


def begin_anew(root: Path, lesson: Lesson) -> None:
    """Put what was done aside, under another name, and begin with nothing."""
    place = _place(root, lesson)
    if place.exists():
        place.replace(place.with_suffix(".before.json"))


def _place(root: Path, lesson: Lesson) -> Path:
    return Path(root) / FOLDER / f"{lesson.id}.json"
