"""Figures of lessons: a loss beside the one that was predicted, runs as they go, maps beside each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from scapp.plotting.circles import JITTER, marked_as_gauge
from scapp.plotting.clear.replay import epoch_slider, play_buttons
from scapp.plotting.map.points import category_traces, marker_size
from scapp.plotting.palette import palette
from scapp.plotting.theme import KEPT, MUTED, REMOVED, empty_figure, styled

HEIGHT, TALL = 520, 680
"""Of one row of panels, and of two, in pixels."""
MOST_BESIDE = 3
GUESS = "predicted"
ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
"""Place of a legend above its figure."""


@dataclass(frozen=True)
class Panel:
    """Cells on one map, or on several after each other.

    Parameters
    ----------
    title
        Above it.
    frames
        Shape (n_frames, n_cells, 2); a map that stands still has one.
    groups
        What the cells are coloured by.
    """

    title: str
    frames: np.ndarray
    groups: pd.Categorical


@dataclass(frozen=True)
class Mark:
    """A place on a map: where it was predicted, where it is."""

    name: str
    at: tuple[float, float]
    colour: str


def plot_losses(curves: Mapping[str, pd.DataFrame], guess: pd.DataFrame | None = None) -> go.Figure:
    """Losses by epoch, each with its chance level, and the predicted one.

    Parameters
    ----------
    curves
        Name -> ``epoch``, ``loss`` and ``chance``.
    guess
        ``epoch`` and ``loss`` as they were predicted.
    """
    figure = go.Figure()
    for (name, table), hue in zip(curves.items(), palette(max(len(curves), 1)), strict=False):
        if len(table) and table["loss"].notna().any():
            line = {"color": hue, "width": 2}
            mode = "lines" if len(table) > 1 else "markers"
            figure.add_scatter(x=table["epoch"], y=table["loss"], mode=mode, name=name, line=line)
    levels = sorted({round(float(table["chance"].iloc[-1]), 3) for table in curves.values() if len(table)})
    for level in levels:
        figure.add_hline(y=level, line={"color": MUTED, "dash": "dash"}, annotation_text="chance")
    if guess is not None:
        line = {"color": REMOVED, "dash": "dot", "width": 2}
        figure.add_scatter(x=guess["epoch"], y=guess["loss"], mode="lines+markers", name=GUESS, line=line)
    if not figure.data:
        return empty_figure("waiting for the first epoch", height=HEIGHT)
    figure = styled(figure, height=HEIGHT, x_title="epoch", y_title="loss (InfoNCE)", legend=True)
    figure.update_yaxes(rangemode="tozero")
    return figure


def plot_film(panels: Sequence[Panel], epochs: Sequence[int], noun: str = "epoch") -> go.Figure:
    """Cells while a network is trained, in one panel or two, to be played in the browser.

    Parameters
    ----------
    panels
        Of one number of frames.
    epochs
        Of the frames; 0 is before training.
    noun
        What they are called.
    """
    figure = _row_of(panels)
    traces = []
    for panel, row, column in _places(panels):
        hues = np.array([*palette(len(panel.groups.categories)), MUTED])
        x, y = panel.frames[-1].T
        figure.add_trace(
            go.Scattergl(
                x=x,
                y=y,
                mode="markers",
                marker={"size": marker_size(len(x)), "color": hues[panel.groups.codes]},
                text=np.asarray(panel.groups.astype(str)),
                hovertemplate="%{text}<extra></extra>",
                showlegend=False,
            ),
            row,
            column,
        )
        traces.append(len(figure.data) - 1)
    _legend(figure, panels)
    figure.frames = [
        go.Frame(
            name=str(epoch),
            data=[go.Scattergl(x=panel.frames[place, :, 0], y=panel.frames[place, :, 1]) for panel in panels],
            traces=traces,
        )
        for place, epoch in enumerate(epochs)
    ]
    figure.update_xaxes(range=[-1.05, 1.05])
    figure.update_yaxes(range=[-1.05, 1.05])
    slider = {**epoch_slider(epochs, noun), "active": len(epochs) - 1, "x": 0.22, "len": 0.78, "y": -0.04}
    figure.update_layout(sliders=[slider], updatemenus=[{**play_buttons(), "y": -0.1}], margin={"b": 100})
    return figure


def plot_gauge_film(circles: np.ndarray, groups: pd.Categorical, steps: Sequence[int]) -> go.Figure:
    """A circle of those that compete, as the half that is a gauge, while it is trained; every type in its colour.

    Parameters
    ----------
    circles
        Unit vectors, shape (n_steps, n_cells, 2).
    groups
        Type of each cell.
    steps
        Of training.
    """
    radius = 1 + np.random.default_rng(0).uniform(-JITTER, JITTER, size=(circles.shape[1],))
    figure = plot_film([Panel("", circles * radius[:, None], groups)], steps, "step")
    figure.update_xaxes(range=[-1.15, 1.15])
    figure.update_yaxes(range=[-0.1, 1.15], scaleanchor="x")
    return marked_as_gauge(figure)


def plot_maps(panels: Sequence[Panel], marks: Sequence[Mark] = (), *, choosable: bool = False) -> go.Figure:
    """Maps that stand still, beside each other.

    Parameters
    ----------
    panels
        The last frame of each is drawn.
    marks
        Places on the first map.
    choosable
        Whether cells can be clicked on: all grey, each carrying its position.
    """
    figure = _row_of(panels)
    for panel, row, column in _places(panels):
        points = panel.frames[-1]
        size = marker_size(len(points))
        if choosable:
            figure.add_scattergl(
                x=points[:, 0],
                y=points[:, 1],
                mode="markers",
                marker={"size": size + 2, "color": MUTED},
                customdata=[str(place) for place in range(len(points))],
                hovertemplate="click to put your mark here<extra></extra>",
                showlegend=False,
                row=row,
                col=column,
            )
            continue
        for trace in category_traces(points, panel.groups, size=size):
            figure.add_trace(trace.update(showlegend=False), row, column)
    if not choosable:
        _legend(figure, panels)
    for mark in marks:
        figure.add_scatter(
            x=[mark.at[0]],
            y=[mark.at[1]],
            mode="markers",
            name=mark.name,
            marker={"symbol": "star", "size": 18, "color": mark.colour, "line": {"width": 1.5, "color": "#222"}},
        )
    return figure


def _row_of(panels: Sequence[Panel]) -> go.Figure:
    n_rows, n_columns = _grid_of(panels)
    figure = make_subplots(
        rows=n_rows,
        cols=n_columns,
        subplot_titles=[panel.title for panel in panels],
        horizontal_spacing=0.04,
        vertical_spacing=0.08,
    )
    # a map has no directions, so its axes have no numbers
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_annotations(font={"size": 13})
    figure.update_layout(
        height=HEIGHT if n_rows == 1 else TALL,
        margin={"l": 10, "r": 10, "t": 60, "b": 20},
        legend={"itemsizing": "constant"},
    )
    return figure


def _grid_of(panels: Sequence[Panel]) -> tuple[int, int]:
    """Rows and columns: more than three maps are too narrow beside each other."""
    return (1, len(panels)) if len(panels) <= MOST_BESIDE else (2, -(-len(panels) // 2))


def _places(panels: Sequence[Panel]) -> list[tuple[Panel, int, int]]:
    """Each panel with its row and column, from 1."""
    _, n_columns = _grid_of(panels)
    return [(panel, place // n_columns + 1, place % n_columns + 1) for place, panel in enumerate(panels)]


def _legend(figure: go.Figure, panels: Sequence[Panel]) -> None:
    """One legend for all panels: the n-th group has one colour in each."""
    names = max((list(panel.groups.categories) for panel in panels), key=len)
    for name, hue in zip(names, palette(len(names)), strict=True):
        figure.add_scattergl(x=[None], y=[None], mode="markers", name=str(name), marker={"color": hue, "size": 9})


def plot_profile(table: pd.DataFrame) -> go.Figure:
    """Genes of one cell beside their mean over others.

    Parameters
    ----------
    table
        ``gene``, ``this cell`` and ``mean of all``.
    """
    figure = go.Figure()
    for column, hue in (("this cell", KEPT), ("mean of all", MUTED)):
        figure.add_bar(x=table["gene"], y=table[column], name=column, marker_color=hue)
    figure = styled(figure, height=HEIGHT - 140, x_title="gene", y_title="log-normalised value", legend=True)
    figure.update_xaxes(type="category", dtick=1, tickangle=-50)
    figure.update_layout(legend=ABOVE)
    return figure


def plot_refusal(table: pd.DataFrame, threshold: float) -> go.Figure:
    """Cells that are named, and those of them named wrongly, by the probability that is asked for.

    Parameters
    ----------
    table
        ``threshold``, ``named (%)`` of all cells and ``wrong (%)`` of those named.
    threshold
        The chosen one.
    """
    figure = go.Figure()
    for column, hue in (("named (%)", KEPT), ("wrong (%)", REMOVED)):
        figure.add_scatter(
            x=table["threshold"], y=table[column], name=column, mode="lines", line={"color": hue, "width": 2}
        )
    figure.add_vline(x=threshold, line={"color": MUTED, "dash": "dash"})
    figure = styled(figure, height=HEIGHT - 100, x_title="least probability", y_title="cells (%)", legend=True)
    figure.update_yaxes(range=[0, 102])
    return figure


def plot_unseen(table: pd.DataFrame) -> go.Figure:
    """How sure a classifier is of cells whose type it never saw.

    Parameters
    ----------
    table
        ``type``, and of its cells ``at least 0.5 (%)`` and ``at least 0.9 (%)``.
    """
    figure = go.Figure()
    for column, hue in (("at least 0.5 (%)", MUTED), ("at least 0.9 (%)", REMOVED)):
        figure.add_bar(y=table["type"], x=table[column], name=column, orientation="h", marker_color=hue)
    figure = styled(figure, height=HEIGHT, x_title="cells named with such a probability (%)", y_title="", legend=True)
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.update_layout(legend={**ABOVE, "traceorder": "normal"})
    return figure
