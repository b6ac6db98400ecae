"""How well a classifier knows each type."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.theme import KEPT, SEQUENTIAL, empty_figure, styled


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


def plot_types(table: pd.DataFrame) -> go.Figure:
    """AUPRC of each type against its number of training cells (thesis, Figure 6).

    Parameters
    ----------
    table
        ``type``, ``n_train``, ``n_test``, ``auprc``; types without test cells are left out.
    """
    known = table[table["auprc"].notna()]
    if not len(known):
        return empty_figure("no type has test cells", height=380)
    figure = go.Figure(
        go.Scatter(
            x=known["n_train"], y=known["auprc"], mode="markers", text=known["type"], customdata=known["n_test"],
            marker={"size": 10, "color": KEPT, "opacity": 0.8},
            hovertemplate="%{text}<br>%{x} training cells, AUPRC %{y:.3f} on %{customdata} test cells<extra></extra>",
        )
    )  # fmt: skip
    figure = styled(figure, height=400, x_title="training cells of the type", y_title="AUPRC")
    figure.update_xaxes(type="log")
    figure.update_yaxes(range=[0, 1.03])
    return figure


def confusion(cells: pd.DataFrame) -> pd.DataFrame:
    """Share of the cells of each type (rows) that were called each type (columns), types that are taken for each other side by side.

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


def plot_confusion(shares: pd.DataFrame) -> go.Figure:
    """A confusion matrix, normalised by row."""
    if not len(shares):
        return empty_figure("no test cells", height=380)
    figure = go.Figure(
        go.Heatmap(
            z=100 * shares.to_numpy(), x=list(shares.columns), y=list(shares.index), zmin=0, zmax=100, colorscale=SEQUENTIAL,
            colorbar={"title": {"text": "%"}, "thickness": 12},
            hovertemplate="%{y} called %{x}: %{z:.1f}%<extra></extra>",
        )
    )  # fmt: skip
    figure = styled(figure, height=max(380, 110 + 22 * len(shares)), x_title="predicted", y_title="type")
    figure.update_xaxes(type="category", automargin=True, tickangle=-45)
    figure.update_yaxes(type="category", automargin=True, autorange="reversed")
    return figure
