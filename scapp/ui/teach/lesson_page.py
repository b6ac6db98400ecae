"""One lesson: a step at a time, what it asks on the left, what is seen on the right."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from scapp.clear.augment.preview import Sample
from scapp.core.errors import DataError
from scapp.jobs.turns import LANES
from scapp.plotting.teach import Mark, Panel, plot_losses, plot_maps
from scapp.plotting.theme import REMOVED
from scapp.reports.lesson_figures import (
    USUAL_THRESHOLD,
    alike,
    augmentation_of,
    choice_table,
    figure_of,
    guess_table,
    refusal_table,
)
from scapp.reports.worksheet import worksheet_html
from scapp.teach import prepared
from scapp.teach.gallery import mistake
from scapp.teach.lesson import (
    Activity,
    Choice,
    Copies,
    Grid,
    Lesson,
    LossCurve,
    Maps,
    Number,
    Place,
    Prediction,
    Question,
    Runs,
    Step,
    Threshold,
    Training,
    Types,
    filled,
)
from scapp.teach.predictions import compared, curve_epochs
from scapp.teach.work import MOST_NOTE, StepWork, Work, begin_anew, change_step, change_work, fitting, read_work
from scapp.ui.kit import downloads, live, state
from scapp.ui.kit.boundary import boundary, show_error
from scapp.ui.kit.frame import Header
from scapp.ui.kit.widgets import clicked, show_figure, show_table
from scapp.ui.teach import gallery_tab, grid_tab, live_training, words
from scapp.ui.teach.lesson_list import STEP, leave, open_lesson
from scapp.ui.teach.shown import shown_section

TYPE_COLUMNS = ["type", "n_train", "n_test", "auprc", "auprc_low", "auprc_high"]
TALL = 120
"""Height in pixels of the field for notes."""


def lesson_section(lesson: Lesson, header: Header) -> None:
    """The step named in the address."""
    root = state.root()
    try:
        work = read_work(root, lesson)
    except DataError as error:
        show_error(error.message, error.hint)
        st.button("Begin anew", key="lesson.anew", on_click=_begin_anew, args=(lesson,), type="primary")
        return
    ids = [step.id for step in lesson.steps]
    at = st.query_params.get(STEP, "")
    place = ids.index(at) if at in ids else 0
    step = lesson.steps[place]
    if work.at != step.id:
        work = change_work(root, lesson, at=step.id)
    st.query_params[STEP] = step.id
    with header.title:
        st.caption(f"**{lesson.title}** · step {place + 1} of {len(ids)} · {step.minutes} minutes")
    with header.controls:
        _steps(lesson, work, place)
    _Sheet(lesson, work).offer()
    if any(isinstance(each.activity, Training) for each in lesson.steps):
        for lane in LANES:  # by the time that somebody trains, a worker is warm
            live.prewarm(lane)
    with boundary():
        _StepOnPage(lesson, step, work.of(step.id)).show()
    shown_section(lesson)


def _steps(lesson: Lesson, work: Work, place: int) -> None:
    """Back, on, and every step by its title."""
    ids = [step.id for step in lesson.steps]
    titles = {
        step.id: f"{number}. {step.title}" + (" ✓" if _is_done(step, work.steps.get(step.id)) else "")
        for number, step in enumerate(lesson.steps, start=1)
    }
    key = f"lesson.{lesson.id}.{ids[place]}.{''.join('x' if t.endswith('✓') else '.' for t in titles.values())}"
    chosen = st.selectbox(
        "Step",
        ids,
        index=place,
        format_func=titles.__getitem__,
        key=f"{key}.step",
        width=320,
        label_visibility="collapsed",
    )
    if chosen != ids[place]:
        open_lesson(lesson.id, chosen)
        st.rerun()
    st.button("All lessons", key="lesson.leave", on_click=leave)
    if place:
        st.button("Back", key="lesson.back", on_click=open_lesson, args=(lesson.id, ids[place - 1]))
    if place + 1 < len(ids):
        done = _is_done(lesson.steps[place], work.steps.get(ids[place]))
        st.button(
            "Next step",
            key="lesson.next",
            on_click=open_lesson,
            args=(lesson.id, ids[place + 1]),
            type="primary" if done else "secondary",
        )


def _is_done(step: Step, done: StepWork | None) -> bool:
    """Whether what a step asks for was predicted and answered."""
    if done is None:
        return step.prediction is None and step.question is None
    return (step.prediction is None or done.revealed) and (step.question is None or done.answer is not None)


def _begin_anew(lesson: Lesson) -> None:
    """Everything of a lesson from its start; what widgets of it hold is forgotten."""
    begin_anew(state.root(), lesson)
    for key in [str(key) for key in st.session_state if str(key).startswith(f"lesson.{lesson.id}.")]:
        del st.session_state[key]
    open_lesson(lesson.id)


def _correlation(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.2f}"


class _Sheet:
    """The worksheet of a lesson, in the page's menu."""

    def __init__(self, lesson: Lesson, work: Work) -> None:
        self.lesson, self.work = lesson, work

    def offer(self) -> None:
        """Offer it, with the name that stands on it."""
        downloads.offer(self._draw)

    def _draw(self) -> None:
        root, key = state.root(), f"sheet.{self.lesson.id}.name"
        st.text_input(words.SHEET_NAME, self.work.name, max_chars=100, key=key, on_change=self._name, args=(key,))
        st.download_button(
            "Worksheet (HTML, to print)",
            # made when it is asked for, outside of any session
            lambda: _worksheet(root, self.lesson),
            file_name=f"worksheet_{self.lesson.id}.html",
            mime="text/html",
            key=f"sheet.{self.lesson.id}",
            on_click="ignore",
        )
        if st.checkbox(words.ANEW, key=f"anew.sure.{self.lesson.id}"):
            st.button("Begin this lesson anew", key=f"anew.{self.lesson.id}", on_click=_begin_anew, args=(self.lesson,))

    def _name(self, key: str) -> None:
        with boundary():
            change_work(state.root(), self.lesson, name=st.session_state[key])


