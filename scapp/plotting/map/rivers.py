"""Clusters against labels as a river, and sweeps over resolutions."""

import html

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, empty_figure, styled

UNKNOWN = "not given"
PAD, TOP, BOTTOM = 10, 60, 20
"""Pixels between groups, above and below them."""
EDGE = 0.001
"""Plotly takes a place of 0 for none."""
LONGEST = 28


def river_data(left: pd.Categorical, right: pd.Categorical) -> pd.DataFrame:
    """Cells from each group on the left to each on the right: ``left``, ``right``, ``n_cells``, largest first."""
    frame = pd.DataFrame({"left": _text(left), "right": _text(right)})
    counts = frame.value_counts(sort=True).rename("n_cells").reset_index()
    return counts


def _text(values: pd.Categorical) -> np.ndarray:
    names = np.array([*(str(name) for name in values.categories), UNKNOWN], dtype=object)
    return names[values.codes]


def plot_river(
    data: pd.DataFrame,
    *,
    left: str,
    right: str,
    colours: dict[str, str] | None = None,
    right_colours: dict[str, str] | None = None,
) -> go.Figure:
    """A band from every group on the left to every group on the right, as wide as the cells they share.

    Parameters
    ----------
    data
        As ``river_data`` gives it.
    left, right
        Names of the two annotations.
    colours
        Of the groups on the left, and of their bands.
    right_colours
        Of the groups on the right; grey where none are given.
    """
    if not len(data):
        return empty_figure("no cells")
    starts, ends = list(dict.fromkeys(data["left"])), list(dict.fromkeys(data["right"]))
    hues = colours or dict(zip(starts, palette(len(starts)), strict=True))
    start_hues = [hues.get(name, MUTED) for name in starts]
    totals = [data.groupby(side)["n_cells"].sum() for side in ("left", "right")]
    height = max(360, 36 * max(len(starts), len(ends)) + 90)
    cells = [[int(total[name]) for name in names] for total, names in zip(totals, (starts, ends), strict=True)]
    places = _places(cells, height - TOP - BOTTOM)
    sankey = go.Sankey(
        arrangement="fixed",
        node={
            "label": [""] * (len(starts) + len(ends)),  # drawn beside the bands, which Plotly writes them on
            "customdata": [*starts, *ends],
            "color": [*start_hues, *((right_colours or {}).get(name, MUTED) for name in ends)],
            "x": [EDGE] * len(starts) + [1 - EDGE] * len(ends),
            "y": [y for side in places for y in side],
            "pad": PAD,
            "thickness": 14,
            "hovertemplate": "%{customdata}: %{value:,} cells<extra></extra>",
        },
        link={
            "source": [starts.index(name) for name in data["left"]],
            "target": [len(starts) + ends.index(name) for name in data["right"]],
            "value": data["n_cells"].tolist(),
            "color": [_faint(hues.get(name, MUTED)) for name in data["left"]],
            "hovertemplate": "%{source.customdata} → %{target.customdata}: %{value:,} cells<extra></extra>",
        },
    )
    figure = go.Figure(sankey)
    widest = [max(map(len, names)) for names in (starts, ends)]
    margin = {"l": 24 + 7 * min(widest[0], LONGEST), "r": 24 + 7 * min(widest[1], LONGEST), "t": TOP, "b": BOTTOM}
    figure.update_layout(height=height, margin=margin)
    for side, names, title, x, anchor in zip(
        places, (starts, ends), (left, right), (0, 1), ("right", "left"), strict=True
    ):
        outside = {"x": x, "xref": "paper", "yref": "paper", "xanchor": anchor, "showarrow": False}
        outside["xshift"] = -6 if x == 0 else 6
        for name, y in zip(names, side, strict=True):
            figure.add_annotation(text=html.escape(_short(name)), y=1 - y, yanchor="middle", **outside)
        inside = {**outside, "xanchor": "left" if x == 0 else "right", "xshift": 0}
        figure.add_annotation(text=f"<b>{html.escape(_short(title))}</b>", y=1.02, yanchor="bottom", **inside)
    return figure


def _places(sides: list[list[int]], height: int) -> list[list[float]]:
    """The middle of each group on both sides, 0 at the top and 1 at the bottom, as Plotly stacks them: as high as their
    cells, with gaps of ``PAD`` pixels, the side with more groups filling the height.
    """
    scale = (height - PAD * (max(map(len, sides)) - 1)) / sum(sides[0])
    found = []
    for cells in sides:
        heights = np.array(cells) * scale
        tops = np.concatenate([[0], np.cumsum(heights + PAD)[:-1]])
        free = height - (tops[-1] + heights[-1])
        found.append([float(y) for y in (tops + heights / 2 + free / 2) / height])
    return found


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


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
