"""Cells in the order that a representation gives them: by stage, and along genes."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from scipy import stats

from scapp.plotting.evaluate.map_pairs import thinned
from scapp.plotting.evaluate.score_figures import method_colours
from scapp.plotting.map.points import marker_size
from scapp.plotting.theme import HIGHLIGHT, MUTED, empty_figure, styled

TREND_SHARE = 0.4
"""Share of the cells that a trend is smoothed over at each place."""
PATH_SHARE = 0.2
"""The same of a path on the map, which bends more often than a gene."""


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


def plot_order_against_stage(curves: dict[str, pd.DataFrame], stages: pd.Categorical) -> go.Figure:
    """Cells in the order that each method gives them, by stage, with the rising curve that fits them best.

    Parameters
    ----------
    curves
        Method -> as ``scapp.metrics.ordering.monotone_curve`` gives it.
    stages
        Of each cell, in order.

    References
    ----------
    CLEAR paper, Figure 4, left panels.
    """
    if not any(len(curve) for curve in curves.values()):
        return empty_figure("no order was kept")
    figure = make_subplots(
        rows=1, cols=len(curves), subplot_titles=list(curves), shared_yaxes=True, horizontal_spacing=0.03
    )
    jitter = np.random.default_rng(0)
    for column, (name, colour) in enumerate(method_colours(list(curves)).items(), start=1):
        curve = curves[name]
        if not len(curve):
            continue  # its panel stays empty
        kept = curve.iloc[thinned(len(curve))]
        figure.add_scattergl(
            x=kept["order"],
            y=kept["stage"] + jitter.uniform(-0.18, 0.18, len(kept)),
            mode="markers",
            marker={"size": marker_size(len(kept)), "color": colour, "opacity": 0.6},
            text=np.asarray(stages.categories.astype(str))[kept["stage"]],
            hovertemplate="%{text}, number %{x}<extra></extra>",
            showlegend=False,
            row=1,
            col=column,
        )
        figure.add_scatter(
            x=kept["order"],
            y=kept["curve"],
            mode="lines",
            line={"color": HIGHLIGHT, "width": 2},
            hovertemplate="curve at %{x}: %{y:.2f}<extra></extra>",
            showlegend=False,
            row=1,
            col=column,
        )
    names = [str(name) for name in stages.categories]
    figure.update_layout(height=390, margin={"l": 60, "r": 20, "t": 70, "b": 50})
    figure.update_xaxes(title="order by pseudotime")
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, automargin=True, zeroline=False)
    return figure


def path_on_map(points: np.ndarray, time: np.ndarray) -> np.ndarray:
    """The line that cells follow on a map in the order of their pseudotime, shape (n_points, 2).

    Parameters
    ----------
    points
        Shape (n_cells, 2).
    time
        Pseudotime, NaN where there is none, shape (n_cells,).

    Notes
    -----
    Each coordinate is smoothed along the order by itself, so that where a path forks the line runs between its arms.
    """
    # by rank: diffusion pseudotime leaps where few cells are, and early stages would share one point
    order = stats.rankdata(time, nan_policy="omit")
    return np.column_stack(
        [trend_data(order, points[:, axis], share=PATH_SHARE)["expression"].to_numpy() for axis in (0, 1)]
    )


def trend_data(time: np.ndarray, values: np.ndarray, *, share: float = TREND_SHARE) -> pd.DataFrame:
    """A gene along pseudotime: ``pseudotime``, ``expression`` (smoothed), sorted.

    References
    ----------
    LOWESS without robust steps (Cleveland 1979), statsmodels; ``share`` of the cells at each place.
    """
    from statsmodels.nonparametric.smoothers_lowess import lowess  # a second to import

    known = np.isfinite(time)
    if known.sum() < 3:
        return pd.DataFrame({"pseudotime": [], "expression": []})
    fit = lowess(values[known], time[known], frac=share, it=0, delta=0.01 * float(np.ptp(time[known])))
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
        kept = thinned(len(cells[1]))
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
