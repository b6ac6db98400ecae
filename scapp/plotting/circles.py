"""Latent circles: each type against all others on a circle of its own."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from scapp.plotting.theme import KEPT, MUTED, REMOVED, empty_figure

BINS = 48
COLUMNS = 4
MOST_POINTS = 4_000
JITTER = 0.07
SMALL = 400
"""Height in pixels up to which a figure is a small one."""
OTHERS = "all other types"
SELECTED = "drawn around"
GAUGE_HEIGHT = 0.75
"""Of a half circle, as a share of a whole one's."""
GAUGE = (
    ("claims it", 0.88, 0.0, "right"),
    ("gives it to others", -0.88, 0.0, "left"),
    ("neither", 0.0, 0.74, "center"),
)
"""How the half circle of types that compete is read, and where it is written: inside, where no cell lies."""


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


def plot_rims(
    circles: np.ndarray,
    codes: np.ndarray,
    order: Sequence[int],
    titles: Sequence[str],
    marked: np.ndarray | None = None,
) -> go.Figure:
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
    marked
        Cells that are shown besides, bool, shape (n_cells,).
    """
    if not len(order):
        return empty_figure("no types", height=300)
    n_rows = -(-len(order) // COLUMNS)
    figure = make_subplots(
        rows=n_rows,
        cols=COLUMNS,
        specs=[[{"type": "polar"}] * COLUMNS] * n_rows,
        subplot_titles=list(titles),
        vertical_spacing=0.28 / n_rows,
        horizontal_spacing=0.06,
    )
    angles = (np.arange(BINS) + 0.5) * 360 / BINS
    for place, code in enumerate(order):
        row, column = place // COLUMNS + 1, place % COLUMNS + 1
        kinds = [(codes != code, OTHERS, MUTED), (codes == code, "this type", KEPT)]
        if marked is not None and marked.any():
            kinds.append((marked, SELECTED, REMOVED))
        for members, name, colour in kinds:
            shares = rim(circles[members, code])
            figure.add_trace(
                go.Barpolar(
                    theta=angles,
                    r=np.sqrt(shares),
                    width=[360 / BINS] * BINS,
                    name=name,
                    marker={"color": colour},
                    opacity=0.65,
                    showlegend=place == 0,
                    legendgroup=name,
                    hovertemplate=f"{name}: %{{customdata:.1f}}% of its cells here<extra></extra>",
                    customdata=shares,
                ),
                row,
                column,
            )
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


def places_on(circles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells that a large circle shows, and where: a little off the rim, each time the same, so that many can be seen.

    Parameters
    ----------
    circles
        Unit vectors, shape (n_cells, 2).

    Returns
    -------
    Numbers of up to 4,000 cells, ascending, and their places, shape (n_shown, 2).
    """
    rng = np.random.default_rng(0)
    shown = np.sort(rng.permutation(len(circles))[:MOST_POINTS])
    radius = 1 + rng.uniform(-JITTER, JITTER, len(shown))
    return shown, circles[shown] * radius[:, None]


def plot_circle(
    circles: np.ndarray,
    codes: np.ndarray,
    types: Sequence[str],
    code: int,
    height: int = 560,
    *,
    claimed_by: np.ndarray | None = None,
) -> go.Figure:
    """One type's circle, large: a point per cell.

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
    height
        In pixels.
    claimed_by
        Of circles that compete, the type on whose circle each cell lies furthest right, shape (n_cells,): hovering
        says it, and the circle is drawn as the half that is a gauge.
    """
    shown, places = places_on(circles)
    figure = go.Figure()
    _draw_circle(figure)
    names = np.asarray(types, dtype=object)[codes[shown]]
    said = names if claimed_by is None else _with_claims(names, np.asarray(types, dtype=object)[claimed_by[shown]])
    own = codes[shown] == code
    for members, name, colour in ((~own, OTHERS, MUTED), (own, str(types[code]), KEPT)):
        figure.add_scattergl(
            x=places[members, 0],
            y=places[members, 1],
            mode="markers",
            name=f"{name} ({members.sum():,})",
            text=said[members],
            marker={"size": 6, "color": colour, "opacity": 0.7},
            hovertemplate="%{text}<extra></extra>",
        )
    return _round(figure, height, gauge=claimed_by is not None)


