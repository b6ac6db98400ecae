"""How well a classifier knows each type."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.metrics.intervals import LEAST_TESTED
from scapp.plotting.theme import KEPT, MUTED, SEQUENTIAL, empty_figure, styled

NONE_CHOSEN: Mapping[str, str] = MappingProxyType({})


def plot_stage(rows: list[dict[str, Any]]) -> go.Figure:
    """Training and validation loss of one stage, by step or, of a linear head, by the inverse of its penalty."""
    if not rows:
        return empty_figure("waiting for the first figures", height=280)
    table = pd.DataFrame(rows)
    solved = "C" in table
    x = table["C"] if solved else table["step"]
    mode = "lines+markers" if solved or len(table) == 1 else "lines"
    figure = go.Figure()
    if not solved:
        figure.add_scatter(x=x, y=table["loss"], mode=mode, name="training", line={"color": KEPT})
    figure.add_scatter(x=x, y=table["validation"], mode=mode, name="validation", line={"color": KEPT, "dash": "dash"})
    title = "C, the inverse of the penalty" if solved else "step"
    figure = styled(figure, height=280, x_title=title, y_title="loss")
    if solved:
        figure.update_xaxes(type="log", dtick=1)
    return figure


def plot_types(table: pd.DataFrame, chosen: Mapping[str, str] = NONE_CHOSEN) -> go.Figure:
    """AUPRC of each type against its number of training cells.

    Parameters
    ----------
    table
        ``type``, ``n_train``, ``n_test``, ``auprc``, and ``auprc_low`` and ``auprc_high`` where intervals are known;
        types without test cells are left out, and those with too few to judge are drawn hollow.
    chosen
        Types that are named, with their colours; the others are grey.
    """
    known = table[table["auprc"].notna()]
    if not len(known):
        return empty_figure("no type has test cells", height=380)
    figure = go.Figure(
        go.Scatter(
            x=known["n_train"],
            y=known["auprc"],
            mode="markers+text",
            hovertext=known["type"],
            customdata=known[["type", "n_test"]],
            text=[name if name in chosen else "" for name in known["type"]],
            textposition="top center",
            marker={
                "size": 10,
                "color": [chosen.get(name, MUTED if chosen else KEPT) for name in known["type"]],
                "opacity": 0.85,
                "symbol": ["circle-open" if n < LEAST_TESTED else "circle" for n in known["n_test"]],
            },
            error_y=_interval(known),
            hovertemplate=(
                "%{hovertext}<br>%{x} training cells, AUPRC %{y:.3f} on %{customdata[1]} test cells<extra></extra>"
            ),
        )
    )
    figure = styled(figure, height=400, x_title="training cells of the type", y_title="AUPRC")
    steps = [digit * 10**power for power in range(7) for digit in (1, 2, 5)]
    figure.update_xaxes(type="log", tickvals=steps, ticktext=[f"{step:,}" for step in steps])
    figure.update_yaxes(range=[0, 1.08])
    return figure


def _interval(known: pd.DataFrame) -> dict[str, Any] | None:
    """Bars from the lower to the upper end of each figure's interval; none where it is not known."""
    if "auprc_low" not in known:
        return None
    up = (known["auprc_high"] - known["auprc"]).clip(lower=0).fillna(0)
    down = (known["auprc"] - known["auprc_low"]).clip(lower=0).fillna(0)
    return {
        "type": "data",
        "array": up,
        "arrayminus": down,
        "symmetric": False,
        "thickness": 1,
        "width": 0,
        "color": MUTED,
    }


def plot_precision_recall(
    curves: Mapping[str, pd.DataFrame], shares: Mapping[str, float], colours: Mapping[str, str]
) -> go.Figure:
    """A curve for each chosen type, with chance dotted.

    Parameters
    ----------
    curves
        Type -> ``metrics.classification.precision_recall``, at most some hundred points of it.
    shares
        Type -> its share of the test cells: what guessing reaches.
    colours
        Type -> ``#rrggbb``.
    """
    known = {name: curve for name, curve in curves.items() if len(curve)}
    if not known:
        return empty_figure("choose a type that has test cells", height=400)
    figure = go.Figure()
    for name in curves:
        if name in known:
            curve, colour = known[name], colours[name]
            figure.add_scatter(
                x=curve["recall"],
                y=curve["precision"],
                mode="lines",
                name=name,
                line={"color": colour, "shape": "hv"},
                legendgroup=name,
                customdata=curve["threshold"],
                hovertemplate=(
                    f"{name}: precision %{{y:.2f}}, recall %{{x:.2f}} from probability %{{customdata:.2f}}"
                    " on<extra></extra>"
                ),
            )
            figure.add_scatter(
                x=[0, 1],
                y=[shares[name]] * 2,
                mode="lines",
                line={"color": colour, "dash": "dot", "width": 1},
                legendgroup=name,
                showlegend=False,
                hoverinfo="skip",
            )
    figure = styled(figure, height=400, x_title="recall", y_title="precision", legend=True)
    # below: names are long, and above they would lie under the figure's buttons
    figure.update_layout(legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0}, margin={"b": 110})
    figure.update_xaxes(range=[0, 1.02])
    figure.update_yaxes(range=[0, 1.05])
    return figure


