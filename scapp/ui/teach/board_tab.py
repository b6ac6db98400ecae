"""The board of whoever holds a class: the code for the wall, who is where, and everybody's predictions."""

from datetime import datetime

import streamlit as st

from scapp.jobs.held_class import end_class, look_after_class
from scapp.plotting.clear.curves import curves_data
from scapp.reports.class_figures import answered_figure, predicted_figure, trained_figure
from scapp.reports.lesson_figures import Shown as ShownFigure
from scapp.teach.board import Seat, answers, most_are_at, predictions, read_class, where_table
from scapp.teach.lesson import Lesson, Step, Training, filled
from scapp.ui.kit import downloads, state
from scapp.ui.kit.boundary import boundary, escape
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.ui.teach import words
from scapp.ui.teach.live_training import training_run
from scapp.workspace.classroom import Classroom, Register, Shown

BOARD_SECONDS = 3.0
_LOOKS = {"predictions": "Predictions", "answers": "Answers", "trainings": "Trainings"}


def board_section(lessons: list[Lesson]) -> None:
    """Everything."""
    classroom = Classroom(state.root())
    register = classroom.register
    if register is None:
        st.info(words.NO_CLASS)
        return
    left, right = st.columns([3, 9], gap="medium")
    titles = {lesson.id: lesson.title for lesson in lessons}
    with left:
        st.metric("Class code", register.code)
        st.caption(words.JOIN)
        chosen = st.selectbox("Lesson", list(titles), format_func=titles.__getitem__, key="board.lesson")
        lesson = next(each for each in lessons if each.id == chosen)
        steps = {step.id: f"{place}. {step.title}" for place, step in enumerate(lesson.steps, start=1)}
        step_id = st.selectbox(
            "Step",
            list(steps),
            index=most_are_at(read_class(classroom, lesson), lesson),
            format_func=steps.__getitem__,
            key=f"board.step.{lesson.id}",
        )
        told = st.toggle("Show what was measured", value=False, key="board.told", help=words.TOLD)
        _end(register)
    with right, boundary():
        _board(lesson, next(step for step in lesson.steps if step.id == step_id), told)


def _end(register: Register) -> None:
    with st.expander("End the class"):
        st.markdown(words.END.format(time=datetime.fromtimestamp(register.ends).strftime("%H:%M on %d %B")))
        sure = st.checkbox("Everybody has their worksheet", key=f"board.sure.{register.id}")
        if st.button("End the class", key="board.end", disabled=not sure):
            with st.spinner("Ending the class…"):
                end_class(state.root())
                look_after_class(state.root())
            st.rerun()


@st.fragment(run_every=BOARD_SECONDS)
def _board(lesson: Lesson, step: Step, told: bool) -> None:
    """Where everybody is by now; a selection of one stays while the rest moves."""
    with boundary(), downloads.beside():
        classroom = Classroom(state.root())
        register = classroom.register
        if register is None:
            return
        seats = read_class(classroom, lesson)
        here = [seat for seat in seats if seat.work is not None and seat.work.at == step.id]
        st.caption(words.joined(len(seats), len(here), register.limits.seats))
        looks = [
            name
            for name, is_there in (
                ("predictions", step.prediction is not None),
                ("answers", step.question is not None),
                ("trainings", isinstance(step.activity, Training)),
            )
            if is_there
        ]
        if looks:
            look = st.segmented_control(
                "Look at", looks, default=looks[0], format_func=_LOOKS.__getitem__, required=True, key="board.look"
            )
            _look(str(look), seats, step, told)
        else:
            st.info(words.NOTHING_ASKED)
        _point_out(classroom, register, seats, lesson, step)
        with st.expander("Who is where"):
            table = where_table(seats, lesson)
            show_table(table, key="board.where", name="class", alt="Each browser's step and what was done in it")


def _look(look: str, seats: list[Seat], step: Step, told: bool) -> None:
    chosen = st.session_state.get(f"board.one.{step.id}")
    if look == "predictions" and step.prediction is not None:
        st.markdown(f"**Predict.** {filled(step.prediction.ask)}")
        predicted = predictions(seats, step)
        if not predicted and not told:
            st.info(words.NO_PREDICTIONS)
            return
        shown = predicted_figure(step.prediction, predicted, told=told, chosen=chosen)
    elif look == "answers" and step.question is not None:
        st.markdown(f"**Question.** {filled(step.question.ask)}")
        shown = answered_figure(step.question, answers(seats, step), told=told)
    else:
        shown_or_none = _trainings(seats, step, chosen)
        if shown_or_none is None:
            st.info(words.NO_TRAININGS)
            return
        shown = shown_or_none
    show_figure(shown.figure, key=f"board.{look}", name=shown.name, alt=shown.alt)


def _trainings(seats: list[Seat], step: Step, chosen: int | None) -> ShownFigure | None:
    """Losses so far of everybody's own training; None where nobody has begun."""
    losses, chance = {}, 0.0
    for seat in seats:
        done = seat.done(step)
        _, run = training_run(seat.root, done.analysis if done is not None else "")
        if run is not None and len(curve := curves_data(run.metrics)):
            losses[seat.member.number] = [float(loss) for loss in curve["loss"]]
            chance = max(chance, float(curve["chance"].iloc[-1]))
    return trained_figure(losses, chance, chosen=chosen) if losses else None


def _point_out(classroom: Classroom, register: Register, seats: list[Seat], lesson: Lesson, step: Step) -> None:
    """One browser's work in another colour, and on everybody's page on request."""
    numbers = sorted(predictions(seats, step))
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        number = st.selectbox(
            "Point out one",
            numbers,
            index=None,
            format_func="browser {}".format,
            placeholder="nobody",
            key=f"board.one.{step.id}",
            help=words.POINT_OUT,
        )
    ids = {seat.member.number: seat.member.id for seat in seats}
    with right.container(horizontal=True):
        if number is not None and st.button("Show this one to everybody", key="board.show"):
            classroom.show(Shown(lesson=lesson.id, step=step.id, member=ids[number]))
            st.rerun(scope="fragment")
        if register.shown is not None and st.button("Stop showing", key="board.stop"):
            classroom.show(None)
            st.rerun(scope="fragment")
    if register.shown is not None:
        st.caption(escape(words.SHOWN))
