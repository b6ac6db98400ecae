"""Scores of the methods that are compared: by seed, over resolutions, over lost counts."""

import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.palette import palette
from scapp.plotting.theme import HIGHLIGHT, MUTED, SEQUENTIAL, empty_figure, styled


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


def plot_over_datasets(scores: pd.DataFrame, summary: pd.DataFrame, *, title: str) -> go.Figure:
    """A box per method over datasets, a point per dataset, and a line that follows each dataset through the methods.

    Parameters
    ----------
    scores
        A row per dataset, a column per method.
    summary
        As ``scapp.metrics.over_datasets.summary_over_datasets`` gives it; methods stand in its order.
    title
        Of the score, for the axis.

    References
    ----------
    CLEAR paper, Figure 2A.
    """
    if not len(scores):
        return empty_figure("no dataset has a score of all these methods")
    figure = go.Figure()
    methods = list(summary["title"])
    for dataset, row in scores[methods].iterrows():
        figure.add_scatter(
            x=methods,
            y=row,
            mode="lines",
            line={"color": MUTED, "width": 1},
            opacity=0.5,
            showlegend=False,
            hoverinfo="skip",
            name=str(dataset),
        )
    colours = method_colours(methods)
    for method in methods:
        figure.add_box(
            x=[method] * len(scores),
            y=scores[method],
            boxpoints="all",
            pointpos=0,
            jitter=0,
            fillcolor="rgba(0,0,0,0)",
            line={"color": colours[method], "width": 1.5},
            marker={"color": colours[method], "size": 8},
            text=[str(name) for name in scores.index],
            hovertemplate=f"%{{text}}, {method}: %{{y:.3f}}<extra></extra>",
            hoveron="points",
            showlegend=False,
            name=method,
        )
    ranks = dict(zip(summary["title"], summary["mean_rank"], strict=True))
    figure = styled(figure, height=420, x_title="", y_title=title)
    figure.update_xaxes(
        automargin=True,
        tickvals=methods,
        ticktext=[f"{method}<br>mean rank {ranks[method]:.1f}" for method in methods],
    )
    return figure


def plot_grid(results: pd.DataFrame, score: str, *, title: str, marked: tuple[float, float] | None = None) -> go.Figure:
    """A square per share and probability of an augmentation, coloured by the mean of a score over seeds.

    Parameters
    ----------
    results
        ``share``, ``probability`` and the score, a row per seed.
    score
        Column to draw.
    title
        Of the score, for the colour bar.
    marked
        Share and probability of the preset, framed where the grid has them.
    """
    known = results[results[score].notna()] if score in results else results.iloc[:0]
    if not len(known):
        return empty_figure("this score is not defined here")
    grid = known.pivot_table(index="probability", columns="share", values=score, aggfunc="mean")
    shares, probabilities = ([f"{value:g}" for value in values] for values in (grid.columns, grid.index))
    figure = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(),
            x=shares,
            y=probabilities,
            texttemplate="%{z:.2f}",
            colorscale=SEQUENTIAL,
            colorbar={"title": {"text": title}},
            xgap=2,
            ygap=2,
            hovertemplate=f"share %{{x}}, probability %{{y}}: {title} %{{z:.3f}}<extra></extra>",
        )
    )
    if marked is not None and marked[0] in grid.columns and marked[1] in grid.index:
        x, y = list(grid.columns).index(marked[0]), list(grid.index).index(marked[1])
        edge = {"color": HIGHLIGHT, "width": 3}
        figure.add_shape(type="rect", x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5, line=edge)
    figure = styled(figure, height=380, x_title="share of genes", y_title="probability")
    figure.update_xaxes(type="category")
    figure.update_yaxes(type="category")
    return figure
