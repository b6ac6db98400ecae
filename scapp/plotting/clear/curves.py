"""Curves of a training run, and its embedding in two dimensions while it forms."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.map.points import category_traces, marker_size
from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, SEQUENTIAL, empty_figure, styled
from scapp.plotting.tokens import DATA

LINE = {"color": DATA, "width": 2}


def curves_data(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Logged rows as a table, one row per epoch; an epoch that was logged twice (after a resume) counts once."""
    table = pd.DataFrame(rows)
    if not len(table):
        return table
    return table.drop_duplicates("epoch", keep="last").sort_values("epoch").reset_index(drop=True)


def plot_loss(curves: pd.DataFrame) -> go.Figure:
    """Loss per epoch with the chance level log(1 + negatives)."""
    figure = _curve(curves, "loss", "loss (InfoNCE)")
    if len(curves):
        figure.add_scatter(
            x=curves["epoch"], y=curves["chance"], mode="lines", name="chance", line={"color": MUTED, "dash": "dash"}
        )
        figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.35, "x": 0})
    return figure


def plot_overlay(curves: dict[str, pd.DataFrame]) -> go.Figure:
    """Loss of several runs over their epochs, each as a share of its own chance level, so that queues of any size
    compare.
    """
    figure = go.Figure()
    for (name, table), hue in zip(curves.items(), palette(len(curves)), strict=True):
        if len(table):
            share = table["loss"] / table["chance"]
            figure.add_scatter(x=table["epoch"], y=share, mode="lines", name=name, line={"color": hue, "width": 2})
    if not figure.data:
        return empty_figure("no run has finished an epoch", height=300)
    figure.add_hline(y=1, line={"color": MUTED, "dash": "dash"})
    return styled(figure, height=320, x_title="epoch", y_title="loss / chance", legend=True)


def plot_curve(curves: pd.DataFrame, column: str, title: str, *, reference: float | None = None) -> go.Figure:
    """One logged quantity per epoch, with a dashed line where it would be healthy."""
    figure = _curve(curves, column, title)
    if reference is not None and len(curves):
        figure.add_hline(y=reference, line={"color": MUTED, "dash": "dash"})
        figure.update_yaxes(rangemode="tozero")
    return figure


def _curve(curves: pd.DataFrame, column: str, title: str) -> go.Figure:
    if not len(curves):
        return empty_figure("waiting for the first epoch", height=240)
    mode = "lines" if len(curves) > 1 else "markers"
    figure = go.Figure(go.Scatter(x=curves["epoch"], y=curves[column], mode=mode, name=title, line=LINE))
    return styled(figure, height=240, x_title="epoch", y_title=title)


def plot_view(points: np.ndarray, colour: pd.Series | None, colours: list[str] | None = None) -> go.Figure:
    """Two principal components of the embedding, coloured by an annotation of the shown cells.

    Parameters
    ----------
    points
        Shape (n_shown, 2).
    colour
        Annotation of the same cells, categorical or numeric.
    colours
        ``#rrggbb`` per category, in category order.
    """
    if not len(points):
        return empty_figure("no view yet", height=400)
    figure = go.Figure()
    size = marker_size(len(points))
    if colour is None:
        figure.add_scattergl(x=points[:, 0], y=points[:, 1], mode="markers", marker={"size": size}, hoverinfo="skip")
    elif isinstance(colour.dtype, pd.CategoricalDtype):
        for trace in category_traces(points, pd.Categorical(colour), size=size, colours=colours):
            figure.add_trace(trace)
    else:
        marker = {
            "size": size,
            "color": colour.to_numpy(dtype=np.float32),
            "colorscale": SEQUENTIAL,
            "colorbar": {"title": {"text": str(colour.name)}},
        }
        figure.add_scattergl(x=points[:, 0], y=points[:, 1], mode="markers", marker=marker, hoverinfo="skip")
    figure = styled(figure, height=420, x_title="component 1", y_title="component 2", legend=colour is not None)
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False)
    return figure
