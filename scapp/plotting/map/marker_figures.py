"""Marker genes by group: dot plot, stacked violins, heatmap."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, SEQUENTIAL, empty_figure

VIOLIN_CELLS = 500
"""Cells of a group that a violin is drawn from, taken at random (seed 0)."""
GRID = 48


def expression_by_group(values: np.ndarray, groups: pd.Categorical, genes: Sequence[str]) -> pd.DataFrame:
    """Mean and share of expressing cells, by gene and group.

    Parameters
    ----------
    values
        log1p values, shape (n_cells, n_genes).
    groups
        One per cell; cells without one are left out.
    genes
        Labels of the columns.

    Returns
    -------
    One row per gene and group that has cells: ``gene``, ``group``, ``mean``, ``share`` (0 to 1), ``scaled`` (the mean
    between the gene's lowest (0) and highest (1) group).
    """
    rows = []
    present = [(code, str(name)) for code, name in enumerate(groups.categories) if (groups.codes == code).any()]
    for column, gene in enumerate(genes):
        means = [float(values[groups.codes == code, column].mean()) for code, _ in present]
        span = max(max(means) - min(means), 1e-12) if means else 1.0
        for (code, name), mean in zip(present, means, strict=True):
            share = float((values[groups.codes == code, column] > 0).mean())
            rows.append(
                {"gene": gene, "group": name, "mean": mean, "share": share, "scaled": (mean - min(means)) / span}
            )
    return pd.DataFrame(rows, columns=["gene", "group", "mean", "share", "scaled"])


def plot_dots(data: pd.DataFrame) -> go.Figure:
    """A dot per gene and group: size is the share of cells that express the gene, colour its scaled mean."""
    if not len(data):
        return empty_figure("no marker genes pass the thresholds")
    genes, groups = list(dict.fromkeys(data["gene"])), list(dict.fromkeys(data["group"]))
    figure = go.Figure(
        go.Scatter(
            x=data["gene"],
            y=data["group"],
            mode="markers",
            marker={
                "size": 4 + 16 * data["share"],
                "color": data["scaled"],
                "colorscale": SEQUENTIAL,
                "colorbar": {"title": {"text": "mean, lowest 0<br>to highest 1"}},
            },
            customdata=np.column_stack([data["mean"], 100 * data["share"]]),
            hovertemplate="%{x} in %{y}<br>mean %{customdata[0]:.2f}, in %{customdata[1]:.0f}% of cells<extra></extra>",
        )
    )
    # what the sizes mean, as a legend of its own
    for percent in (10, 50, 100):
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            marker={"size": 4 + 0.16 * percent, "color": MUTED},
            name=f"{percent}% of cells",
        )
    _grid(figure, genes, groups)
    figure.update_layout(
        height=180 + 26 * len(groups),
        showlegend=True,
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "itemclick": False,
            "itemdoubleclick": False,
        },
    )
    figure.data[0].showlegend = False
    return figure


def plot_heatmap(data: pd.DataFrame) -> go.Figure:
    """Scaled mean of each gene in each group."""
    if not len(data):
        return empty_figure("no marker genes pass the thresholds")
    genes, groups = list(dict.fromkeys(data["gene"])), list(dict.fromkeys(data["group"]))
    table = data.pivot(index="group", columns="gene", values="scaled").loc[groups, genes]
    heat = go.Heatmap(
        z=table.to_numpy(),
        x=genes,
        y=groups,
        colorscale=SEQUENTIAL,
        colorbar={"title": {"text": "mean, lowest 0<br>to highest 1"}},
        hovertemplate="%{x} in %{y}: %{z:.2f}<extra></extra>",
    )
    figure = go.Figure(heat)
    _grid(figure, genes, groups)
    figure.update_layout(height=140 + 26 * len(groups))
    return figure


def _grid(figure: go.Figure, genes: list[str], groups: list[str]) -> None:
    figure.update_layout(margin={"l": 20, "r": 20, "t": 20, "b": 20})
    figure.update_xaxes(title="gene", type="category", categoryarray=genes, tickangle=-60, automargin=True, dtick=1)
    figure.update_yaxes(
        title="group", type="category", categoryarray=groups[::-1], categoryorder="array", automargin=True, dtick=1
    )


def violin_outline(values: np.ndarray, top: float) -> np.ndarray:
    """Density of values on an even grid from 0 to ``top``, its highest point 1, shape (48,).

    A Gaussian kernel of Silverman's width; values that are all alike give one narrow peak.
    """
    grid = np.linspace(0, top, GRID)
    if not len(values):
        return np.zeros(GRID)
    width = max(1.06 * float(np.std(values)) * len(values) ** -0.2, top / GRID)
    density = np.exp(-0.5 * ((grid[:, None] - values[None, :]) / width) ** 2).sum(axis=1)
    return np.asarray(density / density.max())


def plot_violins(
    values: np.ndarray, groups: pd.Categorical, genes: Sequence[str], *, colours: list[str] | None = None
) -> go.Figure:
    """Stacked violins: a row per gene, a violin per group, of log values.

    Parameters
    ----------
    values
        Shape (n_cells, n_genes).
    groups
        One per cell.
    genes
        Labels of the rows.
    colours
        One per category.
    """
    if not len(genes):
        return empty_figure("no marker genes pass the thresholds")
    from plotly.subplots import make_subplots

    colours = colours or palette(len(groups.categories))
    names = [str(name) for name in groups.categories]
    figure = make_subplots(rows=len(genes), cols=1, shared_xaxes=True, vertical_spacing=0.004)
    rng = np.random.default_rng(0)
    for row, gene in enumerate(genes, start=1):
        top = max(float(values[:, row - 1].max()), 1e-6)
        grid = np.linspace(0, top, GRID)
        for code in range(len(names)):
            members = np.flatnonzero(groups.codes == code)
            if len(members) > VIOLIN_CELLS:
                members = rng.choice(members, VIOLIN_CELLS, replace=False)
            if not len(members):
                continue
            half = 0.42 * violin_outline(values[members, row - 1], top)
            figure.add_scatter(
                x=np.concatenate([code - half, (code + half)[::-1]]).astype(np.float32),
                y=np.concatenate([grid, grid[::-1]]).astype(np.float32),
                fill="toself",
                mode="lines",
                line={"width": 0.5, "color": colours[code % len(colours)]},
                fillcolor=colours[code % len(colours)],
                hoveron="fills",
                name=f"{gene} in {names[code]}",
                row=row,
                col=1,
            )
        figure.update_yaxes(
            title={"text": gene, "standoff": 4}, showticklabels=False, zeroline=False, row=row, col=1, showgrid=False
        )
        # horizontal names of genes, beside their row
        figure.layout[f"yaxis{row if row > 1 else ''}"].title = None
        figure.add_annotation(
            text=gene,
            xref="paper",
            x=-0.005,
            xanchor="right",
            yref=f"y{row if row > 1 else ''} domain",
            y=0.5,
            showarrow=False,
        )
    figure.update_xaxes(tickvals=list(range(len(names))), range=[-0.6, len(names) - 0.4], zeroline=False)
    figure.update_xaxes(
        ticktext=names,
        tickangle=-40 if max(map(len, names)) > 3 else 0,
        title="group",
        automargin=True,
        row=len(genes),
        col=1,
        showticklabels=True,
    )
    widest = max(len(str(gene)) for gene in genes)
    figure.update_layout(
        height=140 + 44 * len(genes), showlegend=False, margin={"l": 20 + 8 * widest, "r": 20, "t": 20, "b": 40}
    )
    return figure
