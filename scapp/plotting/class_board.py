"""What a class predicted, laid over each other, beside what was measured."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.teach import ABOVE, HEIGHT, Mark, Panel, plot_maps
from scapp.plotting.theme import KEPT, MUTED, REMOVED, styled

LETTERS = 36
"""In a line of an option beside its bar; what is cut off is what the pointer shows."""
FAINT = 0.45


def plot_counts(options: Sequence[str], counts: Sequence[int], right: int | None, chosen: int | None) -> go.Figure:
    """How many chose each option.

    Parameters
    ----------
    options
        Texts, from above.
    counts
        Of those who chose each.
    right
        Position of the right one; None before it is told.
    chosen
        Position of the one that is pointed out, or None.
    """
    told = [f"{text} ✓" if place == right else text for place, text in enumerate(options)]
    labels = ["<br>".join(textwrap.wrap(text, LETTERS, max_lines=3, placeholder=" …")) for text in told]
    figure = go.Figure()
    figure.add_bar(
        y=list(range(len(options))),
        x=list(counts),
        orientation="h",
        marker={
            "color": [KEPT if place == right else MUTED for place in range(len(options))],
            "line": {"color": REMOVED, "width": [3 if place == chosen else 0 for place in range(len(options))]},
        },
        text=list(counts),
        customdata=list(options),
        hovertemplate="%{customdata}: %{x}<extra></extra>",
    )
    figure = styled(figure, height=120 + 56 * len(options), x_title="browsers", y_title="")
    figure.update_yaxes(tickvals=list(range(len(options))), ticktext=labels, autorange="reversed", automargin=True)
    figure.update_xaxes(range=[0, max([*counts, 1]) * 1.15], dtick=max(1, round(max([*counts, 1]) / 8)))
    return figure


def plot_numbers(
    values: Mapping[int, float], measured: float | None, span: tuple[float, float], unit: str, chosen: int | None
) -> go.Figure:
    """Predicted numbers as dots, one above another where they are near.

    Parameters
    ----------
    values
        Number of a browser -> prediction.
    measured
        What was measured; None before it is told.
    span
        Least and greatest number that could be predicted.
    unit
        Of the numbers.
    chosen
        Number of the browser that is pointed out, or None.
    """
    low, high = span
    bins = np.linspace(low, high, 41)
    places = np.clip(np.digitize(list(values.values()), bins), 1, 40) if values else np.array([], dtype=int)
    heights = pd.Series(places).groupby(places).cumcount().to_numpy() + 1
    figure = go.Figure()
    figure.add_scatter(
        x=list(values.values()),
        y=heights,
        mode="markers",
        name="predicted",
        marker={
            "size": [22 if number == chosen else 14 for number in values],
            "color": [REMOVED if number == chosen else MUTED for number in values],
        },
        hovertemplate=f"%{{x}} {unit}<extra></extra>",
    )
    if measured is not None:
        figure.add_vline(x=measured, line={"color": KEPT, "width": 3}, annotation_text="measured")
    figure = styled(figure, height=HEIGHT - 140, x_title=unit or "predicted", y_title="browsers")
    margin = 0.02 * (high - low)
    figure.update_xaxes(range=[low - margin, high + margin])
    figure.update_yaxes(range=[0, max([*heights, 4]) + 1], dtick=max(1, int(max([*heights, 4]) / 6)))
    return figure


def plot_curves(
    curves: Mapping[int, pd.DataFrame], true: pd.DataFrame | None, chance: float, chosen: int | None
) -> go.Figure:
    """Losses by epoch over each other: as they were predicted, or of everybody's own training.

    Parameters
    ----------
    curves
        Number of a browser -> ``epoch`` and ``loss``.
    true
        ``epoch`` and ``loss`` of the prepared run; None before it is told.
    chance
        Loss of a network that guesses.
    chosen
        Number of the browser that is pointed out, or None.
    """
    figure = go.Figure()
    ordered = sorted(curves.items(), key=lambda item: item[0] == chosen)
    for number, table in ordered:
        here = number == chosen
        figure.add_scatter(
            x=table["epoch"],
            y=table["loss"],
            mode="lines",
            line={"color": REMOVED if here else MUTED, "width": 4 if here else 1.5},
            opacity=1 if here else FAINT,
            showlegend=False,
            hovertemplate="epoch %{x}: %{y:.2f}<extra></extra>",
        )
    if true is not None:
        line = {"color": KEPT, "width": 3}
        figure.add_scatter(x=true["epoch"], y=true["loss"], mode="lines", name="measured", line=line)
    figure.add_hline(y=chance, line={"color": MUTED, "dash": "dash"}, annotation_text="chance")
    figure = styled(figure, height=HEIGHT, x_title="epoch", y_title="loss (InfoNCE)", legend=true is not None)
    figure.update_yaxes(range=[0, 1.25 * chance])
    figure.update_layout(legend=ABOVE)
    return figure


def plot_places(
    panel: Panel, places: Mapping[int, Sequence[float]], true: Mark | None, chosen: int | None
) -> go.Figure:
    """Marks on a map.

    Parameters
    ----------
    panel
        The map.
    places
        Number of a browser -> (x, y).
    true
        Where the cell is; None before it is told.
    chosen
        Number of the browser that is pointed out, or None.
    """
    figure = plot_maps([panel], [true] if true is not None else [])
    if places:
        points = np.asarray(list(places.values()), dtype=float)
        figure.add_scatter(
            x=points[:, 0],
            y=points[:, 1],
            mode="markers",
            name="predicted",
            marker={
                "symbol": "x",
                "size": [20 if number == chosen else 11 for number in places],
                "color": [REMOVED if number == chosen else "#222" for number in places],
                "line": {"width": 1, "color": "#fff"},
            },
            hoverinfo="skip",
        )
    return figure
