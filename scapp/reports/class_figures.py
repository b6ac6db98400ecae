"""What a class did in a step of a lesson, as figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from scapp.plotting.class_board import plot_counts, plot_curves, plot_numbers, plot_places
from scapp.plotting.teach import Mark, Panel
from scapp.plotting.theme import KEPT
from scapp.reports.lesson_figures import Shown, guess_table
from scapp.teach import prepared
from scapp.teach.lesson import Choice, LossCurve, Number, Prediction, Question, filled
from scapp.teach.predictions import measured, right_option


def predicted_figure(
    asked: Prediction, predicted: Mapping[int, Any], *, told: bool = True, chosen: int | None = None
) -> Shown:
    """Everybody's predictions over each other.

    Parameters
    ----------
    asked
        What was to be predicted.
    predicted
        Number of a browser -> what it predicted.
    told
        Whether what was measured is shown as well.
    chosen
        Number of the browser that is pointed out, or None.
    """
    alt = f"{len(predicted)} predictions" + (" beside what was measured" if told else "")
    if isinstance(asked, Choice):
        counts = [list(predicted.values()).count(place) for place in range(len(asked.options))]
        texts = [filled(option.text) for option in asked.options]
        right = right_option(asked) if told else None
        return Shown(plot_counts(texts, counts, right, predicted.get(chosen or 0)), "class_choices", alt)
    if isinstance(asked, Number):
        values = {number: float(value) for number, value in predicted.items()}
        true = measured(asked) if told else None
        span = (asked.minimum, asked.maximum)
        return Shown(plot_numbers(values, true, span, asked.unit, chosen), "class_numbers", alt)
    if isinstance(asked, LossCurve):
        run = prepared.run(asked.run)
        curves = {number: guess_table(list(losses), len(run.loss)) for number, losses in predicted.items()}
        return Shown(plot_curves(curves, run.curve if told else None, run.chance, chosen), "class_curves", alt)
    points = prepared.map_points(asked.example, asked.map)
    titles = prepared.map_titles(asked.example)
    types = prepared.colours_of_map(asked.example, asked.map, "cell_type")
    groups = types if told else pd.Categorical(["a cell"] * len(points))
    panel = Panel(titles[asked.map], points[None], groups)
    x, y = (float(value) for value in points[asked.cell])
    mark = Mark("the cell", (x, y), KEPT) if told else None
    return Shown(plot_places(panel, dict(predicted), mark, chosen), "class_places", alt)


def answered_figure(asked: Question, counts: Sequence[int], *, told: bool = True) -> Shown:
    """How often each answer was chosen.

    Parameters
    ----------
    asked
        The question.
    counts
        Of each answer.
    told
        Whether the right one is marked.
    """
    texts = [filled(option.text) for option in asked.options]
    figure = plot_counts(texts, counts, asked.right if told else None, None)
    return Shown(figure, "class_answers", f"{sum(counts)} answers to the question")


def trained_figure(losses: Mapping[int, Sequence[float]], chance: float, *, chosen: int | None = None) -> Shown:
    """The losses of everybody's own training over each other.

    Parameters
    ----------
    losses
        Number of a browser -> loss by epoch.
    chance
        Loss of a network that guesses.
    chosen
        Number of the browser that is pointed out, or None.
    """
    curves = {
        number: pd.DataFrame({"epoch": range(1, len(values) + 1), "loss": list(values)})
        for number, values in losses.items()
    }
    alt = f"Loss by epoch of {len(losses)} trainings"
    return Shown(plot_curves(curves, None, chance, chosen), "class_trainings", alt)
