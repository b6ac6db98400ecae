"""Lessons that a teacher has made: files of the workspace, changed one whole lesson at a time."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from scapp.core import files
from scapp.core.errors import ConfigError, DataError
from scapp.teach.lesson import BUILT_IN, Lesson, read_lesson
from scapp.teach.work import FOLDER


def own_lessons(root: Path) -> tuple[dict[str, Lesson], dict[str, str]]:
    """Those of a workspace by their ids, and for each file that cannot be read, why."""
    found, unread = {}, {}
    for path in sorted(_folder(root).glob("*.json")):
        try:
            lesson = read_lesson(path.read_text(encoding="utf-8"))
        except ConfigError as error:
            unread[path.name] = error.message
        except UnicodeDecodeError:
            unread[path.name] = "it is not text in UTF-8."
        else:
            if lesson.id != path.stem or lesson.id in BUILT_IN:
                unread[path.name] = f"its id, '{lesson.id}', is not that of its file, or that of a lesson of the app."
            else:
                found[lesson.id] = lesson
    return found, unread


def save_own(root: Path, lesson: Lesson) -> None:
    """Keep a lesson, in place of an earlier one of the same id.

    Raises
    ------
    ConfigError
        A lesson that comes with the app has this id.
    """
    if lesson.id in BUILT_IN:
        raise ConfigError(
            f"A lesson with the id '{lesson.id}' comes with the app.", hint="Give yours another id, and try again."
        )
    _folder(root).mkdir(parents=True, exist_ok=True)
    with files.replacing(_folder(root) / f"{lesson.id}.json") as temporary:
        temporary.write_text(as_text(lesson), encoding="utf-8")


def delete_own(root: Path, id: str) -> None:
    """Delete a lesson; what students have done in it stays."""
    (_folder(root) / f"{read_own(root, id).id}.json").unlink()


def read_own(root: Path, id: str) -> Lesson:
    """One of them.

    Raises
    ------
    DataError
        There is none.
    """
    found, _ = own_lessons(root)
    if id not in found:
        raise DataError(f"There is no lesson '{id[:40]}' of your own here.", hint="Choose another one.")
    return found[id]


def as_text(lesson: Lesson) -> str:
    """A lesson as its file."""
    return lesson.model_dump_json(indent=1, exclude_defaults=True) + "\n"


def taken_ids(root: Path) -> set[str]:
    """Ids that a new lesson may not have: of lessons, and of work that was done in lessons since deleted."""
    work = {path.name.split(".")[0] for path in (Path(root) / FOLDER).glob("*.json")}
    return {*BUILT_IN, *(path.stem for path in _folder(root).glob("*.json")), *work}


def id_from(title: str, taken: Collection[str]) -> str:
    """A word for records from words for people, which none of those taken is."""
    word = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:30] or "step"
    return next(name for name in (word, *(f"{word}_{n}" for n in range(2, 1_000))) if name not in taken)


def with_step(lesson: Lesson | None, title: str, step: dict[str, Any], *, taken: Collection[str] = ()) -> Lesson:
    """A lesson with one more step at its end; a new lesson where there is none.

    Parameters
    ----------
    lesson
        To add to.
    title
        Of a new lesson.
    step
        Without its id.
    taken
        Ids that a new lesson may not have.

    Raises
    ------
    ConfigError
        What is wrong with the step.
    """
    if lesson is None:
        content: dict[str, Any] = {
            "id": id_from(title, {*BUILT_IN, *taken}),
            "title": title,
            "summary": "",
            "steps": [],
        }
    else:
        content = content_of(lesson)
    ids = {each["id"] for each in content["steps"]}
    return build({**content, "steps": [*content["steps"], {"id": id_from(step["title"], ids), **step}]})


def content_of(lesson: Lesson) -> dict[str, Any]:
    """The parts of a lesson, of which ``build`` makes it again."""
    return lesson.model_dump(mode="json", exclude_defaults=True)


def build(content: dict[str, Any]) -> Lesson:
    """A lesson from its parts.

    Raises
    ------
    ConfigError
        Naming what of it is wrong.
    """
    return read_lesson(json.dumps(content))


def _folder(root: Path) -> Path:
    return Path(root) / FOLDER / "own"
