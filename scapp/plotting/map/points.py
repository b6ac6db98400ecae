"""The map of cells, drawn by size: points up to 200,000 cells, an image above; and who is inside a selection."""

import base64
import io

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, SEQUENTIAL, empty_figure

MOST_POINTS = 200_000
RASTER_PIXELS = 900
MISSING = "not given"


def plot_map(
    points: np.ndarray,
    colour: pd.Series | None,
    *,
    title: str,
    colours: list[str] | None = None,
    axes: str = "UMAP",
    height: int = 620,
) -> go.Figure:
    """Every cell at its place on the map.

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
    """
    if not len(points):
        return empty_figure("no cells")
    grouped = colour is not None and isinstance(colour.dtype, pd.CategoricalDtype)
    if len(points) > MOST_POINTS:
        return _framed(_raster(points, colour, colours), title, axes, height, legend=grouped)
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
    else:
        figure.add_trace(_scale_trace(points, colour.to_numpy(dtype=np.float32), size, title))
    return _framed(figure, title, axes, height, legend=grouped)


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


def _points_trace(points: np.ndarray, name: str, colour: str, size: float) -> go.Scattergl:
    marker = {"size": size, "color": colour}
    return go.Scattergl(
        x=_float(points[:, 0]),
        y=_float(points[:, 1]),
        mode="markers",
        name=f"{name} ({len(points):,})",
        marker=marker,
        hovertemplate=name + "<extra></extra>",
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
    figure.update_xaxes(title=f"{axes} 1", showticklabels=False, zeroline=False)
    figure.update_yaxes(title=f"{axes} 2", showticklabels=False, zeroline=False, scaleanchor="x")
    return figure


def _float(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)


def raster_pixels(points: np.ndarray, colour: pd.Series | None, colours: list[str] | None = None) -> np.ndarray:
    """The map as an image, uint8 RGBA, shape (900, 900, 4), transparent where there is no cell.

    A pixel shows the category most of its cells have, or the mean of its cells' values.
    """
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    span[span == 0] = 1
    place = ((points - low) / span * (RASTER_PIXELS - 1)).astype(int)
    pixel = (RASTER_PIXELS - 1 - place[:, 1]) * RASTER_PIXELS + place[:, 0]
    n_pixels = RASTER_PIXELS**2
    image = np.zeros((n_pixels, 4), dtype=np.uint8)
    filled = np.bincount(pixel, minlength=n_pixels)
    if colour is not None and isinstance(colour.dtype, pd.CategoricalDtype):
        codes = colour.cat.codes.to_numpy()
        table = _rgb(colours or palette(len(colour.cat.categories)))
        best = np.zeros(n_pixels, dtype=int)
        image[:, :3] = _rgb([MUTED])[0]  # where no cell has a category
        for code in range(len(table)):
            here = np.bincount(pixel[codes == code], minlength=n_pixels)
            more = here > best
            image[more, :3] = table[code]
            best[more] = here[more]
    elif colour is not None:
        from plotly.colors import sample_colorscale

        values = np.nan_to_num(colour.to_numpy(dtype=float))
        mean = np.bincount(pixel, weights=values, minlength=n_pixels) / np.maximum(filled, 1)
        top = mean[filled > 0].max() or 1.0
        steps = np.array([[int(c) for c in s[4:-1].split(",")] for s in sample_colorscale(SEQUENTIAL, 64)])
        image[:, :3] = steps[np.clip(mean / top * 63, 0, 63).astype(int)]
    else:
        image[:, :3] = _rgb([MUTED])[0]
    image[:, 3] = np.where(filled > 0, 255, 0)
    return image.reshape(RASTER_PIXELS, RASTER_PIXELS, 4)


def _raster(points: np.ndarray, colour: pd.Series | None, colours: list[str] | None) -> go.Figure:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(raster_pixels(points, colour, colours)).save(buffer, format="PNG")
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
    figure = go.Figure()
    # two invisible corners give the frame its axes and the selection tools something to select
    figure.add_scattergl(
        x=[left, right], y=[bottom, top], mode="markers", marker={"opacity": 0}, hoverinfo="skip", showlegend=False
    )
    figure.add_layout_image(
        source=source,
        xref="x",
        yref="y",
        x=left,
        y=top,
        sizex=right - left,
        sizey=top - bottom,
        sizing="stretch",
        layer="below",
    )
    if colour is not None and isinstance(colour.dtype, pd.CategoricalDtype):
        table = colours or palette(len(colour.cat.categories))
        for name, hue in zip(colour.cat.categories, table, strict=False):
            figure.add_scattergl(x=[None], y=[None], mode="markers", name=str(name), marker={"color": hue, "size": 10})
    return figure


def _rgb(colours: list[str]) -> np.ndarray:
    return np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours], dtype=np.uint8)
