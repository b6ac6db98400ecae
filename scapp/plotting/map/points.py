"""The map of cells as a figure of points, for pages up to 50,000 cells and for reports."""

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, SEQUENTIAL, empty_figure
from scapp.plotting.tokens import INK

MOST_POINTS = 50_000
"""Reports of more cells draw so many of them; pages then use ``ui.scatter``, which draws all."""

MISSING = "not given"
MOST_NAMES = 40
GENES_PER_ROW = 3
NAME_TILES = 12
"""Tiles across a map, of which the one with most cells of a group carries its name."""


def plot_map(
    points: np.ndarray,
    colour: pd.Series | None,
    *,
    title: str,
    colours: list[str] | None = None,
    axes: str = "UMAP",
    height: int = 620,
    names: bool = False,
) -> go.Figure:
    """Cells at their places on the map; of more than 50,000, that many drawn at random, as the figure says.

    Parameters
    ----------
    points
        Shape (n_cells, 2).
    colour
        One value per cell, categorical (a legend that isolates a group) or numeric (a colour scale).
    title
        Of legend or colour scale.
    colours
        ``#rrggbb`` per category, in category order.
    axes
        Kind of map, for the titles of the axes.
    height
        In pixels.
    names
        Write the name of each category in the middle of its cells, of up to 40 categories.
    """
    if not len(points):
        return empty_figure("no cells")
    grouped = colour is not None and isinstance(colour.dtype, pd.CategoricalDtype)
    n_cells = len(points)
    if n_cells > MOST_POINTS:
        drawn = _at_random(n_cells)
        points, colour = points[drawn], None if colour is None else colour.iloc[drawn]
    figure = go.Figure()
    size = marker_size(len(points))
    if colour is None:
        figure.add_scattergl(
            x=_float(points[:, 0]),
            y=_float(points[:, 1]),
            mode="markers",
            marker={"size": size, "color": MUTED},
            hoverinfo="skip",
        )
    elif isinstance(colour.dtype, pd.CategoricalDtype):
        for trace in category_traces(points, pd.Categorical(colour), size=size, colours=colours):
            figure.add_trace(trace)
        if names:
            figure.update_layout(annotations=_names(points, pd.Categorical(colour)))
    else:
        figure.add_trace(_scale_trace(points, colour.to_numpy(dtype=np.float32), size, title))
    if len(points) < n_cells:
        text = f"{len(points):,} of {n_cells:,} cells, drawn at random"
        figure.add_annotation(text=text, xref="paper", yref="paper", x=0, y=1, yanchor="bottom", showarrow=False)
    return _framed(figure, title, axes, height, legend=grouped)


