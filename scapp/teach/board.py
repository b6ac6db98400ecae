"""What a class has done in a lesson, for whoever holds it: where everybody is, and what they predicted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from scapp.core.errors import DataError
from scapp.teach.lesson import Lesson, Step
from scapp.teach.work import StepWork, Work, fitting, read_work
from scapp.workspace.classroom import Classroom, Member


@dataclass(frozen=True)
class Seat:
    """A browser of the class, and what was done in it.

    Parameters
    ----------
    member
        The browser.
    root
        Its workspace.
    work
        Of the lesson; None where its file is damaged.
    """

    member: Member
    root: Path
    work: Work | None

    def done(self, step: Step) -> StepWork | None:
        """What was done in a step; None where nothing was, or it cannot be read."""
        if self.work is None or step.id not in self.work.steps:
            return None
        return fitting(step, self.work.steps[step.id])


def read_class(classroom: Classroom, lesson: Lesson) -> list[Seat]:
    """Everybody's work in a lesson, by number."""
    found = (read_seat(classroom, member, lesson) for member in classroom.members())
    return [seat for seat in found if seat is not None]


def read_seat(classroom: Classroom, member: Member, lesson: Lesson) -> Seat | None:
    """One member's work in a lesson; None where the class was ended a moment ago."""
    root = classroom.workspace(member.id)
    if root is None:
        return None
    try:
        return Seat(member, root, read_work(root, lesson))
    except DataError:
        return Seat(member, root, None)  # the student's page says so, and what to do


def where_table(seats: Sequence[Seat], lesson: Lesson) -> pd.DataFrame:
    """``browser``, ``step``, ``title``, ``predicted``, ``answered`` and ``right`` (numbers of steps) of each."""
    places = {step.id: place for place, step in enumerate(lesson.steps, start=1)}
    rows = []
    for seat in seats:
        at = places.get(seat.work.at) if seat.work is not None else None
        done = [(step, work) for step in lesson.steps if (work := seat.done(step)) is not None]
        asked = [(step.question, work.answer) for step, work in done if step.question is not None]
        rows.append(
            {
                "browser": seat.member.number,
                "step": at,
                "title": lesson.steps[at - 1].title if at is not None else "",
                "predicted": sum(work.revealed for _, work in done),
                "answered": sum(answer is not None for _, answer in asked),
                "right": sum(answer == question.right for question, answer in asked),
            }
        )
    columns = ["browser", "step", "title", "predicted", "answered", "right"]
    return pd.DataFrame(rows, columns=columns).astype({"step": "Int64"})


def most_are_at(seats: Sequence[Seat], lesson: Lesson) -> int:
    """Position of the step at which most browsers are, the earlier of two; the first where nobody is."""
    ids = [step.id for step in lesson.steps]
    at = Counter(ids.index(seat.work.at) for seat in seats if seat.work is not None and seat.work.at in ids)
    return min(at, key=lambda place: (-at[place], place)) if at else 0


def predictions(seats: Sequence[Seat], step: Step) -> dict[int, int | float | list[float]]:
    """Number of a browser -> what was predicted in a step and revealed: who still thinks is left out."""
    found = {}
    for seat in seats:
        done = seat.done(step)
        if done is not None and done.revealed and done.predicted is not None:
            found[seat.member.number] = done.predicted
    return found


def answers(seats: Sequence[Seat], step: Step) -> list[int]:
    """How often each answer to a step's question was chosen; empty where it asks none."""
    if step.question is None:
        return []
    chosen = Counter(done.answer for seat in seats if (done := seat.done(step)) is not None)
    return [chosen[place] for place in range(len(step.question.options))]
