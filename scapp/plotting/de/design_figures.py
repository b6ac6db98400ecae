"""A study of conditions: its design, and its composition."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.palette import palette
from scapp.plotting.theme import SEQUENTIAL, empty_figure, styled

MOST_WRITTEN = 400
"""Fields of a table up to which numbers are written into them."""


def condition_colours(n_conditions: int) -> list[str]:
    """Blue, orange, red and on: the reference is blue, as in the CLEAR paper's Figure 5."""
    return palette(n_conditions)


def plot_design(table: pd.DataFrame) -> go.Figure:
    """Cells of each type (columns) of each sample (rows), on a logarithmic scale of colour."""
    if not table.size:
        return empty_figure("no cell has a condition and a donor")
    values = table.to_numpy()
    text = values.astype(str) if values.size <= MOST_WRITTEN else None
    ticks = [tick for tick in (1, 10, 100, 1000, 10_000, 100_000) if tick <= max(values.max(), 1) * 3]
    heat = go.Heatmap(
        z=np.log10(values + 1),
        x=[str(c) for c in table.columns],
        y=[str(i) for i in table.index],
        colorscale=SEQUENTIAL,
        text=text,
        texttemplate="%{text}" if text is not None else None,
        customdata=values,
        hovertemplate="%{y}<br>%{x}: %{customdata:,} cells<extra></extra>",
        colorbar={
            "title": {"text": "cells"},
            "tickvals": [float(np.log10(t + 1)) for t in ticks],
            "ticktext": [f"{t:,}" for t in ticks],
        },
    )
    figure = styled(go.Figure(heat), height=200 + 24 * len(table), x_title="cell type", y_title="")
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, dtick=1)
    figure.update_xaxes(type="category", tickangle=-40, automargin=True, dtick=1)
    return figure


def plot_shares(means: pd.DataFrame, *, colours: Mapping[str, str]) -> go.Figure:
    """A bar per condition, stacked by the mean share of each type over donors (CLEAR paper, Figure 5C).

    Parameters
    ----------
    means
        0 to 1, a row per condition and a column per type.
    colours
        Type -> ``#rrggbb``.
    """
    figure = go.Figure()
    for name in means.columns:
        figure.add_bar(
            x=100 * means[name],
            y=[str(c) for c in means.index],
            orientation="h",
            name=str(name),
            marker_color=colours[str(name)],
            hovertemplate=f"{name} in %{{y}}: %{{x:.1f}}%<extra></extra>",
        )
    figure = styled(
        figure, height=170 + 46 * len(means), x_title="mean share of a donor's cells (%)", y_title="", legend=True
    )
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(type="category", autorange="reversed", automargin=True)
    return figure


def plot_share_points(shares: pd.DataFrame, conditions: Sequence[str], *, logarithmic: bool = False) -> go.Figure:
    """Share of each type in each donor, by condition: a box, and a point per donor.

    Parameters
    ----------
    shares
        ``sample``, ``condition``, ``cell_type``, ``share`` (0 to 1).
    conditions
        In order.
    logarithmic
        Rare types become visible; donors without a cell of the type are then not drawn.
    """
    figure = go.Figure()
    for name, colour in zip(conditions, condition_colours(len(conditions)), strict=True):
        part = shares[shares["condition"] == name]
        if logarithmic:
            part = part[part["share"] > 0]
        figure.add_box(
            x=part["cell_type"].astype(str),
            y=100 * part["share"],
            name=name,
            marker={"color": colour, "size": 6},
            boxpoints="all",
            pointpos=0,
            jitter=0.5,
            text=part["sample"].astype(str),
            hovertemplate="%{text}, %{x}: %{y:.2f}%<extra></extra>",
            fillcolor="rgba(0,0,0,0)",
            line={"width": 1},
        )
    figure = styled(figure, height=460, x_title="cell type", y_title="share of the donor's cells (%)", legend=True)
    figure.update_layout(boxmode="group", legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(type="category", tickangle=-40, automargin=True)
    if logarithmic:
        figure.update_yaxes(type="log", dtick=1)
    return figure
