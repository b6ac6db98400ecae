"""Write a lesson: record what is shown as a step, then give it its words, its order, its question."""

from typing import Any, get_args

import streamlit as st

from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.config import clear_config
from scapp.core.errors import ScappError
from scapp.core.provenance import fingerprint
from scapp.teach.lesson import MOST_NOTE_ASKED, Example, Lesson, Step, built_in, read_lesson
from scapp.teach.own import as_text, build, content_of, delete_own, id_from, own_lessons, save_own, taken_ids, with_step
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape, show_error
from scapp.ui.teach import words
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import needed
from scapp.workspace.runs.run import Run

NEW = ""
_EDITED = "teach.edited"
LEAST_ANSWERS = 4
"""Rows for answers; more where a question has more."""


def record_button(activity: dict[str, Any], title: str, *, key: str) -> None:
    """Offer to make a step of what is shown.

    Parameters
    ----------
    activity
        What the step is to show, as a lesson's file has it.
    title
        Suggested for the step.
    key
        Of the widgets.
    """
    with st.popover("Record as a step"):
        st.caption(words.RECORD)
        own, _ = own_lessons(state.root())
        id = st.selectbox(
            "Of the lesson",
            [*own, NEW],
            format_func=lambda id: own[id].title if id in own else "a new lesson",
            key=f"{key}.lesson.{len(own)}",
        )
        lesson = own.get(id)
        named = "" if lesson else st.text_input("Title of the lesson", "My lesson", max_chars=100, key=f"{key}.named")
        step_title = st.text_input("Title of the step", title, max_chars=100, key=f"{key}.title")
        text = st.text_area("What it is about", key=f"{key}.text", max_chars=4_000)
        if st.button("Record", type="primary", key=f"{key}.record"):
            step = {"title": step_title or title, "minutes": 5, "text": text, "activity": activity}
            made = with_step(lesson, named or "My lesson", step, taken=taken_ids(state.root()))
            save_own(state.root(), made)
            st.session_state[_EDITED] = made.id
            state.say_next(f"Recorded as step {len(made.steps)} of '{made.title}': change it under 'Write a lesson'.")
            st.rerun()


def record_copies(config: AugmentationConfig) -> None:
    """Offer to make a step of augmentations, which a lesson shows on the blood cells that come with the app."""
    settings = config.model_dump(mode="json", exclude_defaults=True)
    if config.thin_probability == 0 and config.groups_probability == 0:  # those need more than lessons have
        record_button({"kind": "copies", "settings": settings}, "Two copies of one cell", key="augment.record")


def record_training(dataset: Dataset, run: Run) -> None:
    """Offer to make a step of a training, where its dataset is an example that lessons can train on."""
    activity = training_activity(dataset, run)
    if activity is not None:
        record_button(activity, "A training of one's own", key=f"clear.record.{run.id}")


def training_activity(dataset: Dataset, run: Run) -> dict[str, Any] | None:
    """A training as a lesson's file has it; None where its dataset is no example that lessons can train on."""
    imported = next((record.config for record in needed(dataset.manifest) if record.step == "import"), {})
    if imported.get("example") not in get_args(Example):
        return None
    defaults = clear_config().model_dump(mode="json")
    settings = {name: value for name, value in run.config.config.items() if value != defaults.get(name)}
    return {"kind": "training", "example": imported["example"], "settings": settings}


def write_section() -> None:
    """The teacher's own lessons: words, order and questions of their steps, or the whole file."""
    st.markdown(words.WRITE)
    _copy()
    own, _ = own_lessons(state.root())
    if not own:
        st.info(words.NONE_YET)
        return
    ids = list(own)
    edited = st.session_state.get(_EDITED)
    id = st.selectbox(
        "Lesson",
        ids,
        index=ids.index(edited) if edited in ids else 0,
        format_func=lambda id: own[id].title,
        key=f"write.lesson.{len(ids)}.{edited}",
        width=480,
    )
    lesson = own[id]
    steps_tab, file_tab = st.tabs(["Steps", "As a file"], key="write.tab")
    with steps_tab:
        _head(lesson)
        for place in range(len(lesson.steps)):
            _step(lesson, place)
    with file_tab:
        _as_file(lesson)
    with st.popover("Delete this lesson"):
        st.write(words.DELETE)
        if st.button("Yes, delete it", type="primary", key=f"write.delete.{lesson.id}"):
            delete_own(state.root(), lesson.id)
            st.rerun()


def _copy() -> None:
    """Begin from a lesson that comes with the app."""
    with st.popover("Begin from a copy"):
        for lesson in built_in():
            if st.button(lesson.title, key=f"write.copy.{lesson.id}"):
                id = id_from(lesson.id, taken_ids(state.root()))
                content = content_of(lesson) | {"id": id, "title": f"{lesson.title} (copy)"}
                made = build(content)
                save_own(state.root(), made)
                st.session_state[_EDITED] = made.id
                st.rerun()


def _save(content: dict[str, Any]) -> None:
    """Keep a changed lesson, or say why it cannot be."""
    try:
        save_own(state.root(), build(content))
    except ScappError as error:
        show_error(error.message, error.hint)
        return
    st.rerun()


