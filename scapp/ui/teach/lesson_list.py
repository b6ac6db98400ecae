"""Which lessons there are, and what else a teacher finds here."""

from functools import partial

import streamlit as st

from scapp.core.environment import environment
from scapp.core.errors import DataError
from scapp.teach.lesson import BUILT_IN, MOST_BYTES, Lesson, built_in, read_lesson
from scapp.teach.own import as_text, own_lessons, save_own
from scapp.teach.work import Work, read_work
from scapp.ui.kit import downloads, state
from scapp.ui.kit.boundary import boundary, escape, show_error
from scapp.ui.kit.owners import is_holder, member
from scapp.ui.teach import board_tab, gallery_tab, grid_tab, words, write_tab

LESSON = "lesson"
STEP = "step"


def lessons() -> list[Lesson]:
    """Those that come with the app, those of whoever holds the class, and one's own."""
    own, unread = own_lessons(state.root())
    for name, why in unread.items():
        st.warning(escape(f"The lesson in {name} was left out: {why}"))
    held = own_lessons(environment().workspace)[0] if member() is not None else {}
    return [*built_in(), *{**own, **held}.values()]


def chosen_lesson() -> Lesson | None:
    """The lesson named in the address."""
    id = st.query_params.get(LESSON)
    if not id:
        return None
    found = next((lesson for lesson in lessons() if lesson.id == id), None)
    if found is None:
        st.info(words.NO_SUCH)
        st.query_params.pop(LESSON, None)
    return found


def open_lesson(id: str, step: str = "") -> None:
    """Name a lesson and a step of it in the address."""
    st.query_params[LESSON] = id
    if step:
        st.query_params[STEP] = step
    else:
        st.query_params.pop(STEP, None)


def leave() -> None:
    """Back to the list of lessons."""
    st.query_params.pop(LESSON, None)
    st.query_params.pop(STEP, None)


def overview() -> None:
    """Lessons, runs that went wrong, settings and their runs."""
    names = ["Lessons", "Runs that went wrong", "Settings and their runs", "Write a lesson"]
    lessons_tab, wrong_tab, grid, own_tab, *board = st.tabs(
        [*names, *(["The class"] if is_holder() else [])], on_change="rerun", key="teach.tab"
    )
    if lessons_tab.open:
        with lessons_tab:
            _lessons()
    if wrong_tab.open:
        with wrong_tab, boundary():
            gallery_tab.gallery_section()
    if grid.open:
        with grid, boundary():
            grid_tab.grid_section()
    if own_tab.open:
        with own_tab, boundary():
            write_tab.write_section()
    if board and board[0].open:
        with board[0], boundary():
            board_tab.board_section(lessons())


def _lessons() -> None:
    st.markdown(words.TEACH)
    found = lessons()
    for first in range(0, len(found), 3):
        for place, lesson in zip(st.columns(3), found[first : first + 3], strict=False):
            with place.container(border=True, height="stretch"):
                _card(lesson)
    with st.expander("Open a lesson from a file"):
        st.markdown(words.OWN)
        _open_file()


def _card(lesson: Lesson) -> None:
    st.markdown(f"**{escape(lesson.title)}**  \n{escape(lesson.summary)}")
    try:
        work = read_work(state.root(), lesson)
    except DataError:
        work = Work()  # its own page says what is wrong, and what to do
    places = [step.id for step in lesson.steps]
    begun = work.at in places and bool(work.steps)
    st.caption(
        f"{len(lesson.steps)} steps, {lesson.minutes} minutes"
        + (f"; you are at step {places.index(work.at) + 1}" if begun else "")
    )
    label = "Go on" if begun else "Begin"
    st.button(
        label,
        type="primary" if lesson.id == built_in()[0].id else "secondary",
        key=f"teach.open.{lesson.id}",
        on_click=open_lesson,
        args=(lesson.id, work.at if begun else ""),
    )
    downloads.offer(partial(_file_button, lesson))


def _file_button(lesson: Lesson) -> None:
    st.download_button(
        f"Lesson: {lesson.title} (JSON)",
        as_text(lesson),
        file_name=f"{lesson.id}.json",
        mime="application/json",
        key=f"teach.file.{lesson.id}",
        on_click="ignore",
    )


def _open_file() -> None:
    uploaded = st.file_uploader("A lesson (.json)", type=["json"], key="teach.upload")
    if uploaded is None:
        return
    if uploaded.size > MOST_BYTES:
        show_error(f"This file has {uploaded.size:,} bytes; a lesson has at most {MOST_BYTES:,}.", "Open another file.")
        return
    try:
        lesson = read_lesson(uploaded.getvalue().decode("utf-8-sig"))
    except UnicodeDecodeError:
        show_error("This file is not text in UTF-8.", "Save the lesson as UTF-8, and open it again.")
        return
    if lesson.id in BUILT_IN:
        show_error(f"A lesson with the id '{lesson.id}' comes with the app.", "Give yours another 'id' in its file.")
        return
    there = lesson.id in own_lessons(state.root())[0]
    if there:
        st.warning(f"There is a lesson '{lesson.id}' of your own already; opening this one takes its place.")
    st.button(
        f"{'Replace it by' if there else 'Open'} '{lesson.title}'",
        key="teach.take",
        on_click=_open_own,
        args=(lesson,),
        type="primary",
    )


def _open_own(lesson: Lesson) -> None:
    save_own(state.root(), lesson)
    open_lesson(lesson.id)
