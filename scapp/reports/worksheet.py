"""A student's worksheet: what was predicted, measured, answered and noted, with the figures; made to be printed."""

import html
from collections.abc import Mapping
from datetime import datetime

import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.teach import plot_losses
from scapp.reports import html_parts
from scapp.reports.lesson_figures import figure_of, guess_table
from scapp.teach import prepared
from scapp.teach.lesson import Lesson, LossCurve, Step, Training, filled
from scapp.teach.predictions import compared
from scapp.teach.work import StepWork, Work, fitting

FIGURE_HEIGHT, FIGURE_WIDTH = 330, 380
"""In pixels: three steps stand on a printed page."""
STYLE = (
    ".step{display:grid;grid-template-columns:1fr 390px;gap:1rem;border-top:1px solid #ddd;padding:.5rem 0;"
    "break-inside:avoid;font-size:.8rem;line-height:1.35}.step h2{font-size:1rem;margin:.2rem 0}"
    ".step p{margin:.3rem 0}.note{border:1px solid #ddd;min-height:3.2rem;padding:.3rem;white-space:pre-wrap}"
    "@media print{body{margin:0;max-width:none}.modebar{display:none}}@page{size:A4;margin:12mm}"
)


def worksheet_html(lesson: Lesson, work: Work, live: Mapping[str, list[float]]) -> str:
    """The worksheet as one page of HTML that needs nothing from elsewhere.

    Parameters
    ----------
    lesson, work
        The lesson, and what was done in it.
    live
        Step -> losses by epoch of the student's own training, where there was one.
    """
    name = html.escape(work.name) or "______________________"
    head = f"<style>{STYLE}</style><h1>{html.escape(lesson.title)}</h1><p>Name: {name} · {datetime.now():%Y-%m-%d}</p>"
    steps = [
        _step(number, step, fitting(step, work.steps.get(step.id, StepWork())), live.get(step.id, []))
        for number, step in enumerate(lesson.steps, start=1)
    ]
    return html_parts.page(lesson.title, [head, *steps])


def _step(number: int, step: Step, done: StepWork, live: list[float]) -> str:
    parts = [f"<h2>{number}. {html.escape(step.title)}</h2>"]
    if step.prediction is not None:
        parts.append(_paragraph(f"**Predict.** {filled(step.prediction.ask)}"))
        if done.revealed and done.predicted is not None:
            parts.append(_paragraph(compared(step.prediction, done.predicted, live).text))
        else:
            parts.append("<p><i>No prediction was made.</i></p>")
    if step.question is not None:
        parts.append(_paragraph(f"**Question.** {filled(step.question.ask)}"))
        if done.answer is None:
            parts.append("<p><i>Not answered.</i></p>")
        else:
            chosen = step.question.options[done.answer]
            how = "Right." if done.answer == step.question.right else "Not quite."
            parts.append(_paragraph(f"{filled(chosen.text)}. **{how}** {filled(chosen.feedback)}"))
    if step.note:
        parts.append(f"{_paragraph(filled(step.note))}<div class='note'>{html.escape(done.note)}</div>")
    figure = _figure(step, done, live)
    drawn = html_parts.figure_html(_small(figure)) if figure is not None else ""
    return f"<div class='step'><div>{''.join(parts)}</div><div>{drawn}</div></div>"


def _figure(step: Step, done: StepWork, live: list[float]) -> go.Figure | None:
    if step.activity is None or (step.prediction is not None and not done.revealed):
        return None
    if isinstance(step.activity, Training):
        if not live:
            return None
        curve = pd.DataFrame({"epoch": range(1, len(live) + 1), "loss": live})
        guess = None
        if isinstance(step.prediction, LossCurve) and isinstance(done.predicted, list):
            curve["chance"] = prepared.run(step.prediction.run).chance
            guess = guess_table(done.predicted, len(live))
        return plot_losses({"your run": curve}, guess)
    shown = figure_of(step.activity, done.settings, step.prediction, done.predicted)
    return None if shown is None else shown.figure


def _small(figure: go.Figure) -> go.Figure:
    """As it stands on paper: no films, buttons or sliders."""
    content = figure.to_dict() | {"frames": []}
    for control in ("sliders", "updatemenus"):
        content["layout"].pop(control, None)
    still = go.Figure(content)
    still.update_layout(
        height=FIGURE_HEIGHT,
        width=FIGURE_WIDTH,
        margin={"l": 40, "r": 10, "t": 30, "b": 95},
        font={"size": 9},
        legend={"font": {"size": 8}, "orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"},
    )
    return still


def _paragraph(text: str) -> str:
    """Escaped text whose ``**bold**`` parts are bold."""
    parts = html.escape(text).split("**")
    return "<p>" + "".join(f"<b>{part}</b>" if at % 2 else part for at, part in enumerate(parts)) + "</p>"