def _version(lesson: Lesson) -> str:
    """Part of the keys of widgets, which thus begin anew from what is in the file whenever that has changed."""
    return fingerprint(as_text(lesson))[:8]


def _head(lesson: Lesson) -> None:
    with st.form(f"write.{lesson.id}.{_version(lesson)}.head", border=False):
        left, middle, right = st.columns([3, 6, 1], vertical_alignment="bottom")
        title = left.text_input("Title", lesson.title, max_chars=120)
        summary = middle.text_input("In a sentence", lesson.summary, max_chars=400)
        if right.form_submit_button("Save"):
            _save({**content_of(lesson), "title": title, "summary": summary})


def _step(lesson: Lesson, place: int) -> None:
    step = lesson.steps[place]
    key = f"write.{lesson.id}.{_version(lesson)}.{step.id}"
    with st.expander(escape(f"{place + 1}. {step.title} ({step.minutes} minutes): {_shows(step)}")):
        with st.form(key, border=False):
            changed = _fields(step, key)
            saved = st.form_submit_button("Save this step", type="primary")
            if saved and changed["question"] and changed["question"]["right"] < 0:
                show_error(words.ONE_RIGHT, "Nothing was saved yet; what you wrote is still here.")
            elif saved:
                steps = content_of(lesson)["steps"]
                kept = {name: value for name, value in steps[place].items() if name not in changed}
                steps[place] = {**kept, **{name: value for name, value in changed.items() if value is not None}}
                _save({**content_of(lesson), "steps": steps})
        with st.container(horizontal=True):
            if place and st.button("Move up", key=f"{key}.up"):
                _reordered(lesson, place, place - 1)
            if place + 1 < len(lesson.steps) and st.button("Move down", key=f"{key}.down"):
                _reordered(lesson, place, place + 1)
            if len(lesson.steps) > 1 and st.button("Delete", key=f"{key}.delete"):
                steps = content_of(lesson)["steps"]
                _save({**content_of(lesson), "steps": steps[:place] + steps[place + 1 :]})


def _reordered(lesson: Lesson, place: int, other: int) -> None:
    steps = content_of(lesson)["steps"]
    steps[place], steps[other] = steps[other], steps[place]
    _save({**content_of(lesson), "steps": steps})


def _shows(step: Step) -> str:
    said = {
        "copies": "augmented copies",
        "profile": "genes of a cell",
        "runs": "a run that went wrong",
        "grid": "settings and their runs",
        "training": "a live training",
        "maps": "maps",
        "circle": "a circle",
        "types": "figures for each type",
        "threshold": "when to say nothing",
        "unseen": "a type that was never seen",
    }
    return said[step.activity.kind] if step.activity is not None else "text alone"


def _fields(step: Step, key: str) -> dict[str, Any]:
    """Words and question of a step as they are now in the form; None for what there is not."""
    title = st.text_input("Title", step.title, max_chars=120, key=f"{key}.title")
    minutes = st.number_input("Minutes", 1, 120, step.minutes, key=f"{key}.minutes", width=160)
    text = st.text_area("What it is about", step.text, max_chars=4_000, key=f"{key}.text")
    reveal = st.text_area("What is said of what is seen", step.reveal, max_chars=4_000, key=f"{key}.reveal")
    asked = step.question
    question = st.text_input("Question", asked.ask if asked else "", key=f"{key}.ask", max_chars=1_000)
    options: list[dict[str, str]] = []
    right: list[int] = []
    for number in range(max(LEAST_ANSWERS, len(asked.options) if asked else 0)):
        there = asked.options[number] if asked and number < len(asked.options) else None
        answer, feedback, tick = st.columns([4, 6, 1], vertical_alignment="bottom")
        said = answer.text_input(f"Answer {number + 1}", there.text if there else "", key=f"{key}.a{number}")
        why = feedback.text_input("Feedback", there.feedback if there else "", key=f"{key}.f{number}")
        is_right = tick.checkbox("right", bool(asked and asked.right == number), key=f"{key}.r{number}")
        if said:
            right += [len(options)] if is_right else []
            options.append({"text": said, "feedback": why})
    note = st.text_input("What to write down", step.note, max_chars=MOST_NOTE_ASKED, key=f"{key}.note")
    return {
        "title": title,
        "minutes": int(minutes),
        "text": text,
        "reveal": reveal,
        "question": {"ask": question, "options": options, "right": right[0] if len(right) == 1 else -1}
        if question
        else None,
        "note": note,
    }


def _as_file(lesson: Lesson) -> None:
    """The whole file, for what has no field: predictions, what is shown, facts in texts."""
    st.caption(words.AS_FILE)
    text = st.text_area(
        "The lesson's file",
        as_text(lesson),
        height=420,
        key=f"write.{lesson.id}.file.{fingerprint(as_text(lesson))[:8]}",
    )
    if st.button("Check and save", key=f"write.{lesson.id}.check", type="primary"):
        try:
            changed = read_lesson(text)
            save_own(state.root(), changed)
        except ScappError as error:
            show_error(error.message, error.hint)
            return
        st.session_state[_EDITED] = changed.id
        st.rerun()
