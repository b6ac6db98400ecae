"""Lessons and runs that went wrong as pages of the site: what a teacher reads before a class."""

from collections.abc import Iterator

from scapp.teach.gallery import Mistake, mistakes
from scapp.teach.lesson import Choice, Lesson, Number, Option, Prediction, Step, filled
from scapp.teach.predictions import in_unit, measured, right_option

KINDS = {
    "loss": "The student draws the loss at some epochs.",
    "place": "The student clicks on a map.",
}


def lesson_page(lesson: Lesson) -> str:
    """A lesson in Markdown, with every answer."""
    parts = [f"# {lesson.title}", lesson.summary, f"{len(lesson.steps)} steps, {lesson.minutes} minutes as planned."]
    parts += ["What stands here is what the app shows, with all answers: for whoever holds the lesson."]
    for place, step in enumerate(lesson.steps, start=1):
        parts += _step(place, step)
    return "\n\n".join(parts) + "\n"


def gallery_page() -> str:
    """The runs that went wrong."""
    parts = ["# Trainings that went wrong", "Each stands in the app beside the same training repaired, epoch by epoch."]
    for each in mistakes():
        parts += _mistake(each)
    return "\n\n".join(parts) + "\n"


def _step(place: int, step: Step) -> Iterator[str]:
    yield f"## {place}. {step.title} ({step.minutes} minutes)"
    yield filled(step.text)
    if step.prediction is not None:
        yield f"**Predict.** {filled(step.prediction.ask)}"
        yield _prediction(step.prediction)
    if step.reveal:
        yield filled(step.reveal)
    if step.question is not None:
        yield f"**Question.** {filled(step.question.ask)}"
        yield _options(step.question.options, step.question.right)
    if step.note:
        yield f"**Note.** {filled(step.note)}"


def _prediction(asked: Prediction) -> str:
    if isinstance(asked, Choice):
        return _options(asked.options, right_option(asked))
    if isinstance(asked, Number):
        return f"Measured: {in_unit(asked, measured(asked))}."
    return KINDS[asked.kind]


def _options(options: tuple[Option, ...], right: int) -> str:
    """A list, the right one with a tick, each with what is said to those who choose it."""
    lines = []
    for place, option in enumerate(options):
        said = f" *{filled(option.feedback)}*" if option.feedback else ""
        lines.append(f"- {filled(option.text)}{' ✓' if place == right else ''}{said}")
    return "\n".join(lines)


def _mistake(each: Mistake) -> Iterator[str]:
    yield f"## {each.title}"
    yield filled(each.happened)
    yield f"**How to recognise it.** {filled(each.recognise)}"
    yield f"**Repair it.** {filled(each.repair)}"