def _with_claims(names: np.ndarray, claimed_by: np.ndarray) -> np.ndarray:
    return np.array(
        [
            name if name == by else f"{name}; furthest right on the circle of {by}"
            for name, by in zip(names, claimed_by, strict=True)
        ],
        dtype=object,
    )


def plot_course(
    steps: Sequence[int],
    circles: np.ndarray,
    codes: np.ndarray,
    types: Sequence[str],
    code: int,
    *,
    gauge: bool = False,
) -> go.Figure:
    """How cells find their places on a circle while the component is trained: a slider over steps.

    Parameters
    ----------
    steps
        Of training.
    circles
        Unit vectors on this type's circle at each step, shape (n_steps, n_cells, 2).
    codes
        True type of each cell from 0.
    types
        Names.
    code
        The type that the circle is of.
    gauge
        Whether the circle is one of those that compete.
    """
    if not len(steps):
        return empty_figure("nothing was kept while the component was trained", height=300)
    radius = 1 + np.random.default_rng(0).uniform(-JITTER, JITTER, size=(circles.shape[1],))
    places = np.asarray(circles, dtype=np.float32) * radius[:, None]
    kinds = ((codes != code, OTHERS, MUTED), (codes == code, str(types[code]), KEPT))
    figure = go.Figure()
    _draw_circle(figure)
    for members, name, colour in kinds:
        figure.add_scatter(
            x=places[-1, members, 0],
            y=places[-1, members, 1],
            mode="markers",
            name=name,
            marker={"size": 6, "color": colour, "opacity": 0.7},
            hoverinfo="skip",
        )
    figure.frames = [
        go.Frame(
            name=str(step),
            data=[go.Scatter(x=places[place, members, 0], y=places[place, members, 1]) for members, _, _ in kinds],
        )
        for place, step in enumerate(steps)
    ]
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    moving = {"fromcurrent": True, "frame": {"duration": 150, "redraw": False}, "transition": {"duration": 120}}
    figure = _round(figure, 560, gauge=gauge)
    figure.update_layout(
        sliders=[
            {
                "active": len(steps) - 1,
                "currentvalue": {"prefix": "step "},
                "pad": {"t": 10},
                "steps": [{"label": str(s), "method": "animate", "args": [[str(s)], still]} for s in steps],
            }
        ],
        updatemenus=[
            {
                "type": "buttons",
                "direction": "left",
                "x": 0,
                "y": 1.16,
                "xanchor": "left",
                "yanchor": "top",
                "showactive": False,
                "buttons": [
                    {
                        "label": "Play from the start",
                        "method": "animate",
                        "args": [None, {**moving, "fromcurrent": False}],
                    },
                    {"label": "Pause", "method": "animate", "args": [[None], still]},
                ],
            }
        ],
        legend={"x": 1, "xanchor": "right"},
        margin={"t": 60},
    )
    return figure


def marked_as_gauge(figure: go.Figure) -> go.Figure:
    """A figure of a circle's upper half, with its rim and how it is read."""
    _draw_circle(figure)
    _write_gauge(figure)
    return figure


def _write_gauge(figure: go.Figure) -> None:
    for text, x, y, anchor in GAUGE:
        font = {"size": 12, "color": MUTED}
        figure.add_annotation(x=x, y=y, text=text, xanchor=anchor, showarrow=False, font=font)


def _draw_circle(figure: go.Figure) -> None:
    figure.add_shape(type="circle", x0=-1, y0=-1, x1=1, y1=1, line={"color": MUTED, "width": 1})


def _round(figure: go.Figure, height: int, *, gauge: bool = False) -> go.Figure:
    figure.update_xaxes(range=[-1.2, 1.2], visible=False)
    figure.update_yaxes(range=[-0.1, 1.2] if gauge else [-1.2, 1.2], visible=False, scaleanchor="x")
    if gauge:
        height = round(GAUGE_HEIGHT * height)
        _write_gauge(figure)
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        # on a small figure the buttons would lie on a legend above
        legend={
            "orientation": "h",
            "y": 1.06 if height > SMALL and not gauge else 0,
            "yanchor": "bottom" if height > SMALL and not gauge else "top",
            "x": 0,
        },
        dragmode="lasso",
    )
    return figure
