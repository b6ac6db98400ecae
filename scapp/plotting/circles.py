"""Latent circles of MLS-CC: each type against all others on a circle of its own."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from scapp.plotting.theme import KEPT, MUTED, empty_figure

BINS = 48
COLUMNS = 4
MOST_POINTS = 4_000
JITTER = 0.07
OTHERS = "all other types"


def rim(points: np.ndarray) -> np.ndarray:
    """Share of points in each of 48 stretches of the circle, in percent, from angle 0 on.

    Parameters
    ----------
    points
        Unit vectors, shape (n, 2).
    """
    angles = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    counts = np.bincount((angles / (2 * np.pi) * BINS).astype(int) % BINS, minlength=BINS)
    return np.asarray(100 * counts / max(counts.sum(), 1))


def plot_rims(circles: np.ndarray, codes: np.ndarray, order: Sequence[int], titles: Sequence[str]) -> go.Figure:
    """Small circles, one per type: where the type's cells lie, and where all others do.

    Parameters
    ----------
    circles
        Unit vectors, shape (n_cells, n_types, 2).
    codes
        Type of each cell from 0, shape (n_cells,).
    order
        Types to show.
    titles
        Of the shown circles.
    """
    if not len(order):
        return empty_figure("no types", height=300)
    n_rows = -(-len(order) // COLUMNS)
    figure = make_subplots(
        rows=n_rows, cols=COLUMNS, specs=[[{"type": "polar"}] * COLUMNS] * n_rows,
        subplot_titles=list(titles), vertical_spacing=0.28 / n_rows, horizontal_spacing=0.06,
    )  # fmt: skip
    angles = (np.arange(BINS) + 0.5) * 360 / BINS
    for place, code in enumerate(order):
        row, column = place // COLUMNS + 1, place % COLUMNS + 1
        for members, name, colour in ((codes != code, OTHERS, MUTED), (codes == code, "this type", KEPT)):
            shares = rim(circles[members, code])
            figure.add_trace(
                go.Barpolar(
                    theta=angles, r=np.sqrt(shares), width=[360 / BINS] * BINS, name=name,
                    marker={"color": colour}, opacity=0.65, showlegend=place == 0, legendgroup=name,
                    hovertemplate=f"{name}: %{{customdata:.1f}}% of its cells here<extra></extra>", customdata=shares,
                ),
                row, column,
            )  # fmt: skip
    # a hole, so that bars stand on a rim
    figure.update_polars(
        hole=0.45,
        barmode="overlay",
        bgcolor="rgba(0,0,0,0)",
        radialaxis={"visible": False, "range": [0, 10]},
        angularaxis={"showticklabels": False, "ticks": "", "showgrid": False, "linecolor": MUTED},
    )
    figure.update_annotations(font={"size": 12})
    figure.update_layout(
        height=110 + 260 * n_rows,
        margin={"l": 20, "r": 20, "t": 90, "b": 20},
        legend={"orientation": "h", "y": 1 + 0.3 / n_rows, "x": 0},
    )
    return figure


def plot_circle(circles: np.ndarray, codes: np.ndarray, types: Sequence[str], code: int) -> go.Figure:
    """One type's circle, large: a point per cell, moved a little off the rim so that many can be seen.

    Parameters
    ----------
    circles
        Unit vectors on this type's circle, shape (n_cells, 2).
    codes
        True type of each cell from 0.
    types
        Names.
    code
        The type that the circle is of.
    """
    rng = np.random.default_rng(0)
    shown = np.sort(rng.permutation(len(circles))[:MOST_POINTS])
    radius = 1 + rng.uniform(-JITTER, JITTER, len(shown))
    places = circles[shown] * radius[:, None]
    figure = go.Figure()
    figure.add_shape(type="circle", x0=-1, y0=-1, x1=1, y1=1, line={"color": MUTED, "width": 1})
    names = np.asarray(types, dtype=object)[codes[shown]]
    for members, name, colour in (
        (codes[shown] != code, OTHERS, MUTED),
        (codes[shown] == code, str(types[code]), KEPT),
    ):
        figure.add_scattergl(
            x=places[members, 0], y=places[members, 1], mode="markers", name=f"{name} ({members.sum():,})", text=names[members],
            marker={"size": 6, "color": colour, "opacity": 0.7}, hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[-1.2, 1.2], visible=False)
    figure.update_yaxes(range=[-1.2, 1.2], visible=False, scaleanchor="x")
    figure.update_layout(
        height=560, margin={"l": 10, "r": 10, "t": 30, "b": 10}, legend={"orientation": "h", "y": 1.06, "x": 0}
    )
    return figure
