"""Comparisons of representations: scores, sweeps, curves over lost counts, orders."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from scapp.plotting.map.points import category_traces, marker_size
from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, SEQUENTIAL, empty_figure, styled

MOST_DRAWN = 20_000
"""Cells on a map beside others; a browser holds few drawings of many points at once."""
WEAKEST = 0.05
"""Connections of stages below are not drawn, as scanpy's default leaves out the weakest."""
TREND_SHARE = 0.4
"""Share of the cells that a trend is smoothed over at each place."""


def method_colours(titles: list[str]) -> dict[str, str]:
    """A colour per method, the same in all figures of a comparison."""
    return dict(zip(titles, palette(len(titles)), strict=True))


def plot_scores(results: pd.DataFrame, score: str, *, title: str) -> go.Figure:
    """A bar per method and clusterer at the mean over seeds, and a point per seed.

    Parameters
    ----------
    results
        ``title`` (of the method), ``score`` and, where there is one, ``clusterer``.
    score
        Column to draw.
    title
        Of the score, for the axis.
    """
    known = results[results[score].notna()] if score in results else results.iloc[:0]
    if not len(known):
        return empty_figure("this score is not defined here")
    groups = list(dict.fromkeys(known["clusterer"])) if "clusterer" in known else [""]
    figure = go.Figure()
    for name, colour in zip(groups, palette(len(groups)), strict=True):
        part = known[known["clusterer"] == name] if name else known
        means = part.groupby("title", sort=False)[score].mean()
        figure.add_bar(
            x=list(means.index),
            y=means,
            name=name or title,
            marker={"color": colour, "opacity": 0.55},
            offsetgroup=name,
            hovertemplate="%{x}: mean %{y:.3f}<extra></extra>",
        )
        figure.add_box(
            x=part["title"],
            y=part[score],
            name=name,
            offsetgroup=name,
            boxpoints="all",
            pointpos=0,
            jitter=0.4,
            fillcolor="rgba(0,0,0,0)",
            line={"color": "rgba(0,0,0,0)"},
            marker={"color": colour, "size": 7, "line": {"width": 1, "color": "white"}},
            showlegend=False,
            text=part["seed"],
            hovertemplate="%{x}, seed %{text}: %{y:.3f}<extra></extra>",
            hoveron="points",
        )
    figure = styled(figure, height=400, x_title="", y_title=title, legend=len(groups) > 1)
    figure.update_layout(
        barmode="group", boxmode="group", legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    )
    figure.update_xaxes(automargin=True)
    return figure


def plot_curves(table: pd.DataFrame, x: str, y: str, *, x_title: str, y_title: str, percent: bool = False) -> go.Figure:
    """A curve per method: the mean over seeds, and a band from the lowest to the highest seed."""
    known = table[table[y].notna()]
    if not len(known):
        return empty_figure("nothing to draw")
    figure = go.Figure()
    for name, colour in method_colours(list(dict.fromkeys(known["title"]))).items():
        grouped = known[known["title"] == name].groupby(x)[y]
        mean, low, high = grouped.mean(), grouped.min(), grouped.max()
        where = [100 * value if percent else value for value in mean.index]
        figure.add_scatter(
            x=[*where, *where[::-1]],
            y=[*high, *low[::-1]],
            fill="toself",
            mode="lines",
            line={"width": 0},
            fillcolor=colour,
            opacity=0.18,
            showlegend=False,
            hoverinfo="skip",
            legendgroup=name,
        )
        figure.add_scatter(
            x=where,
            y=mean,
            mode="lines+markers",
            name=name,
            line={"color": colour},
            legendgroup=name,
            hovertemplate=f"{name} at %{{x:g}}: %{{y:.3f}}<extra></extra>",
        )
    return styled(figure, height=400, x_title=x_title, y_title=y_title, legend=True)


