"""Clusters against labels as a river, and sweeps over resolutions."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, empty_figure, styled

UNKNOWN = "not given"


def river_data(left: pd.Categorical, right: pd.Categorical) -> pd.DataFrame:
    """Cells from each group on the left to each on the right: ``left``, ``right``, ``n_cells``, largest first."""
    frame = pd.DataFrame({"left": _text(left), "right": _text(right)})
    counts = frame.value_counts(sort=True).rename("n_cells").reset_index()
    return counts


def _text(values: pd.Categorical) -> np.ndarray:
    names = np.array([*(str(name) for name in values.categories), UNKNOWN], dtype=object)
    return names[values.codes]


def plot_river(data: pd.DataFrame, *, left: str, right: str, colours: dict[str, str] | None = None) -> go.Figure:
    """A band from every group on the left to every group on the right, as wide as the cells they share.

    Parameters
    ----------
    data
        As ``river_data`` gives it.
    left, right
        Names of the two annotations.
    colours
        Of the groups on the left.
    """
    if not len(data):
        return empty_figure("no cells")
    starts, ends = list(dict.fromkeys(data["left"])), list(dict.fromkeys(data["right"]))
    hues = colours or dict(zip(starts, palette(len(starts)), strict=True))
    start_hues = [hues.get(name, MUTED) for name in starts]
    sankey = go.Sankey(
        arrangement="snap",
        textfont={"size": 13},
        node={
            "label": [*starts, *ends],
            "color": [*start_hues, *[MUTED] * len(ends)],
            "pad": 10,
            "thickness": 14,
            "hovertemplate": "%{label}: %{value:,} cells<extra></extra>",
        },
        link={
            "source": [starts.index(name) for name in data["left"]],
            "target": [len(starts) + ends.index(name) for name in data["right"]],
            "value": data["n_cells"].tolist(),
            "color": [_faint(hues.get(name, MUTED)) for name in data["left"]],
            "hovertemplate": "%{source.label} → %{target.label}: %{value:,} cells<extra></extra>",
        },
    )
    figure = go.Figure(sankey)
    figure.update_layout(
        height=max(360, 36 * max(len(starts), len(ends)) + 90), margin={"l": 10, "r": 10, "t": 60, "b": 20}
    )
    for text, x, anchor in ((left, 0, "left"), (right, 1, "right")):
        figure.add_annotation(
            text=f"<b>{text}</b>",
            x=x,
            y=1.02,
            xref="paper",
            yref="paper",
            xanchor=anchor,
            yanchor="bottom",
            showarrow=False,
        )
    return figure


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"


def plot_sweep(table: pd.DataFrame) -> go.Figure:
    """Number of clusters (left axis) and agreement (right axis) over resolutions."""
    if not len(table):
        return empty_figure("no sweep yet")
    figure = go.Figure()
    hues = palette(3)
    figure.add_scatter(
        x=table["resolution"], y=table["n_clusters"], mode="lines+markers", name="clusters", line={"color": hues[0]}
    )
    for column, name, hue in (
        ("ari_to_labels", "ARI with the labels", hues[1]),
        ("ari_to_previous", "ARI with the resolution before", hues[2]),
    ):
        if column in table:
            figure.add_scatter(
                x=table["resolution"], y=table[column], mode="lines+markers", name=name, yaxis="y2", line={"color": hue}
            )
    figure = styled(figure, height=360, x_title="Leiden resolution", y_title="clusters", legend=True)
    figure.update_layout(
        yaxis={"rangemode": "tozero"},
        yaxis2={"title": {"text": "ARI"}, "overlaying": "y", "side": "right", "range": [0, 1.02], "showgrid": False},
        legend={"orientation": "h", "y": 1.12, "x": 0},
        margin={"r": 60},
    )
    return figure
