"""The same map twice, side by side: by type and by batch, by stage and by pseudotime."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from scapp.plotting.map.points import category_traces, marker_size
from scapp.plotting.palette import palette
from scapp.plotting.theme import HIGHLIGHT, SEQUENTIAL, empty_figure

MOST_DRAWN = 20_000
"""Cells on a map beside others; a browser holds few drawings of many points at once."""
WEAKEST = 0.05
"""Connections of stages below are not drawn, as scanpy's default leaves out the weakest."""


def plot_two_groupings(
    points: np.ndarray, left: pd.Series, right: pd.Series, colours: dict[str, list[str] | None]
) -> go.Figure:
    """The same map twice, coloured by two annotations.

    Parameters
    ----------
    points
        Shape (n_cells, 2).
    left, right
        Categories per cell, with the name of the annotation; both have the index of ``points``.
    colours
        Name of the annotation -> ``#rrggbb`` per category, or None.
    """
    if not len(points):
        return empty_figure("no cells to draw")
    figure = _two_panels([str(left.name), str(right.name)])
    kept = thinned(len(points))
    for column, values in enumerate((left, right), start=1):
        groups = pd.Categorical(values)
        for trace in category_traces(
            points[kept], groups[kept], size=marker_size(len(kept)), colours=colours.get(str(values.name))
        ):
            trace.update(legend="legend" if column == 1 else "legend2")
            figure.add_trace(trace, row=1, col=column)
    figure.update_layout(
        legend={"x": 0.37, "y": 1, "itemsizing": "constant"}, legend2={"x": 0.9, "y": 1, "itemsizing": "constant"}
    )
    return figure


def plot_paga(
    points: np.ndarray,
    stages: pd.Series,
    time: np.ndarray,
    connections: pd.DataFrame,
    *,
    root: int | None,
    path: np.ndarray | None = None,
    colours: list[str] | None = None,
) -> go.Figure:
    """The map by stage, with the graph of stages on it, and by pseudotime, with the root cell.

    Parameters
    ----------
    points
        Shape (n_cells, 2).
    stages
        Categories per cell, with the name of the annotation.
    time
        Pseudotime, NaN where there is none, shape (n_cells,).
    connections
        ``from``, ``to``, ``connectivity`` (0 to 1), a row per pair of stages; pairs below 0.05 are not drawn.
    root
        Position of the cell at time 0, if it is known.
    path
        The line that cells follow, shape (n_points, 2).
    colours
        ``#rrggbb`` per stage.

    References
    ----------
    PAGA (Wolf et al. 2019): a stage stands at the median of its cells, a line is as wide as the connection is strong.
    """
    if not len(points):
        return empty_figure("no cells to draw")
    figure = _two_panels([f"{stages.name}, and how the stages are connected (PAGA)", "pseudotime"])
    kept = thinned(len(points))
    groups = pd.Categorical(stages)
    size = marker_size(len(kept))
    hues = colours or palette(len(groups.categories))
    for trace in category_traces(points[kept], groups[kept], size=size, colours=hues):
        figure.add_trace(trace.update(opacity=0.45), row=1, col=1)
    middles = {
        str(name): np.median(points[groups.codes == code], axis=0)
        for code, name in enumerate(groups.categories)
        if (groups.codes == code).any()
    }
    strong = connections[connections["connectivity"] >= WEAKEST]
    for start, end, strength in zip(strong["from"], strong["to"], strong["connectivity"], strict=True):
        if start in middles and end in middles:
            ends = np.stack([middles[start], middles[end]])
            figure.add_scatter(
                x=ends[:, 0],
                y=ends[:, 1],
                mode="lines",
                line={"width": 1 + 7 * float(strength), "color": "rgba(90,90,90,0.75)"},
                showlegend=False,
                hoverinfo="skip",
                row=1,
                col=1,
            )
    figure.add_scatter(
        x=[place[0] for place in middles.values()],
        y=[place[1] for place in middles.values()],
        mode="markers",
        showlegend=False,
        text=list(middles),
        hovertemplate="%{text}<extra></extra>",
        marker={
            "size": 15,
            "color": [hues[list(map(str, groups.categories)).index(name) % len(hues)] for name in middles],
            "line": {"width": 2, "color": "#333333"},
        },
        row=1,
        col=1,
    )
    figure.add_scattergl(
        x=points[kept, 0],
        y=points[kept, 1],
        mode="markers",
        showlegend=False,
        hovertemplate="%{marker.color:.3f}<extra></extra>",
        marker={
            "size": size,
            "color": np.where(np.isfinite(time[kept]), time[kept], np.nan),
            "colorscale": SEQUENTIAL,
            "colorbar": {"title": {"text": "pseudotime"}, "x": 0.89},
        },
        row=1,
        col=2,
    )
    if path is not None:
        figure.add_scatter(
            x=path[:, 0],
            y=path[:, 1],
            mode="lines",
            line={"color": HIGHLIGHT, "width": 3},
            name="path of time",
            showlegend=False,
            hoverinfo="skip",
            row=1,
            col=2,
        )
    if root is not None:
        figure.add_scatter(
            x=[points[root, 0]],
            y=[points[root, 1]],
            mode="markers",
            marker={"symbol": "star", "size": 16, "color": HIGHLIGHT, "line": {"width": 1, "color": "white"}},
            name="root cell",
            showlegend=False,
            hovertemplate="root cell<extra></extra>",
            row=1,
            col=2,
        )
    figure.update_layout(legend={"x": 0.37, "y": 1, "itemsizing": "constant"})
    return figure


def thinned(n_cells: int) -> np.ndarray:
    """Positions of the cells that are drawn where many figures stand below each other, sorted."""
    if n_cells <= MOST_DRAWN:
        return np.arange(n_cells)
    return np.sort(np.random.default_rng(0).choice(n_cells, MOST_DRAWN, replace=False))


def _two_panels(titles: list[str]) -> go.Figure:
    figure = make_subplots(rows=1, cols=2, subplot_titles=titles, horizontal_spacing=0)
    figure.update_layout(height=380, margin={"l": 40, "r": 10, "t": 40, "b": 40}, showlegend=True)
    for column, domain, anchor in ((1, [0, 0.36], "x"), (2, [0.53, 0.89], "x2")):
        figure.update_xaxes(title="UMAP 1", showticklabels=False, zeroline=False, domain=domain, row=1, col=column)
        figure.update_yaxes(showticklabels=False, zeroline=False, scaleanchor=anchor, row=1, col=column)
    # of the right panel it would lie on the left one's legend
    figure.update_yaxes(title="UMAP 2", row=1, col=1)
    for note, place in zip(figure.layout.annotations, (0.18, 0.71), strict=True):
        note.update(x=place, font={"size": 14})
    return figure