def plot_genes(
    points: np.ndarray, values: np.ndarray, titles: Sequence[str], *, axes: str = "UMAP", height: int = 520
) -> go.Figure:
    """The same cells once for each gene, on one colour scale, so that a gene that is hardly expressed looks so.

    Parameters
    ----------
    points
        Shape (n_cells, 2).
    values
        log1p values, shape (n_cells, n_genes).
    titles
        Of the genes.
    axes
        Kind of map, for the titles of the axes.
    height
        In pixels, of up to three genes in a row.
    """
    if not len(points) or not len(titles):
        return empty_figure("no cells, or none of these genes")
    from plotly.subplots import make_subplots

    columns = min(GENES_PER_ROW, math.ceil(math.sqrt(len(titles))))
    n_rows = -(-len(titles) // columns)
    figure = make_subplots(
        n_rows, columns, subplot_titles=[html.escape(title) for title in titles], horizontal_spacing=0.03
    )
    size = marker_size(len(points))
    for place, title in enumerate(titles):
        trace = _scale_trace(points, values[:, place].astype(np.float32), size, title)
        trace.update(showlegend=False)
        trace.marker.update(colorbar=None, coloraxis="coloraxis")
        figure.add_trace(trace, row=place // columns + 1, col=place % columns + 1)
    figure.update_layout(
        height=height if n_rows > 1 else height * 2 // 3,
        margin={"l": 30, "r": 10, "t": 60, "b": 30},
        coloraxis={"colorscale": SEQUENTIAL, "cmin": 0, "colorbar": {"title": {"text": "log1p"}}},
    )
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_xaxes(title=f"{axes} 1", row=n_rows)
    figure.update_yaxes(title=f"{axes} 2", title_standoff=2, col=1)
    return figure


def marker_size(n_points: int) -> float:
    """Large enough to see few cells, small enough to tell many apart, in pixels."""
    return float(np.clip(60 / np.sqrt(n_points) + 2, 2, 9))


def category_traces(
    points: np.ndarray, groups: pd.Categorical, *, size: float, colours: list[str] | None = None
) -> list[go.Scattergl]:
    """One trace per category, so that the legend can hide or isolate it; cells without one are grey and below."""
    colours = colours or palette(len(groups.categories))
    traces = []
    missing = groups.codes < 0
    if missing.any():
        traces.append(_points_trace(points[missing], MISSING, MUTED, size))
    for code, name in enumerate(groups.categories):
        members = groups.codes == code
        if members.any():
            traces.append(_points_trace(points[members], str(name), colours[code % len(colours)], size))
    return traces


def _names(points: np.ndarray, groups: pd.Categorical) -> list[dict[str, Any]]:
    """The name of each category where its cells lie densest, as annotations; none where there are too many.

    Annotations, because text of a trace is drawn below the points of WebGL.
    """
    if len(groups.categories) > MOST_NAMES:
        return []
    found = []
    span = float(np.ptp(points, axis=0).max())
    for code, name in enumerate(groups.categories):
        members = groups.codes == code
        if members.any():
            x, y = _densest(points[members], span / NAME_TILES)
            label = {"size": 11, "color": INK}
            found.append(
                {"x": x, "y": y, "text": html.escape(str(name)), "showarrow": False, "font": label, "borderpad": 1}
                | {"bgcolor": "rgba(255,255,255,0.72)"}
            )
    return found


def _densest(points: np.ndarray, width: float) -> tuple[float, float]:
    """Median of the cells in and around the tile with most of them: of a group in two parts, the middle is empty."""
    tiles = np.floor((points - points.min(axis=0)) / max(width, 1e-12)).astype(np.int64)
    found, counts = np.unique(tiles, axis=0, return_counts=True)
    near = np.abs(tiles - found[counts.argmax()]).max(axis=1) <= 1
    x, y = np.median(points[near], axis=0)
    return float(x), float(y)


def _points_trace(points: np.ndarray, name: str, colour: str, size: float) -> go.Scattergl:
    marker = {"size": size, "color": colour}
    return go.Scattergl(
        x=_float(points[:, 0]),
        y=_float(points[:, 1]),
        mode="markers",
        name=f"{html.escape(name)} ({len(points):,})",
        marker=marker,
        hovertemplate=html.escape(name) + "<extra></extra>",
    )


def _scale_trace(points: np.ndarray, values: np.ndarray, size: float, title: str) -> go.Scattergl:
    # high values on top: a gene's few expressing cells would else vanish below the others
    order = np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable")
    marker = {"size": size, "color": values[order], "colorscale": SEQUENTIAL, "colorbar": {"title": {"text": title}}}
    return go.Scattergl(
        x=_float(points[order, 0]),
        y=_float(points[order, 1]),
        mode="markers",
        marker=marker,
        hovertemplate="%{marker.color:.3g}<extra></extra>",
    )


def _framed(figure: go.Figure, title: str, axes: str, height: int, *, legend: bool) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 40, "r": 10, "t": 20, "b": 40},
        showlegend=legend,
        legend={"title": {"text": title}, "itemsizing": "constant"},
        dragmode="lasso",
        uirevision="map",
    )
    figure.update_xaxes(title=f"{axes} 1", showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(title=f"{axes} 2", showticklabels=False, showgrid=False, zeroline=False, scaleanchor="x")
    return figure


def _float(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)


def plot_onto(
    reference: np.ndarray,
    points: np.ndarray,
    groups: pd.Series | None,
    reference_name: str,
    name: str,
    colours: list[str] | None = None,
) -> go.Figure:
    """Cells on the map of others, which stand behind them in grey; of each at most 50,000 are drawn, at random.

    Parameters
    ----------
    reference, points
        Places of both, shapes (n_reference, 2) and (n_cells, 2).
    groups
        Categories of the cells, or None.
    reference_name, name
        For the legend.
    colours
        ``#rrggbb`` per category.
    """
    behind, kept = (_at_random(len(places)) for places in (reference, points))
    figure = go.Figure(_points_trace(reference[behind], reference_name, MUTED, marker_size(len(behind))))
    figure.data[0].opacity = 0.35
    chosen = pd.Categorical([name] * len(points)) if groups is None else pd.Categorical(groups)
    for trace in category_traces(points[kept], chosen[kept], size=marker_size(len(behind)) + 1, colours=colours):
        figure.add_trace(trace)
    return _framed(figure, "" if groups is None else str(groups.name), "UMAP", 560, legend=True)


def _at_random(n_cells: int) -> np.ndarray:
    if n_cells <= MOST_POINTS:
        return np.arange(n_cells)
    return np.sort(np.random.default_rng(0).choice(n_cells, MOST_POINTS, replace=False))