def plot_orders(times: pd.DataFrame, stages: pd.Categorical) -> go.Figure:
    """Pseudotime of each stage's cells, a group of boxes per method.

    Parameters
    ----------
    times
        A column per method, a row per cell; NaN where there is none.
    stages
        Of each cell, in order.
    """
    if not len(times.columns):
        return empty_figure("no order was kept")
    figure = go.Figure()
    names = [str(name) for name in stages.categories]
    for name, colour in method_colours([str(c) for c in times.columns]).items():
        known = times[name].notna().to_numpy() & (np.asarray(stages.codes) >= 0)
        figure.add_box(
            x=[names[code] for code in np.asarray(stages.codes)[known]],
            y=times[name][known],
            name=name,
            marker={"color": colour, "size": 3},
            line={"width": 1},
        )
    figure = styled(figure, height=420, x_title="stage", y_title="pseudotime (0 at the root)", legend=True)
    figure.update_layout(boxmode="group", legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=names)
    return figure


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
    kept = _drawn(len(points))
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
    colours
        ``#rrggbb`` per stage.

    References
    ----------
    PAGA (Wolf et al. 2019): a stage stands at the median of its cells, a line is as wide as the connection is strong.
    """
    if not len(points):
        return empty_figure("no cells to draw")
    figure = _two_panels([f"{stages.name}, and how the stages are connected (PAGA)", "pseudotime"])
    kept = _drawn(len(points))
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
    if root is not None:
        figure.add_scatter(
            x=[points[root, 0]],
            y=[points[root, 1]],
            mode="markers",
            marker={"symbol": "star", "size": 16, "color": "#d1495b", "line": {"width": 1, "color": "white"}},
            name="root cell",
            showlegend=False,
            hovertemplate="root cell<extra></extra>",
            row=1,
            col=2,
        )
    figure.update_layout(legend={"x": 0.37, "y": 1, "itemsizing": "constant"})
    return figure


def _drawn(n_cells: int) -> np.ndarray:
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


def trend_data(time: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """A gene along pseudotime: ``pseudotime``, ``expression`` (smoothed), sorted.

    References
    ----------
    LOWESS without robust steps (Cleveland 1979), statsmodels; 0.4 of the cells at each place.
    """
    from statsmodels.nonparametric.smoothers_lowess import lowess  # a second to import

    known = np.isfinite(time)
    if known.sum() < 3:
        return pd.DataFrame({"pseudotime": [], "expression": []})
    fit = lowess(values[known], time[known], frac=TREND_SHARE, it=0, delta=0.01 * float(np.ptp(time[known])))
    return pd.DataFrame(fit, columns=["pseudotime", "expression"]).dropna()


def plot_trend(
    trends: dict[str, pd.DataFrame], cells: tuple[str, np.ndarray, np.ndarray] | None, gene: str
) -> go.Figure:
    """A gene along the pseudotime of each method.

    Parameters
    ----------
    trends
        Method -> as ``trend_data`` gives it.
    cells
        Method, pseudotime and expression of single cells, drawn as points.
    gene
        For the axis.
    """
    if not any(len(trend) for trend in trends.values()):
        return empty_figure("no order was found")
    figure = go.Figure()
    if cells is not None:
        kept = _drawn(len(cells[1]))
        figure.add_scattergl(
            x=cells[1][kept],
            y=cells[2][kept],
            mode="markers",
            name=f"cells, by {cells[0]}",
            marker={"size": 4, "color": MUTED, "opacity": 0.5},
            hoverinfo="skip",
        )
    for name, colour in method_colours(list(trends)).items():
        figure.add_scatter(
            x=trends[name]["pseudotime"],
            y=trends[name]["expression"],
            mode="lines",
            name=name,
            line={"color": colour, "width": 3},
            hovertemplate=f"{name}: %{{y:.2f}}<extra></extra>",
        )
    figure = styled(figure, height=360, x_title="pseudotime (0 at the root)", y_title=gene, legend=True)
    figure.update_layout(legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0})
    return figure