def plot_calibration(table: pd.DataFrame, error: float) -> go.Figure:
    """Accuracy by probability; on the diagonal probabilities mean what they say.

    Parameters
    ----------
    table
        Of ``metrics.classification.calibration``.
    error
        Expected calibration error.
    """
    if not len(table):
        return empty_figure("no test cells", height=400)
    figure = go.Figure(
        go.Bar(
            x=(table["low"] + table["high"]) / 2,
            y=table["accuracy"],
            width=(table["high"] - table["low"]) * 0.95,
            customdata=table[["n_cells", "confidence"]],
            marker={"color": KEPT},
            name="rightly named",
            hovertemplate=(
                "%{customdata[0]} cells said with %{customdata[1]:.2f} on average: %{y:.2f} rightly<extra></extra>"
            ),
        )
    )
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": MUTED, "dash": "dash"}, name="perfect", hoverinfo="skip"
    )
    figure = styled(figure, height=400, x_title="probability of what was said", y_title="share rightly named")
    figure.update_layout(title={"text": f"expected calibration error {error:.3f}", "font": {"size": 13}})
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[0, 1.02])
    return figure


def plot_counts(counts: pd.Series) -> go.Figure:
    """Cells of each type, the most common first (thesis, Figure 4).

    Parameters
    ----------
    counts
        Cells by type.
    """
    ranked = counts[counts > 0].sort_values(ascending=False)
    if not len(ranked):
        return empty_figure("no cell has a label", height=360)
    figure = go.Figure(
        go.Bar(
            x=[str(name) for name in ranked.index],
            y=ranked.to_numpy(),
            marker={"color": KEPT},
            hovertemplate="%{x}: %{y:,} cells<extra></extra>",
        )
    )
    figure = styled(figure, height=420, x_title="", y_title="cells (logarithmic)")
    figure.update_yaxes(type="log", dtick=1)
    figure.update_xaxes(type="category", automargin=True, tickangle=-45)
    return figure


def confusion(cells: pd.DataFrame) -> pd.DataFrame:
    """Share of the cells of each type (rows) that were called each type (columns), types that are taken for each other
    side by side.

    Parameters
    ----------
    cells
        ``type`` and ``predicted`` of each test cell.
    """
    counts = pd.crosstab(cells["type"], cells["predicted"])
    names = sorted(set(counts.index) | set(counts.columns))
    counts = counts.reindex(index=names, columns=names, fill_value=0)
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    order = _by_similarity(shares.to_numpy())
    return shares.iloc[order, order]


def _by_similarity(shares: np.ndarray) -> np.ndarray:
    """Leaves of a clustering of types by what they are taken for."""
    if len(shares) < 3:
        return np.arange(len(shares))
    from scipy.cluster.hierarchy import leaves_list, linkage

    profiles = (shares + shares.T) / 2
    return np.asarray(leaves_list(linkage(profiles, method="average", optimal_ordering=True)))


def plot_confusion(shares: pd.DataFrame, chosen: Mapping[str, str] = NONE_CHOSEN) -> go.Figure:
    """A confusion matrix, normalised by row; chosen types are marked."""
    if not len(shares):
        return empty_figure("no test cells", height=380)
    values = 100 * shares.to_numpy()
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(shares.columns),
            y=list(shares.index),
            zmin=0,
            zmax=100,
            colorscale=SEQUENTIAL,
            colorbar={"title": {"text": "%"}, "thickness": 12},
            hovertemplate="%{y} called %{x}: %{z:.1f}%<extra></extra>",
        )
    )
    # a heatmap cannot be clicked on, points can
    rows, columns = np.nonzero(values)
    names = [shares.index[row] for row in rows]
    figure.add_scatter(
        x=[shares.columns[column] for column in columns],
        y=names,
        customdata=names,
        mode="markers",
        showlegend=False,
        marker={"symbol": "square", "size": 12, "opacity": 0.01},
        text=[f"{values[r, c]:.1f}%" for r, c in zip(rows, columns, strict=True)],
        hovertemplate="%{y} called %{x}: %{text}<extra></extra>",
    )
    for name, colour in chosen.items():
        if name in shares.index:
            row = shares.index.get_loc(name)
            figure.add_shape(
                type="rect",
                x0=-0.5,
                x1=len(shares) - 0.5,
                y0=row - 0.5,
                y1=row + 0.5,
                line={"color": colour, "width": 2},
            )
    figure = styled(figure, height=max(380, 110 + 22 * len(shares)), x_title="predicted", y_title="type")
    figure.update_xaxes(type="category", automargin=True, tickangle=-45)
    figure.update_yaxes(type="category", automargin=True, autorange="reversed")
    return figure
