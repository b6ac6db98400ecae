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
from scapp.teach import prepared
from scapp.teach.lesson import Choice, Copies, Grid, Lesson, LossCurve, Maps, Number, Prediction, Step, Threshold
from scapp.teach.predictions import curve_epochs

FOLDER = "lessons"
MOST_NOTE = 600
"""Characters: with more, a worksheet would not print on four pages."""


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
            hint="Click 'Begin anew'; the damaged file is kept beside it.",
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


def fitting(step: Step, done: StepWork) -> StepWork:
    """What was done in a step, less what its author has changed since: another kind of prediction, answers and settings
    that there no longer are.
    """
    changes: dict[str, Any] = {}
    if done.predicted is not None and not _fits(step.prediction, done.predicted):
        changes = {"predicted": None, "revealed": False}
    if done.answer is not None and (step.question is None or done.answer >= len(step.question.options)):
        changes["answer"] = None
    offered = {"threshold": {"threshold"}, "copies": {"dropout"}, "maps": {"colour"}}
    settings = {
        name: value
        for name, value in done.settings.items()
        if step.activity is not None and name in offered.get(step.activity.kind, set())
    }
    if isinstance(step.activity, Grid):
        axes: dict[str, tuple[float, ...]] = {name: values for name, _, values in step.activity.axes()}
        settings = {name: value for name, value in done.settings.items() if value in axes.get(name, ())}
    if isinstance(step.activity, (Copies, Threshold)):
        settings = {
            name: value for name, value in settings.items() if isinstance(value, (int, float)) and 0 <= value <= 1
        }
    if isinstance(step.activity, Maps) and settings.get("colour") not in step.activity.colours:
        settings = {}
    return done.model_copy(update={**changes, "settings": settings})


def _fits(prediction: Prediction | None, predicted: int | float | list[float]) -> bool:
    if isinstance(prediction, Choice):
        return isinstance(predicted, int) and 0 <= predicted < len(prediction.options)
    if isinstance(prediction, Number):
        return not isinstance(predicted, list)
    if isinstance(prediction, LossCurve):
        n_epochs = len(curve_epochs(len(prepared.run(prediction.run).loss)))
        return isinstance(predicted, list) and len(predicted) >= n_epochs
    return prediction is not None and isinstance(predicted, list) and len(predicted) == 2


def begin_anew(root: Path, lesson: Lesson) -> None:
    """Put what was done aside, under a name of its own, and begin with nothing."""
    place = _place(root, lesson)
    with _locked(root, lesson):
        if place.exists():
            taken = len(list(place.parent.glob(f"{place.stem}.before*.json")))
            place.replace(place.with_name(f"{place.stem}.before{taken + 1}.json"))


def _place(root: Path, lesson: Lesson) -> Path:
    return Path(root) / FOLDER / f"{lesson.id}.json"
