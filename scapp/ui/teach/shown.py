"""What a teacher shows to everybody, on the pages of the class."""

import streamlit as st

from scapp.core.environment import environment
from scapp.reports.class_figures import predicted_figure
from scapp.teach.board import predictions, read_seat
from scapp.teach.lesson import Lesson
from scapp.ui.kit import downloads
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.owners import member
from scapp.ui.kit.widgets import show_figure
from scapp.ui.teach import words
from scapp.workspace.classroom import Classroom, Member

LOOK_SECONDS = 5.0


def shown_section(lesson: Lesson) -> None:
    """Nothing, until the teacher shows somebody's prediction; without a name or number, but for who made it."""
    own = member()
    if own is not None:
        _shown(lesson, own)


@st.fragment(run_every=LOOK_SECONDS)
def _shown(lesson: Lesson, own: Member) -> None:
    with boundary(), downloads.beside():
        classroom = Classroom(environment().workspace)
        register = classroom.register
        if register is None or register.shown is None or register.shown.lesson != lesson.id:
            return
        step = next((each for each in lesson.steps if each.id == register.shown.step), None)
        maker = classroom.member(register.shown.member)
        seat = read_seat(classroom, maker, lesson) if maker is not None else None
        predicted = predictions([seat], step) if step is not None and seat is not None else {}
        if step is None or step.prediction is None or not predicted:
            return
        with st.container(border=True):
            whose = "your own" if register.shown.member == own.id else "one of the class's"
            st.markdown(words.SHOWS.format(title=step.title, whose=whose))
            shown = predicted_figure(step.prediction, predicted, told=False, chosen=next(iter(predicted)))
            show_figure(shown.figure, key="class.shown", name=shown.name, alt=shown.alt)