def _worksheet(root: Path, lesson: Lesson) -> str:
    work = read_work(root, lesson)
    live = {id: live_training.live_losses(root, done.analysis) for id, done in work.steps.items() if done.analysis}
    return worksheet_html(lesson, work, live)


class _StepOnPage:
    """A step: text, prediction and question on the left; its figure on the right."""

    def __init__(self, lesson: Lesson, step: Step, done: StepWork) -> None:
        self.lesson, self.step = lesson, step
        self.done = fitting(step, done)
        self.key = f"lesson.{lesson.id}.{step.id}"

    def show(self) -> None:
        """Everything."""
        left, right = st.columns([4, 8], gap="medium")
        with right:
            figure_place = st.container()
        with left:
            st.header(self.step.title)
            st.markdown(filled(self.step.text))
            if self.step.prediction is not None and not self.done.revealed:
                self._predict(self.step.prediction, figure_place)
                return
        activity = self.step.activity
        with figure_place, boundary():
            if activity is not None:
                self._activity(activity)
        with left:
            if self.step.prediction is not None:
                self._compare(self.step.prediction)
            if self.step.reveal:
                st.markdown(filled(self.step.reveal))
            if self.step.question is not None:
                self._question(self.step.question)
            if self.step.note:
                self._note()

    def _keep(self, **changes: Any) -> None:
        """Keep what was done in this step."""
        self.done = change_step(state.root(), self.lesson, self.step.id, **changes)

    def _keep_widget(self, name: str, key: str) -> None:
        """Keep a widget's value: called before the page is drawn anew, so that a click elsewhere cannot lose it."""
        with boundary():
            self._keep(**{name: st.session_state[key]})

    # what is predicted

    def _predict(self, asked: Prediction, place: Any) -> None:
        st.markdown(f"**Predict.** {filled(asked.ask)}")
        predicted: int | float | list[float] | None
        if isinstance(asked, Choice):
            predicted = st.radio(
                "Your prediction",
                range(len(asked.options)),
                index=None,
                format_func=lambda at: filled(asked.options[at].text),
                key=f"{self.key}.choice",
                persist_state="session",
                label_visibility="collapsed",
            )
        elif isinstance(asked, Number):
            unit = f" ({asked.unit})" if asked.unit else ""
            # empty at first: a value that is there already would be taken for one's own
            predicted = st.number_input(
                f"Your prediction{unit}, from {asked.minimum:g} to {asked.maximum:g}",
                min_value=asked.minimum,
                max_value=asked.maximum,
                value=None,
                key=f"{self.key}.number",
                persist_state="session",
                format="%g",
                width=320,
            )
        elif isinstance(asked, LossCurve):
            predicted = self._draw(asked, place)
        else:
            predicted = self._mark(asked, place)
        with place:
            if self.step.before is not None and not isinstance(asked, (LossCurve, Place)):
                self._figure(self.step.before, "before")
            elif not isinstance(asked, (LossCurve, Place)):
                st.info(words.PREDICT_FIRST)
        if st.button("Reveal", type="primary", key=f"{self.key}.reveal", disabled=predicted is None):
            self._keep(predicted=predicted, revealed=True)
            st.rerun()

    def _draw(self, asked: LossCurve, place: Any) -> list[float]:
        """The loss at some epochs, by sliders; the figure follows."""
        run = prepared.run(asked.run)
        st.caption(words.DRAW)
        epochs = curve_epochs(len(run.loss))
        top = round(1.2 * run.chance, 1)
        losses = [
            st.slider(
                f"Loss at epoch {epoch}",
                0.0,
                top,
                round(run.chance, 1),
                0.1,
                key=f"{self.key}.at.{epoch}",
                persist_state="session",
            )
            for epoch in epochs
        ]
        with place:
            level = run.curve.assign(loss=float("nan"))
            figure = plot_losses({"": level}, guess_table(losses, len(run.loss)))
            figure.update_yaxes(range=[0, top])
            show_figure(figure, key=f"{self.key}.draw", name="predicted_loss", alt="The loss as you predict it")
        return losses

    def _mark(self, asked: Place, place: Any) -> list[float] | None:
        """A click on a map without colours."""
        kept = f"{self.key}.mark"
        points = prepared.map_points(asked.example, asked.map)
        title = prepared.map_titles(asked.example)[asked.map]

        def keep() -> None:
            found = clicked(st.session_state[f"{self.key}.map"])
            if found:
                st.session_state[kept] = [float(value) for value in points[int(found[0])]]

        with place:
            if self.step.before is not None:
                self._figure(self.step.before, "before")
            panel = Panel(title, points[None], prepared.colours_of_map(asked.example, asked.map, "cell_type"))
            mark: list[float] | None = st.session_state.get(kept)
            marks = [Mark("your mark", (mark[0], mark[1]), REMOVED)] if mark else []
            figure = plot_maps([panel], marks, choosable=True).update_layout(height=420, showlegend=False)
            show_figure(
                figure, key=f"{self.key}.map", name="map", alt="A map without colours, to be clicked on", on_click=keep
            )
        st.caption(words.CLICK if mark is None else "Your mark is the star.")
        return mark

    def _compare(self, asked: Prediction) -> None:
        live = live_training.live_losses(state.root(), self.done.analysis) if self.done.analysis else []
        if isinstance(asked, LossCurve) and isinstance(self.step.activity, Training) and not live:
            st.caption("Your prediction is dotted in the figure. Train to compare it.")
            return
        said = compared(asked, self.done.predicted, live)
        st.markdown(f"{'✓' if said.near else '→'} {said.text}")
        table = choice_table(asked) if isinstance(asked, Choice) else None
        if table is not None:
            show_table(
                table,
                key=f"{self.key}.measured",
                name=f"{self.step.id}_measured",
                alt="What was measured",
                numbers={"measured": "%.2f"},
            )

    # what is seen

    def _figure(self, activity: Activity, which: str) -> None:
        shown = figure_of(activity, self.done.settings, self.step.prediction, self.done.predicted)
        if shown is not None:
            show_figure(shown.figure, key=f"{self.key}.{which}", name=shown.name, alt=shown.alt)

    def _activity(self, activity: Activity) -> None:
        if isinstance(activity, Training):
            self._train(activity)
            return
        if isinstance(activity, Grid):
            chosen = grid_tab.sliders(activity, self.done.settings, self._moving)
            grid_tab.grid_figure(activity, chosen, key=self.key)
            return
        if isinstance(activity, Copies):
            self._copies(activity)
        if isinstance(activity, Maps) and len(activity.colours) > 1:
            st.segmented_control(
                "Colour by",
                activity.colours,
                default=self.done.settings.get("colour", activity.colours[0]),
                required=True,
                **self._moving("colour"),
            )
        if isinstance(activity, Threshold):
            self._threshold()
        self._figure(activity, "figure")
        if isinstance(activity, Types):
            table = pd.DataFrame(prepared.fact("circles.types"))[TYPE_COLUMNS]
            show_table(
                table,
                key=f"{self.key}.types",
                name="types",
                alt="Cells and AUPRC of each type",
                numbers=dict.fromkeys(("auprc", "auprc_low", "auprc_high"), "%.2f"),
            )
        if isinstance(activity, Runs) and activity.which == ("wrong", "repaired"):
            gallery_tab.measures(mistake(activity.mistake))

    def _moving(self, name: str) -> dict[str, Any]:
        """Key and callback of a widget whose value is a setting of the step."""
        key = f"{self.key}.{name}"

        def moved() -> None:
            with boundary():
                self._keep(settings={**self.done.settings, name: st.session_state[key]})

        return {"key": key, "on_change": moved}

    def _copies(self, activity: Copies) -> None:
        if not activity.locked:
            start = float(activity.settings.get("dropout_share", 0.8))
            st.slider(
                "Share of genes set to zero",
                0.0,
                1.0,
                float(self.done.settings.get("dropout", start)),
                0.05,
                **self._moving("dropout"),
            )
        same, others = alike(Sample(prepared.profiles().values), augmentation_of(activity, self.done.settings))
        first, second = st.columns(2)
        first.metric("Two copies of one cell", _correlation(same), help="Mean correlation, over 30 cells.")
        second.metric("Copies of two cells", _correlation(others), help="Mean correlation, over 30 cells.")

    def _threshold(self) -> None:
        least = st.slider(
            "Name a cell only if its probability is at least",
            0.0,
            0.99,
            float(self.done.settings.get("threshold", USUAL_THRESHOLD)),
            0.01,
            **self._moving("threshold"),
        )
        row = refusal_table().set_index("threshold").loc[round(least, 2)]
        first, second = st.columns(2)
        first.metric("Cells that get a name", f"{row['named (%)']:.0f}%")
        second.metric("Of those, named wrongly", "none named" if row.isna().any() else f"{row['wrong (%)']:.1f}%")

    def _train(self, activity: Training) -> None:
        def begun(id: str) -> None:
            self._keep(analysis=id)

        guess = self.done.predicted if isinstance(self.step.prediction, LossCurve) else None
        live_training.live_section(
            activity.example,
            activity.settings,
            self.done.analysis,
            begun=begun,
            guess=guess if isinstance(guess, list) else None,
            key=self.key,
        )

    # what is answered and noted

    def _question(self, asked: Question) -> None:
        st.markdown(f"**Question.** {filled(asked.ask)}")
        answer = st.radio(
            "Your answer",
            range(len(asked.options)),
            index=self.done.answer,
            format_func=lambda at: filled(asked.options[at].text),
            key=f"{self.key}.answer",
            label_visibility="collapsed",
            on_change=self._keep_widget,
            args=("answer", f"{self.key}.answer"),
        )
        if answer is not None:
            said = filled(asked.options[answer].feedback)
            st.markdown(f"**Right.** {said}" if answer == asked.right else f"**Not quite.** {said}")

    def _note(self) -> None:
        key = f"{self.key}.note"
        st.text_area(
            filled(self.step.note),
            self.done.note,
            max_chars=MOST_NOTE,
            height=TALL,
            key=key,
            on_change=self._keep_widget,
            args=("note", key),
        )
