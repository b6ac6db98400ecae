"""A cell before and after augmentation, and where its copies go."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.map.points import marker_size
from scapp.plotting.palette import palette
from scapp.plotting.theme import KEPT, MUTED, REMOVED, styled

BEFORE, AFTER = "before", "after"


def profile_table(before: np.ndarray, after: np.ndarray, genes: Sequence[str]) -> pd.DataFrame:
    """Both profiles by gene: ``gene``, ``before``, ``after``, ``what happened`` (unchanged, changed, added, lost)."""
    there, still = np.abs(before) > 1e-6, np.abs(after) > 1e-6
    moved = np.abs(after - before) > 1e-6
    what = np.select([~moved, there & ~still, ~there & still], ["unchanged", "lost", "added"], "changed")
    return pd.DataFrame({"gene": list(genes), BEFORE: before, AFTER: after, "what happened": what})


COLOURS = {"unchanged": MUTED, "changed": KEPT, "added": "#3f9a5c", "lost": REMOVED}


def plot_top_genes(table: pd.DataFrame, *, n_genes: int = 25) -> go.Figure:
    """The cell's strongest genes as pairs of bars; the second bar's colour says what happened to the gene."""
    top = table.reindex(table[BEFORE].abs().sort_values(ascending=False, kind="stable").index[:n_genes])
    figure = go.Figure()
    figure.add_bar(x=top["gene"], y=top[BEFORE], name="before", marker_color="#c9d1d8", offset=-0.4, width=0.4)
    colours = [COLOURS[what] for what in top["what happened"]]
    figure.add_bar(x=top["gene"], y=top[AFTER], marker_color=colours, offset=0, width=0.4, showlegend=False)
    for what in COLOURS:
        # a legend of the second bars' colours
        if (top["what happened"] == what).any():
            figure.add_bar(x=[None], y=[None], name=f"after: {what}", marker_color=COLOURS[what])
    lost = top[top["what happened"] == "lost"]
    figure.add_scatter(
        x=lost["gene"],
        y=np.zeros(len(lost)),
        mode="markers",
        marker={"symbol": "x", "color": REMOVED, "size": 8},
        showlegend=False,
    )
    figure = styled(figure, height=380, x_title="gene", y_title="log-normalised value", legend=True)
    figure.update_xaxes(tickangle=-60, automargin=True, dtick=1, type="category")
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, margin={"t": 60})
    return figure


def plot_before_after(table: pd.DataFrame) -> go.Figure:
    """Each gene of a cell: its value before against its value after."""
    figure = go.Figure()
    for what, colour in COLOURS.items():
        part = table[table["what happened"] == what]
        if len(part):
            figure.add_scattergl(
                x=part[BEFORE],
                y=part[AFTER],
                mode="markers",
                name=f"{what} ({len(part):,})",
                text=part["gene"],
                marker={"color": colour, "size": 5, "opacity": 0.7},
                hovertemplate="%{text}<br>before %{x:.2f}, after %{y:.2f}<extra></extra>",
            )
    figure = styled(figure, height=380, x_title="before", y_title="after", legend=True)
    figure.update_layout(legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0})
    return figure


def plot_copies(
    points: np.ndarray, copies: np.ndarray, of: np.ndarray, cells: np.ndarray, names: Sequence[str], *, axes: str
) -> go.Figure:
    """Cells on a map in grey, some of them with their augmented copies in a colour each.

    Parameters
    ----------
    points
        All cells, shape (n_cells, 2).
    copies, of
        Copies, shape (n_copies, 2), and for each the position in ``names`` of the cell that it is of.
    cells
        Those cells, shape (n_names, 2).
    names
        Of those cells.
    axes
        Kind of map, for the titles of the axes.
    """
    figure = go.Figure()
    figure.add_scattergl(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name="all cells",
        hoverinfo="skip",
        marker={"size": marker_size(len(points)), "color": MUTED, "opacity": 0.35},
    )
    for position, (name, colour) in enumerate(zip(names, palette(len(names)), strict=True)):
        mine = copies[of == position]
        figure.add_scattergl(
            x=mine[:, 0],
            y=mine[:, 1],
            mode="markers",
            name=f"copies of {name}",
            legendgroup=name,
            marker={"size": 6, "color": colour, "opacity": 0.75},
        )
        figure.add_scattergl(
            x=cells[position : position + 1, 0],
            y=cells[position : position + 1, 1],
            mode="markers",
            name=str(name),
            legendgroup=name,
            showlegend=False,
            marker={"size": 15, "color": colour, "symbol": "star", "line": {"width": 1.5, "color": "#222"}},
        )
    figure = styled(figure, height=520, x_title=f"{axes} 1", y_title=f"{axes} 2", legend=True)
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False)
    return figure


def plot_same_type(table: pd.DataFrame, chance: float) -> go.Figure:
    """Share of copies whose nearest cell is of their own type, by strength, with a line at chance."""
    figure = go.Figure()
    figure.add_scatter(
        x=table["strength"], y=table["same type (%)"], mode="lines+markers", line={"color": KEPT}, name="same type"
    )
    figure.add_vline(x=1.0, line={"dash": "dot", "color": MUTED}, annotation_text="these settings")
    figure.add_hline(y=chance, line={"dash": "dash", "color": MUTED}, annotation_text="chance")
    figure = styled(
        figure,
        height=380,
        x_title="strength, as a multiple of these settings",
        y_title="nearest cell of the same type (%)",
    )
    figure.update_yaxes(range=[0, 102])
    return figure
